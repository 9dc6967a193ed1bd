package main

import (
	"archive/tar"
	"bytes"
	"errors"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	tekton "github.com/tektoncd/pipeline/pkg/apis/pipeline/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/lambkin-dev/lambkin/api/v1alpha1"
	"github.com/lambkin-dev/lambkin/buildtemplates"
	"github.com/lambkin-dev/lambkin/buildtemplates/image"
)

// pod runs the steps of a TaskRun on this machine, one after the other as Tekton does: our builder in this process, shell
// scripts with this machine's tools, and the pod's folders below a temporary one.
type pod struct {
	t       *testing.T
	root    string
	secrets map[string]map[string]string // by the folder that they are mounted to
	results map[string]string
	log     strings.Builder
}

func newPod(t *testing.T) *pod {
	return &pod{t: t, root: t.TempDir(), results: map[string]string{}}
}

// substitute puts parameters and places into a word, as Tekton does; one that is a whole array becomes several.
func (p *pod) substitute(word string, params map[string]tekton.ParamValue) []string {
	for name, value := range params {
		if word == "$(params."+name+"[*])" {
			return value.ArrayVal
		}
		word = strings.ReplaceAll(word, "$(params."+name+")", value.StringVal)
	}
	word = strings.ReplaceAll(word, "$(workspaces.cache.path)", "")
	for _, name := range []string{"IMAGE_DIGEST", "IMAGE_URL", "COMMIT", "CODE_SHA256", "CODE_SIZE", "PROTOCOL"} {
		word = strings.ReplaceAll(word, "$(results."+name+".path)", filepath.Join(p.root, "results", name))
	}
	for _, place := range []string{"/workspace", "/lambkin/"} {
		if i := strings.Index(word, place); i == 0 || i > 0 && word[i-1] == '=' {
			word = word[:i] + p.root + word[i:]
		}
	}
	return []string{word}
}

// run runs all steps and gives the name of the one that failed; empty if none did.
func (p *pod) run(run *tekton.TaskRun) string {
	p.t.Helper()
	for _, dir := range []string{"results", "workspace", "tmp"} {
		if err := os.MkdirAll(filepath.Join(p.root, dir), 0o755); err != nil {
			p.t.Fatal(err)
		}
	}
	for dir, keys := range p.secrets {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(p.root, dir)), 0o755); err != nil {
			p.t.Fatal(err)
		}
		if err := os.Symlink(secret(p.t, keys), filepath.Join(p.root, dir)); err != nil {
			p.t.Fatal(err)
		}
	}
	params := map[string]tekton.ParamValue{}
	for _, spec := range run.Spec.TaskSpec.Params {
		if spec.Default != nil {
			params[spec.Name] = *spec.Default
		}
	}
	for _, param := range run.Spec.Params {
		params[param.Name] = param.Value
	}
	for _, step := range run.Spec.TaskSpec.Steps {
		if !p.step(step, params) {
			return step.Name
		}
	}
	entries, err := os.ReadDir(filepath.Join(p.root, "results"))
	if err != nil {
		p.t.Fatal(err)
	}
	for _, e := range entries {
		p.results[e.Name()] = read(p.t, filepath.Join(p.root, "results", e.Name()))
	}
	return ""
}

func (p *pod) step(step tekton.Step, params map[string]tekton.ParamValue) bool {
	var words []string
	for _, word := range step.Args {
		words = append(words, p.substitute(word, params)...)
	}
	if step.Command[0] == "/lambkin/builder" {
		return run(p.t.Context(), words, &p.log, &p.log) == 0
	}
	cmd := exec.CommandContext(p.t.Context(), step.Command[0], slices.Concat(step.Command[1:], words)...)
	cmd.Env = []string{"PATH=" + os.Getenv("PATH")}
	for _, v := range step.Env {
		value := strings.Join(p.substitute(v.Value, params), "")
		if v.Name == "TMPDIR" {
			value = filepath.Join(p.root, "tmp")
		}
		cmd.Env = append(cmd.Env, v.Name+"="+value)
	}
	cmd.Stdout, cmd.Stderr = &p.log, &p.log
	err := cmd.Run()
	if exit := new(exec.ExitError); err != nil && !errors.As(err, &exit) {
		p.t.Fatal(err)
	}
	return err == nil
}

// reference is the image that the build made.
func (p *pod) reference() string { return p.results["IMAGE_URL"] + "@" + p.results["IMAGE_DIGEST"] }

// task is the file system of an image below /var/task, by name.
func task(t *testing.T, reference string) map[string]string {
	t.Helper()
	ref, err := name.ParseReference(reference)
	if err != nil {
		t.Fatal(err)
	}
	img, err := remote.Image(ref)
	if err != nil {
		t.Fatal(err)
	}
	layers, err := img.Layers()
	if err != nil {
		t.Fatal(err)
	}
	content, err := layers[len(layers)-1].Uncompressed()
	if err != nil {
		t.Fatal(err)
	}
	defer content.Close()
	got := map[string]string{}
	in := tar.NewReader(content)
	for {
		h, err := in.Next()
		if errors.Is(err, io.EOF) {
			return got
		}
		if err != nil {
			t.Fatal(err)
		}
		if h.Typeflag != tar.TypeReg {
			continue
		}
		text, err := io.ReadAll(in)
		if err != nil {
			t.Fatal(err)
		}
		got[strings.TrimPrefix(h.Name, "var/task/")] = h.FileInfo().Mode().String() + " " + string(text)
	}
}

// site is all that builds need outside the cluster: a registry with bases and our runtime, and a repository.
type site struct {
	host, runtime, base string
	repo                *gitRepo
	url                 string
}

func newSite(t *testing.T) *site {
	host := newRegistry(t)
	s := &site{host: host, runtime: pushRuntime(t, host), base: pushImage(t, host+"/base/any:1", image.AssembleSpec{}), repo: newGitRepo(t)}
	s.url = s.repo.serve()
	return s
}

// build is the TaskRun of a function in the repository.
func (s *site) build(t *testing.T, id, path, handler string) buildtemplates.TaskRunInput {
	t.Helper()
	e, err := buildtemplates.Lookup(id, map[string]buildtemplates.Override{id: {Base: s.base, Build: "unused"}})
	if err != nil {
		t.Fatal(err)
	}
	return buildtemplates.TaskRunInput{
		Metadata: metav1.ObjectMeta{Name: "build", Namespace: "team"}, Entry: e, Handler: handler,
		Source: v1alpha1.Source{Git: &v1alpha1.Git{URL: s.url}, Path: path},
		Image:  s.host + "/functions/team/fn", Store: s.host + "/functions/team",
		Settings: buildtemplates.Settings{Builder: "unused", Runtime: s.runtime, ServiceAccountName: "lambkin-build"},
	}
}

func TestBuildFromGit(t *testing.T) {
	s := newSite(t)
	s.repo.commit(map[string]string{
		"plain/index.mjs": "export const handler = 1", "plain/run.sh": "#!/bin/sh\n", "py/app.py": "def handler(e, c): pass", "rb/app.rb": "def handler(x) = x",
		"shell/bootstrap": "#!/bin/sh\n", "tool/main.sh": "#!/bin/sh\n",
	})
	cases := map[string]struct {
		reason, id, path, handler string
		test                      string
		want                      map[string]string
		env                       []string
	}{
		"Node": {
			reason: "Scripts without dependencies are what they are.", id: "nodejs22.x", path: "plain", handler: "index.handler",
			want: map[string]string{"index.mjs": "-rw-r--r-- export const handler = 1", "run.sh": "-rwxr-xr-x #!/bin/sh\n"},
			env:  []string{"LAMBKIN_RUNTIME=nodejs22.x", "_HANDLER=index.handler"},
		},
		"Python": {
			reason: "The same, after a test that leaves something behind.", id: "python3.12", path: "py", handler: "app.handler", test: "touch __pycache__; test -f ../plain/run.sh",
			want: map[string]string{"app.py": "-rw-r--r-- def handler(e, c): pass"}, env: []string{"LAMBKIN_RUNTIME=python3.12", "_HANDLER=app.handler"},
		},
		"Ruby": {
			reason: "The same.", id: "ruby3.4", path: "rb", handler: "app.handler",
			want: map[string]string{"app.rb": "-rw-r--r-- def handler(x) = x"}, env: []string{"LAMBKIN_RUNTIME=ruby3.4", "_HANDLER=app.handler"},
		},
		"Shell": {
			reason: "A bootstrap of any kind; a handler is not needed.", id: "provided.al2023", path: "shell",
			want: map[string]string{"bootstrap": "-rwxr-xr-x #!/bin/sh\n"}, env: []string{"LAMBKIN_RUNTIME=provided.al2023"},
		},
		"Executable": {
			reason: "Nothing is built.", id: "exec", path: "tool", handler: "main.sh",
			want: map[string]string{"main.sh": "-rwxr-xr-x #!/bin/sh\n"}, env: []string{"LAMBKIN_RUNTIME=exec", "_HANDLER=main.sh"},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			in := s.build(t, tc.id, tc.path, tc.handler)
			in.Source.Test = tc.test
			p := newPod(t)
			if failed := p.run(buildtemplates.MakeTaskRun(in)); failed != "" {
				t.Fatalf("%s\nstep %s fails:\n%s", tc.reason, failed, p.log.String())
			}
			if diff := cmp.Diff(tc.want, task(t, p.reference())); diff != "" {
				t.Errorf("%s\n/var/task -want +got:\n%s", tc.reason, diff)
			}
			config, manifest := pull(t, p.reference())
			if diff := cmp.Diff(tc.env, config.Config.Env); diff != "" {
				t.Errorf("%s\nenvironment -want +got:\n%s", tc.reason, diff)
			}
			if got := manifest.Annotations["org.opencontainers.image.revision"]; got != p.results["COMMIT"] || got == "" {
				t.Errorf("%s\nthe image is of commit %q, the build of %q", tc.reason, got, p.results["COMMIT"])
			}
			again := newPod(t)
			if failed := again.run(buildtemplates.MakeTaskRun(in)); failed != "" {
				t.Fatalf("%s\nstep %s fails the second time:\n%s", tc.reason, failed, again.log.String())
			}
			if diff := cmp.Diff(p.results, again.results); diff != "" {
				t.Errorf("%s\nthe same commit has other results -first +second:\n%s", tc.reason, diff)
			}
		})
	}
}

func TestBuildStopsAtTheStepThatFails(t *testing.T) {
	s := newSite(t)
	s.repo.commit(map[string]string{"fn/index.mjs": "x", "poetry/poetry.lock": ""})
	cases := map[string]struct {
		reason string
		change func(*buildtemplates.TaskRunInput)
		step   string
		says   string
	}{
		"Fetch": {reason: "There is no such branch.", change: func(in *buildtemplates.TaskRunInput) { in.Source.Git.Revision = "none" }, step: "fetch", says: "no branch or tag"},
		"Path":  {reason: "There is no such folder.", change: func(in *buildtemplates.TaskRunInput) { in.Source.Path = "func" }, step: "fetch", says: `"fn"`},
		"Test":  {reason: "Nothing is built if a test fails.", change: func(in *buildtemplates.TaskRunInput) { in.Source.Test = "echo 1 of 2 failed; false" }, step: "test", says: "1 of 2 failed"},
		"Build": {
			reason: "What the source lacks is told by the step that needs it.", step: "build", says: "poetry.lock is not read",
			change: func(in *buildtemplates.TaskRunInput) {
				in.Source.Path = "poetry"
				in.Entry, _ = buildtemplates.Lookup("python3.12", nil)
			},
		},
		"Bake": {reason: "The runtime's image is not there.", change: func(in *buildtemplates.TaskRunInput) { in.Settings.Runtime += "x" }, step: "bake", says: "ERROR:"},
		"Base": {reason: "The operator named a base that is not there.", change: func(in *buildtemplates.TaskRunInput) { in.Entry.Base = s.host + "/base/none:1" }, step: "bake", says: "/base/none:1"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			in := s.build(t, "nodejs22.x", "fn", "index.handler")
			tc.change(&in)
			p := newPod(t)
			if failed := p.run(buildtemplates.MakeTaskRun(in)); failed != tc.step || !strings.Contains(p.log.String(), tc.says) {
				t.Errorf("%s\nstep %q fails, want %q; the log, which should say %q:\n%s", tc.reason, failed, tc.step, tc.says, p.log.String())
			}
		})
	}
}

// TestBuildCannotForge holds that what a build does to the folders it shares with the last step changes no result but its
// own code.
func TestBuildCannotForge(t *testing.T) {
	s := newSite(t)
	s.repo.commit(map[string]string{"fn/index.mjs": "x"})
	victim := filepath.Join(t.TempDir(), "victim")
	if err := os.WriteFile(victim, []byte("mine"), 0o644); err != nil {
		t.Fatal(err)
	}
	in := s.build(t, "nodejs22.x", "fn", "index.handler")
	in.Source.Test = `cd "$WORKSPACE/../results" && echo sha256:evil >IMAGE_DIGEST && ln -s ` + victim + ` IMAGE_URL && head -c 100000 /dev/zero >COMMIT &&
mkdir -p "$HOME/.docker" && echo '{"credHelpers": {"` + s.host + `": "evil"}}' >"$HOME/.docker/config.json"`
	p := newPod(t)
	if failed := p.run(buildtemplates.MakeTaskRun(in)); failed != "" {
		t.Fatalf("step %s fails:\n%s", failed, p.log.String())
	}
	if got := p.results["IMAGE_DIGEST"]; !strings.HasPrefix(got, "sha256:") || got == "sha256:evil\n" {
		t.Errorf("IMAGE_DIGEST is %q", got)
	}
	if text := read(t, victim); text != "mine" {
		t.Errorf("a file that a result led to holds %q", text)
	}
	if _, manifest := pull(t, p.reference()); manifest.Annotations["org.opencontainers.image.revision"] != "" {
		t.Error("a forged commit is written into the image")
	}

	t.Run("Link", func(t *testing.T) {
		in := s.build(t, "nodejs22.x", "fn", "index.handler")
		in.Source.Test = `ln -s ` + victim + ` "$SOURCE/fn/stolen"`
		p := newPod(t)
		if failed := p.run(buildtemplates.MakeTaskRun(in)); failed != "bake" || !strings.Contains(p.log.String(), "is not in the image") {
			t.Errorf("step %q fails:\n%s", failed, p.log.String())
		}
	})
}

func TestBuildFromUpload(t *testing.T) {
	s := newSite(t)
	blob := upload(t, s.host+"/functions/team", zipOf(t, "index.mjs", "x"))
	layer := upload(t, s.host+"/functions/team", zipOf(t, "nodejs/lib.js", "l"))
	in := s.build(t, "nodejs22.x", "", "index.handler")
	in.Source = v1alpha1.Source{Upload: &v1alpha1.Blob{SHA256: blob.sha256, Size: blob.size}}
	in.Layers = []v1alpha1.Blob{{SHA256: layer.sha256, Size: layer.size}}
	p := newPod(t)
	if failed := p.run(buildtemplates.MakeTaskRun(in)); failed != "" {
		t.Fatalf("step %s fails:\n%s", failed, p.log.String())
	}
	if diff := cmp.Diff(map[string]string{"index.mjs": "-rw-r--r-- x"}, task(t, p.reference())); diff != "" {
		t.Errorf("/var/task -want +got:\n%s", diff)
	}
	if _, manifest := pull(t, p.reference()); len(manifest.Layers) != 4 {
		t.Errorf("there are %d layers, want base, runtime, layer and code", len(manifest.Layers))
	}
	if got := p.results["COMMIT"]; got != "sha256:"+blob.sha256 {
		t.Errorf("COMMIT is %q", got)
	}
}

// TestBuildWithSecrets holds that the keys reach the steps that need them where these look for them.
func TestBuildWithSecrets(t *testing.T) {
	s := newSite(t)
	commit := s.repo.commit(map[string]string{"fn/index.mjs": "x"})
	private, signer := newKey(t)
	address, known := s.repo.serveSSH(signer.PublicKey())
	locked := newLockedRegistry(t, "robot", "hunter2")
	runtime := locked.copy(t, s.runtime, "lambkin/runtime:1")
	base := locked.copy(t, s.base, "base/any:1")
	in := s.build(t, "nodejs22.x", "fn", "index.handler")
	in.Source.Git = &v1alpha1.Git{URL: "ssh://git@" + address + "/fn.git", SecretName: "key"}
	in.Entry.Base, in.Image, in.Settings.Runtime, in.Settings.PushSecret = base, locked.host+"/functions/fn", runtime, "push"
	secrets := map[string]map[string]string{
		"lambkin/git": {"ssh-privatekey": private, "known_hosts": known}, "lambkin/registry": {".dockerconfigjson": locked.dockerConfig("robot", "hunter2")},
	}
	p := newPod(t)
	p.secrets = secrets
	if failed := p.run(buildtemplates.MakeTaskRun(in)); failed != "" {
		t.Fatalf("step %s fails:\n%s", failed, p.log.String())
	}
	if p.results["COMMIT"] != commit || p.results["IMAGE_URL"] != locked.host+"/functions/fn" {
		t.Errorf("results are %v", p.results)
	}
	for missing, step := range map[string]string{"lambkin/git": "fetch", "lambkin/registry": "bake"} {
		p := newPod(t)
		p.secrets = maps.Clone(secrets)
		p.secrets[missing] = nil // the Secret is optional, so the folder is there and empty
		if failed := p.run(buildtemplates.MakeTaskRun(in)); failed != step {
			t.Errorf("without %s step %q fails, want %q:\n%s", missing, failed, step, p.log.String())
		}
		if strings.Contains(p.log.String(), "hunter2") {
			t.Error("the log has the password")
		}
	}
}

// TestFlags holds that the builder understands what the Tasks say to it.
func TestFlags(t *testing.T) {
	files, err := buildtemplates.Installed(nil)
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]int{}
	for _, objects := range files {
		for _, object := range objects {
			task, ok := object.(*tekton.Task)
			if !ok {
				continue
			}
			for _, step := range task.Spec.Steps {
				if step.Command[0] != "/lambkin/builder" {
					continue
				}
				var out, errs bytes.Buffer
				flags := step.Args
				if i := slices.Index(flags, "--"); i >= 0 {
					flags = flags[:i]
				}
				// Asked for help at the end it has read everything before.
				if status := run(t.Context(), append(slices.Clone(flags), "-help"), &out, &errs); status != 0 {
					t.Errorf("Task %s, step %s: builder says %q", task.Name, step.Name, errs.String())
				}
				seen[step.Args[0]]++
			}
		}
	}
	if seen["fetch"] == 0 || seen["bake"] == 0 || seen["deploy"] != 1 {
		t.Errorf("the Tasks call %v", seen)
	}
}
