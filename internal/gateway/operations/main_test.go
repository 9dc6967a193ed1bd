package main

import (
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestTableIsCurrent holds that the table in the repository is the one that the SDK of go.mod gives.
func TestTableIsCurrent(t *testing.T) {
	made := filepath.Join(t.TempDir(), "table.go")
	if err := run(t.Context(), made); err != nil {
		t.Fatal(err)
	}
	want, err := os.ReadFile(made)
	if err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile("../zz_operations.go")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("run go generate in internal/gateway (-want +got): %s", diff)
	}
}

func TestOperationsOf(t *testing.T) {
	const source = `package schemas

var B = NewSchema(ID{Name: "B"}, Operation, 0, &traits.HTTP{Method: "POST",
	URI: "/b?List=ALL", Code: 201})

var Shape = NewSchema(ID{Name: "Shape"}, Structure, 2)

var A = NewSchema(ID{Name: "A"}, Operation, 0, &traits.HTTP{Method: "GET", URI: "/a/{X}", Code: 200})
`
	file, err := parser.ParseFile(token.NewFileSet(), "schemas.go", source, 0)
	if err != nil {
		t.Fatal(err)
	}
	want := []operation{
		{Name: "A", Method: "GET", Path: "/a/{X}", Status: 200},
		{Name: "B", Method: "POST", Path: "/b", Query: "List=ALL", Status: 201},
	}
	if diff := cmp.Diff(want, operationsOf(file)); diff != "" {
		t.Error(diff)
	}
}

func TestRenderRefuses(t *testing.T) {
	cases := map[string]struct {
		reason string
		ops    []operation
	}{
		"nothing":   {"the SDK's form has changed", nil},
		"no method": {"a row must be complete", []operation{{Name: "A", Path: "/a", Status: 200}}},
		"no path":   {"a row must be complete", []operation{{Name: "A", Method: "GET", Status: 200}}},
		"no status": {"a row must be complete", []operation{{Name: "A", Method: "GET", Path: "/a"}}},
	}
	for name, c := range cases {
		if source, err := render(c.ops); err == nil {
			t.Errorf("%s: %s, got\n%s", name, c.reason, source)
		}
	}
}
