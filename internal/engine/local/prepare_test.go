package local

import (
	"archive/zip"
	"bytes"
	"compress/flate"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/api/meta"

	"github.com/lambkin-dev/lambkin/api/v1alpha1"
	"github.com/lambkin-dev/lambkin/internal/engine"
	"github.com/lambkin-dev/lambkin/internal/lambda"
)

// condition is the Ready condition's reason and sentence.
func condition(t testing.TB, fn *v1alpha1.Function) (v1alpha1.Reason, string) {
	t.Helper()
	c := meta.FindStatusCondition(fn.Status.Conditions, v1alpha1.ConditionReady)
	if c != nil {
		return v1alpha1.Reason(c.Reason), c.Message
	}
	t.Fatalf("no Ready condition: %+v", fn.Status)
	return "", ""
}

// archives is a server of code, with all that a server may do.
func archives(t *testing.T, data []byte) *httptest.Server {
	other := httptest.NewTLSServer(http.NotFoundHandler())
	t.Cleanup(other.Close)
	mux := http.NewServeMux()
	mux.HandleFunc("/code.zip", func(w http.ResponseWriter, _ *http.Request) { w.Write(data) })
	mux.HandleFunc("/moved.zip", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/code.zip", http.StatusFound) })
	mux.HandleFunc("/circle.zip", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/circle.zip", http.StatusFound) })
	mux.HandleFunc("/other.zip", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, other.URL, http.StatusFound) })
	mux.HandleFunc("/file.zip", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Location", "file:///etc/passwd")
		w.WriteHeader(http.StatusFound)
	})
	mux.HandleFunc("/cut.zip", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "1000000")
		w.Write(data)
	})
	s := httptest.NewServer(mux)
	t.Cleanup(s.Close)
	return s
}

func TestFetch(t *testing.T) {
	data := code(t, "fetched")
	s := archives(t, data)
	file := filepath.Join(t.TempDir(), "code.zip")
	must(t, os.WriteFile(file, data, 0o600))
	digest := func(e *Engine) string { return upload(t, e, data).SHA256 }
	cases := map[string]struct {
		reason    string
		location  string
		sha256    string
		allowFile bool
		want      v1alpha1.Reason
	}{
		"HTTP":          {"As it should be.", s.URL + "/code.zip", "", false, v1alpha1.ReasonReady},
		"Redirect":      {"Servers move.", s.URL + "/moved.zip", "", false, v1alpha1.ReasonReady},
		"OtherScheme":   {"But not to another scheme.", s.URL + "/other.zip", "", false, v1alpha1.ReasonCodeUnavailable},
		"ToFile":        {"Least of all to our files.", s.URL + "/file.zip", "", true, v1alpha1.ReasonCodeUnavailable},
		"Circle":        {"And not for ever.", s.URL + "/circle.zip", "", false, v1alpha1.ReasonCodeUnavailable},
		"Absent":        {"A server that says no.", s.URL + "/nothing?signature=secret", "", false, v1alpha1.ReasonCodeUnavailable},
		"Cut":           {"A connection that breaks.", s.URL + "/cut.zip", "", false, v1alpha1.ReasonCodeUnavailable},
		"WrongDigest":   {"Other bytes than were meant.", s.URL + "/code.zip", strings.Repeat("0", 64), false, v1alpha1.ReasonCodeInvalid},
		"FileAllowed":   {"A file, where that is allowed.", "file://" + file, "", true, v1alpha1.ReasonReady},
		"FileForbidden": {"Not elsewhere.", "file://" + file, "", false, v1alpha1.ReasonCodeUnavailable},
		"Folder":        {"A folder is no archive.", "file://" + filepath.Dir(file), "", true, v1alpha1.ReasonCodeUnavailable},
		"NoFile":        {"Nor is nothing.", "file://" + file + "x", "", true, v1alpha1.ReasonCodeUnavailable},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			e := opened(t, Config{AllowFileURLs: tc.allowFile}, &theater{})
			fn := deployed(t, e, "f", func(s *v1alpha1.FunctionSpec) {
				s.Code = v1alpha1.Code{URL: &v1alpha1.RemoteArchive{Location: tc.location, SHA256: tc.sha256}}
			})
			reason, message := condition(t, fn)
			if reason != tc.want || strings.Contains(message, "secret") {
				t.Errorf("%s got %s: %s, want %s", tc.reason, reason, message, tc.want)
			}
			if tc.want == v1alpha1.ReasonReady && fn.Status.CodeSHA256 != base64Digest(digest(e)) {
				t.Errorf("%s serves %s", tc.reason, fn.Status.CodeSHA256)
			}
		})
	}
}

// TestFetchedOnce holds that what was fetched is what serves until the object changes, also after a restart and in
// versions, even if the server gives something else by then.
func TestFetchedOnce(t *testing.T) {
	data := code(t, "one")
	s := archives(t, data)
	dir := t.TempDir()
	e := opened(t, Config{DataDir: dir}, &theater{})
	fn := deployed(t, e, "f", func(spec *v1alpha1.FunctionSpec) {
		spec.Code = v1alpha1.Code{URL: &v1alpha1.RemoteArchive{Location: s.URL + "/code.zip"}}
	})
	s.Close()
	v, _, err := engine.PublishVersion(t.Context(), e, fn, "")
	must(t, err)
	eventually(t, func() bool {
		must(t, e.Get(t.Context(), v.Name, v))
		return v.Status.ObservedGeneration == 1
	})
	if state, why, _ := v.Status.State(); state != v1alpha1.StateActive || v.Status.CodeSHA256 != fn.Status.CodeSHA256 {
		t.Errorf("the version is %s: %s", state, why)
	}
	must(t, e.Close(t.Context()))
	again := opened(t, Config{DataDir: dir}, &theater{})
	for _, name := range []string{"f", "f:1"} {
		if _, err := again.Invoke(t.Context(), call(t, name, "1")); err != nil {
			t.Errorf("%s after a restart: %v", name, err)
		}
	}
}

func TestVariables(t *testing.T) {
	dir := t.TempDir()
	write := func(path, text string, mode os.FileMode) {
		t.Helper()
		path = filepath.Join(dir, path)
		must(t, os.MkdirAll(filepath.Dir(path), 0o700))
		must(t, os.WriteFile(path, []byte(text), 0o600))
		must(t, os.Chmod(path, mode))
	}
	write("outside", "not for functions", 0o600)
	write("secrets/db/password", "s3cret=\n", 0o400)
	write("secrets/db/open", "everybody knows", 0o644)
	write("secrets/db/nul", "a\x00b", 0o600)
	write("secrets/db/large", strings.Repeat("x", maxValue+1), 0o600)
	write("configmaps/app/color", "blue", 0o644)
	write("configmaps/app/writable", "any", 0o666)
	must(t, os.Symlink("../../outside", filepath.Join(dir, "secrets/db/link")))
	must(t, os.Mkdir(filepath.Join(dir, "secrets/db/folder"), 0o700))

	e := opened(t, Config{DataDir: dir, Environ: []string{"AWS_PROFILE=engine", "SHARED=engine"}}, &theater{})
	secret := func(name, key string) v1alpha1.VariableFrom {
		return v1alpha1.VariableFrom{Name: "VALUE", SecretKeyRef: &v1alpha1.KeyRef{Name: name, Key: key}}
	}
	config := func(name, key string) v1alpha1.VariableFrom {
		return v1alpha1.VariableFrom{Name: "VALUE", ConfigMapKeyRef: &v1alpha1.KeyRef{Name: name, Key: key}}
	}
	cases := map[string]struct {
		reason string
		from   v1alpha1.VariableFrom
		want   string
		fails  v1alpha1.Reason
	}{
		"Secret":    {"A value comes as it is in the file.", secret("db", "password"), "s3cret=\n", ""},
		"Config":    {"What is no secret may be read by others.", config("app", "color"), "blue", ""},
		"Open":      {"A secret that others may read is none.", secret("db", "open"), "", v1alpha1.ReasonSecretNotFound},
		"Writable":  {"Nor is a value that others may write.", config("app", "writable"), "", v1alpha1.ReasonConfigMapNotFound},
		"NoKey":     {"A key that is not there.", secret("db", "nothing"), "", v1alpha1.ReasonSecretNotFound},
		"NoName":    {"A secret that is not there.", secret("nothing", "password"), "", v1alpha1.ReasonSecretNotFound},
		"Traversal": {"Names are no paths.", secret("..", "outside"), "", v1alpha1.ReasonSecretNotFound},
		"Link":      {"Links do not lead out.", secret("db", "link"), "", v1alpha1.ReasonSecretNotFound},
		"Folder":    {"A folder is no value.", secret("db", "folder"), "", v1alpha1.ReasonSecretNotFound},
		"NUL":       {"No variable holds a NUL.", secret("db", "nul"), "", v1alpha1.ReasonSecretNotFound},
		"Large":     {"No variable is so large.", secret("db", "large"), "", v1alpha1.ReasonSecretNotFound},
	}
	for name, tc := range cases {
		d := &draft{wish: wish{spec: &v1alpha1.FunctionSpec{Environment: &v1alpha1.Environment{
			Variables: map[string]string{"SHARED": "own", "OTHER": "own"}, VariablesFrom: []v1alpha1.VariableFrom{tc.from},
		}}}}
		err := e.gatherVariables(d)
		if tc.fails != "" {
			var f *v1alpha1.Failure
			if !asFailure(err, &f) || f.Reason != tc.fails || strings.Contains(f.Message, "everybody") {
				t.Errorf("%s: %s got %v, want %s", name, tc.reason, err, tc.fails)
			}
			continue
		}
		if err != nil || !slices.Contains(d.env, "VALUE="+tc.want) || !slices.Contains(d.env, "SHARED=own") ||
			!slices.Contains(d.env, "AWS_PROFILE=engine") || slices.Contains(d.env, "SHARED=engine") {
			t.Errorf("%s: %s got %q, %v", name, tc.reason, d.env, err)
		}
	}
}

func asFailure(err error, f **v1alpha1.Failure) bool {
	found, ok := err.(*v1alpha1.Failure) //nolint:errorlint // steps give it as it is
	*f = found
	return ok
}

func TestRefusedByTheHost(t *testing.T) {
	other := map[v1alpha1.Architecture]v1alpha1.Architecture{
		v1alpha1.ArchitectureX86: v1alpha1.ArchitectureARM, v1alpha1.ArchitectureARM: v1alpha1.ArchitectureX86,
	}[architecture()]
	cases := map[string]struct {
		change func(*v1alpha1.FunctionSpec)
		want   v1alpha1.Reason
	}{
		"Architecture": {func(s *v1alpha1.FunctionSpec) { s.Architectures = []v1alpha1.Architecture{other} }, v1alpha1.ReasonConfigurationUnsupported},
		"FileSystem": {func(s *v1alpha1.FunctionSpec) {
			s.FileSystems = []v1alpha1.FileSystem{{Claim: "c", MountPath: "/mnt/c"}}
		}, v1alpha1.ReasonConfigurationUnsupported},
		"Runtime": {func(s *v1alpha1.FunctionSpec) { s.Runtime = "fortran77" }, v1alpha1.ReasonRuntimeUnavailable},
		"Program": {func(s *v1alpha1.FunctionSpec) { s.Runtime = "go1.x" }, v1alpha1.ReasonRuntimeUnavailable},
		"Java":    {func(s *v1alpha1.FunctionSpec) { s.Runtime = "java21" }, v1alpha1.ReasonRuntimeUnavailable},
		"Layer":   {func(s *v1alpha1.FunctionSpec) { s.Layers = []string{layerARN("gone", 1)} }, v1alpha1.ReasonLayerNotFound},
	}
	e := opened(t, Config{}, &theater{})
	for name, tc := range cases {
		fn := deployed(t, e, name, tc.change)
		if reason, message := condition(t, fn); reason != tc.want || message == "" {
			t.Errorf("%s: %s: %s, want %s", name, reason, message, tc.want)
		}
	}
}

// TestOtherVersionOfTheLanguage gives the engine a machine on which Node.js is older than the runtime's.
func TestOtherVersionOfTheLanguage(t *testing.T) {
	e := opened(t, Config{}, &theater{})
	e.interpreters.LookPath = func(name string) (string, error) { return "/bin/" + name, nil }
	e.interpreters.Run = func(string, ...string) (string, error) { return "20.19.5", nil }
	for runtime, want := range map[string]string{"nodejs20.x": "", "nodejs22.x": "Runtime nodejs22.x runs on version 20.19.5"} {
		name := strings.TrimSuffix(runtime, ".x")
		fn := deployed(t, e, name, func(s *v1alpha1.FunctionSpec) { s.Runtime, s.Handler = runtime, "index.handler" })
		reason, message := condition(t, fn)
		exact := meta.IsStatusConditionTrue(fn.Status.Conditions, v1alpha1.ConditionExact)
		if reason != v1alpha1.ReasonReady || !strings.HasPrefix(message, want) || exact != (want == "" && message == "") {
			t.Errorf("%s: %s %q, exact %v", runtime, reason, message, exact)
		}
	}
}

func layerARN(name string, version int) string {
	return "arn:aws:lambda:us-east-1:000000000000:layer:" + name + ":" + string(rune('0'+version))
}

func publishLayer(t testing.TB, e *Engine, name string, data []byte) {
	t.Helper()
	must(t, e.Create(t.Context(), &v1alpha1.LayerVersion{Spec: v1alpha1.LayerVersionSpec{LayerName: name, Version: 1, Content: *upload(t, e, data)}}))
}

func TestLayerThatComesLater(t *testing.T) {
	bubble(t, func(t *testing.T) {
		e := opened(t, Config{}, &theater{})
		fn := deployed(t, e, "f", func(s *v1alpha1.FunctionSpec) { s.Layers = []string{layerARN("l", 1)} })
		if reason, _ := condition(t, fn); reason != v1alpha1.ReasonLayerNotFound {
			t.Fatalf("the reason is %s", reason)
		}
		publishLayer(t, e, "l", code(t, "layer"))
		eventually(t, func() bool {
			reason, _ := condition(t, decided(t, e, "f"))
			return reason == v1alpha1.ReasonReady
		})
	})
}

// TestTotalSize has code and a layer that are allowed each but not together.
func TestTotalSize(t *testing.T) {
	half := zeros(t, lambda.MaxUnzipped/2)
	e := opened(t, Config{}, &theater{})
	publishLayer(t, e, "large", half)
	d := &draft{wish: wish{spec: &v1alpha1.FunctionSpec{Layers: []string{layerARN("large", 1)}}, code: *upload(t, e, half)}}
	err := e.checkTotal([]string{d.code.SHA256, d.code.SHA256})
	if err != nil {
		t.Errorf("two halves are refused: %v", err)
	}
	err = e.checkTotal([]string{d.code.SHA256, d.code.SHA256, upload(t, e, code(t, "x")).SHA256})
	if le := lambda.AsError(err); le.Code != lambda.CodeInvalidParameterValue || !strings.Contains(le.Message, "combined with layers exceeds the maximum allowed size of 262144000 bytes") {
		t.Errorf("one byte more: %v", err)
	}
}

// zeros is an archive with one file of n zero bytes, packed as small as it gets.
func zeros(t testing.TB, n int64) []byte {
	t.Helper()
	var buf bytes.Buffer
	zw := zip.NewWriter(&buf)
	zw.RegisterCompressor(zip.Deflate, func(w io.Writer) (io.WriteCloser, error) { return flate.NewWriter(w, flate.BestSpeed) })
	w, err := zw.Create("zeros")
	must(t, err)
	_, err = io.CopyN(w, zeroReader{}, n)
	must(t, err)
	must(t, zw.Close())
	return buf.Bytes()
}

type zeroReader struct{}

func (zeroReader) Read(p []byte) (int, error) { clear(p); return len(p), nil }

func TestSweep(t *testing.T) {
	dir := t.TempDir()
	e := opened(t, Config{DataDir: dir, SweepGrace: time.Nanosecond}, &theater{})
	publishLayer(t, e, "l", code(t, "layer"))
	fn := deployed(t, e, "f", func(s *v1alpha1.FunctionSpec) { s.Layers = []string{layerARN("l", 1)} })
	_, _, err := engine.PublishVersion(t.Context(), e, fn, "")
	must(t, err)
	eventually(t, func() bool { return e.slotOf("f", "1").current() != nil })
	first := *fn.Spec.Code.Zip
	fn = decided(t, e, "f")
	fn.Spec.Code.Zip = upload(t, e, code(t, "second"))
	must(t, e.Update(t.Context(), fn))
	decided(t, e, "f")
	upload(t, e, code(t, "never named"))
	counts := func() map[string]int {
		t.Helper()
		must(t, e.sweep())
		n := map[string]int{}
		for _, d := range []string{"blobs", "code", "opt"} {
			entries, err := os.ReadDir(filepath.Join(dir, d))
			must(t, err)
			n[d] = len(entries)
		}
		return n
	}
	if diff := cmp.Diff(map[string]int{"blobs": 3, "code": 2, "opt": 1}, counts()); diff != "" {
		t.Errorf("layer, first and second code are named\n%s", diff)
	}
	v := &v1alpha1.Version{}
	v.Name = "f.1"
	must(t, e.Delete(t.Context(), v))
	if diff := cmp.Diff(map[string]int{"blobs": 2, "code": 1, "opt": 1}, counts()); diff != "" {
		t.Errorf("without the version the first code is not named\n%s", diff)
	}
	wantCode(t, "swept code", e.Update(t.Context(), withCode(fn, first)), lambda.CodeInvalidParameterValue)
	fn.ResourceVersion = ""
	must(t, e.Delete(t.Context(), fn))
	if diff := cmp.Diff(map[string]int{"blobs": 1, "code": 0, "opt": 0}, counts()); diff != "" {
		t.Errorf("without the function only the layer is left\n%s", diff)
	}
}

func withCode(fn *v1alpha1.Function, b v1alpha1.Blob) *v1alpha1.Function {
	fn = fn.DeepCopy()
	fn.ResourceVersion = ""
	fn.Spec.Code.Zip = &b
	return fn
}

// TestSweepSparesWhatRuns holds that the folder of an old run stays until its last call has ended.
func TestSweepSparesWhatRuns(t *testing.T) {
	th, entered, gate := gated()
	e := opened(t, Config{SweepGrace: time.Nanosecond}, th)
	fn := deployed(t, e, "f")
	done := make(chan error, 1)
	go func() {
		_, err := e.Invoke(t.Context(), call(t, "f", "1"))
		done <- err
	}()
	<-entered
	fn.ResourceVersion = ""
	must(t, e.Delete(t.Context(), fn))
	must(t, e.sweep())
	all, _ := th.stages()
	if _, err := os.Stat(filepath.Join(all[0].unit.folders[0], "bootstrap")); err != nil {
		t.Errorf("the code of a running call was swept: %v", err)
	}
	close(gate)
	must(t, <-done)
	eventually(t, func() bool { return len(e.runs.all()) == 0 })
	must(t, e.sweep())
	if _, err := os.Stat(all[0].unit.folders[0]); err == nil {
		t.Error("the code of nobody is kept")
	}
}

func TestTreesAfterRestartOfTheMachine(t *testing.T) {
	dir := t.TempDir()
	e := opened(t, Config{DataDir: dir}, &theater{})
	deployed(t, e, "f")
	must(t, e.Close(t.Context()))
	holes := filepath.Join(dir, "code", strings.Repeat("0", 64))
	must(t, os.Mkdir(holes, 0o500))
	must(t, os.WriteFile(filepath.Join(dir, "boot_id"), []byte("another boot"), 0o600))
	again := opened(t, Config{DataDir: dir}, &theater{})
	if _, err := os.Stat(holes); err == nil {
		t.Error("folders of before the restart, which may have holes, are kept")
	}
	if _, err := again.Invoke(t.Context(), call(t, "f", "1")); err != nil {
		t.Errorf("they must be made again: %v", err)
	}
}

func TestDataDirIsPrivate(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	opened(t, Config{DataDir: dir}, &theater{})
	for _, name := range []string{"", "objects.db", "blobs"} {
		fi, err := os.Stat(filepath.Join(dir, name))
		if err != nil || fi.Mode().Perm()&0o077 != 0 {
			t.Errorf("%q has mode %v, %v; want nothing for others", name, fi.Mode(), err)
		}
	}
}

func TestConfine(t *testing.T) {
	e := opened(t, Config{Sandbox: true}, &theater{})
	publishLayer(t, e, "l", code(t, "layer"))
	deployed(t, e, "f", func(s *v1alpha1.FunctionSpec) { s.Layers = []string{layerARN("l", 1)} })
	u := e.slotOf("f", "$LATEST").current()
	if diff := cmp.Diff([]string{"/var/task/bootstrap"}, u.pod.Command); diff != "" || u.pod.Dir != "/var/task" {
		t.Errorf("the command in %s\n%s", u.pod.Dir, diff)
	}
	for _, want := range []string{"LAMBDA_TASK_ROOT=/var/task", "LD_LIBRARY_PATH=/var/task:/var/task/lib:/opt/lib", "LAMBDA_RUNTIME_DIR=/var/runtime"} {
		if !slices.Contains(u.pod.Env, want) {
			t.Errorf("%q is missing in %q", want, u.pod.Env)
		}
	}
	if u.pod.Sandbox.Task == "" || u.pod.Sandbox.Opt == "" || u.pod.Sandbox.Runtime == "" || strings.HasPrefix(u.pod.Extensions, "/opt") {
		t.Errorf("the sandbox is %+v with extensions in %s", u.pod.Sandbox, u.pod.Extensions)
	}
}
