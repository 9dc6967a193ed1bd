package main

import (
	"bytes"
	"encoding/base64"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lambkin-dev/lambkin/buildtemplates/image"
)

// baking is one run of `builder bake` from the command line on.
type baking struct {
	status      int
	out, errors string
	results     map[string]string
}

func (b baking) reference() string { return b.results["IMAGE_URL"] + "@" + b.results["IMAGE_DIGEST"] }

func runBake(t *testing.T, args ...string) baking {
	t.Helper()
	dir := t.TempDir()
	line := []string{"bake"}
	for _, name := range []string{"IMAGE_DIGEST", "IMAGE_URL", "PROTOCOL", "CODE_SHA256", "CODE_SIZE"} {
		line = append(line, "--result="+name+"="+filepath.Join(dir, name))
	}
	var out, errs bytes.Buffer
	got := baking{status: run(t.Context(), append(line, args...), &out, &errs), results: map[string]string{}}
	got.out, got.errors = out.String(), errs.String()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		text, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		got.results[e.Name()] = string(text)
	}
	return got
}

// code is a folder with a function.
func code(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "index.js"), []byte("exports.handler = 1"), 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestBakeCode(t *testing.T) {
	host := newRegistry(t)
	runtime := pushRuntime(t, host)
	base := pushImage(t, host+"/base/node:22", image.AssembleSpec{Env: map[string]string{"PATH": "/bin"}})
	layer := upload(t, host+"/functions/team", zipOf(t, "nodejs/x.js", "x"))
	revision := filepath.Join(t.TempDir(), "COMMIT")
	if err := os.WriteFile(revision, []byte("0123abc\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	args := []string{
		"--image=" + host + "/functions/team/hello:latest", "--runtime-image=" + runtime, "--base=" + base, "--runtime=nodejs22.x", "--handler=index.handler",
		"--source-url=https://me@git.example/fn.git?x=hunter2", "--source-revision-file=" + revision, "--store=" + host + "/functions/team",
	}
	got := runBake(t, append(args, "--code="+code(t), "--", layer.sha256+":"+itoa(layer.size))...)
	if got.status != 0 {
		t.Fatalf("bake ends with %d: %s", got.status, got.errors)
	}
	if got.results["IMAGE_URL"] != host+"/functions/team/hello" || got.results["PROTOCOL"] != "lambda" || got.results["CODE_SIZE"] == "0" {
		t.Errorf("results are %v", got.results)
	}
	if sum, err := base64.StdEncoding.DecodeString(got.results["CODE_SHA256"]); err != nil || len(sum) != 32 {
		t.Errorf("CODE_SHA256 is %q", got.results["CODE_SHA256"])
	}
	config, manifest := pull(t, got.reference())
	if diff := cmp.Diff([]string{image.RuntimePath}, config.Config.Entrypoint); diff != "" {
		t.Errorf("entry point -want +got:\n%s", diff)
	}
	if diff := cmp.Diff([]string{"PATH=/bin", "LAMBKIN_RUNTIME=nodejs22.x", "_HANDLER=index.handler"}, config.Config.Env); diff != "" {
		t.Errorf("environment -want +got:\n%s", diff)
	}
	if len(manifest.Layers) != 4 {
		t.Errorf("there are %d layers, want base, runtime, layer and code", len(manifest.Layers))
	}
	for name, want := range map[string]string{
		"org.opencontainers.image.source": "https://git.example/fn.git", "org.opencontainers.image.revision": "0123abc",
		image.AnnotationRuntime: "nodejs22.x", image.AnnotationHandler: "index.handler",
	} {
		if manifest.Annotations[name] != want {
			t.Errorf("annotation %s is %q, want %q", name, manifest.Annotations[name], want)
		}
	}
	again := runBake(t, append(args, "--code="+code(t), "--", layer.sha256+":"+itoa(layer.size))...)
	if diff := cmp.Diff(got.results, again.results); diff != "" {
		t.Errorf("the same again has other results -first +second:\n%s", diff)
	}
	if !strings.Contains(got.out, "Pushed ") || !strings.Contains(again.out, "There was already ") {
		t.Errorf("the logs do not tell the first from the second:\n%s\n%s", got.out, again.out)
	}
}

func TestBakeImage(t *testing.T) {
	host := newRegistry(t)
	runtime := pushRuntime(t, host)
	ric := image.AssembleSpec{EntryPoint: []string{"/lambda-entrypoint.sh"}, Command: []string{"app.handler"}}
	plain := image.AssembleSpec{EntryPoint: []string{"/server"}}
	layoutOf := func(spec image.AssembleSpec) string {
		dir := filepath.Join(t.TempDir(), "layout")
		if err := assemble(t, spec).Save(dir, "function"); err != nil {
			t.Fatal(err)
		}
		return dir
	}
	lambdaBase, httpBase := pushImage(t, host+"/apps/lambda:1", ric), pushImage(t, host+"/apps/http:1", plain)
	cases := map[string]struct {
		reason, arg string
		protocol    string
		repository  string
		entry       []string
	}{
		"Lambda": {
			reason: "It speaks the Runtime API, so it needs our runtime to speak to; its own command is kept.", arg: "--base=" + lambdaBase,
			protocol: "lambda", repository: "/fn", entry: []string{image.RuntimePath, "--", "/lambda-entrypoint.sh", "app.handler"},
		},
		"HTTP": {
			reason: "It listens for HTTP, so it runs as it is: it is not even copied.", arg: "--base=" + httpBase,
			protocol: "http", repository: "/apps/http", entry: []string{"/server"},
		},
		"BuiltLambda": {
			reason: "The same of what buildah left.", arg: "--layout=" + layoutOf(ric),
			protocol: "lambda", repository: "/fn", entry: []string{image.RuntimePath, "--", "/lambda-entrypoint.sh", "app.handler"},
		},
		"BuiltHTTP": {
			reason: "The same, and it is pushed.", arg: "--layout=" + layoutOf(plain),
			protocol: "http", repository: "/fn", entry: []string{"/server"},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got := runBake(t, "--image="+host+"/fn:new", "--runtime-image="+runtime, tc.arg)
			if got.status != 0 {
				t.Fatalf("%s\nbake ends with %d: %s", tc.reason, got.status, got.errors)
			}
			if got.results["PROTOCOL"] != tc.protocol || got.results["IMAGE_URL"] != host+tc.repository || got.results["CODE_SIZE"] != "0" {
				t.Errorf("%s\nresults are %v", tc.reason, got.results)
			}
			config, _ := pull(t, got.reference())
			if diff := cmp.Diff(tc.entry, append(config.Config.Entrypoint, config.Config.Cmd...)); diff != "" {
				t.Errorf("%s\nentry point -want +got:\n%s", tc.reason, diff)
			}
		})
	}
}

func TestBakeRefuses(t *testing.T) {
	host := newRegistry(t)
	runtime := pushRuntime(t, host)
	base := pushImage(t, host+"/base:1", image.AssembleSpec{})
	common := []string{"--image=" + host + "/fn", "--runtime-image=" + runtime}
	large := t.TempDir()
	if err := os.WriteFile(filepath.Join(large, "f"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(filepath.Join(large, "f"), 262144001); err != nil {
		t.Fatal(err)
	}
	cases := map[string]struct {
		reason string
		args   []string
		status int
		want   string
	}{
		"NoImage":      {reason: "A slip.", args: []string{"--runtime-image=x", "--base=y"}, status: 2, want: "--image"},
		"NoRuntime":    {reason: "A slip.", args: []string{"--image=x", "--base=y"}, status: 2, want: "--runtime-image"},
		"NoBase":       {reason: "A slip.", args: common, status: 2, want: "--base and --layout"},
		"TwoBases":     {reason: "A slip.", args: append(common, "--base=x", "--layout=y"), status: 2, want: "--base and --layout"},
		"LayoutCode":   {reason: "An image brings its own code.", args: append(common, "--layout=x", "--code=y"), status: 2, want: "exclude"},
		"Architecture": {reason: "Lambda has two.", args: append(common, "--base="+base, "--architecture=riscv64"), status: 2, want: "riscv64"},
		"LayerStore":   {reason: "Layers are somewhere.", args: append(common, "--base="+base, "--", "x"), status: 2, want: "--store"},
		"BadLayer":     {reason: "A slip.", args: append(common, "--base="+base, "--code="+code(t), "--store="+host+"/s", "--", "x"), status: 2, want: "SHA256:SIZE"},
		"NoLayer":      {reason: "The layer was deleted.", args: append(common, "--base="+base, "--code="+code(t), "--store="+host+"/s", "--", sumOf(nil)+":3"), status: 1, want: "No code with digest"},
		"EmptyCode":    {reason: "A build that forgot where to put it.", args: append(common, "--base="+base, "--code="+t.TempDir()), status: 1, want: "nothing to put into the image"},
		"LargeCode":    {reason: "Lambda's bound.", args: append(common, "--base="+base, "--code="+large), status: 1, want: "262144000 bytes"},
		"NoSuchBase":   {reason: "The operator named it wrongly.", args: append(common, "--base="+host+"/base:2", "--code="+code(t)), status: 1, want: "/base:2"},
		"NoSuchArch":   {reason: "The base is not for it.", args: append(common, "--base="+base, "--code="+code(t), "--architecture=arm64"), status: 1, want: "arm64"},
		"NoLayout":     {reason: "buildah left nothing.", args: append(common, "--layout="+t.TempDir()), status: 1, want: "left no image"},
		"RegistryDown": {reason: "The way out is to wait.", args: []string{"--image=127.0.0.1:1/fn", "--runtime-image=127.0.0.1:1/rt", "--base=127.0.0.1:1/base", "--code=" + code(t)}, status: 75, want: "connection refused"},
		"PlainHTTP":    {reason: "Only listed hosts are spoken to without TLS.", args: []string{"--image=registry.example:5000/f", "--runtime-image=x", "--base=x", "--plain-http= a , b", "--architecture=mips"}, status: 2, want: "mips"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got := runBake(t, tc.args...)
			if got.status != tc.status || !strings.Contains(got.errors, tc.want) {
				t.Errorf("%s\nbake ends with %d and says %q, want %d and %q", tc.reason, got.status, got.errors, tc.status, tc.want)
			}
			if len(got.results) > 0 {
				t.Errorf("%s\nthere are results: %v", tc.reason, got.results)
			}
		})
	}
}

func TestRevisionIsNotBelieved(t *testing.T) {
	dir := t.TempDir()
	files := map[string]string{"good": "sha256:0123", "long": strings.Repeat("x", 1000), "binary": "\xff\xfe"}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("good", filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"good": "sha256:0123", "long": "", "binary": "", "link": "", "missing": ""} {
		c := bake{sourceRevisionFile: filepath.Join(dir, name)}
		if got := c.revision(); got != want {
			t.Errorf("revision of a file that is %s is %q, want %q: user code ran before", name, got, want)
		}
	}
}

func TestResultsReplaceLinks(t *testing.T) {
	dir := t.TempDir()
	victim, file := filepath.Join(dir, "victim"), filepath.Join(dir, "RESULT")
	if err := os.WriteFile(victim, []byte("mine"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(victim, file); err != nil {
		t.Fatal(err)
	}
	r := results{"RESULT": file}
	if err := r.write("RESULT", "value"); err != nil {
		t.Fatal(err)
	}
	if err := r.write("OTHER", "value"); err != nil {
		t.Errorf("a result that is not wanted: %v", err)
	}
	if text, _ := os.ReadFile(victim); string(text) != "mine" {
		t.Errorf("what a link led to was overwritten: %q", text)
	}
	if text, _ := os.ReadFile(file); string(text) != "value" {
		t.Errorf("the result is %q", text)
	}
	if err := (results{"R": filepath.Join(dir, "no", "such")}).write("R", "v"); err == nil {
		t.Error("a result that cannot be written is no error")
	}
}
