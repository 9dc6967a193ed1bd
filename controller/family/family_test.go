package family

import (
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/go-logr/logr"
	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"
	"sigs.k8s.io/controller-runtime/pkg/handler"

	"github.com/lambkin-dev/lambkin/api/v1alpha1"
)

// indexes collects what Index makes, for a fake client.
type indexes struct{ *fake.ClientBuilder }

func (i indexes) IndexField(_ context.Context, obj client.Object, field string, extract client.IndexerFunc) error {
	i.WithIndex(obj, field, extract)
	return nil
}

func newClient(t *testing.T, patches *int, objects ...client.Object) client.Client {
	t.Helper()
	s := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{v1alpha1.AddToScheme, corev1.AddToScheme} {
		if err := add(s); err != nil {
			t.Fatal(err)
		}
	}
	b := fake.NewClientBuilder().WithScheme(s).WithObjects(objects...)
	if err := Index(t.Context(), indexes{b}); err != nil {
		t.Fatal(err)
	}
	return b.WithInterceptorFuncs(interceptor.Funcs{
		Patch: func(ctx context.Context, c client.WithWatch, obj client.Object, patch client.Patch, opts ...client.PatchOption) error {
			*patches++
			return c.Patch(ctx, obj, patch, opts...)
		},
	}).Build()
}

func function(name string, layers ...string) *v1alpha1.Function {
	fn := &v1alpha1.Function{ObjectMeta: metav1.ObjectMeta{Namespace: "shop"}, Spec: v1alpha1.FunctionSpec{FunctionName: name, Layers: layers}}
	fn.Default()
	fn.UID = types.UID("uid-" + name)
	return fn
}

func version(fn string, n int64, layers ...string) *v1alpha1.Version {
	v := &v1alpha1.Version{ObjectMeta: metav1.ObjectMeta{Namespace: "shop"}, Spec: v1alpha1.VersionSpec{FunctionName: fn, Version: n}}
	v.Spec.Function.Layers = layers
	v.Default()
	return v
}

func alias(fn, name, to string, also ...string) *v1alpha1.Alias {
	a := &v1alpha1.Alias{ObjectMeta: metav1.ObjectMeta{Namespace: "shop"}, Spec: v1alpha1.AliasSpec{FunctionName: fn, Name: name, FunctionVersion: to}}
	for _, v := range also {
		a.Spec.AdditionalVersionWeights = map[string]v1alpha1.Weight{v: "0.5"}
	}
	a.Default()
	return a
}

func url(fn, qualifier string) *v1alpha1.FunctionURLConfig {
	u := &v1alpha1.FunctionURLConfig{ObjectMeta: metav1.ObjectMeta{Namespace: "shop"}, Spec: v1alpha1.FunctionURLConfigSpec{FunctionName: fn, Qualifier: qualifier}}
	u.Default()
	return u
}

func policy(fn, qualifier string) *v1alpha1.ResourcePolicy {
	p := &v1alpha1.ResourcePolicy{ObjectMeta: metav1.ObjectMeta{Namespace: "shop"}, Spec: v1alpha1.ResourcePolicySpec{FunctionName: fn, Qualifier: qualifier}}
	p.Default()
	return p
}

func layerPolicy(name string, version int64) *v1alpha1.ResourcePolicy {
	p := &v1alpha1.ResourcePolicy{ObjectMeta: metav1.ObjectMeta{Namespace: "shop"}, Spec: v1alpha1.ResourcePolicySpec{LayerName: name, LayerVersion: version}}
	p.Default()
	return p
}

const tools = "arn:aws:lambda:us-east-1:000000000000:layer:tools:3"

func TestEvents(t *testing.T) {
	var patches int
	elsewhere := version("orders", 1)
	elsewhere.Namespace = "other"
	c := newClient(t, &patches,
		function("orders", tools), function("Orders"), version("orders", 1, tools), version("orders", 2), version("Orders", 1), elsewhere,
		alias("orders", "live", "1", "2"), alias("orders", "head", "$LATEST"), alias("Orders", "live", "1"),
		url("orders", ""), url("orders", "live"), url("Orders", ""),
		policy("orders", ""), policy("orders", "1"), policy("orders", "live"), policy("Orders", ""), layerPolicy("tools", 3),
	)
	m := Members{Client: c}
	layer := &v1alpha1.LayerVersion{ObjectMeta: metav1.ObjectMeta{Name: "tools.3", Namespace: "shop"}}
	labelled := func(labels map[string]string) *corev1.Pod {
		return &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "p", Namespace: "shop", Labels: labels}}
	}
	latest := labelled(map[string]string{"lambkin.dev/function": "orders", "lambkin.dev/version": "latest"})
	seventh := labelled(map[string]string{"lambkin.dev/function": "orders", "lambkin.dev/version": "7"})
	cases := map[string]struct {
		reason string
		to     handler.MapFunc
		from   client.Object
		want   []string
	}{
		"FunctionOfVersion": {"By its Lambda name.", ToFunction, version("Orders", 1), []string{"orders-b7e8acdd"}},
		"FunctionOfAlias":   {"By its Lambda name.", ToFunction, alias("orders", "live", "1"), []string{"orders"}},
		"FunctionOfURL":     {"By its Lambda name.", ToFunction, url("orders", "live"), []string{"orders"}},
		"FunctionOfOthers":  {"A layer is no member.", ToFunction, layer, nil},
		"Targets":           {"Both versions of an alias.", ToTargets, alias("orders", "live", "1", "2"), []string{"orders.1", "orders.2"}},
		"NoTargets":         {"$LATEST is no version.", ToTargets, alias("orders", "head", "$LATEST"), nil},
		"NoAlias":           {"Others point nowhere.", ToTargets, layer, nil},
		"LatestPod":         {"The label says that it runs $LATEST.", ToFunctionByLabel, latest, []string{"orders"}},
		"LatestPodToo":      {"It runs no version.", ToVersionByLabel, latest, nil},
		"VersionPod":        {"The label says which version it runs.", ToVersionByLabel, seventh, []string{"orders.7"}},
		"VersionPodToo":     {"It does not run $LATEST.", ToFunctionByLabel, seventh, nil},
		"OthersPod":         {"It runs nothing of ours.", ToVersionByLabel, labelled(nil), nil},
		"OthersPodToo":      {"It runs nothing of ours.", ToFunctionByLabel, labelled(nil), nil},
		"Versions":          {"Of this function, in its namespace.", m.Versions(), function("orders"), []string{"orders.1", "orders.2"}},
		"Aliases":           {"Of this function.", m.Aliases(), function("orders"), []string{"orders.head", "orders.live"}},
		"AliasesToLatest":   {"The function stands for $LATEST.", m.AliasesTo(), function("orders"), []string{"orders.head"}},
		"AliasesTo":         {"Also with the smaller weight.", m.AliasesTo(), version("orders", 2), []string{"orders.live"}},
		"URLs":              {"Of the function and of its aliases.", m.URLs(), function("orders"), []string{"orders", "orders.live"}},
		"URLsOf":            {"Of the alias.", m.URLsOf(), alias("orders", "live", "1"), []string{"orders.live"}},
		"Policy":            {"Of the function alone.", m.Policies(), function("orders"), []string{"orders"}},
		"PolicyOfVersion":   {"Of the version.", m.Policies(), version("orders", 1), []string{"orders.1"}},
		"PolicyOfAlias":     {"Of the alias.", m.Policies(), alias("orders", "live", "1"), []string{"orders.live"}},
		"PolicyOfLayer":     {"Of the layer version.", m.Policies(), layer, []string{"layer.tools.3"}},
		"PolicyOfOthers":    {"Pods have none.", m.Policies(), latest, nil},
		"FunctionsWith":     {"Who uses the layer.", m.FunctionsWith(), layer, []string{"orders"}},
		"VersionsWith":      {"Who uses the layer.", m.VersionsWith(), layer, []string{"orders.1"}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			var got []string
			for _, r := range tc.to(t.Context(), tc.from) {
				if r.Namespace != "shop" {
					t.Errorf("a request for namespace %q", r.Namespace)
				}
				got = append(got, r.Name)
			}
			slices.Sort(got)
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("%s - want, + got:\n%s", tc.reason, diff)
			}
		})
	}
}

func TestLayersOfNonsense(t *testing.T) {
	for _, arn := range []string{"", "tools:3", "arn:aws:lambda:r:a:layer:tools:99999999999999999999", "arn:aws:lambda:r:a:layer:tools:x"} {
		if got := layersOf(function("f", arn)); got != nil {
			t.Errorf("%q is taken for %v", arn, got)
		}
	}
}

func TestRequestsWithoutIndex(t *testing.T) {
	s := runtime.NewScheme()
	m := Members{Client: fake.NewClientBuilder().WithScheme(s).Build(), Log: logr.Discard()}
	if got := m.Every(t.Context(), new(v1alpha1.FunctionList)); got != nil {
		t.Errorf("got %v", got)
	}
}

func TestMembers(t *testing.T) {
	var patches int
	c := newClient(t, &patches, function("orders"), version("orders", 1), version("orders", 2), version("Orders", 1),
		alias("orders", "live", "1", "2"), alias("orders", "old", "1"))
	versions, err := Versions(t.Context(), c, function("orders"))
	if err != nil || len(versions) != 2 {
		t.Errorf("got %d versions, %v", len(versions), err)
	}
	aliases, err := AliasesOf(t.Context(), c, version("orders", 1))
	if err != nil || len(aliases) != 2 {
		t.Errorf("got %d aliases, %v", len(aliases), err)
	}
	if fn, err := Function(t.Context(), c, "shop", "orders"); err != nil || fn.Name != "orders" {
		t.Errorf("got %v, %v", fn, err)
	}
	_, err = Function(t.Context(), c, "other", "orders")
	if f := new(v1alpha1.Failure); !errors.As(err, &f) || f.Reason != v1alpha1.ReasonFunctionNotFound {
		t.Errorf("got %v, want FunctionNotFound", err)
	}
	going := function("going")
	going.DeletionTimestamp, going.Finalizers = new(metav1.Now()), []string{"test/wait"}
	_, err = Function(t.Context(), newClient(t, &patches, going), "shop", "going")
	if f := new(v1alpha1.Failure); !errors.As(err, &f) || f.Reason != v1alpha1.ReasonFunctionNotFound {
		t.Errorf("of a function that is about to go: got %v, want FunctionNotFound", err)
	}
}

func TestAdopt(t *testing.T) {
	ref := func(uid types.UID) metav1.OwnerReference {
		return metav1.OwnerReference{APIVersion: "lambkin.dev/v1alpha1", Kind: "Function", Name: "orders", UID: uid}
	}
	theirs := metav1.OwnerReference{APIVersion: "v1", Kind: "ConfigMap", Name: "gitops", UID: "g"}
	ours := map[string]string{v1alpha1.LabelFunction: "orders"}
	cases := map[string]struct {
		reason     string
		labels     map[string]string
		owners     []metav1.OwnerReference
		wantLabels map[string]string
		wantOwners []metav1.OwnerReference
		patches    int
	}{
		"ByHand":   {"Label and owner are added, the rest is kept.", map[string]string{"a": "b"}, []metav1.OwnerReference{theirs}, map[string]string{"a": "b", v1alpha1.LabelFunction: "orders"}, []metav1.OwnerReference{theirs, ref("uid-orders")}, 1},
		"Bare":     {"Also where there is nothing.", nil, nil, ours, []metav1.OwnerReference{ref("uid-orders")}, 1},
		"ByEngine": {"An engine sets the label alone.", ours, nil, ours, []metav1.OwnerReference{ref("uid-orders")}, 1},
		"Already":  {"Nothing is written twice.", ours, []metav1.OwnerReference{ref("uid-orders")}, ours, []metav1.OwnerReference{ref("uid-orders")}, 0},
		"Relabel":  {"A label that was changed is put right.", map[string]string{v1alpha1.LabelFunction: "x"}, []metav1.OwnerReference{ref("uid-orders")}, ours, []metav1.OwnerReference{ref("uid-orders")}, 1},
		"Dead":     {"What belongs to a function of before is about to go with it.", nil, []metav1.OwnerReference{ref("before")}, nil, []metav1.OwnerReference{ref("before")}, 0},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			v := version("orders", 1)
			v.Labels, v.OwnerReferences = tc.labels, tc.owners
			var patches int
			c := newClient(t, &patches, v)
			got := new(v1alpha1.Version)
			if err := c.Get(t.Context(), client.ObjectKeyFromObject(v), got); err != nil {
				t.Fatal(err)
			}
			if err := Adopt(t.Context(), c, got, function("orders")); err != nil {
				t.Fatal(err)
			}
			if patches != tc.patches {
				t.Errorf("%s: %d writes, want %d", tc.reason, patches, tc.patches)
			}
			kept := new(v1alpha1.Version)
			if err := c.Get(t.Context(), client.ObjectKeyFromObject(v), kept); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.wantLabels, kept.Labels); diff != "" {
				t.Errorf("%s labels - want, + got:\n%s", tc.reason, diff)
			}
			if diff := cmp.Diff(tc.wantOwners, kept.OwnerReferences); diff != "" {
				t.Errorf("%s owners - want, + got:\n%s", tc.reason, diff)
			}
			if got.ResourceVersion != kept.ResourceVersion {
				t.Errorf("the object is at %s and the API server has %s", got.ResourceVersion, kept.ResourceVersion)
			}
		})
	}
}

// TestAdoptStale holds that owners that came after the object was read are not lost.
func TestAdoptStale(t *testing.T) {
	v := version("orders", 1)
	var patches int
	c := newClient(t, &patches, v)
	stale := new(v1alpha1.Version)
	if err := c.Get(t.Context(), client.ObjectKeyFromObject(v), stale); err != nil {
		t.Fatal(err)
	}
	fresh := stale.DeepCopy()
	fresh.Annotations = map[string]string{"changed": "meanwhile"}
	if err := c.Update(t.Context(), fresh); err != nil {
		t.Fatal(err)
	}
	if err := Adopt(t.Context(), c, stale, function("orders")); err == nil {
		t.Error("a stale object was written")
	}
}
