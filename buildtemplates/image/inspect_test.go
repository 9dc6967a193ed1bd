package image_test

import (
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/lambkin-dev/lambkin/buildtemplates/image"
)

func TestInspect(t *testing.T) {
	h := newHub(t)
	config := v1.Config{
		Entrypoint: []string{"/e"}, Cmd: []string{"c"}, Env: []string{"A=b"}, User: "app", WorkingDir: "/srv",
		ExposedPorts: map[string]struct{}{"9090/tcp": {}, "8080/tcp": {}}, Labels: map[string]string{"l": "v"},
	}
	arm := makeImage(t, "arm64", config, "a")
	reference := push(t, h, "app:1", makeIndex(t, map[string]v1.Image{"linux/amd64": makeImage(t, "amd64", v1.Config{}, "a"), "linux/arm64": arm}))
	byDigest, err := h.registry().Resolve(t.Context(), reference)
	if err != nil {
		t.Fatal(err)
	}
	h.counts()
	got, err := h.registry().Inspect(t.Context(), reference, "arm64")
	if err != nil {
		t.Fatal(err)
	}
	want := image.Config{
		Reference: byDigest, Digest: byDigest[strings.Index(byDigest, "sha256:"):], Architecture: "arm64", Architectures: []string{"amd64", "arm64"},
		EntryPoint: []string{"/e"}, Cmd: []string{"c"}, Env: []string{"A=b"}, User: "app", WorkingDir: "/srv",
		ExposedPorts: []string{"8080/tcp", "9090/tcp"}, Labels: map[string]string{"l": "v"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if counts := h.counts(); counts["GET manifests"] != 2 || counts["GET blobs"] != 1 {
		t.Errorf("more was read than the index, the image and its configuration: %v", counts)
	}
	if first, err := h.registry().Inspect(t.Context(), byDigest, ""); err != nil || first.Architecture != "amd64" {
		t.Errorf("without an architecture: %+v, %v", first, err)
	}
	if _, err := h.registry().Inspect(t.Context(), reference, "s390x"); image.KindOf(err) != image.KindPlatformMissing {
		t.Errorf("for an architecture that is not there: %v", err)
	}
}

func TestInspectRefuses(t *testing.T) {
	h := newHub(t)
	windows := push(t, h, "windows", makeIndex(t, map[string]v1.Image{"windows/amd64": makeImage(t, "amd64", v1.Config{}, "a")}))
	old := push(t, h, "old", makeImage(t, "amd64", v1.Config{}, "a"))
	if _, err := h.registry().Inspect(t.Context(), windows, ""); image.KindOf(err) != image.KindPlatformMissing {
		t.Errorf("an image for Windows: %v", err)
	}
	if _, err := h.registry().Inspect(t.Context(), "Not A Reference", ""); image.KindOf(err) != image.KindBadReference {
		t.Errorf("no reference: %v", err)
	}
	h.disturb(func(w http.ResponseWriter, r *http.Request) bool {
		if isManifest(r) {
			w.Header().Set("Content-Type", string(types.DockerManifestSchema1Signed))
			w.Write([]byte(`{"schemaVersion": 1}`))
		}
		return isManifest(r)
	})
	if _, err := h.registry().Inspect(t.Context(), old, ""); image.KindOf(err) != image.KindUnsupported || !strings.Contains(err.Error(), "push it again") {
		t.Errorf("an image of the first kind: %v", err)
	}
}

func TestResolve(t *testing.T) {
	h := newHub(t)
	img := makeImage(t, "amd64", v1.Config{}, "a")
	reference := push(t, h, "app:1", img)
	digest, err := img.Digest()
	if err != nil {
		t.Fatal(err)
	}
	want := h.ref("app@" + digest.String())
	cases := map[string]struct{ reason, reference, want string }{
		"Tag":         {"a tag stands for a digest", reference, want},
		"Digest":      {"a digest stands for itself", want, want},
		"TagDigest":   {"the tag is ornament", h.ref("app:other@" + digest.String()), want},
		"OtherDigest": {"nobody is asked", h.ref("app@sha256:" + strings.Repeat("0", 64)), h.ref("app@sha256:" + strings.Repeat("0", 64))},
	}
	for name, tc := range cases {
		if got, err := h.registry().Resolve(t.Context(), tc.reference); err != nil || got != tc.want {
			t.Errorf("%s: %s: got %q, %v, want %q", name, tc.reason, got, err, tc.want)
		}
	}
	if _, err := h.registry().Resolve(t.Context(), h.ref("app:none")); image.KindOf(err) != image.KindNotFound {
		t.Errorf("a tag that is not there: %v", err)
	}
	h.disturb(func(w http.ResponseWriter, r *http.Request) bool {
		return r.Method == http.MethodHead && no(w, http.StatusMethodNotAllowed, "UNSUPPORTED")
	})
	if got, err := h.registry().Resolve(t.Context(), reference); err != nil || got != want {
		t.Errorf("a registry without HEAD: %q, %v", got, err)
	}
}

func TestProtocol(t *testing.T) {
	words := strings.Fields
	cases := map[string]struct {
		reason string
		config image.Config
		want   image.Protocol
	}{
		"Nothing":     {"an image that says nothing listens", image.Config{}, image.HTTP},
		"WebServer":   {"most images listen", image.Config{EntryPoint: words("/docker-entrypoint.sh"), Cmd: words("nginx -g daemon")}, image.HTTP},
		"NodeServer":  {"a file is no handler", image.Config{EntryPoint: words("docker-entrypoint.sh"), Cmd: words("server.js")}, image.HTTP},
		"NodeFile":    {"a file is no handler", image.Config{EntryPoint: words("node"), Cmd: words("dist/main.mjs")}, image.HTTP},
		"Jar":         {"an option's value is no handler", image.Config{EntryPoint: words("java -jar"), Cmd: words("app.jar")}, image.HTTP},
		"Module":      {"an option's value is no handler", image.Config{EntryPoint: words("python -m"), Cmd: words("shop.server")}, image.HTTP},
		"JavaClass":   {"a class is no handler", image.Config{EntryPoint: words("java -cp /app"), Cmd: words("com.example.Main")}, image.HTTP},
		"Assembly":    {"a file is no handler", image.Config{EntryPoint: words("dotnet"), Cmd: words("Shop.dll")}, image.HTTP},
		"WSGI":        {"one colon is a web server's", image.Config{EntryPoint: words("gunicorn"), Cmd: words("shop.app:app")}, image.HTTP},
		"Program":     {"a command without entry point is a program", image.Config{Cmd: words("my.server")}, image.HTTP},
		"TwoWords":    {"a handler is alone", image.Config{EntryPoint: words("run"), Cmd: words("app.handler --port")}, image.HTTP},
		"NoDot":       {"a handler has a dot", image.Config{EntryPoint: words("npm run"), Cmd: words("start")}, image.HTTP},
		"Version":     {"a version is no handler", image.Config{EntryPoint: words("run"), Cmd: words("v1.2.3")}, image.HTTP},
		"OtherEnv":    {"AWS's other variables say nothing", image.Config{Env: []string{"AWS_LAMBDA_EXEC_WRAPPER=/x", "X_LAMBDA_TASK_ROOT=/var/task"}}, image.HTTP},
		"OtherFolder": {"other folders say nothing", image.Config{WorkingDir: "/var/tasks"}, image.HTTP},

		"TaskRoot":     {"AWS's base images set it", image.Config{Env: []string{"PATH=/bin", "LAMBDA_TASK_ROOT=/var/task"}}, image.Lambda},
		"RuntimeDir":   {"AWS's base images set it", image.Config{Env: []string{"LAMBDA_RUNTIME_DIR=/var/runtime"}}, image.Lambda},
		"EntryPoint":   {"AWS's base images start so", image.Config{EntryPoint: words("/lambda-entrypoint.sh")}, image.Lambda},
		"NodeClient":   {"Node's client", image.Config{EntryPoint: words("/usr/local/bin/npx aws-lambda-ric"), Cmd: words("index")}, image.Lambda},
		"PythonClient": {"Python's client", image.Config{EntryPoint: words("/usr/local/bin/python -m awslambdaric"), Cmd: words("app.handler")}, image.Lambda},
		"RubyClient":   {"Ruby's client", image.Config{EntryPoint: words("aws_lambda_ric")}, image.Lambda},
		"JavaClient":   {"Java's client", image.Config{EntryPoint: words("java -cp ./* com.amazonaws.services.lambda.runtime.api.client.AWSLambda"), Cmd: words("example.App::run")}, image.Lambda},
		"Shell":        {"a client in a line for a shell", image.Config{Cmd: []string{"/bin/sh", "-c", "exec npx aws-lambda-ric app.handler"}}, image.Lambda},
		"Bootstrap":    {"AWS's place for clients", image.Config{Cmd: words("/var/runtime/bootstrap")}, image.Lambda},
		"Ours":         {"baked before", image.Config{EntryPoint: words("/lambkin/runtime-api -- /main")}, image.Lambda},
		"WorkingDir":   {"AWS's place for code", image.Config{WorkingDir: "/var/task/"}, image.Lambda},
		"Handler":      {"a handler is a handler", image.Config{EntryPoint: words("/entry.sh"), Cmd: words("app.handler")}, image.Lambda},
		"PathHandler":  {"a handler may be in a folder", image.Config{EntryPoint: words("/entry.sh"), Cmd: words("src/app.lambda_handler")}, image.Lambda},
		"DashHandler":  {"a module may have a dash", image.Config{EntryPoint: words("/entry.sh"), Cmd: words("my-app.handler")}, image.Lambda},
		"RubyHandler":  {"Ruby's handlers have classes", image.Config{EntryPoint: words("/entry.sh"), Cmd: words("function.Lambda::Handler.process")}, image.Lambda},
		"JavaHandler":  {"two colons are a method", image.Config{EntryPoint: words("/entry.sh"), Cmd: words("com.example.App::handleRequest")}, image.Lambda},
	}
	for name, tc := range cases {
		if got := tc.config.Protocol(); got != tc.want {
			t.Errorf("%s: %s: got %s, want %s", name, tc.reason, got, tc.want)
		}
	}
}

// FuzzInspect serves any bytes as manifest and configuration. Whatever they are, they are read or refused in one line of
// bounded length; neither may take the reader down.
func FuzzInspect(f *testing.F) {
	const layer = `{"mediaType": "application/vnd.oci.image.layer.v1.tar+gzip", "size": 1, "digest": "sha256:CONFIG"}`
	f.Add(`{"config": {"size": SIZE, "digest": "sha256:CONFIG"}, "layers": [`+layer+`]}`, `{"os": "linux", "architecture": "amd64", "config": {"Cmd": ["a.b"]}}`, false)
	f.Add(`{"config": {"size": SIZE, "digest": "sha256:CONFIG"}, "layers": null}`, `{"os": 1}`, false)
	f.Add(`{"manifests": [{"digest": "sha256:CONFIG", "platform": {"os": "linux", "architecture": "amd64"}, "mediaType": "application/vnd.oci.image.manifest.v1+json"}]}`, `{}`, true)
	f.Add(`{"manifests": [null, {"digest": null}]}`, `[]`, true)
	h := newHub(f)
	r := h.registry()
	baker := &image.Baker{Registry: r, TempDir: f.TempDir()}
	f.Fuzz(func(t *testing.T, manifest, config string, index bool) {
		manifest = strings.NewReplacer("CONFIG", hexSum(config), "SIZE", strconv.Itoa(len(config))).Replace(manifest)
		mediaType := types.OCIManifestSchema1
		if index {
			mediaType = types.OCIImageIndex
		}
		h.disturb(func(w http.ResponseWriter, r *http.Request) bool {
			if r.Method != http.MethodGet || !strings.Contains(r.URL.Path, "/base/") {
				return false
			}
			w.Header().Set("Content-Type", string(mediaType))
			body := manifest
			if strings.Contains(r.URL.Path, "/blobs/") {
				body = config
			}
			io.WriteString(w, body)
			return true
		})
		c, err := r.Inspect(t.Context(), h.ref("base/x"), "")
		if err == nil {
			c.Protocol()
		}
		_, baked := baker.Bake(t.Context(), image.Spec{Base: h.ref("base/x")}, h.ref("fn"))
		for _, err := range []error{err, baked} {
			if err != nil && (len(err.Error()) > 4000 || strings.Contains(err.Error(), "\n")) {
				t.Errorf("the error is of %d bytes: %.300q", len(err.Error()), err)
			}
		}
	})
}
