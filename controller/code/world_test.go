package code

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	tekton "github.com/tektoncd/pipeline/pkg/apis/pipeline/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/lambkin-dev/lambkin/api/v1alpha1"
	"github.com/lambkin-dev/lambkin/buildtemplates/image"
	"github.com/lambkin-dev/lambkin/internal/outbound"
	"github.com/lambkin-dev/lambkin/internal/platform"
)

// Images and places of the tests. All hosts are registries in memory.
const (
	ours       = "registry.test"
	prefix     = ours + "/lambkin"
	ourRuntime = ours + "/release/runtime:1"
	awsBase    = "public.ecr.aws/lambda/provided:al2023"
	nodeBase   = "docker.io/library/node:22-slim"
)

// hosts are registries by host name, reached without a network. It is an http.RoundTripper.
type hosts struct {
	mu       sync.Mutex
	all      map[string]http.Handler
	requests []string                  // METHOD HOST/PATH
	seen     func()                    // called for each request
	trouble  func(r *http.Request) int // a status to answer with, or -1 for none at all; 0 lets the request through
}

// RoundTrip lets the host's registry answer.
func (h *hosts) RoundTrip(r *http.Request) (*http.Response, error) {
	h.mu.Lock()
	if h.all[r.URL.Host] == nil {
		h.all[r.URL.Host] = registry.New(registry.Logger(log.New(io.Discard, "", 0)))
	}
	handler, trouble := h.all[r.URL.Host], h.trouble
	h.requests = append(h.requests, r.Method+" "+r.URL.Host+r.URL.Path)
	seen := h.seen
	h.mu.Unlock()
	if seen != nil {
		seen()
	}
	answer := httptest.NewRecorder()
	status := 0
	if trouble != nil {
		status = trouble(r)
	}
	switch {
	case status < 0:
		return nil, &os.SyscallError{Syscall: "connect", Err: errRefused}
	case status > 0:
		answer.WriteHeader(status)
	default:
		if r.Body == nil {
			r.Body = http.NoBody
		}
		handler.ServeHTTP(answer, r)
	}
	resp := answer.Result()
	resp.Request = r
	return resp, nil
}

// errRefused is a connection that nobody takes.
var errRefused = refusal{errors.New("connection refused")}

type refusal struct{ error }

// Timeout and Temporary make refusal a net.Error.
func (refusal) Timeout() bool   { return false }
func (refusal) Temporary() bool { return false }

// since gives the requests that were made since the last time.
func (h *hosts) since() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	all := h.requests
	h.requests = nil
	return all
}

func (h *hosts) onRequest(seen func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.seen = seen
}

func (h *hosts) disturb(trouble func(r *http.Request) int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.trouble = trouble
}

// world is a cluster and registries, and a resolver between them.
type world struct {
	t        *testing.T
	hosts    *hosts
	client   client.WithWatch
	platform platform.Config
	resolver *Resolver
	logs     map[string]string // by container
	funcs    interceptor.Funcs

	mu       sync.Mutex
	clock    time.Time
	finished []string
}

func newWorld(t *testing.T, objects ...client.Object) *world {
	t.Helper()
	w := &world{t: t, hosts: &hosts{all: map[string]http.Handler{}}, clock: time.Now(), logs: map[string]string{}}
	w.platform = platform.Default()
	w.platform.Registry.Prefix = prefix
	w.platform.Images = platform.Images{Runtime: ourRuntime, Builder: ours + "/release/builder:1"}
	w.push(ourRuntime, v1.Config{}, map[string]string{"lambkin/runtime-api": "runtime"})
	w.push(awsBase, v1.Config{Env: []string{"LAMBDA_TASK_ROOT=/var/task"}}, map[string]string{"etc/os-release": "amazon"})
	w.push(nodeBase, v1.Config{Entrypoint: []string{"docker-entrypoint.sh"}, Cmd: []string{"node"}}, map[string]string{"usr/bin/node": "node"})
	for i, o := range objects {
		if o.GetUID() == "" {
			o.SetUID(types.UID("uid-" + string(rune('a'+i))))
		}
	}
	w.client = fake.NewClientBuilder().WithScheme(newScheme(t)).WithObjects(objects...).WithInterceptorFuncs(interceptor.Funcs{
		Get: func(ctx context.Context, c client.WithWatch, key client.ObjectKey, obj client.Object, opts ...client.GetOption) error {
			if w.funcs.Get != nil {
				return w.funcs.Get(ctx, c, key, obj, opts...)
			}
			return c.Get(ctx, key, obj, opts...)
		},
		Create: func(ctx context.Context, c client.WithWatch, obj client.Object, opts ...client.CreateOption) error {
			if w.funcs.Create != nil {
				return w.funcs.Create(ctx, c, obj, opts...)
			}
			return c.Create(ctx, obj, opts...)
		},
	}).Build()
	w.resolver = w.start()
	return w
}

func newScheme(t *testing.T) *runtime.Scheme {
	t.Helper()
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{v1alpha1.AddToScheme, tekton.AddToScheme, corev1.AddToScheme} {
		if err := add(scheme); err != nil {
			t.Fatal(err)
		}
	}
	return scheme
}

// start makes a resolver as a controller that has just started has it.
func (w *world) start(change ...func(*Config)) *Resolver {
	cfg := Config{
		Client: w.client, Live: w.client, Platform: func() *platform.Config { p := w.platform; return &p }, Logs: w,
		HTTP: outbound.Client(w.hosts), Transport: w.hosts, TempDir: w.t.TempDir(), Patience: time.Minute, Now: w.now,
		Finished: func(owner client.Object) {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.finished = append(w.finished, owner.GetName())
		},
	}
	for _, f := range change {
		f(&cfg)
	}
	r := New(cfg)
	w.t.Cleanup(r.Close)
	return r
}

// Tail makes world the logs of its cluster.
func (w *world) Tail(_ context.Context, _, _, container string, _ int64) (string, error) {
	text, ok := w.logs[container]
	if !ok {
		return "", errors.New("the pod is gone")
	}
	return text, nil
}

func (w *world) now() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.clock
}

func (w *world) advance(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.clock = w.clock.Add(d)
}

// push puts an image with files for linux/amd64 into its registry, and gives its digest.
func (w *world) push(reference string, config v1.Config, files map[string]string) string {
	w.t.Helper()
	return w.pushFor("amd64", reference, config, files)
}

func (w *world) pushFor(arch, reference string, config v1.Config, files map[string]string) string {
	w.t.Helper()
	var buf bytes.Buffer
	tw := tar.NewWriter(&buf)
	for name, body := range files {
		must(w.t, tw.WriteHeader(&tar.Header{Name: name, Mode: 0o755, Size: int64(len(body))}))
		_, err := io.WriteString(tw, body)
		must(w.t, err)
	}
	must(w.t, tw.Close())
	layer, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(buf.Bytes())), nil })
	must(w.t, err)
	img, err := mutate.AppendLayers(empty.Image, layer)
	must(w.t, err)
	file, err := img.ConfigFile()
	must(w.t, err)
	file = file.DeepCopy()
	file.OS, file.Architecture, file.Config = "linux", arch, config
	img, err = mutate.ConfigFile(img, file)
	must(w.t, err)
	ref, err := name.ParseReference(reference)
	must(w.t, err)
	must(w.t, remote.Write(ref, img, remote.WithTransport(w.hosts)))
	digest, err := img.Digest()
	must(w.t, err)
	w.hosts.since()
	return digest.String()
}

// pulled is an image as it lies in its registry.
type pulled struct {
	config v1.Config
	files  map[string]string // of all layers, with the program's mode behind it if it has one
}

func (w *world) pull(reference string) pulled {
	w.t.Helper()
	ref, err := name.ParseReference(reference)
	must(w.t, err)
	img, err := remote.Image(ref, remote.WithTransport(w.hosts))
	must(w.t, err)
	file, err := img.ConfigFile()
	must(w.t, err)
	p := pulled{config: file.Config, files: map[string]string{}}
	content := mutate.Extract(img)
	defer content.Close()
	for tr := tar.NewReader(content); ; {
		h, err := tr.Next()
		if errors.Is(err, io.EOF) {
			return p
		}
		must(w.t, err)
		body, err := io.ReadAll(tr)
		must(w.t, err)
		if h.Typeflag == tar.TypeReg {
			p.files[h.Name] = string(body)
		}
	}
}

// upload puts a zip into the code store of the namespace.
func (w *world) upload(data []byte) v1alpha1.Blob {
	w.t.Helper()
	store := &image.Store{Registry: &image.Registry{Transport: w.hosts}, Prefix: prefix + "/team"}
	digest, size, err := store.Put(w.t.Context(), bytes.NewReader(data), 1<<30)
	must(w.t, err)
	w.hosts.since()
	return v1alpha1.Blob{SHA256: digest, Size: size}
}

// zipOf packs files; those whose name ends with * are programs, and those with -> in their text are links.
func zipOf(t *testing.T, files map[string]string) []byte {
	t.Helper()
	var buf bytes.Buffer
	zw := zip.NewWriter(&buf)
	for _, name := range sorted(files) {
		h := &zip.FileHeader{Name: strings.TrimSuffix(name, "*"), Method: zip.Deflate}
		h.SetMode(0o644)
		if h.Name != name {
			h.SetMode(0o755)
		}
		body := files[name]
		if target, ok := strings.CutPrefix(body, "->"); ok {
			h.SetMode(fs.ModeSymlink | 0o777)
			body = target
		}
		f, err := zw.CreateHeader(h)
		must(t, err)
		_, err = io.WriteString(f, body)
		must(t, err)
	}
	must(t, zw.Close())
	return buf.Bytes()
}

func sorted(files map[string]string) []string {
	names := make([]string, 0, len(files))
	for name := range files {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// newFunction is a function with the uid that it has on the cluster.
func newFunction(name string, change ...func(*v1alpha1.FunctionSpec)) *v1alpha1.Function {
	fn := &v1alpha1.Function{ObjectMeta: metav1.ObjectMeta{Namespace: "team", Name: name, UID: types.UID("uid-of-" + name), Generation: 1}}
	fn.Spec.FunctionName, fn.Spec.Runtime, fn.Spec.Handler = name, "provided.al2023", "handler"
	for _, f := range change {
		f(&fn.Spec)
	}
	fn.Default()
	return fn
}

func requestFor(fn *v1alpha1.Function) Request {
	return Request{Owner: fn, FunctionName: fn.Name, Spec: &fn.Spec, Generation: fn.Generation, LastBuild: fn.Status.LastBuild}
}

// image asks for an image and wants one.
func (w *world) image(fn *v1alpha1.Function) Result {
	w.t.Helper()
	got, err := w.resolver.Image(w.t.Context(), requestFor(fn))
	if err != nil || got.Image == "" {
		w.t.Fatalf("Image(%s) = %+v, %v; want an image", fn.Name, got, err)
	}
	if got.Doing != "" {
		w.t.Errorf("an image comes with %q", got.Doing)
	}
	return got
}

// wantFailure asks for an image and wants a failure.
func (w *world) wantFailure(fn *v1alpha1.Function, why string, reason v1alpha1.Reason, part string) {
	w.t.Helper()
	got, err := w.resolver.Image(w.t.Context(), requestFor(fn))
	checkFailure(w.t, why, err, reason, part)
	if got.Image != "" || got.Doing != "" {
		w.t.Errorf("%s a failure comes with %+v", why, got)
	}
}

func checkFailure(t *testing.T, why string, err error, reason v1alpha1.Reason, part string) {
	t.Helper()
	f := new(v1alpha1.Failure)
	if !errors.As(err, &f) || f.Reason != reason || !strings.Contains(f.Message, part) {
		t.Errorf("%s got %s: %v; want %s with %q", why, f.Reason, err, reason, part)
	}
	if f != nil && strings.Contains(f.Message, "\n") {
		t.Errorf("%s has several lines: %q", why, f.Message)
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func v1Config() v1.Config {
	return v1.Config{Entrypoint: []string{"docker-entrypoint.sh"}, Cmd: []string{"node"}}
}
