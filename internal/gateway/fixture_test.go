package gateway_test

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	sdk "github.com/aws/aws-sdk-go-v2/service/lambda"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/lambkin-dev/lambkin/api/v1alpha1"
	"github.com/lambkin-dev/lambkin/internal/engine"
	"github.com/lambkin-dev/lambkin/internal/engine/local/blob"
	"github.com/lambkin-dev/lambkin/internal/engine/local/store"
	"github.com/lambkin-dev/lambkin/internal/gateway"
	"github.com/lambkin-dev/lambkin/internal/lambda"
)

const (
	region  = "us-east-1"
	account = "123456789012"
	prefix  = "arn:aws:lambda:" + region + ":" + account + ":"
	role    = "arn:aws:iam::" + account + ":role/r"
)

// bench is an engine of the local engine's own stores, whose functions are closures instead of processes. Functions
// and versions are ready at once unless hold is set.
type bench struct {
	objects *store.Store
	code    *blob.Store

	hold  atomic.Bool
	races atomic.Int32 // how many updates find that somebody else was first
	looks atomic.Int32 // how often a function URL is looked at before it has the address https://given/; 0: it never has
	calls func(ctx context.Context, in *lambda.Invocation) (*lambda.Result, error)

	mu     sync.Mutex
	queued []*lambda.Invocation
}

func newBench(t testing.TB) *bench {
	t.Helper()
	dir := t.TempDir()
	objects, err := store.Open(filepath.Join(dir, "objects.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = objects.Close() })
	code, err := blob.Open(filepath.Join(dir, "code"))
	if err != nil {
		t.Fatal(err)
	}
	return &bench{objects: objects, code: code, calls: echo}
}

// echo answers with the event.
func echo(_ context.Context, in *lambda.Invocation) (*lambda.Result, error) {
	return &lambda.Result{RequestID: in.ID, ExecutedVersion: lambda.LatestVersion, Payload: in.Payload}, nil
}

func (b *bench) Get(_ context.Context, name string, obj v1alpha1.Object) error {
	err := b.objects.Get(name, obj)
	if u, ok := obj.(*v1alpha1.FunctionURLConfig); ok && b.looks.Load() > 0 && b.looks.Add(-1) == 0 {
		u.Status.URL = "https://given/"
	}
	return err
}

func (b *bench) List(_ context.Context, list runtime.Object, labels map[string]string) error {
	return b.objects.List(list, labels)
}

func (b *bench) ListPage(_ context.Context, list runtime.Object, labels map[string]string, p engine.Page) (string, error) {
	return b.objects.ListPage(list, labels, p.After, p.Limit)
}

func (b *bench) Create(_ context.Context, obj v1alpha1.Object) error {
	if err := b.objects.Create(obj); err != nil {
		return err
	}
	return b.reconcile(obj)
}

func (b *bench) Update(_ context.Context, obj v1alpha1.Object) error {
	if b.races.Add(-1) >= 0 {
		return lambda.Errorf(lambda.CodePreconditionFailed, "somebody else was first")
	}
	if err := b.objects.Update(obj); err != nil {
		return err
	}
	return b.reconcile(obj)
}

func (b *bench) Delete(_ context.Context, obj v1alpha1.Object) error {
	_, err := b.objects.Delete(obj)
	return err
}

// reconcile makes the stored object ready, but not the caller's copy of it: that is how it was when it was written.
func (b *bench) reconcile(obj v1alpha1.Object) error {
	if b.hold.Load() {
		return nil
	}
	switch o := obj.DeepCopyObject().(type) {
	case *v1alpha1.Function:
		return b.objects.UpdateStatus(o, func() { o.Status.MarkReady(o.Generation) })
	case *v1alpha1.Version:
		return b.objects.UpdateStatus(o, func() { o.Status.MarkReady(o.Generation) })
	default:
		return nil
	}
}

func (b *bench) PutCode(_ context.Context, r io.Reader, limit int64) (v1alpha1.Blob, error) {
	digest, size, err := b.code.Put(r, limit)
	return v1alpha1.Blob{SHA256: digest, Size: size}, err
}

func (b *bench) OpenCode(_ context.Context, code v1alpha1.Blob) (io.ReadCloser, error) {
	return b.code.Open(code.SHA256)
}

func (b *bench) Logs(context.Context, lambda.Name, engine.LogOptions, io.Writer) error { return nil }

func (b *bench) Enqueue(_ context.Context, in *lambda.Invocation) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.queued = append(b.queued, in)
	return nil
}

func (b *bench) Invoke(ctx context.Context, in *lambda.Invocation) (*lambda.Result, error) {
	if err := b.objects.Get(v1alpha1.ObjectName(string(in.Function.Name)), &v1alpha1.Function{}); err != nil {
		return nil, err
	}
	return b.calls(ctx, in)
}

// fixture is a gateway over a bench, its server, and the real SDK's client for it.
type fixture struct {
	*bench

	t       *testing.T
	handler http.Handler
	url     string
	client  *sdk.Client
}

func newFixture(t *testing.T, configure ...func(*gateway.Config)) *fixture {
	t.Helper()
	b := newBench(t)
	config := gateway.Config{Identity: lambda.Identity{Region: region, Account: account}, TempDir: t.TempDir()}
	for _, c := range configure {
		c(&config)
	}
	handler := gateway.New(b, config)
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	client := sdk.New(sdk.Options{
		BaseEndpoint: aws.String(server.URL), Region: region, RetryMaxAttempts: 1,
		Credentials: credentials.NewStaticCredentialsProvider("AKID", "secret", ""),
	})
	return &fixture{bench: b, t: t, handler: handler, url: server.URL, client: client}
}

// create makes a zip function with the SDK.
func (f *fixture) create(name string, change ...func(*sdk.CreateFunctionInput)) *sdk.CreateFunctionOutput {
	f.t.Helper()
	in := createInput(name)
	for _, c := range change {
		c(in)
	}
	out, err := f.client.CreateFunction(f.t.Context(), in)
	if err != nil {
		f.t.Fatalf("CreateFunction(%q): %v", name, err)
	}
	return out
}

// request sends a raw request and gives the status, headers and body of the reply.
func (f *fixture) request(method, path, body string) reply {
	f.t.Helper()
	r, err := http.NewRequestWithContext(f.t.Context(), method, f.url+path, strings.NewReader(body))
	if err != nil {
		f.t.Fatal(err)
	}
	return f.send(r)
}

func (f *fixture) send(r *http.Request) reply {
	f.t.Helper()
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		f.t.Fatalf("%s %s: %v", r.Method, r.URL, err)
	}
	defer func() { _ = res.Body.Close() }()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		f.t.Fatalf("%s %s: %v", r.Method, r.URL, err)
	}
	return reply{status: res.StatusCode, header: res.Header, body: string(text)}
}

// reply is what came back.
type reply struct {
	status int
	header http.Header
	body   string
}

// members is the reply's JSON object.
func (r reply) members(t *testing.T) map[string]any {
	t.Helper()
	var m map[string]any
	if err := json.Unmarshal([]byte(r.body), &m); err != nil {
		t.Fatalf("%d %q: %v", r.status, r.body, err)
	}
	return m
}

// message is the sentence of an error, under either spelling.
func (r reply) message(t *testing.T) string {
	t.Helper()
	m := r.members(t)
	for _, key := range []string{"message", "Message"} {
		if text, ok := m[key].(string); ok {
			return text
		}
	}
	return ""
}

// zipOf is an archive of one file.
func zipOf(name, content string) []byte {
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	f, err := z.Create(name)
	if err == nil {
		_, err = io.WriteString(f, content)
	}
	if err == nil {
		err = z.Close()
	}
	if err != nil {
		panic(err) // a Buffer takes every write
	}
	return b.Bytes()
}
