package main

import (
	"encoding/json"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"
)

// TestBOM reads a list of contents as its readers do: every id is known, every relationship is about what is there.
func TestBOM(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	b := newBOM("thing", "v1", "CONTAINER", strings.Repeat("a", 64), time.Time{})
	for _, name := range []string{"one", "two"} {
		if err := b.add(binary{name: name, file: self}, "v1"); err != nil {
			t.Fatal(err)
		}
	}
	if err := b.addFile("data", "sbom_test.go", "a file"); err != nil {
		t.Fatal(err)
	}
	text, err := b.json()
	if err != nil {
		t.Fatal(err)
	}
	var d spdxDocument
	if err := json.Unmarshal(text, &d); err != nil {
		t.Fatal(err)
	}
	ids := map[string]string{d.ID: d.Name}
	for _, p := range d.Packages {
		if ids[p.ID] != "" || !regexp.MustCompile(`^SPDXRef-[A-Za-z0-9.-]+$`).MatchString(p.ID) {
			t.Errorf("%s has the id %q, which is no id or that of %s", p.Name, p.ID, ids[p.ID])
		}
		if p.Name == "" || p.DownloadLocation == "" || p.LicenseDeclared == "" || p.LicenseConcluded == "" || p.Copyright == "" {
			t.Errorf("%+v lacks what must be said", p)
		}
		ids[p.ID] = p.Name
	}
	told := map[string]bool{}
	for _, r := range d.Relationships {
		if ids[r.From] == "" || ids[r.To] == "" {
			t.Errorf("%+v is about something unknown", r)
		}
		told[ids[r.From]+" "+r.Type+" "+ids[r.To]] = true
	}
	for _, want := range []string{
		"thing-v1 DESCRIBES thing", "thing CONTAINS one", "thing CONTAINS two", "thing CONTAINS data",
		"one DEPENDS_ON stdlib", "two DEPENDS_ON github.com/google/go-containerregistry",
	} {
		if !told[want] {
			t.Errorf("it does not say %q", want)
		}
	}
	if d.Creation.Created != "1970-01-01T00:00:00Z" || d.Version != "SPDX-2.3" {
		t.Errorf("%+v", d)
	}
}

func TestBOMOfNoProgram(t *testing.T) {
	b := newBOM("thing", "v1", "CONTAINER", "", time.Time{})
	if err := b.add(binary{name: "text", file: "sbom_test.go"}, "v1"); err == nil || !strings.Contains(err.Error(), "text") {
		t.Errorf("got %v", err)
	}
}

func TestPurl(t *testing.T) {
	if got := purl("k8s.io/api", "v2.0.0+incompatible").Locator; got != "pkg:golang/k8s.io/api@v2.0.0%2Bincompatible" {
		t.Errorf("got %s", got)
	}
}
