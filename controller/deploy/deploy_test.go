package deploy

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"knative.dev/pkg/apis"
	servingv1 "knative.dev/serving/pkg/apis/serving/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/lambkin-dev/lambkin/api/v1alpha1"
	"github.com/lambkin-dev/lambkin/controller/apply"
	"github.com/lambkin-dev/lambkin/controller/code"
	"github.com/lambkin-dev/lambkin/controller/resources"
	"github.com/lambkin-dev/lambkin/internal/platform"
)

// imageFunc gives images.
type imageFunc func(r code.Request) (code.Result, error)

func (f imageFunc) Image(_ context.Context, r code.Request) (code.Result, error) { return f(r) }

// world is a cluster with a deployer.
type world struct {
	t      *testing.T
	client client.Client
	*Deployer

	settings Settings
	asked    []code.Request
	applied  int
	refuse   error
	fn       *v1alpha1.Function
	now      time.Time
}

func newWorld(t *testing.T) *world {
	t.Helper()
	s := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{servingv1.AddToScheme, v1alpha1.AddToScheme, corev1.AddToScheme} {
		if err := add(s); err != nil {
			t.Fatal(err)
		}
	}
	p := platform.Default()
	w := &world{t: t, now: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), settings: Settings{Platform: &p, Features: resources.Features{EmptyDir: true}, Serving: true}}
	w.client = fake.NewClientBuilder().WithScheme(s).
		WithStatusSubresource(new(servingv1.Service), new(servingv1.Revision)).
		WithIndex(new(corev1.Pod), indexRevision, RevisionOf).
		WithInterceptorFuncs(interceptor.Funcs{
			Apply: func(ctx context.Context, c client.WithWatch, obj runtime.ApplyConfiguration, opts ...client.ApplyOption) error {
				w.applied++
				if w.refuse != nil {
					return w.refuse
				}
				return applyAsServersDo(ctx, c, obj, opts...)
			},
		}).Build()
	w.Deployer = &Deployer{
		Client: w.client, Applier: &apply.Applier{Client: w.client, Live: w.client},
		Images:   imageFunc(func(code.Request) (code.Result, error) { return image("one"), nil }),
		Settings: func() Settings { return w.settings },
		Now:      func() time.Time { return w.now },
	}
	w.fn = &v1alpha1.Function{
		ObjectMeta: metav1.ObjectMeta{Name: "orders", Namespace: "shop", UID: "u1", Generation: 1},
		Spec: v1alpha1.FunctionSpec{
			Runtime: "nodejs22.x", Handler: "index.handler",
			Code: v1alpha1.Code{Zip: &v1alpha1.Blob{SHA256: strings.Repeat("a", 64), Size: 1}},
		},
	}
	return w
}

// applyAsServersDo applies, and counts up the generation, which the fake does not.
func applyAsServersDo(ctx context.Context, c client.WithWatch, obj runtime.ApplyConfiguration, opts ...client.ApplyOption) error {
	if err := c.Apply(ctx, obj, opts...); err != nil {
		return err
	}
	made, ok := obj.(interface {
		client.Object
		runtime.ApplyConfiguration
	})
	if !ok {
		return errors.New("what is applied is no object")
	}
	s := new(servingv1.Service)
	if err := c.Get(ctx, client.ObjectKeyFromObject(made), s); err != nil {
		return err
	}
	s.Generation++
	made.SetGeneration(s.Generation)
	return c.Update(ctx, s)
}

func image(name string) code.Result {
	return code.Result{Image: "registry.example/" + name + "@sha256:" + strings.Repeat("1", 64), Protocol: v1alpha1.ProtocolLambda, CodeSHA256: name, CodeSize: 7}
}

// images makes the deployer get its images from there.
func (w *world) images(give imageFunc) {
	w.Images = imageFunc(func(r code.Request) (code.Result, error) {
		w.asked = append(w.asked, r)
		return give(r)
	})
}

// deploy deploys the function, and keeps its status for the next time.
func (w *world) deploy() Outcome {
	w.t.Helper()
	is := w.fn.DeepCopy()
	is.Default()
	out := w.Deploy(w.t.Context(), &Subject{
		Workload: resources.FunctionWorkload(is, w.fn), Status: &is.Status, FunctionName: is.Name, Generation: is.Generation,
	})
	w.fn.Status = is.Status
	return out
}

// knative has Knative write the status of the Service.
func (w *world) knative(change func(s *servingv1.Service)) {
	w.t.Helper()
	s := new(servingv1.Service)
	if err := w.client.Get(w.t.Context(), client.ObjectKey{Namespace: "shop", Name: "orders"}, s); err != nil {
		w.t.Fatal(err)
	}
	s.Status.ObservedGeneration = s.Generation
	change(s)
	if err := w.client.Status().Update(w.t.Context(), s); err != nil {
		w.t.Fatal(err)
	}
}

// template is what Knative makes a Revision of.
func (w *world) template() servingv1.RevisionSpec {
	w.t.Helper()
	s := new(servingv1.Service)
	if err := w.client.Get(w.t.Context(), client.ObjectKey{Namespace: "shop", Name: "orders"}, s); err != nil {
		w.t.Fatal(err)
	}
	return s.Spec.Template.Spec
}

// serves has Knative serve a Revision.
func serves(revision string) func(*servingv1.Service) {
	return func(s *servingv1.Service) {
		s.Status.LatestCreatedRevisionName, s.Status.LatestReadyRevisionName = revision, revision
		s.Status.URL = &apis.URL{Scheme: "http", Host: "orders.shop.example"}
		s.Status.SetConditions(apis.Conditions{
			ready(corev1.ConditionTrue), configuration(corev1.ConditionTrue, "", ""), routes(corev1.ConditionTrue, "", ""),
		})
	}
}

// want compares readiness.
func (w *world) want(step string, status metav1.ConditionStatus, reason v1alpha1.Reason, says string) {
	w.t.Helper()
	c := meta.FindStatusCondition(w.fn.Status.Conditions, v1alpha1.ConditionReady)
	if c == nil || c.Status != status || c.Reason != string(reason) || !strings.Contains(c.Message, says) {
		w.t.Errorf("%s: got %+v, want %s %s with %q", step, c, status, reason, says)
	}
}

func TestDeploy(t *testing.T) {
	w := newWorld(t)
	w.images(func(code.Request) (code.Result, error) { return image("one"), nil })
	w.deploy()
	w.want("applied", metav1.ConditionUnknown, v1alpha1.ReasonCreating, "Knative")
	w.knative(serves("orders-00001"))
	w.applied = 0
	if out := w.deploy(); out != (Outcome{}) {
		t.Errorf("there is something left to do: %+v", out)
	}
	w.want("served", metav1.ConditionTrue, v1alpha1.ReasonReady, "")
	got := w.fn.Status
	got.Conditions = nil
	want := v1alpha1.FunctionStatus{
		ObservedGeneration: 1, Image: image("one").Image, Protocol: v1alpha1.ProtocolLambda, CodeSHA256: "one", CodeSize: 7,
		Revision: "orders-00001", URL: "http://orders.shop.example",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("status - want, + got:\n%s", diff)
	}
	w.deploy()
	if len(w.asked) != 1 || w.applied != 0 {
		t.Errorf("where nothing has changed, code was looked at %d times and the Service written %d times", len(w.asked)-1, w.applied)
	}
}

// TestDeployAgain holds when code is looked at again, and when it is not.
func TestDeployAgain(t *testing.T) {
	w := newWorld(t)
	n := 0
	w.images(func(code.Request) (code.Result, error) { n++; return image(strings.Repeat("i", n)), nil })
	w.deploy()
	steps := []struct {
		name   string
		change func()
		again  bool
	}{
		{"Nothing", func() {}, false},
		{"Features", func() { w.settings.Features.NodeSelector = true }, false},
		{"Generation", func() { w.fn.Generation++ }, true},
		{"Rebuild", func() { w.fn.Annotations = map[string]string{code.AnnotationRebuild: "1"} }, true},
		{"Release", func() { p := *w.settings.Platform; p.Images.Runtime = "runtime@2"; w.settings.Platform = &p }, true},
		{"Bounds", func() { p := *w.settings.Platform; p.Scaling.MaxScale = 7; w.settings.Platform = &p }, false},
		{"Owner", func() { w.fn.UID = "u2" }, true},
	}
	for _, step := range steps {
		before := len(w.asked)
		step.change()
		w.deploy()
		if again := len(w.asked) > before; again != step.again {
			t.Errorf("%s: code is looked at again: %v, want %v", step.name, again, step.again)
		}
	}
}

// TestDeployFailures holds that what served goes on serving, and that the reason is told.
func TestDeployFailures(t *testing.T) {
	w := newWorld(t)
	w.deploy()
	w.knative(serves("orders-00001"))
	w.deploy()
	served := w.fn.Status

	w.fn.Generation = 2
	w.images(func(code.Request) (code.Result, error) {
		return code.Result{Build: &v1alpha1.BuildStatus{Name: "b2"}}, v1alpha1.Failf(v1alpha1.ReasonBuildFailed, "step build: no")
	})
	if out := w.deploy(); out.Again != nil {
		t.Errorf("a build that failed is tried again: %v", out.Again)
	}
	w.want("build", metav1.ConditionFalse, v1alpha1.ReasonBuildFailed, "step build: no")
	if w.fn.Status.LastBuild == nil || w.fn.Status.LastBuild.Name != "b2" {
		t.Errorf("the last build is %+v", w.fn.Status.LastBuild)
	}

	w.fn.Generation = 3
	w.images(func(code.Request) (code.Result, error) { return image("two"), nil })
	w.deploy()
	w.knative(func(s *servingv1.Service) {
		s.Status.LatestCreatedRevisionName = "orders-00002"
		s.Status.SetConditions(apis.Conditions{{Type: servingv1.ServiceConditionConfigurationsReady, Status: corev1.ConditionUnknown}})
	})
	rev := &servingv1.Revision{ObjectMeta: metav1.ObjectMeta{Name: "orders-00002", Namespace: "shop"}, Spec: w.template()}
	broken := podEnded("Error", "Runtime.ExitError: it exited", 1)
	broken.Namespace, broken.Labels = "shop", map[string]string{"serving.knative.dev/revision": "orders-00002"}
	other := podEnded("Error", "Runtime.ExitError: not this one", 1)
	other.Name, other.Namespace, other.Labels = "0", "shop", map[string]string{"serving.knative.dev/revision": "orders-00001"}
	for _, o := range []client.Object{rev, &broken, &other} {
		if err := w.client.Create(t.Context(), o); err != nil {
			t.Fatal(err)
		}
	}
	if out := w.deploy(); out.Again != nil {
		t.Errorf("what a pod tells is tried again: %v", out.Again)
	}
	w.want("init", metav1.ConditionFalse, v1alpha1.ReasonInitFailed, "Runtime.ExitError: it exited")

	w.fn.Generation = 4
	w.images(func(code.Request) (code.Result, error) { return image("three"), nil })
	w.deploy()
	w.knative(func(*servingv1.Service) {})
	w.deploy()
	w.want("the Revision before it", metav1.ConditionUnknown, v1alpha1.ReasonUpdating, "Knative is making a revision")
	w.fn.Generation = 3
	w.images(func(code.Request) (code.Result, error) { return image("two"), nil })
	w.deploy()
	w.knative(func(*servingv1.Service) {})
	w.deploy()
	if !meta.IsStatusConditionTrue(w.fn.Status.Conditions, v1alpha1.ConditionActive) {
		t.Error("it is not active any more")
	}
	if w.fn.Status.Image != served.Image || w.fn.Status.Revision != served.Revision || w.fn.Status.CodeSHA256 != served.CodeSHA256 {
		t.Errorf("what serves is told as %+v", w.fn.Status)
	}
}

func TestDeployErrors(t *testing.T) {
	cases := map[string]struct {
		why    string
		change func(w *world)
		reason v1alpha1.Reason // empty: nothing is told
		says   string
		again  bool
		waits  bool
	}{
		"NoKnative": {"Its coming is an event.", func(w *world) { w.settings.Serving = false }, v1alpha1.ReasonKnativeMissing, "install it", false, false},
		"Registry": {
			"A registry that is down comes up again.",
			func(w *world) {
				w.images(func(code.Request) (code.Result, error) {
					return code.Result{}, v1alpha1.Failf(v1alpha1.ReasonRegistryUnavailable, "no answer")
				})
			}, v1alpha1.ReasonRegistryUnavailable, "no answer", true, false,
		},
		"Unknown": {
			"What has no reason is an internal error and tried again.",
			func(w *world) {
				w.images(func(code.Request) (code.Result, error) { return code.Result{}, errors.New("boom") })
			}, v1alpha1.ReasonInternalError, "boom", true, false,
		},
		"Building": {
			"A build says what it does.",
			func(w *world) {
				w.images(func(code.Request) (code.Result, error) { return code.Result{Doing: "Step test is running."}, nil })
			}, v1alpha1.ReasonCreating, "Step test is running.", false, true,
		},
		"Sandbox": {
			"What cannot be had waits for another spec.",
			func(w *world) { w.fn.Spec.Pod = &v1alpha1.Pod{RuntimeClassName: "gvisor"} },
			v1alpha1.ReasonConfigurationUnsupported, "podspec-runtimeclassname", false, false,
		},
		"Refused": {
			"A policy may change without an event.",
			func(w *world) {
				w.refuse = apierrors.NewForbidden(servingv1.Resource("services"), "orders", errors.New("quota"))
			}, v1alpha1.ReasonRefused, "quota", true, false,
		},
		"Conflict": {
			"A conflict is nobody's concern.",
			func(w *world) {
				w.fn.UID = ""
				w.deploy()
				w.fn.Status = v1alpha1.FunctionStatus{}
				w.fn.Generation++
				w.refuse = apierrors.NewConflict(servingv1.Resource("services"), "orders", errors.New("uid mismatch"))
			}, "", "", true, false,
		},
		"Namespace": {
			"In a namespace that is going there is nothing to tell.",
			func(w *world) {
				err := apierrors.NewForbidden(servingv1.Resource("services"), "orders", errors.New("terminating"))
				err.ErrStatus.Details.Causes = []metav1.StatusCause{{Type: corev1.NamespaceTerminatingCause}}
				w.refuse = err
			}, "", "", false, false,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			tc.change(w)
			out := w.deploy()
			if (out.Again != nil) != tc.again || (out.After > 0) != tc.waits {
				t.Errorf("%s got %+v", tc.why, out)
			}
			if tc.reason == "" {
				if len(w.fn.Status.Conditions) != 0 {
					t.Errorf("%s got %+v", tc.why, w.fn.Status.Conditions)
				}
				return
			}
			status := metav1.ConditionFalse
			if tc.waits {
				status = metav1.ConditionUnknown
			}
			w.want(tc.why, status, tc.reason, tc.says)
		})
	}
}

// TestDeployWithoutAnswer holds that a function is not failed because nobody could be asked about it.
func TestDeployWithoutAnswer(t *testing.T) {
	w := newWorld(t)
	w.refuse = apierrors.NewInternalError(errors.New("failed calling webhook"))
	if out := w.deploy(); out.Again == nil {
		t.Error("it is not tried again")
	}
	w.want("who waits goes on waiting", metav1.ConditionUnknown, v1alpha1.ReasonCreating, "tried again")
	w.fn.Status.MarkReady(w.fn.Generation)
	w.deploy()
	w.want("what serves goes on serving", metav1.ConditionTrue, v1alpha1.ReasonReady, "")
	w.fn.Generation++
	w.deploy()
	w.want("an update waits too", metav1.ConditionUnknown, v1alpha1.ReasonUpdating, "tried again")
}

// TestDeployPinned holds that a version keeps the image it has got, whatever the operator changes.
func TestDeployPinned(t *testing.T) {
	w := newWorld(t)
	v := &v1alpha1.Version{
		ObjectMeta: metav1.ObjectMeta{Name: "orders.1", Namespace: "shop", UID: "v1", Generation: 1},
		Spec:       v1alpha1.VersionSpec{FunctionName: "orders", Version: 1, Function: w.fn.Spec},
	}
	deploy := func(published string) {
		t.Helper()
		is := v.DeepCopy()
		is.Default()
		w.Deploy(t.Context(), &Subject{
			Workload: resources.VersionWorkload(is, v, w.fn, 0), Status: &is.Status, FunctionName: "orders", Generation: is.Generation,
			Image: published, Pinned: true,
		})
		v.Status = is.Status
	}
	w.images(func(r code.Request) (code.Result, error) { return image("one"), nil })
	deploy("published@1")
	if len(w.asked) != 1 || w.asked[0].Image != "published@1" || w.asked[0].FunctionName != "orders" {
		t.Errorf("asked for %+v", w.asked)
	}
	v.Generation++
	p := *w.settings.Platform
	p.Images.Runtime = "runtime@2"
	w.settings.Platform = &p
	deploy("published@1")
	if len(w.asked) != 1 {
		t.Errorf("asked again for %+v", w.asked[1:])
	}
	if err := w.client.DeleteAllOf(t.Context(), new(servingv1.Service), client.InNamespace("shop")); err != nil {
		t.Fatal(err)
	}
	v.Status.Image = "served@1"
	deploy("")
	if len(w.asked) != 2 || w.asked[1].Image != "served@1" {
		t.Errorf("after its Service was deleted it was asked for %+v", w.asked[1:])
	}
}

func TestMemoryIsTheOwners(t *testing.T) {
	w := newWorld(t)
	w.deploy()
	svc := new(servingv1.Service)
	if err := w.client.Get(t.Context(), client.ObjectKey{Namespace: "shop", Name: "orders"}, svc); err != nil {
		t.Fatal(err)
	}
	var m memory
	if err := json.Unmarshal([]byte(svc.Annotations[annotationCode]), &m); err != nil || m.Image != image("one").Image {
		t.Fatalf("the Service remembers %+v, %v", m, err)
	}
	if _, ok := remembered(svc, w.fn, m.Inputs); !ok {
		t.Error("it has forgotten")
	}
	if _, ok := remembered(svc, &v1alpha1.Function{ObjectMeta: metav1.ObjectMeta{UID: "other"}}, m.Inputs); ok {
		t.Error("it tells another owner")
	}
	svc.Annotations[annotationCode] = "{"
	if _, ok := remembered(svc, w.fn, m.Inputs); ok {
		t.Error("it remembers nonsense")
	}
}

func TestDeviationsAreKept(t *testing.T) {
	w := newWorld(t)
	w.images(func(code.Request) (code.Result, error) {
		r := image("one")
		r.Deviations = []string{"Runtime nodejs22.x is version 20 here."}
		return r, nil
	})
	w.fn.Spec.Architectures = []v1alpha1.Architecture{v1alpha1.ArchitectureARM}
	w.deploy()
	w.knative(serves("orders-00001"))
	w.deploy()
	w.want("served", metav1.ConditionTrue, v1alpha1.ReasonReady, "Runtime nodejs22.x is version 20 here. Pods may be on nodes that are not arm64")
	if c := meta.FindStatusCondition(w.fn.Status.Conditions, v1alpha1.ConditionExact); c == nil || c.Status != metav1.ConditionFalse {
		t.Errorf("got %+v", c)
	}
}

// Nobody asks a kind of a cluster that has none; but if Knative goes while the controller runs, that is told too.
func TestDeployWithoutKind(t *testing.T) {
	w := newWorld(t)
	w.refuse = &meta.NoKindMatchError{GroupKind: schema.GroupKind{Group: "serving.knative.dev", Kind: "Service"}, SearchedVersions: []string{"v1"}}
	w.deploy()
	w.want("applied", metav1.ConditionFalse, v1alpha1.ReasonKnativeMissing, "install Knative Serving")
}

// TestDeployGivenUp holds that a Revision which Knative has given up is made once more after a while, and that until then
// the cause is told rather than that it took too long.
func TestDeployGivenUp(t *testing.T) {
	w := newWorld(t)
	w.deploy()
	w.knative(func(s *servingv1.Service) {
		s.Status.LatestCreatedRevisionName = "orders-00001"
		s.Status.SetConditions(apis.Conditions{configuration(corev1.ConditionFalse, "RevisionFailed", "x")})
	})
	rev := revision(servingv1.RevisionConditionResourcesAvailable, corev1.ConditionFalse, servingv1.ReasonProgressDeadlineExceeded, "Initial scale was never achieved")
	rev.Name, rev.Namespace, rev.Spec = "orders-00001", "shop", w.template()
	for i := range rev.Status.Conditions {
		rev.Status.Conditions[i].LastTransitionTime = apis.VolatileTime{Inner: metav1.NewTime(w.now)}
	}
	if err := w.client.Create(t.Context(), rev); err != nil {
		t.Fatal(err)
	}
	if err := w.client.Status().Update(t.Context(), rev); err != nil {
		t.Fatal(err)
	}
	broken := podWaiting("a", "CreateContainerConfigError", `secret "db" not found`)
	broken.Namespace, broken.Labels = "shop", map[string]string{"serving.knative.dev/revision": "orders-00001"}
	if err := w.client.Create(t.Context(), &broken); err != nil {
		t.Fatal(err)
	}
	w.deploy()
	w.want("with a pod", metav1.ConditionFalse, v1alpha1.ReasonSecretNotFound, "db")
	if err := w.client.Delete(t.Context(), &broken); err != nil {
		t.Fatal(err)
	}
	w.now = w.now.Add(retryPause - time.Minute)
	if out := w.deploy(); out.Again != nil || out.After != time.Minute {
		t.Errorf("given up for a while: got %+v, want to look again in a minute", out)
	}
	w.want("without a pod", metav1.ConditionFalse, v1alpha1.ReasonSecretNotFound, "db")
	w.now = w.now.Add(time.Minute)
	if out := w.deploy(); out != (Outcome{}) {
		t.Errorf("given up for long: got %+v", out)
	}
	w.want("tried again", metav1.ConditionUnknown, v1alpha1.ReasonCreating, "Revision orders-00001 is tried again.")
	if err := w.client.Get(t.Context(), client.ObjectKeyFromObject(rev), rev); !apierrors.IsNotFound(err) {
		t.Errorf("the Revision is still there: %v", err)
	}
}

func TestDeployGivenUpUnseen(t *testing.T) {
	rev := revision(servingv1.RevisionConditionResourcesAvailable, corev1.ConditionFalse, servingv1.ReasonProgressDeadlineExceeded, "x")
	s := &Subject{Status: new(v1alpha1.FunctionStatus), Generation: 2}
	s.Status.MarkFailed(1, v1alpha1.Failf(v1alpha1.ReasonSecretNotFound, "of before"))
	verdict{failure: v1alpha1.Failf(v1alpha1.ReasonRevisionFailed, "too long"), givenUp: rev}.tell(s)
	c := meta.FindStatusCondition(s.Status.Conditions, v1alpha1.ConditionReady)
	if c == nil || c.Reason != string(v1alpha1.ReasonRevisionFailed) {
		t.Errorf("where no pod told the cause: got %+v", c)
	}
}

// TestRoles holds that a function has the IAM role that its ServiceAccount stands for, and none without one.
func TestRoles(t *testing.T) {
	const eks, ours = "eks.amazonaws.com/role-arn", "lambkin.dev/role-arn"
	cases := map[string]struct {
		reason      string
		annotations map[string]string
		missing     bool
		want        string
	}{
		"EKS":     {"as on EKS", map[string]string{eks: "arn:aws:iam::123456789012:role/a"}, false, "arn:aws:iam::123456789012:role/a"},
		"Ours":    {"ours comes first", map[string]string{eks: "arn:aws:iam::123456789012:role/a", ours: "arn:aws:iam::123456789012:role/b"}, false, "arn:aws:iam::123456789012:role/b"},
		"None":    {"an account need not have one", nil, false, ""},
		"Missing": {"Knative tells of an account that is not there", nil, true, ""},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.fn.Spec.Pod = &v1alpha1.Pod{ServiceAccountName: "orders"}
			account := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Name: "orders", Namespace: "shop", Annotations: tc.annotations}}
			if !tc.missing {
				if err := w.client.Create(t.Context(), account); err != nil {
					t.Fatal(err)
				}
			}
			if out := w.deploy(); out.Again != nil {
				t.Fatal(out.Again)
			}
			got := ""
			for _, v := range w.template().Containers[0].Env {
				if v.Name == "AWS_ROLE_ARN" {
					got = v.Value
				}
			}
			if got != tc.want {
				t.Errorf("%s: role %q, want %q", tc.reason, got, tc.want)
			}
		})
	}
}
