package main

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	tekton "github.com/tektoncd/pipeline/pkg/apis/pipeline/v1"
	"sigs.k8s.io/yaml"
)

func TestWrite(t *testing.T) {
	dir := t.TempDir()
	if err := write(dir); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(tree(t, filepath.Join("..", "..", "config", "tekton")), tree(t, dir)); diff != "" {
		t.Errorf("config/tekton is not what is made, run make generate: -there +made:\n%s", diff)
	}
}

// tree reads all files below a folder.
func tree(t *testing.T, dir string) map[string]string {
	t.Helper()
	got := map[string]string{}
	err := filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil || filepath.Ext(name) != ".yaml" {
			return err
		}
		rel, _ := filepath.Rel(dir, name)
		text, err := os.ReadFile(name)
		got[rel] = string(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// TestRead holds that what is written is what the API server would read: no member is lost or misspelt, and it is valid.
func TestRead(t *testing.T) {
	dir := t.TempDir()
	if err := write(dir); err != nil {
		t.Fatal(err)
	}
	tasks := 0
	for name, text := range tree(t, dir) {
		for document := range strings.SplitSeq(text, "\n---\n") {
			if !strings.Contains(document, "\nkind: Task\n") {
				continue
			}
			var task tekton.Task
			if err := yaml.UnmarshalStrict([]byte(document), &task); err != nil {
				t.Errorf("%s: %v", name, err)
				continue
			}
			task.SetDefaults(t.Context())
			if err := task.Validate(t.Context()); err != nil {
				t.Errorf("%s: %s: %v", name, task.Name, err)
			}
			tasks++
		}
	}
	if tasks < 15 {
		t.Errorf("there are %d Tasks", tasks)
	}
}

func TestPrune(t *testing.T) {
	got := map[string]any{
		"keep": "", "list": []any{}, "null": nil, "empty": map[string]any{}, "deep": map[string]any{"status": map[string]any{"x": nil}},
		"items": []any{map[string]any{"a": nil, "b": int64(1)}, "text"},
	}
	prune(got)
	want := map[string]any{"keep": "", "list": []any{}, "items": []any{map[string]any{"b": int64(1)}, "text"}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}
