// Package manifest makes the objects of a test cluster: those that Knative and Tekton publish in their modules, rewritten
// for one small node, and a few of our own. It also applies them and waits for them.
package manifest

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/json"
	"k8s.io/apimachinery/pkg/util/yaml"
	syaml "sigs.k8s.io/yaml"
)

// Rewrite says how published manifests become those of a test cluster.
type Rewrite struct {
	// Version takes the place of "devel", which modules have where releases say what they are.
	Version string
	// Images are names with their replacements, ko://IMPORTPATH above all.
	Images map[string]string
	// CPU is what containers ask for, by name, if it is more than the few that a workload is given otherwise.
	CPU map[string]string
	// Skip leaves objects out, by KIND or KIND/NAME.
	Skip []string
	// Config sets keys of ConfigMaps, by NAMESPACE/NAME. Set before anything is applied, they are not
	// judged by webhooks that do not run yet.
	Config map[string]map[string]string
}

// Files rewrites all .yaml files below a folder, in the order of their names.
func (r Rewrite) Files(folder string) ([]*unstructured.Unstructured, error) {
	files, err := yamlFiles(folder)
	if err != nil {
		return nil, err
	}
	var objects []*unstructured.Unstructured
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		more, err := r.Documents(data)
		if err != nil {
			return nil, fmt.Errorf("manifest %q: %w", file, err)
		}
		objects = append(objects, more...)
	}
	return objects, nil
}

func yamlFiles(folder string) ([]string, error) {
	var files []string
	err := filepath.WalkDir(folder, func(name string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() && filepath.Ext(name) == ".yaml" {
			files = append(files, name)
		}
		return err
	})
	return files, err
}

// Documents rewrites the objects of one YAML stream.
func (r Rewrite) Documents(data []byte) ([]*unstructured.Unstructured, error) {
	data = []byte(r.replacer().Replace(string(data)))
	var objects []*unstructured.Unstructured
	for reader := yaml.NewYAMLReader(bufio.NewReader(bytes.NewReader(data))); ; {
		doc, err := reader.Read()
		if errors.Is(err, io.EOF) {
			return objects, nil
		}
		if err != nil {
			return nil, fmt.Errorf("YAML: %w", err)
		}
		u, err := decode(doc)
		if err != nil {
			return nil, fmt.Errorf("YAML: %w", err)
		}
		if len(u.Object) == 0 || r.skips(u) {
			continue
		}
		if bytes.Contains(withoutComments(doc), []byte("ko://")) {
			return nil, fmt.Errorf("%s %q: no image is built for one of its ko:// names", u.GetKind(), u.GetName())
		}
		if err := r.object(u); err != nil {
			return nil, fmt.Errorf("%s %q: %w", u.GetKind(), u.GetName(), err)
		}
		objects = append(objects, u)
	}
}

// decode keeps whole numbers whole, as the API server wants them.
func decode(doc []byte) (*unstructured.Unstructured, error) {
	data, err := syaml.YAMLToJSON(doc)
	if err != nil {
		return nil, fmt.Errorf("document: %w", err)
	}
	u := &unstructured.Unstructured{}
	if err := json.Unmarshal(data, &u.Object); err != nil {
		return nil, fmt.Errorf("document: %w", err)
	}
	return u, nil
}

// replacer tries long names first: one may begin with another.
func (r Rewrite) replacer() *strings.Replacer {
	names := make([]string, 0, len(r.Images))
	for name := range r.Images {
		names = append(names, name)
	}
	slices.SortFunc(names, func(a, b string) int { return len(b) - len(a) })
	var pairs []string
	for _, name := range names {
		pairs = append(pairs, name, r.Images[name])
	}
	if r.Version != "" {
		pairs = append(pairs, ": devel\n", ": "+r.Version+"\n", `: "devel"`, `: "`+r.Version+`"`)
	}
	return strings.NewReplacer(pairs...)
}

func withoutComments(doc []byte) []byte {
	var out []byte
	for line := range bytes.Lines(doc) {
		if !bytes.HasPrefix(bytes.TrimSpace(line), []byte("#")) {
			out = append(out, line...)
		}
	}
	return out
}

func (r Rewrite) skips(u *unstructured.Unstructured) bool {
	return slices.Contains(r.Skip, u.GetKind()) || slices.Contains(r.Skip, u.GetKind()+"/"+u.GetName())
}

func (r Rewrite) object(u *unstructured.Unstructured) error {
	switch u.GetKind() {
	case "Deployment", "StatefulSet":
		return r.shrink(u)
	case "ConfigMap":
		for key, value := range r.Config[u.GetNamespace()+"/"+u.GetName()] {
			if err := unstructured.SetNestedField(u.Object, value, "data", key); err != nil {
				return fmt.Errorf("key %q: %w", key, err)
			}
		}
	}
	return nil
}

// shrink makes a workload fit a node of two processors, where what upstream asks for would fill most of it.
func (r Rewrite) shrink(u *unstructured.Unstructured) error {
	for _, field := range []string{"containers", "initContainers"} {
		path := []string{"spec", "template", "spec", field}
		containers, found, err := unstructured.NestedSlice(u.Object, path...)
		if err != nil {
			return fmt.Errorf("%s: %w", field, err)
		}
		if !found {
			continue
		}
		for _, c := range containers {
			if c, ok := c.(map[string]any); ok {
				r.shrinkContainer(c)
			}
		}
		if err := unstructured.SetNestedSlice(u.Object, containers, path...); err != nil {
			return fmt.Errorf("%s: %w", field, err)
		}
	}
	unstructured.RemoveNestedField(u.Object, "spec", "template", "spec", "affinity")
	return nil
}

func (r Rewrite) shrinkContainer(c map[string]any) {
	// The image of Tekton's resolvers has tini upstream; ours has the program only.
	if command, _ := c["command"].([]any); len(command) > 2 && command[0] == "/sbin/tini" {
		c["command"] = command[2:]
	}
	// Upstream waits up to 20 s before it looks for the first time.
	if probe, ok := c["readinessProbe"].(map[string]any); ok {
		probe["initialDelaySeconds"], probe["periodSeconds"], probe["failureThreshold"] = int64(0), int64(1), int64(30)
	}
	// On a busy machine these end what is merely slow, and starting it again makes the machine busier.
	delete(c, "livenessProbe")
	cpu := "5m"
	if name, _ := c["name"].(string); r.CPU[name] != "" {
		cpu = r.CPU[name]
	}
	c["resources"] = map[string]any{"requests": map[string]any{"cpu": cpu, "memory": "20Mi"}}
}
