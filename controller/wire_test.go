package main

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"github.com/prometheus/client_golang/prometheus"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	ctrl "sigs.k8s.io/controller-runtime"

	"github.com/lambkin-dev/lambkin/api/v1alpha1"
	"github.com/lambkin-dev/lambkin/controller/code"
	"github.com/lambkin-dev/lambkin/controller/deploy"
)

// patience is how long the test waits for what must come.
const patience = time.Minute

// imageFunc gives images.
type imageFunc func() (code.Result, error)

func (f imageFunc) Image(context.Context, code.Request) (code.Result, error) { return f() }

// TestRun runs the whole controller against an API server on which Knative is installed only later. It holds that the
// controller works without Knative, says what is missing, notices when it comes, and ends when it is told to.
func TestRun(t *testing.T) {
	api := newAPIServer(t)
	fn := &v1alpha1.Function{
		TypeMeta:   metav1.TypeMeta{APIVersion: "lambkin.dev/v1alpha1", Kind: "Function"},
		ObjectMeta: metav1.ObjectMeta{Name: "orders", Namespace: "shop", UID: "f1", Generation: 1, ResourceVersion: "1"},
		Spec: v1alpha1.FunctionSpec{
			Runtime: "nodejs22.x", Handler: "index.handler", Code: v1alpha1.Code{Zip: &v1alpha1.Blob{SHA256: strings.Repeat("a", 64), Size: 1}},
		},
	}
	api.items["functions"] = []any{fn}

	o, err := read([]string{"-leader-elect=false", "-metrics-addr=0", "-health-addr=0", "-concurrency=2"}, t.Output())
	if err != nil {
		t.Fatal(err)
	}
	ctrl.SetLogger(logr.Discard())
	managed, err := managerOptions(o)
	if err != nil {
		t.Fatal(err)
	}
	managed.Controller.SkipNameValidation = new(true) // the test may run more than once
	m, err := newManager(&rest.Config{Host: api.URL, QPS: 1000, Burst: 1000, ContentConfig: rest.ContentConfig{ContentType: "application/json"}}, managed)
	if err != nil {
		t.Fatal(err)
	}
	w := &wiring{manager: m, options: o, log: logr.Discard(), metrics: prometheus.NewRegistry()}
	w.images = func(*wiring) (deploy.Images, error) {
		return imageFunc(func() (code.Result, error) {
			return code.Result{Image: "registry.example/orders@sha256:1", Protocol: v1alpha1.ProtocolLambda}, nil
		}), nil
	}
	if err := w.all(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.kinds.Interval = 10 * time.Millisecond
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- m.Start(ctx) }()

	told := api.wait(t, "/functions/orders/status")
	if text := told.text(t); !strings.Contains(text, "KnativeMissing") {
		t.Errorf("without Knative the status is %s", text)
	}
	api.install("serving.knative.dev/v1", resource("Service", "services"), resource("Revision", "revisions"), resource("Route", "routes"))
	made := api.wait(t, "/services/orders")
	if text := made.text(t); !strings.Contains(text, `"image":"registry.example/orders@sha256:1"`) {
		t.Errorf("with Knative the Service is %s", text)
	}

	cancel()
	select {
	case err := <-done:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(patience):
		t.Fatal("it does not end")
	}
}

// wait gives the next write to a path, and drops others.
func (s *apiServer) wait(t *testing.T, path string) write {
	t.Helper()
	timeout := time.After(patience)
	for {
		select {
		case w := <-s.writes:
			if strings.HasSuffix(w.path, path) {
				return w
			}
		case <-timeout:
			t.Fatalf("nothing was written to %s", path)
		}
	}
}

func (w write) text(t *testing.T) string {
	t.Helper()
	text, err := json.Marshal(w.body)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestRead(t *testing.T) {
	cases := map[string]struct {
		reason string
		args   []string
		fault  string
	}{
		"None":        {"The defaults are those of the release.", nil, ""},
		"Unknown":     {"A slip of the pen is no flag.", []string{"-concurency=3"}, "concurency"},
		"Rest":        {"Nor is what does not begin with a hyphen.", []string{"run"}, `"run"`},
		"Concurrency": {"Nobody works with no workers.", []string{"-concurrency=0"}, "-concurrency"},
		"Events":      {"Nor here.", []string{"-event-concurrency=0"}, "-event-concurrency"},
		"QPS":         {"Nor without requests.", []string{"-kube-api-qps=0"}, "-kube-api-qps"},
		"Burst":       {"Nor here.", []string{"-kube-api-burst=0"}, "-kube-api-burst"},
		"Level":       {"There are four levels.", []string{"-log-level=loud"}, "log-level"},
	}
	for name, tc := range cases {
		_, err := read(tc.args, t.Output())
		if (err != nil) != (tc.fault != "") || err != nil && !strings.Contains(err.Error(), tc.fault) {
			t.Errorf("%s: %s got %v, want %q", name, tc.reason, err, tc.fault)
		}
	}
	var usage strings.Builder
	if err := run(t.Context(), []string{"-help"}, &usage); err == nil || !strings.Contains(usage.String(), "-leader-elect") {
		t.Errorf("asked for help: %v\n%s", err, usage.String())
	}
	if err := run(t.Context(), []string{"-kubeconfig", t.TempDir() + "/none"}, t.Output()); err == nil || !strings.Contains(err.Error(), "find the cluster") {
		t.Errorf("without a cluster: %v", err)
	}
}
