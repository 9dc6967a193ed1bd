package v1alpha1

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/yaml"
)

// readManifest reads one object strictly: a member that no type knows is an error.
func readManifest(text []byte) (Object, error) {
	var head struct{ Kind string }
	if err := yaml.Unmarshal(text, &head); err != nil {
		return nil, err
	}
	scheme := runtime.NewScheme()
	if err := AddToScheme(scheme); err != nil {
		return nil, err
	}
	made, err := scheme.New(GroupVersion().WithKind(head.Kind))
	if err != nil {
		return nil, err
	}
	obj, ok := made.(Object)
	if !ok {
		return nil, os.ErrInvalid
	}
	return obj, yaml.UnmarshalStrict(text, obj)
}

func manifests(t testing.TB) map[string][]byte {
	t.Helper()
	files, err := filepath.Glob("testdata/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no manifests in testdata: %v", err)
	}
	texts := make(map[string][]byte, len(files))
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		texts[file] = text
	}
	return texts
}

func TestManifestsRoundTrip(t *testing.T) {
	for file, text := range manifests(t) {
		obj, err := readManifest(text)
		if err != nil {
			t.Errorf("%s: %v", file, err)
			continue
		}
		if faults := obj.Validate(); len(faults) > 0 {
			t.Errorf("%s is complete and should need no defaults: %v", file, faults.ToAggregate())
		}
		got, err := yaml.Marshal(obj)
		if err != nil {
			t.Errorf("%s: %v", file, err)
			continue
		}
		if diff := cmp.Diff(string(text), string(got)); diff != "" {
			t.Errorf("%s: -file +written back:\n%s", file, diff)
		}
	}
}

func TestScheme(t *testing.T) {
	scheme := runtime.NewScheme()
	if err := AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	for _, kind := range []string{"Function", "Version", "Alias", "LayerVersion", "FunctionURLConfig", "ResourcePolicy", "CodeSigningConfig"} {
		for _, name := range []string{kind, kind + "List"} {
			if _, err := scheme.New(GroupVersion().WithKind(name)); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
}

// definition is as much of a CustomResourceDefinition as is checked.
type definition struct {
	Kind string
	Spec struct {
		Group    string
		Names    struct{ Kind, Plural string }
		Versions []struct {
			Name   string
			Schema struct {
				OpenAPIV3Schema struct {
					Properties map[string]any
				} `json:"openAPIV3Schema"`
			}
		}
	}
}

func TestDefinitionsParse(t *testing.T) {
	files, err := filepath.Glob("../../config/crd/*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	kinds := make(map[string]bool)
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var d definition
		if err := yaml.Unmarshal(text, &d); err != nil {
			t.Errorf("%s: %v", file, err)
			continue
		}
		if d.Kind != "CustomResourceDefinition" || d.Spec.Group != Group || len(d.Spec.Versions) != 1 {
			t.Errorf("%s: got %+v", file, d)
			continue
		}
		if v := d.Spec.Versions[0]; v.Name != "v1alpha1" || v.Schema.OpenAPIV3Schema.Properties["spec"] == nil {
			t.Errorf("%s: version %q without a schema of spec", file, v.Name)
		}
		if want := Group + "_" + d.Spec.Names.Plural + ".yaml"; !strings.HasSuffix(file, want) {
			t.Errorf("%s should be called %s", file, want)
		}
		kinds[d.Spec.Names.Kind] = true
	}
	want := map[string]bool{"Function": true, "Version": true, "Alias": true, "LayerVersion": true, "FunctionURLConfig": true,
		"CodeSigningConfig": true, "ResourcePolicy": true, "AsyncInvocation": true}
	if diff := cmp.Diff(want, kinds); diff != "" {
		t.Errorf("run make generate; -want +got:\n%s", diff)
	}
}

func FuzzManifest(f *testing.F) {
	for _, text := range manifests(f) {
		f.Add(text)
	}
	f.Add([]byte("kind: Function"))
	f.Add([]byte("kind: Alias\nspec: {additionalVersionWeights: {\"1\": \"0.5\"}}"))
	f.Add([]byte("kind: Function\nspec: {environment: {variablesFrom: [{name: A}]}, layers: [x], async: {onFailure: {}}}"))
	f.Fuzz(func(t *testing.T, text []byte) {
		obj, err := readManifest(text)
		if err != nil {
			return
		}
		obj.Default()
		once := obj.DeepCopyObject()
		obj.Default()
		if diff := cmp.Diff(once, obj.DeepCopyObject()); diff != "" {
			t.Errorf("the second Default changed, -once +twice:\n%s", diff)
		}
		faults := obj.Validate()
		if again := obj.ValidateUpdate(obj); len(again) != len(faults) {
			t.Errorf("an update to itself has %d faults, the object %d:\n%v", len(again), len(faults), again)
		}
	})
}
