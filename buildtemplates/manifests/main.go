// Manifests writes the Tasks, the Pipeline and what goes with them as YAML. `make generate` runs it.
//
// The files in the folder itself are installed once, in lambkin-system; their images are those of a release, written as
// release://NAME. The files in its folder namespace are for each namespace that has PipelineRuns.
package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"

	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/yaml"

	"github.com/lambkin-dev/lambkin/buildtemplates"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: manifests FOLDER")
		os.Exit(2)
	}
	if err := write(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "manifests:", err)
		os.Exit(1)
	}
}

// write makes all files below dir.
func write(dir string) error {
	files, err := buildtemplates.Installed(nil)
	if err != nil {
		return err
	}
	files["namespace/service-accounts"] = buildtemplates.MakeAccounts()
	files["namespace/pipelinerun"] = []runtime.Object{buildtemplates.MakePipelineRun()}
	if err := os.MkdirAll(filepath.Join(dir, "namespace"), 0o755); err != nil {
		return err
	}
	for name, objects := range files {
		text, err := document(objects)
		if err != nil {
			return fmt.Errorf("cannot write %q: %w", name, err)
		}
		if err := os.WriteFile(filepath.Join(dir, name+".yaml"), text, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// document is YAML that a person would write: without members that say nothing.
func document(objects []runtime.Object) ([]byte, error) {
	var out bytes.Buffer
	out.WriteString("# Made by `make generate` from package buildtemplates.\n")
	for i, object := range objects {
		if i > 0 {
			out.WriteString("---\n")
		}
		plain, err := runtime.DefaultUnstructuredConverter.ToUnstructured(object)
		if err != nil {
			return nil, fmt.Errorf("convert object %d: %w", i, err)
		}
		prune(plain)
		text, err := yaml.Marshal(plain)
		if err != nil {
			return nil, fmt.Errorf("write object %d: %w", i, err)
		}
		out.Write(text)
	}
	return out.Bytes(), nil
}

// prune removes members that are null or empty objects, at any depth. Empty lists and strings stay: as defaults they mean
// something.
func prune(object map[string]any) {
	for name, value := range object {
		switch v := value.(type) {
		case map[string]any:
			prune(v)
			if len(v) == 0 {
				delete(object, name)
			}
		case []any:
			for _, item := range v {
				if inner, ok := item.(map[string]any); ok {
					prune(inner)
				}
			}
		case nil:
			delete(object, name)
		}
	}
}
