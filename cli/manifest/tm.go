package manifest

import (
	"errors"
	"fmt"
	"maps"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	"github.com/lambkin-dev/lambkin/api/v1alpha1"
	"github.com/lambkin-dev/lambkin/cli/source"
)

// ServiceLabel is on all functions of one serverless.yaml, as tm had it.
const ServiceLabel = "service"

// tmFile is serverless.yaml as tm 1.21 took it; unknown keys are faults there and here. Every member that has no meaning
// on this engine is told in a note.
type tmFile struct {
	Service     string                `json:"service"`
	Description string                `json:"description"`
	Provider    tmProvider            `json:"provider"`
	Repository  string                `json:"repository"`
	Functions   map[string]tmFunction `json:"functions"`
	Include     []string              `json:"include"`
}

type tmProvider struct {
	Name           string            `json:"name"`
	PullPolicy     string            `json:"pull-policy"`
	Namespace      string            `json:"namespace"`
	Runtime        string            `json:"runtime"`
	BuildTimeout   string            `json:"buildtimeout"`
	Environment    map[string]string `json:"environment"`
	EnvSecrets     []string          `json:"env-secrets"`
	Annotations    map[string]string `json:"annotations"`
	Registry       string            `json:"registry"`
	RegistrySecret string            `json:"registry-secret"`
}

type tmFunction struct {
	Handler     string            `json:"handler"` // old name of source
	Source      string            `json:"source"`
	Revision    string            `json:"revision"`
	Runtime     string            `json:"runtime"`
	Concurrency int32             `json:"concurrency"`
	BuildArgs   []string          `json:"buildargs"`
	Description string            `json:"description"`
	Labels      []string          `json:"labels"`
	Environment map[string]string `json:"environment"`
	EnvSecrets  []string          `json:"env-secrets"`
	Annotations map[string]string `json:"annotations"`
	Schedule    []tmSchedule      `json:"schedule"`
	Events      []any             `json:"events"` // the form before tm 1.0
}

type tmSchedule struct {
	Cron        string `json:"cron"`
	JSONData    string `json:"jsondata"`
	Description string `json:"description"`
}

// isTM reports whether a file is serverless.yaml rather than an object.
func isTM(text []byte) bool {
	var top struct {
		Kind    string `json:"kind"`
		Service any    `json:"service"`
	}
	return yaml.Unmarshal(text, &top) == nil && top.Kind == "" && top.Service != nil
}

func readTM(text []byte, dir string) ([]Document, error) {
	var file tmFile
	if err := yaml.UnmarshalStrict(text, &file); err != nil {
		return nil, fmt.Errorf("serverless.yaml of tm: %w", err)
	}
	if file.Service == "" {
		return nil, errors.New("serverless.yaml: service is required")
	}
	if p := file.Provider.Name; p != "" && p != "triggermesh" {
		return nil, fmt.Errorf("serverless.yaml: provider.name is %q: only tm's own dialect (provider triggermesh) is deployed", p)
	}
	if err := file.include(dir); err != nil {
		return nil, err
	}
	var docs []Document
	var faults []error
	for _, name := range slices.Sorted(maps.Keys(file.Functions)) {
		doc, err := file.document(name, file.Functions[name], dir)
		if err != nil {
			faults = append(faults, fmt.Errorf("functions.%s: %w", name, err))
		}
		docs = append(docs, doc)
	}
	return docs, errors.Join(faults...)
}

// include adds the functions of other files; their own service and provider do not count, as with tm.
func (f *tmFile) include(dir string) error {
	for _, name := range f.Include {
		if IsURL(name) {
			return fmt.Errorf("include %q: git repositories are fetched on a cluster only; clone it and include the folder", name)
		}
		at := filepath.Join(dir, name)
		if info, err := os.Stat(at); err == nil && info.IsDir() {
			at = filepath.Join(at, "serverless.yaml")
		}
		text, err := os.ReadFile(at)
		if err != nil {
			return fmt.Errorf("include: %w", err)
		}
		var other tmFile
		if err := yaml.UnmarshalStrict(text, &other); err != nil {
			return fmt.Errorf("include %q: %w", name, err)
		}
		if f.Functions == nil {
			f.Functions = map[string]tmFunction{}
		}
		for fn, def := range other.Functions {
			def.Source = relocate(or(def.Source, def.Handler), dir, filepath.Dir(at))
			f.Functions[fn] = def
		}
	}
	return nil
}

// relocate makes a path that was relative to from relative to dir.
func relocate(name, dir, from string) string {
	if name != "" && (IsURL(name) || filepath.IsAbs(name)) {
		return name
	}
	rel, err := filepath.Rel(dir, filepath.Join(from, name))
	if err != nil {
		return filepath.Join(from, name)
	}
	return rel
}

// IsURL reports whether a source is not here but in a git repository: a URL, or git@HOST:PATH.
func IsURL(s string) bool {
	u, err := url.Parse(s)
	return (err == nil && u.Scheme != "" && u.Host != "") || strings.HasPrefix(s, "git@")
}

// IsImage reports whether a source is a container image: what has a slash, and is neither there nor meant to be.
func IsImage(s string) bool {
	_, err := os.Stat(s)
	return err != nil && strings.Contains(s, "/") && !strings.HasPrefix(s, ".") && !filepath.IsAbs(s)
}

// document makes one function's object. Its name is tm's: service-function.
func (f *tmFile) document(name string, fn tmFunction, dir string) (Document, error) {
	labels, err := labelsOf(fn.Labels)
	if err != nil {
		return Document{}, err
	}
	labels[ServiceLabel] = f.Service
	obj := &v1alpha1.Function{
		ObjectMeta: metav1.ObjectMeta{
			Name: v1alpha1.ObjectName(f.Service + "-" + name), Labels: labels,
			Annotations: merged(f.Provider.Annotations, fn.Annotations),
		},
		Spec: v1alpha1.FunctionSpec{
			FunctionName: f.Service + "-" + name,
			Description:  strings.TrimSpace(f.Description + "\n" + fn.Description),
			Runtime:      source.RuntimeID(or(fn.Runtime, f.Provider.Runtime)),
		},
	}
	obj.SetGroupVersionKind(v1alpha1.GroupVersion().WithKind("Function"))
	if env := merged(f.Provider.Environment, fn.Environment); len(env) > 0 {
		obj.Spec.Environment = &v1alpha1.Environment{Variables: env}
	}
	if fn.Concurrency > 0 {
		obj.Spec.Concurrency = &v1alpha1.Concurrency{EnvironmentsPerPod: fn.Concurrency}
	}
	doc := Document{Object: obj, Secrets: slices.Concat(f.Provider.EnvSecrets, fn.EnvSecrets), Notes: f.notes(fn)}
	doc.takeBuildArgs(obj, fn.BuildArgs)
	return doc, doc.takeSource(obj, fn, dir)
}

// takeSource finds the code: a path, an image, or a git repository, which only a cluster builds.
func (d *Document) takeSource(obj *v1alpha1.Function, fn tmFunction, dir string) error {
	from := or(fn.Source, fn.Handler)
	if IsURL(from) {
		obj.Spec.Code.Source = &v1alpha1.Source{Git: &v1alpha1.Git{URL: from, Revision: fn.Revision}}
		obj.Spec.Handler = or(obj.Spec.Handler, tmHandler(obj.Spec.Runtime))
		return nil
	}
	at := filepath.Join(dir, from)
	_, err := os.Stat(at)
	if err == nil {
		d.Source = at
		return nil
	}
	if !strings.Contains(from, "/") || strings.HasPrefix(from, ".") {
		return fmt.Errorf("source: %w", err)
	}
	obj.Spec.PackageType = v1alpha1.PackageTypeImage
	obj.Spec.Runtime = ""
	obj.Spec.Code.Image = &v1alpha1.Image{URI: from}
	return nil
}

// tmHandler is where the runtimes of tm looked for the function if nothing was said.
func tmHandler(runtime string) string {
	if strings.HasPrefix(runtime, "provided") {
		return "bootstrap"
	}
	return "function.handler"
}

// takeBuildArgs takes over the arguments that tm's runtimes knew.
func (d *Document) takeBuildArgs(obj *v1alpha1.Function, args []string) {
	for _, arg := range args {
		key, value, _ := strings.Cut(arg, "=")
		if key == "HANDLER" {
			obj.Spec.Handler = value
			continue
		}
		d.Notes = append(d.Notes, fmt.Sprintf("build argument %q has no meaning here", key))
	}
}

// notes names what is left out.
func (f *tmFile) notes(fn tmFunction) []string {
	var notes []string
	note := func(given bool, text string) {
		if given {
			notes = append(notes, text)
		}
	}
	note(len(fn.Schedule) > 0 || len(fn.Events) > 0, "schedules and events need triggers, which this command does not create")
	note(fn.Revision != "" && !IsURL(or(fn.Source, fn.Handler)), "revision is for git sources")
	note(f.Provider.Namespace != "" && f.Provider.Namespace != "default", "provider.namespace is left out: use --namespace")
	note(f.Provider.Registry != "" || f.Provider.RegistrySecret != "", "registry settings are left out: nothing is pushed to a registry")
	note(f.Provider.PullPolicy != "" || f.Provider.BuildTimeout != "", "pull-policy and buildtimeout are left out: there is no image build")
	return notes
}

func labelsOf(list []string) (map[string]string, error) {
	labels := map[string]string{}
	for _, l := range list {
		at := strings.IndexAny(l, ":=") // tm took both
		if at < 0 {
			return nil, fmt.Errorf("label %q is not of the form key=value", l)
		}
		labels[strings.TrimSpace(l[:at])] = strings.TrimSpace(l[at+1:])
	}
	return labels, nil
}

func merged(all ...map[string]string) map[string]string {
	sum := map[string]string{}
	for _, m := range all {
		maps.Copy(sum, m)
	}
	return sum
}

func or(v, byDefault string) string {
	if v == "" {
		return byDefault
	}
	return v
}
