// Package functions carries the sample functions and sample events: what "lambkin new" copies, what the documentation
// shows and what the tests run. A sample is a folder FAMILY/TEMPLATE with its code, a function.yaml, an event.json and a
// want.json that says what the event gives.
//
// In want.json these strings stand for what varies: "<any>" for anything, "<uuid>" for a UUID, "<regexp>…" for a string
// that matches all of the expression, and "<json>…" for a string that holds JSON equal to what follows.
package functions

import (
	"embed"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
)

// samples holds the folders. all: brings files with a leading dot along; Go samples have no go.mod of their own, which
// would keep them out.
//
//go:embed all:go all:nodejs all:python all:ruby all:shell all:exec
var samples embed.FS

//go:embed events/*.json
var events embed.FS

// Sample is one sample function.
type Sample struct {
	// Family is the language's folder and Template the function's.
	Family, Template string
}

// String gives the sample's folder.
func (s Sample) String() string { return s.Family + "/" + s.Template }

// Name is the name of the function in the sample's function.yaml.
func (s Sample) Name() string { return s.Family + "-" + s.Template }

// Files gives the sample's folder.
func (s Sample) Files() (fs.FS, error) {
	sub, err := fs.Sub(samples, s.String())
	if err != nil {
		return nil, fmt.Errorf("sample %q: %w", s, err)
	}
	return sub, nil
}

// Families are the folders of languages, in the order in which they are offered.
func Families() []string { return []string{"nodejs", "python", "go", "ruby", "shell", "exec"} }

// All lists the samples, by family.
func All() []Sample {
	var all []Sample
	for _, family := range Families() {
		entries, err := fs.ReadDir(samples, family)
		if err != nil {
			continue // a family that is not embedded has no samples
		}
		for _, e := range entries {
			if e.IsDir() {
				all = append(all, Sample{family, e.Name()})
			}
		}
	}
	return all
}

// Find gives the sample of a family with that template.
func Find(family, template string) (Sample, error) {
	if s := (Sample{family, template}); slices.Contains(All(), s) {
		return s, nil
	}
	var have []string
	for _, s := range All() {
		if s.Family == family {
			have = append(have, s.Template)
		}
	}
	if len(have) == 0 {
		return Sample{}, fmt.Errorf("no samples for %q: there are some for %s", family, strings.Join(Families(), ", "))
	}
	return Sample{}, fmt.Errorf("no sample %q for %s: there are %s", template, family, strings.Join(have, ", "))
}

// FamilyOf gives the family whose samples a runtime runs.
func FamilyOf(runtime string) string {
	for prefix, family := range map[string]string{
		"node": "nodejs", "python": "python", "ruby": "ruby", "go": "go", "provided": "go", "shell": "shell", "bash": "shell", "exec": "exec",
	} {
		if strings.HasPrefix(runtime, prefix) {
			return family
		}
	}
	return runtime
}

// Module gives go.mod and go.sum for a Go sample that becomes a module of its own.
func Module(name string) (mod, sum []byte, err error) {
	mod, err = samples.ReadFile("go/go.mod.new")
	if err != nil {
		return nil, nil, fmt.Errorf("read go.mod: %w", err)
	}
	sum, err = samples.ReadFile("go/go.sum.new")
	if err != nil {
		return nil, nil, fmt.Errorf("read go.sum: %w", err)
	}
	return []byte(strings.Replace(string(mod), "NAME", name, 1)), sum, nil
}

// EventNames lists the sample events.
func EventNames() []string {
	entries, err := fs.ReadDir(events, "events")
	if err != nil {
		return nil // they are embedded
	}
	names := make([]string, len(entries))
	for i, e := range entries {
		names[i] = strings.TrimSuffix(e.Name(), ".json")
	}
	return names
}

// Event gives a sample event by its name, in the shape in which AWS sends it.
func Event(name string) ([]byte, error) {
	if !slices.Contains(EventNames(), name) {
		return nil, fmt.Errorf("there is no sample event %q", name)
	}
	text, err := events.ReadFile(path.Join("events", name+".json"))
	if err != nil {
		return nil, fmt.Errorf("read sample event: %w", err)
	}
	return text, nil
}
