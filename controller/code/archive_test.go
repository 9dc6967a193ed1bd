package code

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/lambkin-dev/lambkin/api/v1alpha1"
	"github.com/lambkin-dev/lambkin/buildtemplates"
	"github.com/lambkin-dev/lambkin/buildtemplates/image"
	"github.com/lambkin-dev/lambkin/internal/lambda"
)

func layerARN(name string) string { return "arn:aws:lambda:us-east-1:000000000000:layer:" + name }

func newLayer(name string, content v1alpha1.Blob) *v1alpha1.LayerVersion {
	l := &v1alpha1.LayerVersion{ObjectMeta: metav1.ObjectMeta{Namespace: "team"}}
	l.Spec.LayerName, l.Spec.Version, l.Spec.Content = name, 1, content
	l.Default()
	return l
}

func TestZip(t *testing.T) {
	w := newWorld(t)
	lower := w.upload(zipOf(t, map[string]string{"lib/a": "lower", "lib/b": "lower"}))
	upper := w.upload(zipOf(t, map[string]string{"lib/a": "upper"}))
	deleted := newLayer("tools", upper)
	deleted.Annotations = map[string]string{"lambkin.dev/deleted": "true"} // functions that have it keep it
	must(t, w.client.Create(t.Context(), newLayer("base", lower)))
	must(t, w.client.Create(t.Context(), deleted))
	data := zipOf(t, map[string]string{"bootstrap*": "#!/bin/sh", "data": "text"})
	blob := w.upload(data)
	fn := newFunction("orders", func(s *v1alpha1.FunctionSpec) {
		s.Code.Zip = &blob
		s.Layers = []string{layerARN("base") + ":1", layerARN("tools") + ":1"}
	})
	got := w.image(fn)

	sum := sha256.Sum256(data)
	want := Result{Image: got.Image, Protocol: v1alpha1.ProtocolLambda, CodeSHA256: base64.StdEncoding.EncodeToString(sum[:]), CodeSize: int64(len(data))}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("result\n%s", diff)
	}
	if !strings.HasPrefix(got.Image, prefix+"/team/orders@sha256:") {
		t.Errorf("the image is %s", got.Image)
	}
	p := w.pull(got.Image)
	files := map[string]string{
		"etc/os-release": "amazon", "lambkin/runtime-api": "runtime", "opt/lib/a": "upper", "opt/lib/b": "lower",
		"var/task/bootstrap": "#!/bin/sh", "var/task/data": "text",
	}
	if diff := cmp.Diff(files, p.files); diff != "" {
		t.Errorf("files\n%s", diff)
	}
	if diff := cmp.Diff([]string{image.RuntimePath}, p.config.Entrypoint); diff != "" || !strings.Contains(strings.Join(p.config.Env, " "), "LAMBKIN_RUNTIME=provided.al2023 _HANDLER=handler") {
		t.Errorf("it starts %q with %q", p.config.Entrypoint, p.config.Env)
	}

	w.hosts.since()
	fn.Spec.MemorySize, fn.Generation = 1024, 2
	if again := w.image(fn); again.Image != got.Image {
		t.Errorf("a change of memory makes %s of %s", again.Image, got.Image)
	}
	if asked := w.hosts.since(); len(asked) != 0 {
		t.Errorf("asking again asks a registry: %q", asked)
	}
	w.resolver = w.start()
	if again := w.image(fn); again.Image != got.Image {
		t.Errorf("another controller makes %s of %s", again.Image, got.Image)
	}
	fn.Spec.Handler = "other"
	if other := w.image(fn); other.Image == got.Image {
		t.Error("another handler makes the same image")
	}
}

// TestTagsMoveOn has the base image change under its tag.
func TestTagsMoveOn(t *testing.T) {
	w := newWorld(t)
	blob := w.upload(zipOf(t, map[string]string{"index.js": "x"}))
	fn := newFunction("f", func(s *v1alpha1.FunctionSpec) {
		s.Code.Zip, s.Runtime, s.Handler = &blob, "nodejs22.x", "index.handler"
	})
	first := w.image(fn)
	w.push(nodeBase, v1Config(), map[string]string{"usr/bin/node": "patched"})
	if got := w.image(fn); got.Image != first.Image {
		t.Error("the tag was asked for again at once")
	}
	w.advance(11 * time.Minute)
	second := w.image(fn)
	if second.Image == first.Image || w.pull(second.Image).files["usr/bin/node"] != "patched" {
		t.Error("the tag was not asked for again after a while")
	}
	w.push(ours+"/mirror/node:22", v1Config(), map[string]string{"usr/bin/node": "mirrored"})
	w.platform.Runtimes = map[string]buildtemplates.Override{"nodejs22.x": {Base: ours + "/mirror/node:22"}}
	if got := w.image(fn); w.pull(got.Image).files["usr/bin/node"] != "mirrored" {
		t.Error("the operator's base image is not used")
	}
	w.advance(11 * time.Minute)
	w.hosts.since()
	w.image(fn)
	for _, request := range w.hosts.since() {
		if !strings.HasPrefix(request, "HEAD ") && !strings.HasSuffix(request, "/v2/") {
			t.Errorf("looking after what has not changed makes the request %s", request)
		}
	}
}

func TestZipFailures(t *testing.T) {
	w := newWorld(t)
	good := w.upload(zipOf(t, map[string]string{"bootstrap*": "x"}))
	plain := w.upload(zipOf(t, map[string]string{"bootstrap": "not executable"}))
	nonsense := w.upload([]byte("no zip"))
	withBootstrap := newLayer("runtime", good)
	must(t, w.client.Create(t.Context(), withBootstrap))
	must(t, w.client.Create(t.Context(), newLayer("bad", nonsense)))
	zip := func(b v1alpha1.Blob) func(*v1alpha1.FunctionSpec) {
		return func(s *v1alpha1.FunctionSpec) { s.Code.Zip = &b }
	}
	with := func(b v1alpha1.Blob, change func(*v1alpha1.FunctionSpec)) func(*v1alpha1.FunctionSpec) {
		return func(s *v1alpha1.FunctionSpec) { s.Code.Zip = &b; change(s) }
	}
	unknown := v1alpha1.Blob{SHA256: strings.Repeat("0", 64), Size: 1}
	cases := map[string]struct {
		reason string
		change func(*v1alpha1.FunctionSpec)
		want   v1alpha1.Reason
		part   string
	}{
		"Gone":     {"Code that is not held any more cannot be had.", zip(unknown), v1alpha1.ReasonCodeUnavailable, "No code with digest"},
		"NoZip":    {"What is no zip is told in AWS's words, with the cause.", zip(nonsense), v1alpha1.ReasonCodeInvalid, "Could not unzip uploaded file"},
		"BadSize":  {"The size is part of the name.", zip(v1alpha1.Blob{SHA256: good.SHA256, Size: good.Size + 1}), v1alpha1.ReasonCodeInvalid, "size"},
		"TooLarge": {"More than could be unpacked is not even fetched.", zip(v1alpha1.Blob{SHA256: good.SHA256, Size: lambda.MaxUnzipped + 1}), v1alpha1.ReasonCodeInvalid, "more than"},
		"NoProgram": {"Compiled code needs something to start.", zip(plain), v1alpha1.ReasonEntrypointInvalid,
			"Couldn't find valid bootstrap(s): [/var/task/bootstrap /opt/bootstrap]"},
		"NoHandler": {"So do programs that are named by the handler.", with(good, func(s *v1alpha1.FunctionSpec) { s.Runtime, s.Handler = "go1.x", "main" }),
			v1alpha1.ReasonEntrypointInvalid, "fork/exec /var/task/main"},
		"NoLayer": {"A layer that is not there is told.", with(good, func(s *v1alpha1.FunctionSpec) { s.Layers = []string{layerARN("none") + ":1"} }),
			v1alpha1.ReasonLayerNotFound, "layer:none:1 does not exist"},
		"NoLayerName": {"So is what names none.", with(good, func(s *v1alpha1.FunctionSpec) { s.Layers = []string{"tools"} }),
			v1alpha1.ReasonLayerNotFound, "tools does not exist"},
		"NoNumber": {"Or too large a number.", with(good, func(s *v1alpha1.FunctionSpec) { s.Layers = []string{layerARN("x") + ":99999999999999999999"} }),
			v1alpha1.ReasonLayerNotFound, "does not exist"},
		"BadLayer": {"A layer has to be a zip too.", with(good, func(s *v1alpha1.FunctionSpec) { s.Layers = []string{layerARN("bad") + ":1"} }),
			v1alpha1.ReasonCodeInvalid, "Could not unzip"},
		"NoRuntime": {"A runtime that nobody knows can be added.", with(good, func(s *v1alpha1.FunctionSpec) { s.Runtime = "cobol1.x" }),
			v1alpha1.ReasonRuntimeUnavailable, "ConfigMap lambkin-config, under the key runtimes.cobol1.x"},
		"NoBase": {"The operator learns which key names another base.", with(good, func(s *v1alpha1.FunctionSpec) { s.Runtime = "python3.13" }),
			v1alpha1.ReasonRuntimeUnavailable, "runtimes.python3.13.base in config.yaml of ConfigMap lambkin-system/lambkin-config"},
		"Nothing": {"A function without code has none.", func(*v1alpha1.FunctionSpec) {}, v1alpha1.ReasonSpecInvalid, "spec.code is empty"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			w.t = t
			w.wantFailure(newFunction(strings.ToLower(name), tc.change), tc.reason, tc.want, tc.part)
		})
	}
	w.t = t
	w.image(newFunction("in-layer", with(plain, func(s *v1alpha1.FunctionSpec) { s.Layers = []string{layerARN("runtime") + ":1"} })))
	w.platform.Runtimes = map[string]buildtemplates.Override{"provided.al2023": {Base: awsBase}}
	w.image(newFunction("in-base", zip(plain))) // the operator's base may bring a bootstrap
}

// TestLeftovers looks for files that bakes leave behind.
func TestLeftovers(t *testing.T) {
	w := newWorld(t)
	dir := t.TempDir()
	w.resolver = w.start(func(c *Config) { c.TempDir = dir })
	good, bad := w.upload(zipOf(t, map[string]string{"bootstrap*": "x"})), w.upload([]byte("no zip"))
	w.image(newFunction("good", func(s *v1alpha1.FunctionSpec) { s.Code.Zip = &good }))
	w.wantFailure(newFunction("bad", func(s *v1alpha1.FunctionSpec) { s.Code.Zip = &bad }), "It is no zip.", v1alpha1.ReasonCodeInvalid, "unzip")
	if left, err := os.ReadDir(dir); err != nil || len(left) != 0 {
		t.Errorf("bakes leave %v, %v", left, err)
	}
	must(t, os.MkdirAll(filepath.Join(dir, "lambkin-code-1", "x"), 0o700))
	must(t, os.WriteFile(filepath.Join(dir, "other"), nil, 0o600))
	ctx, stop := context.WithCancel(t.Context())
	stop()
	must(t, w.start(func(c *Config) { c.TempDir = dir }).Start(ctx))
	if left, err := os.ReadDir(dir); err != nil || len(left) != 1 || left[0].Name() != "other" {
		t.Errorf("a controller that starts leaves %v, %v; want what is not its own", left, err)
	}
}

func TestRegistryInTrouble(t *testing.T) {
	status := func(code int, part string) func(*http.Request) int {
		return func(r *http.Request) int {
			if strings.Contains(r.Method+" "+r.URL.Host+r.URL.Path, part) {
				return code
			}
			return 0
		}
	}
	cases := map[string]struct {
		reason  string
		trouble func(*http.Request) int
		want    v1alpha1.Reason
		part    string
	}{
		"Down":         {"A registry that does not answer is the reason, whatever was asked of it.", status(-1, ours), v1alpha1.ReasonRegistryUnavailable, ours},
		"Broken":       {"One that is broken too.", status(503, "PUT "+ours), v1alpha1.ReasonRegistryUnavailable, "503"},
		"Forbidden":    {"One that does not let us push wants other credentials.", status(403, "POST "+ours), v1alpha1.ReasonRegistryForbidden, "403"},
		"Unauthorized": {"Or any.", status(401, "POST "+ours), v1alpha1.ReasonRegistryForbidden, "401"},
		"BaseDown":     {"The registry of the base image is another matter.", status(-1, "public.ecr.aws"), v1alpha1.ReasonRuntimeUnavailable, "runtimes.provided.al2023.base"},
		"NoRuntime":    {"Our own image is the release's.", status(404, "/release/runtime/manifests"), v1alpha1.ReasonRegistryUnavailable, "see registry.prefix and images"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			blob := w.upload(zipOf(t, map[string]string{"bootstrap*": "x"}))
			fn := newFunction("f", func(s *v1alpha1.FunctionSpec) { s.Code.Zip = &blob })
			w.hosts.disturb(tc.trouble)
			w.wantFailure(fn, tc.reason, tc.want, tc.part)
			w.hosts.disturb(nil)
			w.image(fn) // it is tried again, and works
		})
	}
}

func TestSettingsAreNeeded(t *testing.T) {
	w := newWorld(t)
	blob := w.upload(zipOf(t, map[string]string{"bootstrap*": "x"}))
	fn := newFunction("f", func(s *v1alpha1.FunctionSpec) { s.Code.Zip = &blob })
	w.platform.Registry.Prefix = ""
	w.wantFailure(fn, "Without a registry there are no images.", v1alpha1.ReasonRegistryUnavailable, "set registry.prefix in config.yaml of ConfigMap lambkin-system/lambkin-config")
	w.platform.Registry.Prefix, w.platform.Images.Runtime = prefix, ""
	w.wantFailure(fn, "Nor without our own.", v1alpha1.ReasonRegistryUnavailable, "set images.runtime")
}

func TestProgramsInCircles(t *testing.T) {
	p := newPrograms()
	p.links["/var/task/a"], p.links["/var/task/b"] = "b", "a" // which no archive has by itself; two together might
	if p.executable("/var/task/a") {
		t.Error("a circle of links leads to a program")
	}
}

func TestPrograms(t *testing.T) {
	add := func(p *programs, root string, files map[string]string) {
		t.Helper()
		must(t, p.add(t.Context(), image.BytesArchive(zipOf(t, files)), root))
	}
	p := newPrograms()
	add(p, "/opt", map[string]string{"bin/tool*": "x", "replaced*": "x"})
	add(p, "/opt", map[string]string{"replaced": "not executable"})
	add(p, "/var/task", map[string]string{
		"bootstrap": "->bin/real", "bin": "->dist", "dist/real*": "x", "dangling": "->nowhere", "plain": "x",
	})
	for path, want := range map[string]bool{
		"/opt/bin/tool": true, "/opt/replaced": false, "/var/task/bootstrap": true, "/var/task/bin/real": true, "/var/task/dist/real": true,
		"/var/task/dangling": false, "/var/task/plain": false, "/var/task/none": false, "/var/task/dist": false,
	} {
		if got := p.executable(path); got != want {
			t.Errorf("executable(%q) = %v, want %v", path, got, want)
		}
	}
}

func TestSentence(t *testing.T) {
	for text, want := range map[string]string{"runtime runs": "Runtime runs.", " Done. ": "Done.", "ärger": "Ärger."} {
		if got := sentence(text); got != want {
			t.Errorf("sentence(%q) = %q, want %q", text, got, want)
		}
	}
}
