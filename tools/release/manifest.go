package main

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"sigs.k8s.io/yaml"

	"github.com/lambkin-dev/lambkin/buildtemplates"
	"github.com/lambkin-dev/lambkin/internal/platform"
)

// The manifests of a release. The second has what only clusters with Tekton can take, and the third a function to try
// the first with.
const (
	manifestFile = "lambkin.yaml"
	tektonFile   = "lambkin-tekton.yaml"
	helloFile    = "hello.yaml"
)

// document is one object of a manifest, with the comments above it.
type document struct {
	text string
	head head
}

// head is what tells objects apart.
type head struct {
	Kind     string `json:"kind"`
	Metadata struct {
		Name      string `json:"name"`
		Namespace string `json:"namespace"`
	} `json:"metadata"`
}

// parts are the objects of the manifests, with the placeholders of images in them.
type parts struct{ install, tekton, hello []document }

// kinds are the kinds that are installed, in the order in which they are applied: what others refer to comes first, and
// what starts comes last.
func kinds() []string {
	return []string{
		"Namespace", "CustomResourceDefinition", "ServiceAccount", "ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding",
		"ConfigMap", "Service", "NetworkPolicy", "PodDisruptionBudget", "Deployment", "Task", "Pipeline",
		"Function",
	}
}

// readParts reads the manifests' parts from the checkout, and adds the operator's values from a file if one is named.
func readParts(root, values string) (parts, error) {
	var p parts
	for _, m := range []struct {
		into *[]document
		from []string
	}{
		{&p.install, []string{"crd/*.yaml", "rbac/*.yaml", "install/*.yaml"}},
		{&p.tekton, []string{"tekton/*.yaml"}},
		{&p.hello, []string{"samples/hello.yaml"}},
	} {
		var err error
		if *m.into, err = readDocuments(filepath.Join(root, "config"), m.from...); err != nil {
			return p, err
		}
	}
	if values == "" {
		return p, nil
	}
	text, err := os.ReadFile(values)
	if err != nil {
		return p, err
	}
	return p, p.add(string(text))
}

// add adds the operator's values: to the ConfigMap, and as defaults of the Tasks.
func (p *parts) add(values string) error {
	c, err := platform.Parse(values)
	if err != nil {
		return fmt.Errorf("-values: %w", err)
	}
	if len(c.Runtimes) > 0 {
		if p.tekton, err = tasks(c.Runtimes); err != nil {
			return fmt.Errorf("-values: %w", err)
		}
	}
	return addConfig(p.install, values)
}

// tasks makes what is in config/tekton with the operator's images in it.
func tasks(runtimes map[string]buildtemplates.Override) ([]document, error) {
	files, err := buildtemplates.Installed(runtimes)
	if err != nil {
		return nil, err
	}
	var all []document
	for _, name := range slices.Sorted(maps.Keys(files)) {
		for _, object := range files[name] {
			text, err := yaml.Marshal(object)
			if err != nil {
				return nil, fmt.Errorf("write %s: %w", name, err)
			}
			documents, err := parse(string(text))
			if err != nil {
				return nil, err
			}
			all = append(all, documents...)
		}
	}
	inOrder(all)
	return all, unique(all)
}

// readDocuments reads YAML files, given by patterns, of a folder. It sorts them by the order of their kinds, and those of
// one kind as they are read.
func readDocuments(folder string, patterns ...string) ([]document, error) {
	var all []document
	for _, pattern := range patterns {
		files, err := filepath.Glob(filepath.Join(folder, pattern))
		if err == nil && len(files) == 0 {
			err = errors.New("there are none")
		}
		if err != nil {
			return nil, fmt.Errorf("list %s in %q: %w", pattern, folder, err)
		}
		for _, file := range files { // in the order of their names
			text, err := os.ReadFile(file)
			if err != nil {
				return nil, err
			}
			documents, err := parse(string(text))
			if err != nil {
				return nil, fmt.Errorf("%s: %w", file, err)
			}
			all = append(all, documents...)
		}
	}
	inOrder(all)
	return all, unique(all)
}

// inOrder sorts objects by the order of their kinds.
func inOrder(all []document) {
	slices.SortStableFunc(all, func(a, b document) int {
		return cmp.Compare(slices.Index(kinds(), a.head.Kind), slices.Index(kinds(), b.head.Kind))
	})
}

var separator = regexp.MustCompile(`(?m)^---[ \t]*\n`)

func parse(text string) ([]document, error) {
	var all []document
	for _, part := range separator.Split(text, -1) {
		d := document{text: strings.Trim(part, "\n") + "\n"}
		if err := yaml.Unmarshal([]byte(part), &d.head); err != nil {
			return nil, fmt.Errorf("object %d: %w", len(all)+1, err)
		}
		if d.head == (head{}) {
			continue // comments alone
		}
		if !slices.Contains(kinds(), d.head.Kind) || d.head.Metadata.Name == "" {
			return nil, fmt.Errorf("object %d is a %q named %q: name it, and say in the list of kinds when it is applied", len(all)+1, d.head.Kind, d.head.Metadata.Name)
		}
		all = append(all, d)
	}
	return all, nil
}

// unique makes sure that no object is there twice: the later one would win unseen.
func unique(all []document) error {
	seen := make(map[head]bool, len(all))
	for _, d := range all {
		if seen[d.head] {
			return fmt.Errorf("%s %q of namespace %q is there twice", d.head.Kind, d.head.Metadata.Name, d.head.Metadata.Namespace)
		}
		seen[d.head] = true
	}
	return nil
}

// addConfig gives the ConfigMap the key that is the operator's.
func addConfig(all []document, values string) error {
	i := slices.IndexFunc(all, func(d document) bool { return isConfig(d.head) })
	if i < 0 || !strings.Contains(all[i].text, "\ndata:\n") {
		return fmt.Errorf("no ConfigMap %q with data to put -values into", platform.ConfigMap)
	}
	var block strings.Builder
	block.WriteString("\ndata:\n  " + platform.Key + ": |\n")
	for line := range strings.Lines(strings.TrimRight(values, "\n") + "\n") {
		if line != "\n" {
			block.WriteString("    ")
		}
		block.WriteString(line)
	}
	all[i].text = strings.Replace(all[i].text, "\ndata:\n", block.String(), 1)
	return nil
}

func isConfig(h head) bool { return h.Kind == "ConfigMap" && h.Metadata.Name == platform.ConfigMap }

// manifests writes the manifests with the images' references in them.
func (r *release) manifests(p parts, images map[string]string) error {
	for _, m := range []struct {
		file      string
		documents []document
	}{{manifestFile, p.install}, {tektonFile, p.tekton}, {helloFile, p.hello}} {
		text, err := render(m.documents, images, r.version)
		if err != nil {
			return fmt.Errorf("%s: %w", m.file, err)
		}
		if err := writeFile(filepath.Join(r.out, m.file), text); err != nil {
			return err
		}
	}
	return nil
}

// placeholder stands for an image, or the version, in the parts.
var placeholder = regexp.MustCompile(`release://([a-z-]*)`)

// render fills in the placeholders and writes one manifest.
func render(all []document, images map[string]string, version string) ([]byte, error) {
	fill := maps.Clone(images)
	fill["version"] = version
	var b bytes.Buffer
	fmt.Fprintf(&b, "# Lambkin %s\n", version)
	for _, d := range all {
		var unknown string
		text := placeholder.ReplaceAllStringFunc(d.text, func(p string) string {
			value, ok := fill[placeholder.FindStringSubmatch(p)[1]]
			if !ok {
				unknown = p
			}
			return value
		})
		if unknown != "" {
			return nil, fmt.Errorf("%s %q has %q: there is no such image", d.head.Kind, d.head.Metadata.Name, unknown)
		}
		if err := checkConfig(d.head, text); err != nil {
			return nil, err
		}
		b.WriteString("---\n" + text)
	}
	return b.Bytes(), nil
}

// checkConfig reads the configuration as controller and gateway will.
func checkConfig(h head, text string) error {
	if !isConfig(h) {
		return nil
	}
	var object struct {
		Data map[string]string `json:"data"`
	}
	if err := yaml.Unmarshal([]byte(text), &object); err != nil {
		return fmt.Errorf("ConfigMap %q: %w", h.Metadata.Name, err)
	}
	c, err := platform.Read(object.Data)
	if err == nil && (c.Images.Runtime == "" || c.Images.Builder == "") {
		err = fmt.Errorf("ConfigMap %q names no images of ours", h.Metadata.Name)
	}
	return err
}
