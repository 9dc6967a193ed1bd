package manifest

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lambkin-dev/lambkin/api/v1alpha1"
)

// read reads a serverless.yaml beside which there is a folder code.
func read(t *testing.T, text string) ([]Document, error) {
	t.Helper()
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "code"), 0o755); err != nil {
		t.Fatal(err)
	}
	return Read(strings.NewReader(text), dir)
}

// one reads a file with one function.
func one(t *testing.T, text string) (*v1alpha1.Function, []string) {
	t.Helper()
	docs, err := read(t, text)
	if err != nil {
		t.Fatal(err)
	}
	if len(docs) != 1 {
		t.Fatalf("%d documents", len(docs))
	}
	fn, _ := docs[0].Object.(*v1alpha1.Function)
	return fn, docs[0].Notes
}

func TestTMNotes(t *testing.T) {
	cases := map[string]struct {
		reason, provider, function string
		want                       []string // words of each note
	}{
		"Nothing":     {"what has its effect needs no note", "", "", nil},
		"Schedule":    {"", "", "schedule: [{cron: \"* * * * *\", jsondata: \"{}\", description: d}]", []string{"triggers"}},
		"OldSchedule": {"the form before tm 1.0", "", "events: [{schedule: {rate: \"* * * * *\", data: {a: 1}}}]", []string{"triggers"}},
		"Both":        {"told once", "", "schedule: [{cron: x}]\n    events: [{schedule: x}]", []string{"triggers"}},
		"Revision":    {"", "", "revision: main", []string{"git"}},
		"Default":     {"the namespace there is", "namespace: default", "", nil},
		"Namespace":   {"", "namespace: prod", "", []string{"--namespace"}},
		"Registry":    {"", "registry: r\n  registry-secret: s", "", []string{"registry"}},
		"PullPolicy":  {"", "pull-policy: Always", "", []string{"image build"}},
		"Timeout":     {"", "buildtimeout: 5m", "", []string{"image build"}},
		"BuildArgs":   {"", "", "buildargs: [A=1, HANDLER=x, B]", []string{`"A"`, `"B"`}},
		"Everything":  {"", "registry: r\n  pull-policy: p\n  namespace: n", "revision: r\n    events: [x]", []string{"triggers", "git", "--namespace", "registry", "image build"}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			_, notes := one(t, "service: s\nprovider:\n  name: triggermesh\n  "+tc.provider+"\nfunctions:\n  f:\n    source: code\n    "+tc.function+"\n")
			if len(notes) != len(tc.want) {
				t.Fatalf("%s: notes %q, want %d", tc.reason, notes, len(tc.want))
			}
			for i, want := range tc.want {
				if !strings.Contains(notes[i], want) {
					t.Errorf("%s: note %q, want %q in it", tc.reason, notes[i], want)
				}
			}
		})
	}
}

func TestTMRuntimes(t *testing.T) {
	for written, want := range map[string]string{
		"":         "",
		"python37": "python3.13",
		"https://raw.githubusercontent.com/triggermesh/knative-lambda-runtime/master/ruby-2.5/buildtemplate.yaml": "ruby3.4",
		"https://raw.githubusercontent.com/triggermesh/knative-lambda-runtime/main/go/runtime.yaml":               "provided.al2023",
		"knative-node10-runtime": "nodejs22.x",
		"python3.12":             "python3.12",
	} {
		fn, _ := one(t, "service: s\nfunctions: {f: {source: code, runtime: \""+written+"\"}}")
		if fn.Spec.Runtime != want {
			t.Errorf("runtime %q became %q, want %q", written, fn.Spec.Runtime, want)
		}
		inherited, _ := one(t, "service: s\nprovider: {runtime: \""+written+"\"}\nfunctions: {f: {source: code}}")
		if inherited.Spec.Runtime != want {
			t.Errorf("the provider's runtime %q became %q, want %q", written, inherited.Spec.Runtime, want)
		}
	}
	fn, _ := one(t, "service: s\nprovider: {runtime: python37}\nfunctions: {f: {source: code, runtime: ruby}}")
	if fn.Spec.Runtime != "ruby3.4" {
		t.Errorf("the function's own runtime lost: %q", fn.Spec.Runtime)
	}
}

func TestTMSources(t *testing.T) {
	cases := map[string]struct {
		reason, function string
		path             string // the code's, below the folder
		image            string
		fails            string
	}{
		"Source":   {"", "source: code", "code", "", ""},
		"Handler":  {"the old name", "handler: code", "code", "", ""},
		"Both":     {"the new name counts", "source: code, handler: index.handler", "code", "", ""},
		"Image":    {"", "source: registry.example/a/b:1", "", "registry.example/a/b:1", ""},
		"Relative": {"a path that is not there is no image", "source: ./nowhere/b", "", "", "no such file"},
		"Plain":    {"", "source: nowhere", "", "", "no such file"},
		"Nothing":  {"the folder itself", "description: none", "", "", ""},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			docs, err := read(t, "service: s\nfunctions: {f: {"+tc.function+"}}")
			if tc.fails != "" {
				if err == nil || !strings.Contains(err.Error(), tc.fails) || !strings.Contains(err.Error(), "functions.f") {
					t.Errorf("%s: %v, want %q", tc.reason, err, tc.fails)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			fn, _ := docs[0].Object.(*v1alpha1.Function)
			if tc.image != "" {
				if fn.Spec.Code.Image == nil || fn.Spec.Code.Image.URI != tc.image || fn.Spec.Runtime != "" || docs[0].Source != "" {
					t.Errorf("%s: %+v from %q", tc.reason, fn.Spec, docs[0].Source)
				}
				return
			}
			if tc.path != "" && filepath.Base(docs[0].Source) != tc.path {
				t.Errorf("%s: code at %q", tc.reason, docs[0].Source)
			}
		})
	}
}

func TestTMSecrets(t *testing.T) {
	docs, err := read(t, "service: s\nprovider: {env-secrets: [a]}\nfunctions: {f: {source: code, env-secrets: [b, c]}, g: {source: code}}")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"a", "b", "c"}, docs[0].Secrets) + cmp.Diff([]string{"a"}, docs[1].Secrets); diff != "" {
		t.Error(diff)
	}
}

func TestTMRepositories(t *testing.T) {
	for written, want := range map[string]struct {
		git     v1alpha1.Git
		handler string
	}{
		`source: "https://git.example/a/b.git", runtime: python`:                 {v1alpha1.Git{URL: "https://git.example/a/b.git"}, "function.handler"},
		`source: "git@git.example:a/b.git", revision: v1, runtime: go`:           {v1alpha1.Git{URL: "git@git.example:a/b.git", Revision: "v1"}, "bootstrap"},
		`source: "https://git.example/a", runtime: ruby, buildargs: [HANDLER=x]`: {v1alpha1.Git{URL: "https://git.example/a"}, "x"},
	} {
		docs, err := read(t, "service: s\nfunctions: {f: {"+written+"}}")
		if err != nil {
			t.Fatal(err)
		}
		fn, _ := docs[0].Object.(*v1alpha1.Function)
		if fn.Spec.Code.Source == nil || docs[0].Source != "" || len(docs[0].Notes) > 0 {
			t.Fatalf("%s: %+v from %q, notes %q", written, fn.Spec.Code, docs[0].Source, docs[0].Notes)
		}
		if diff := cmp.Diff(&want.git, fn.Spec.Code.Source.Git); diff != "" || fn.Spec.Handler != want.handler {
			t.Errorf("%s: handler %q, git (-want +got):\n%s", written, fn.Spec.Handler, diff)
		}
	}
}

func TestRelocate(t *testing.T) {
	for _, tc := range []struct{ name, want string }{
		{"code", "more/code"}, {"../code", "code"}, {".", "more"}, {"", "more"}, {"/abs/code", "/abs/code"},
		{"https://git.example/a", "https://git.example/a"}, {"git@git.example:a", "git@git.example:a"},
	} {
		if got := relocate(tc.name, "/p", "/p/more"); got != tc.want {
			t.Errorf("relocate(%q) = %q, want %q", tc.name, got, tc.want)
		}
	}
}

func TestLabelsOf(t *testing.T) {
	got, err := labelsOf([]string{"a:b", "c=d", " e : f ", "url=http://x:1"})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]string{"a": "b", "c": "d", "e": "f", "url": "http://x:1"}, got); diff != "" {
		t.Error(diff)
	}
	for _, label := range []string{"", "a"} {
		if _, err := labelsOf([]string{label}); err == nil {
			t.Errorf("label %q was taken", label)
		}
	}
}

func TestIsTM(t *testing.T) {
	for text, want := range map[string]bool{
		"service: x": true, "service: {name: x}": true, "kind: Function\nservice: x": false, "functions: {}": false, "": false, "[": false,
		"apiVersion: v1\nkind: Service\n": false,
	} {
		if got := isTM([]byte(text)); got != want {
			t.Errorf("isTM(%q) = %v, want %v", text, got, want)
		}
	}
}

func TestIncludesOverrideNothingElse(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"more/serverless.yaml": "service: other\nprovider: {environment: {SHARED: theirs}}\nfunctions: {b: {source: lib}}\n",
		"extra.yaml":           "functions: {c: {source: code}}\n",
		"broken.yaml":          "functions: {c: {sauce: code}}\n",
		"more/lib/x.py":        "", "code/x.py": "",
	} {
		p := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(p, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	docs, err := Read(strings.NewReader("service: s\nprovider: {environment: {SHARED: ours}}\ninclude: [more, extra.yaml]\n"), dir)
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, d := range docs {
		fn, _ := d.Object.(*v1alpha1.Function)
		rel, err := filepath.Rel(dir, d.Source)
		if err != nil {
			t.Fatal(err)
		}
		got[fn.Name] = rel + " " + fn.Spec.Environment.Variables["SHARED"]
	}
	if diff := cmp.Diff(map[string]string{"s-b": "more/lib ours", "s-c": "code ours"}, got); diff != "" {
		t.Error(diff)
	}
	if _, err := Read(strings.NewReader("service: s\ninclude: [broken.yaml]\n"), dir); err == nil || !strings.Contains(err.Error(), "sauce") {
		t.Errorf("a fault in an included file: %v", err)
	}
}
