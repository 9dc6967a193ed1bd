package url

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/tools/events"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/lambkin-dev/lambkin/api/v1alpha1"
	"github.com/lambkin-dev/lambkin/controller/report"
)

func newReconciler(t *testing.T, objects ...client.Object) *Reconciler {
	t.Helper()
	s := runtime.NewScheme()
	if err := v1alpha1.AddToScheme(s); err != nil {
		t.Fatal(err)
	}
	c := fake.NewClientBuilder().WithScheme(s).WithObjects(objects...).WithStatusSubresource(new(v1alpha1.FunctionURLConfig)).Build()
	return &Reconciler{Client: c, Reporter: &report.Reporter{Client: c, Events: events.NewFakeRecorder(10)}}
}

func function(change ...func(*v1alpha1.Function)) *v1alpha1.Function {
	fn := &v1alpha1.Function{ObjectMeta: metav1.ObjectMeta{Name: "orders", Namespace: "shop", UID: "f1"}, Spec: v1alpha1.FunctionSpec{HTTP: &v1alpha1.HTTP{}}}
	fn.Status.URL = "http://orders.shop.example"
	for _, c := range change {
		c(fn)
	}
	return fn
}

func alias(url string, to string, also ...string) *v1alpha1.Alias {
	a := &v1alpha1.Alias{ObjectMeta: metav1.ObjectMeta{Namespace: "shop"}, Spec: v1alpha1.AliasSpec{FunctionName: "orders", Name: "live", FunctionVersion: to}}
	for _, v := range also {
		a.Spec.AdditionalVersionWeights = map[string]v1alpha1.Weight{v: "0.5"}
	}
	a.Default()
	a.Status.URL = url
	return a
}

func version(n int64, mode v1alpha1.InvokeMode) *v1alpha1.Version {
	v := &v1alpha1.Version{ObjectMeta: metav1.ObjectMeta{Namespace: "shop"}, Spec: v1alpha1.VersionSpec{FunctionName: "orders", Version: n}}
	v.Spec.Function.HTTP = &v1alpha1.HTTP{InvokeMode: mode}
	v.Default()
	return v
}

func url(qualifier string, change ...func(*v1alpha1.FunctionURLConfigSpec)) *v1alpha1.FunctionURLConfig {
	u := &v1alpha1.FunctionURLConfig{
		ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: v1alpha1.FunctionURLObjectName("orders", qualifier), Generation: 1},
		Spec:       v1alpha1.FunctionURLConfigSpec{FunctionName: "orders", Qualifier: qualifier, AuthType: v1alpha1.AuthTypeNone},
	}
	for _, c := range change {
		c(&u.Spec)
	}
	return u
}

func TestReconcile(t *testing.T) {
	streams := func(s *v1alpha1.FunctionURLConfigSpec) { s.InvokeMode = v1alpha1.InvokeModeStream }
	iam := func(s *v1alpha1.FunctionURLConfigSpec) { s.AuthType = v1alpha1.AuthTypeIAM }
	cors := func(s *v1alpha1.FunctionURLConfigSpec) { s.CORS = &v1alpha1.CORS{} }
	local := func(f *v1alpha1.Function) { f.Spec.HTTP.Visibility = v1alpha1.VisibilityClusterLocal }
	plain := func(f *v1alpha1.Function) { f.Status.Protocol = v1alpha1.ProtocolHTTP }
	cases := map[string]struct {
		why     string
		url     *v1alpha1.FunctionURLConfig
		objects []client.Object
		status  metav1.ConditionStatus
		reason  v1alpha1.Reason
		says    string
		address string
	}{
		"Function": {"It is the function's own address.", url(""), []client.Object{function()}, metav1.ConditionTrue, v1alpha1.ReasonReady, "", "http://orders.shop.example"},
		"Alias": {
			"It is the alias's own address.", url("live"), []client.Object{function(), alias("http://live", "1", "2"), version(1, ""), version(2, "")},
			metav1.ConditionTrue, v1alpha1.ReasonReady, "", "http://live",
		},
		"AliasOfLatest": {
			"An alias may point to $LATEST.", url("live"), []client.Object{function(), alias("http://live", "$LATEST")},
			metav1.ConditionTrue, v1alpha1.ReasonReady, "", "http://live",
		},
		"Streams": {
			"The function streams as the URL wants it.", url("", streams),
			[]client.Object{function(func(f *v1alpha1.Function) { f.Spec.HTTP.InvokeMode = v1alpha1.InvokeModeStream })},
			metav1.ConditionTrue, v1alpha1.ReasonReady, "", "http://orders.shop.example",
		},
		"Plain": {
			"A container that answers HTTP itself streams as it likes.", url("", streams),
			[]client.Object{function(plain)},
			metav1.ConditionTrue, v1alpha1.ReasonReady, "", "http://orders.shop.example",
		},
		"Local": {
			"Who reaches the gateway reaches it.", url(""), []client.Object{function(local)},
			metav1.ConditionTrue, v1alpha1.ReasonReady, "visibility of the function is ClusterLocal", "",
		},
		"PlainLocal": {
			"From where it can be reached is told.", url(""), []client.Object{function(local, plain)},
			metav1.ConditionTrue, v1alpha1.ReasonReady, "inside the cluster alone", "http://orders.shop.example",
		},
		"NotYet": {
			"The function has no address yet.", url(""), []client.Object{function(func(f *v1alpha1.Function) { f.Status.URL = "" })},
			metav1.ConditionUnknown, v1alpha1.ReasonCreating, "not ready yet", "",
		},
		"AliasNotYet": {
			"Its version is not there either, which is the alias's concern.", url("live"), []client.Object{function(), alias("", "9")},
			metav1.ConditionUnknown, v1alpha1.ReasonCreating, "not ready yet", "",
		},
		"NoFunction": {"There is no function.", url(""), nil, metav1.ConditionFalse, v1alpha1.ReasonFunctionNotFound, "orders", ""},
		"NoAlias":    {"There is no alias.", url("live"), []client.Object{function()}, metav1.ConditionFalse, v1alpha1.ReasonAliasNotFound, "live", ""},
		"IAM": {
			"The gateway verifies signatures.", url("", iam), []client.Object{function()},
			metav1.ConditionTrue, v1alpha1.ReasonReady, "at /namespaces/shop/_url/" + url("").URLID() + "/ of its own address", "",
		},
		"CORS": {
			"The gateway answers browsers.", url("", cors), []client.Object{function()},
			metav1.ConditionTrue, v1alpha1.ReasonReady, "know no cors", "",
		},
		"Mode": {
			"The gateway has a door for each URL.", url("", streams), []client.Object{function()},
			metav1.ConditionTrue, v1alpha1.ReasonReady, "which is BUFFERED", "",
		},
		"ModeOfVersion": {
			"What counts is the version's.", url("live"), []client.Object{function(), alias("http://live", "1", "2"), version(1, ""), version(2, v1alpha1.InvokeModeStream)},
			metav1.ConditionTrue, v1alpha1.ReasonReady, "which is RESPONSE_STREAM", "",
		},
		"Format": {
			"URLs on Lambda know one format.", url(""), []client.Object{function(func(f *v1alpha1.Function) { f.Spec.HTTP.EventFormat = v1alpha1.EventFormatV1 })},
			metav1.ConditionTrue, v1alpha1.ReasonReady, "eventFormat 1.0", "",
		},
		"PlainIAM": {
			"The gateway does not call it.", url("", iam), []client.Object{function(plain)},
			metav1.ConditionFalse, v1alpha1.ReasonConfigurationUnsupported, "use NONE without cors", "",
		},
		"PlainCORS": {
			"The gateway does not call it.", url("", cors), []client.Object{function(plain)},
			metav1.ConditionFalse, v1alpha1.ReasonConfigurationUnsupported, "use NONE without cors", "",
		},
		"Invalid": {
			"It is not what it says.", url("", func(s *v1alpha1.FunctionURLConfigSpec) { s.AuthType = "x" }), []client.Object{function()},
			metav1.ConditionFalse, v1alpha1.ReasonSpecInvalid, "authType", "",
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			tc.url.Status.URL = "" // never one of before
			r := newReconciler(t, append(tc.objects, tc.url)...)
			q := reconcile.Request{NamespacedName: client.ObjectKeyFromObject(tc.url)}
			if got, err := r.Reconcile(t.Context(), q); err != nil || got != (reconcile.Result{}) {
				t.Fatalf("%s got %v, %v", tc.why, got, err)
			}
			u := new(v1alpha1.FunctionURLConfig)
			if err := r.Client.Get(t.Context(), q.NamespacedName, u); err != nil {
				t.Fatal(err)
			}
			c := meta.FindStatusCondition(u.Status.Conditions, v1alpha1.ConditionReady)
			if c == nil || c.Status != tc.status || c.Reason != string(tc.reason) || !strings.Contains(c.Message, tc.says) {
				t.Errorf("%s got %+v, want %s %s with %q", tc.why, c, tc.status, tc.reason, tc.says)
			}
			if u.Status.URL != tc.address {
				t.Errorf("%s got address %q, want %q", tc.why, u.Status.URL, tc.address)
			}
			if len(tc.objects) > 0 && (len(u.OwnerReferences) != 1 || u.Labels[v1alpha1.LabelFunction] != "orders") {
				t.Errorf("it has become no member of its function: %+v", u.ObjectMeta)
			}
		})
	}
}

// TestAddressGoes holds that a URL which can no longer be what it should has no address any more.
func TestAddressGoes(t *testing.T) {
	u := url("", func(s *v1alpha1.FunctionURLConfigSpec) { s.AuthType = v1alpha1.AuthTypeIAM })
	u.Status.MarkReady(1, "http://before")
	r := newReconciler(t, function(), u)
	q := reconcile.Request{NamespacedName: client.ObjectKeyFromObject(u)}
	if _, err := r.Reconcile(t.Context(), q); err != nil {
		t.Fatal(err)
	}
	if err := r.Client.Get(t.Context(), q.NamespacedName, u); err != nil || u.Status.URL != "" {
		t.Errorf("got %q, %v", u.Status.URL, err)
	}
}

func TestReconcileNothing(t *testing.T) {
	going := url("")
	going.DeletionTimestamp, going.Finalizers = new(metav1.Now()), []string{"test/wait"}
	for _, objects := range [][]client.Object{nil, {function(), going}} {
		r := newReconciler(t, objects...)
		if got, err := r.Reconcile(t.Context(), reconcile.Request{NamespacedName: client.ObjectKeyFromObject(going)}); err != nil || got != (reconcile.Result{}) {
			t.Errorf("got %v, %v", got, err)
		}
	}
}

func TestReconcileUnreadable(t *testing.T) {
	boom := errors.New("boom")
	for _, kind := range []string{"*v1alpha1.FunctionURLConfig", "*v1alpha1.Function", "*v1alpha1.Alias", "*v1alpha1.Version"} {
		r := newReconciler(t, function(), alias("http://live", "1"), version(1, ""), url("live"))
		watching, _ := r.Client.(client.WithWatch)
		r.Client = interceptor.NewClient(watching, interceptor.Funcs{
			Get: func(ctx context.Context, c client.WithWatch, key client.ObjectKey, obj client.Object, opts ...client.GetOption) error {
				if fmt.Sprintf("%T", obj) == kind {
					return boom
				}
				return c.Get(ctx, key, obj, opts...)
			},
		})
		if _, err := r.Reconcile(t.Context(), reconcile.Request{NamespacedName: client.ObjectKeyFromObject(url("live"))}); !errors.Is(err, boom) {
			t.Errorf("%s cannot be read: got %v", kind, err)
		}
	}
}
