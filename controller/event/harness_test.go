package event

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/lambkin-dev/lambkin/api/v1alpha1"
	"github.com/lambkin-dev/lambkin/internal/delivery"
	"github.com/lambkin-dev/lambkin/internal/lambda"
	"github.com/lambkin-dev/lambkin/internal/outbound"
)

// cluster is an API server, functions and a destination, with a clock that tests advance.
type cluster struct {
	t      *testing.T
	client client.WithWatch
	http   *httptest.Server

	mu      sync.Mutex
	clock   time.Time
	created int
	calls   int // of the API server
	failAt  int // the call that fails; 0: none
	play    func(in *lambda.Invocation) (*lambda.Result, error)
	ran     []string // NAME ID, as functions ran
	posts   []string // bodies, as the destination took them
	answers []int    // statuses that it gives before 200
	headers []http.Header
}

var errDown = errors.New("the API server is down")

func newCluster(t *testing.T, objects ...client.Object) *cluster {
	t.Helper()
	c := &cluster{t: t, clock: time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC)}
	scheme := runtime.NewScheme()
	if err := v1alpha1.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	for i, o := range objects {
		o.SetUID(types.UID("uid-" + strconv.Itoa(i)))
	}
	c.client = fake.NewClientBuilder().WithScheme(scheme).WithObjects(objects...).
		WithStatusSubresource(&v1alpha1.AsyncInvocation{}).WithInterceptorFuncs(c.interceptor()).Build()
	c.http = httptest.NewServer(http.HandlerFunc(c.take))
	t.Cleanup(c.http.Close)
	return c
}

// interceptor counts the calls that are made while events are worked off, and has one of them fail.
func (c *cluster) interceptor() interceptor.Funcs {
	return interceptor.Funcs{
		Get: func(ctx context.Context, w client.WithWatch, key client.ObjectKey, obj client.Object, opts ...client.GetOption) error {
			if err := c.call(); err != nil {
				return err
			}
			return w.Get(ctx, key, obj, opts...)
		},
		Create: func(ctx context.Context, w client.WithWatch, obj client.Object, opts ...client.CreateOption) error {
			if err := c.call(); err != nil {
				return err
			}
			c.mu.Lock()
			c.created++
			obj.SetUID(types.UID("made-" + strconv.Itoa(c.created)))
			c.mu.Unlock()
			return w.Create(ctx, obj, opts...)
		},
		Delete: func(ctx context.Context, w client.WithWatch, obj client.Object, opts ...client.DeleteOption) error {
			if err := c.call(); err != nil {
				return err
			}
			return w.Delete(ctx, obj, opts...)
		},
		SubResourcePatch: func(ctx context.Context, w client.Client, sub string, obj client.Object, p client.Patch, opts ...client.SubResourcePatchOption) error {
			if err := c.call(); err != nil {
				return err
			}
			return w.SubResource(sub).Patch(ctx, obj, p, opts...)
		},
	}
}

func (c *cluster) call() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.calls++; c.calls == c.failAt {
		return errDown
	}
	return nil
}

// take is the destination.
func (c *cluster) take(w http.ResponseWriter, r *http.Request) {
	body := make([]byte, r.ContentLength)
	_, _ = r.Body.Read(body)
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.answers) > 0 {
		status := c.answers[0]
		c.answers = c.answers[1:]
		w.WriteHeader(status)
		return
	}
	c.posts = append(c.posts, string(body))
	c.headers = append(c.headers, r.Header)
}

// Invoke makes cluster a lambda.Invoker.
func (c *cluster) Invoke(_ context.Context, in *lambda.Invocation) (*lambda.Result, error) {
	c.mu.Lock()
	c.ran = append(c.ran, in.Function.String()+" "+in.ID)
	play := c.play
	c.mu.Unlock()
	if play == nil {
		return &lambda.Result{ExecutedVersion: lambda.LatestVersion, Payload: in.Payload}, nil
	}
	return play(in)
}

func (c *cluster) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.clock
}

func (c *cluster) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.clock = c.clock.Add(d)
}

// reconciler is what a controller that has just started has.
func (c *cluster) reconciler() *Reconciler {
	r := &Reconciler{
		Client: c.client, Live: c.client, Invoker: func(string) lambda.Invoker { return c }, HTTP: outbound.Client(http.DefaultTransport),
		Identity: func() lambda.Identity { return lambda.Identity{Region: "us-east-1", Account: "000000000000"} }, Now: c.now,
	}
	r.lanes.onTurn(func(client.ObjectKey) {})
	return r
}

// events are all that there are, by name.
func (c *cluster) events() []v1alpha1.AsyncInvocation {
	c.t.Helper()
	var list v1alpha1.AsyncInvocationList
	if err := c.client.List(context.Background(), &list); err != nil {
		c.t.Fatal(err)
	}
	return list.Items
}

// round has every event looked at once. It gives the shortest wait that was asked for, and whether anything failed.
func (c *cluster) round(r *Reconciler) (wait time.Duration, failed bool) {
	c.t.Helper()
	for _, a := range c.events() {
		got, err := r.Reconcile(c.t.Context(), reconcile.Request{NamespacedName: client.ObjectKeyFromObject(&a)})
		if err != nil && !errors.Is(err, errDown) {
			c.t.Fatal(err)
		}
		failed = failed || err != nil
		if wait == 0 || got.RequeueAfter > 0 && got.RequeueAfter < wait {
			wait = got.RequeueAfter
		}
	}
	return wait, failed
}

// finish works off everything, as time goes by. After a failure the controller goes on, or another takes over.
func (c *cluster) finish(crash bool) {
	c.t.Helper()
	r := c.reconciler()
	for range 100 {
		if len(c.events()) == 0 {
			return
		}
		wait, failed := c.round(r)
		if failed && crash {
			r = c.reconciler()
		}
		if !failed {
			c.advance(wait)
		}
	}
	c.t.Fatalf("there is no end to %+v", c.events())
}

func newFunction(name string, change ...func(*v1alpha1.FunctionSpec)) *v1alpha1.Function {
	fn := &v1alpha1.Function{ObjectMeta: metav1.ObjectMeta{Namespace: "team", Name: v1alpha1.ObjectName(name)}}
	fn.Spec.FunctionName = name
	for _, f := range change {
		f(&fn.Spec)
	}
	return fn
}

func (c *cluster) newEvent(name, function string, body string) *v1alpha1.AsyncInvocation {
	ref, err := lambda.ParseReference(function)
	if err != nil {
		c.t.Fatal(err)
	}
	ev := delivery.Of(&lambda.Invocation{ID: "id-" + name, Function: ref, Payload: []byte(body)}, c.now())
	return &v1alpha1.AsyncInvocation{ObjectMeta: metav1.ObjectMeta{Namespace: "team", Name: name}, Spec: ev.Spec()}
}

func (c *cluster) accept(events ...*v1alpha1.AsyncInvocation) {
	c.t.Helper()
	for _, a := range events {
		if err := c.client.Create(c.t.Context(), a); err != nil {
			c.t.Fatal(err)
		}
	}
}

func fails(*lambda.Invocation) (*lambda.Result, error) {
	return &lambda.Result{FunctionError: lambda.Unhandled, ExecutedVersion: "$LATEST", Payload: []byte(`{"errorMessage":"broken"}`)}, nil
}

func to(where string) *v1alpha1.Destination { return &v1alpha1.Destination{Destination: where} }

func unique(all []string) []string {
	slices.Sort(all)
	return slices.Compact(all)
}
