package manifest_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lambkin-dev/lambkin/api/v1alpha1"
	"github.com/lambkin-dev/lambkin/cli/manifest"
)

const function = `apiVersion: lambkin.dev/v1alpha1
kind: Function
metadata: {name: hello}
spec: {runtime: nodejs22.x, handler: index.handler}
`

const alias = `apiVersion: lambkin.dev/v1alpha1
kind: Alias
metadata: {name: hello.live}
spec: {functionName: hello, name: live, functionVersion: "1"}
`

func TestRead(t *testing.T) {
	cases := map[string]struct {
		reason string
		text   string
		want   []string // kind, name and source of each document
		fails  []string // what the error must name
	}{
		"One":        {"code without a place is beside the manifest", function, []string{"*v1alpha1.Function hello dir"}, nil},
		"Several":    {"comments and blank documents are no objects", "# first\n---\n" + function + "---\n# nothing\n---\n" + alias, []string{"*v1alpha1.Function hello dir", "*v1alpha1.Alias hello.live "}, nil},
		"Annotated":  {"", strings.Replace(function, "{name: hello}", "{name: hello, annotations: {lambkin.dev/source: ../src}}", 1), []string{"*v1alpha1.Function hello src"}, nil},
		"Absolute":   {"", strings.Replace(function, "{name: hello}", "{name: hello, annotations: {lambkin.dev/source: /srv/x}}", 1), []string{"*v1alpha1.Function hello /srv/x"}, nil},
		"CodeGiven":  {"an object that says where its code is needs no source", strings.Replace(function, "handler:", "code: {url: {location: https://x.example/a.zip}}, handler:", 1), []string{"*v1alpha1.Function hello "}, nil},
		"JSON":       {"", `{"apiVersion":"lambkin.dev/v1alpha1","kind":"Function","metadata":{"name":"j"},"spec":{"runtime":"exec"}}`, []string{"*v1alpha1.Function j dir"}, nil},
		"Empty":      {"", "", nil, nil},
		"TwoFaults":  {"the faults of all documents are named", strings.Replace(function, "handler", "handlr", 1) + "---\n" + strings.Replace(alias, "Alias", "Alais", 1), nil, []string{"document 1", "handlr", "document 2", "Alais"}},
		"OtherAPI":   {"", "apiVersion: v1\nkind: Pod\n", nil, []string{"Pod"}},
		"Repeated":   {"a member given twice is a fault", function + "spec: {}\n", nil, []string{"spec"}},
		"NotYAML":    {"", "\tkind: [", nil, []string{"document 1"}},
		"NotAnItem":  {"lists are not read", "apiVersion: lambkin.dev/v1alpha1\nkind: FunctionList\nitems: []\n", nil, []string{"cannot be applied"}},
		"TooLarge":   {"", strings.Repeat("#", 9<<20), nil, []string{"more than"}},
		"Serverless": {"another framework's file is not taken for tm's", "service: x\nprovider: {name: aws}\n", nil, []string{"aws"}},
		"NoService":  {"", "service: ''\nfunctions: {}\n", nil, []string{"service is required"}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			docs, err := manifest.Read(strings.NewReader(tc.text), "dir")
			for _, want := range tc.fails {
				if err == nil || !strings.Contains(err.Error(), want) {
					t.Errorf("%s: error = %v, want it to name %q", tc.reason, err, want)
				}
			}
			if tc.fails != nil {
				return
			}
			if err != nil {
				t.Fatalf("%s: %v", tc.reason, err)
			}
			if diff := cmp.Diff(tc.want, described(docs)); diff != "" {
				t.Errorf("%s (-want +got):\n%s", tc.reason, diff)
			}
		})
	}
}

func described(docs []manifest.Document) []string {
	var list []string
	for _, d := range docs {
		kind := "*v1alpha1.Function"
		if _, ok := d.Object.(*v1alpha1.Alias); ok {
			kind = "*v1alpha1.Alias"
		}
		list = append(list, kind+" "+d.Object.GetName()+" "+d.Source)
	}
	return list
}

// folder writes files below a new folder.
func folder(t *testing.T, pairs ...string) string {
	t.Helper()
	dir := t.TempDir()
	for i := 0; i+1 < len(pairs); i += 2 {
		at := filepath.Join(dir, pairs[i])
		if err := os.MkdirAll(filepath.Dir(at), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(at, []byte(pairs[i+1]), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestReadPath(t *testing.T) {
	dir := folder(t, "b.yaml", alias, "a.yml", function, "sub/c.yaml", function, "notes.txt", "x: [")
	docs, err := manifest.ReadPath(dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"*v1alpha1.Function hello " + dir, "*v1alpha1.Alias hello.live "}
	if diff := cmp.Diff(want, described(docs)); diff != "" {
		t.Error(diff)
	}
	if docs, err := manifest.ReadPath("-", strings.NewReader(alias)); err != nil || len(docs) != 1 {
		t.Errorf("standard input gave %d documents, %v", len(docs), err)
	}
	for _, name := range []string{filepath.Join(dir, "nothing"), folder(t, "x.txt", "")} {
		if _, err := manifest.ReadPath(name, nil); err == nil {
			t.Errorf("ReadPath(%q) succeeded", name)
		}
	}
}

func TestInFolder(t *testing.T) {
	if doc, err := manifest.InFolder(t.TempDir()); doc != nil || err != nil {
		t.Errorf("a folder without a manifest gave %v, %v", doc, err)
	}
	dir := folder(t, "function.yaml", function)
	if doc, err := manifest.InFolder(dir); err != nil || doc.Source != dir {
		t.Errorf("InFolder = %+v, %v", doc, err)
	}
	for _, text := range []string{function + "---\n" + function, alias, "kind: ["} {
		if _, err := manifest.InFolder(folder(t, "function.yaml", text)); err == nil {
			t.Errorf("a folder with this manifest was taken:\n%s", text)
		}
	}
}

func TestWriteReadsBack(t *testing.T) {
	docs, err := manifest.Read(strings.NewReader(function+"---\n"+alias), "dir")
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := manifest.Write(&out, docs[0].Object, docs[1].Object); err != nil {
		t.Fatal(err)
	}
	again, err := manifest.Read(&out, "dir")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(docs, again); diff != "" {
		t.Errorf("what was written reads as something else:\n%s", diff)
	}
}

const serverless = `service: shop
description: sells
provider:
  name: triggermesh
  runtime: https://raw.example/triggermesh/knative-lambda-runtime/master/node10/runtime.yaml
  environment: {STAGE: dev, WHO: provider}
  annotations: {a: "1"}
  registry: registry.example
include: [more]
functions:
  orders:
    source: orders
    description: takes orders
    concurrency: 3
    buildargs: [HANDLER=index.run, DIRECTORY=x]
    labels: ["team:one", "tier=two"]
    environment: {WHO: function}
    annotations: {b: "2"}
    schedule: [{cron: "* * * * *", jsondata: "{}"}]
  pictures:
    source: registry.example/team/pictures:1
`

func TestTM(t *testing.T) {
	dir := folder(t, "orders/index.js", "", "more/serverless.yaml", "service: other\nprovider: {runtime: python37}\nfunctions: {mail: {handler: code}}\n", "more/code/x.py", "")
	docs, err := manifest.Read(strings.NewReader(serverless), dir)
	if err != nil {
		t.Fatal(err)
	}
	if len(docs) != 3 {
		t.Fatalf("%d functions, want 3", len(docs))
	}
	mail, orders, pictures := docs[0], docs[1], docs[2]
	fn, _ := orders.Object.(*v1alpha1.Function)
	want := v1alpha1.FunctionSpec{
		FunctionName: "shop-orders", Description: "sells\ntakes orders", Runtime: "nodejs22.x", Handler: "index.run",
		Environment: &v1alpha1.Environment{Variables: map[string]string{"STAGE": "dev", "WHO": "function"}},
		Concurrency: &v1alpha1.Concurrency{EnvironmentsPerPod: 3},
	}
	if diff := cmp.Diff(want, fn.Spec); diff != "" {
		t.Errorf("orders (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(map[string]string{"service": "shop", "team": "one", "tier": "two"}, fn.Labels); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(map[string]string{"a": "1", "b": "2"}, fn.Annotations); diff != "" {
		t.Error(diff)
	}
	if fn.Name != "shop-orders" || orders.Source != filepath.Join(dir, "orders") || len(orders.Notes) != 3 {
		t.Errorf("orders: %q from %q, notes %q", fn.Name, orders.Source, orders.Notes)
	}
	if mail.Object.GetName() != "shop-mail" || mail.Source != filepath.Join(dir, "more", "code") {
		t.Errorf("included function: %q from %q", mail.Object.GetName(), mail.Source)
	}
	if picture, _ := pictures.Object.(*v1alpha1.Function); picture.Spec.Code.Image == nil || picture.Spec.PackageType != v1alpha1.PackageTypeImage {
		t.Errorf("pictures: %+v", picture.Spec)
	}
}

func TestTMFaults(t *testing.T) {
	cases := map[string]struct{ text, want string }{
		"UnknownKey":   {"service: x\nfunctions: {a: {source: ., memory: 1}}", "memory"},
		"GitInclude":   {"service: x\ninclude: [https://git.example/a/b]", "cluster"},
		"NoInclude":    {"service: x\ninclude: [nowhere]", "include"},
		"NoSource":     {"service: x\nfunctions: {a: {source: nowhere}}", "nowhere"},
		"Label":        {"service: x\nfunctions: {a: {source: ., labels: [z]}}", "label"},
		"SeveralNamed": {"service: x\nfunctions: {a: {source: nowhere}, b: {source: elsewhere}}", "functions.b"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			_, err := manifest.Read(strings.NewReader(tc.text), t.TempDir())
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("error = %v, want it to name %q", err, tc.want)
			}
		})
	}
}

// FuzzRead reads anything: what is taken has a kind of ours, and writing it never fails.
func FuzzRead(f *testing.F) {
	f.Add(function + "---\n" + alias)
	f.Add(serverless)
	f.Add("service: x\nfunctions: {a: {source: .}}")
	f.Add("&a [*a]")
	f.Fuzz(func(t *testing.T, text string) {
		docs, err := manifest.Read(strings.NewReader(text), "nowhere")
		if err != nil {
			return
		}
		for _, d := range docs {
			if err := manifest.Write(new(bytes.Buffer), d.Object); err != nil {
				t.Errorf("write back: %v", err)
			}
		}
	})
}
