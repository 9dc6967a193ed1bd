package install

import (
	"bytes"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func names(objects []*Object) []string {
	var all []string
	for _, o := range objects {
		all = append(all, Name(o))
	}
	return all
}

func TestRead(t *testing.T) {
	cases := map[string]struct {
		reason, text string
		want         []string
		fails        []string
	}{
		"Documents": {"comments and empty documents are none", "# words\n---\nkind: A\napiVersion: v1\nmetadata: {name: a}\n---\n\n---\n# more\n---\nkind: B\napiVersion: v1\nmetadata: {name: b}\n", []string{"a/a", "b/b"}, nil},
		"List":      {"kubectl takes them, and so do we", "kind: List\napiVersion: v1\nitems:\n- {kind: A, apiVersion: v1, metadata: {name: a}}\n- {kind: B, apiVersion: v1, metadata: {name: b}}\n", []string{"a/a", "b/b"}, nil},
		"JSON":      {"", `{"kind":"A","apiVersion":"v1","metadata":{"name":"a"}}`, []string{"a/a"}, nil},
		"Nothing":   {"an empty file is a mistake", "# words\n", nil, []string{"no object"}},
		"NoKind":    {"", "apiVersion: v1\nmetadata: {name: a}\n", nil, []string{"document 1", "no object"}},
		"NoName":    {"", "kind: A\napiVersion: v1\n", nil, []string{"document 1", "metadata.name"}},
		"Faults":    {"all of them are told", "kind: [\n---\nkind: A\n---\nkind: A\napiVersion: v1\nmetadata: {name: a}\n", []string{"a/a"}, []string{"document 1", "document 2"}},
		"BadItem":   {"", "kind: List\napiVersion: v1\nitems:\n- {kind: A}\n", nil, []string{"document 1", "List"}},
		"Long":      {"what has no end is not read to it", strings.Repeat(" ", maxManifest+1), nil, []string{"more than"}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got, err := Read(strings.NewReader(tc.text))
			if (err != nil) != (tc.fails != nil) {
				t.Fatalf("%s: %v", tc.reason, err)
			}
			for _, want := range tc.fails {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("%s: %v, want %q in it", tc.reason, err, want)
				}
			}
			if diff := cmp.Diff(tc.want, names(got)); diff != "" && tc.fails == nil {
				t.Errorf("%s (-want +got):\n%s", tc.reason, diff)
			}
		})
	}
}

func TestWriteReadsBack(t *testing.T) {
	objects := manifest(t)
	var out bytes.Buffer
	if err := Write(&out, objects); err != nil {
		t.Fatal(err)
	}
	again, err := Read(&out)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(objects, again); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// FuzzRead holds the promise that whatever is taken has a kind and a name, and can be written again.
func FuzzRead(f *testing.F) {
	for _, s := range []string{"", "---", "kind: A\napiVersion: v1\nmetadata: {name: a}", "kind: List\napiVersion: v1\nitems: [1]", "a: b: c", "kind: List\napiVersion: v1\nitems: {}", "- 1", "kind: A\napiVersion: v1\nmetadata: 5"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		objects, err := Read(bytes.NewReader(text))
		if err != nil {
			return
		}
		for _, o := range objects {
			if o.GetKind() == "" || o.GetName() == "" {
				t.Errorf("an object without kind or name: %v", o.Object)
			}
		}
		if err := Write(new(bytes.Buffer), objects); err != nil {
			t.Error(err)
		}
	})
}

func TestOrdered(t *testing.T) {
	var objects []*Object
	for _, kind := range []string{"Deployment", "CustomResourceDefinition", "ConfigMap", "Namespace", "Service"} {
		o := new(Object)
		o.SetKind(kind)
		o.SetName("x")
		objects = append(objects, o)
	}
	want := []string{"namespace/x", "customresourcedefinition/x", "deployment/x", "configmap/x", "service/x"}
	if diff := cmp.Diff(want, names(ordered(objects))); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if objects[0].GetKind() != "Deployment" {
		t.Error("ordering changed what was given")
	}
}
