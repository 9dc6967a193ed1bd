package knative

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/lambkin-dev/lambkin/api/v1alpha1"
	"github.com/lambkin-dev/lambkin/internal/engine"
	"github.com/lambkin-dev/lambkin/internal/engine/enginetest"
	"github.com/lambkin-dev/lambkin/internal/engine/remote"
	"github.com/lambkin-dev/lambkin/internal/lambda"
)

// TestObjectsKeepThePort runs the suite's part about objects against an API server in memory.
func TestObjectsKeepThePort(t *testing.T) {
	enginetest.Run(t, func(t *testing.T) engine.Engine {
		e, _ := newEngine(t)
		return e
	}, enginetest.WithGroups("Objects"))
}

func TestChildrenHaveOwners(t *testing.T) {
	e, _ := newEngine(t)
	fn := deploy(t, e, "f")
	version, _, err := engine.PublishVersion(t.Context(), e, fn, "")
	must(t, err)
	alias := &v1alpha1.Alias{Spec: v1alpha1.AliasSpec{FunctionName: "f", Name: "live", FunctionVersion: "1"}}
	must(t, e.Create(t.Context(), alias))
	url := func(qualifier string) *v1alpha1.FunctionURLConfig {
		u := &v1alpha1.FunctionURLConfig{Spec: v1alpha1.FunctionURLConfigSpec{FunctionName: "f", Qualifier: qualifier, AuthType: v1alpha1.AuthTypeNone}}
		must(t, e.Create(t.Context(), u))
		return u
	}
	for reason, obj := range map[string]v1alpha1.Object{"a version": version, "an alias": alias, "a URL": url(""), "an alias's URL": url("live")} {
		owners := obj.GetOwnerReferences()
		if len(owners) != 1 || owners[0].UID != fn.UID || owners[0].Kind != "Function" || owners[0].Name != "f" || owners[0].BlockOwnerDeletion != nil {
			t.Errorf("the owners of %s are %+v, want its function, which the cluster deletes it with", reason, owners)
		}
	}
	must(t, e.Delete(t.Context(), &v1alpha1.Alias{ObjectMeta: metav1.ObjectMeta{Name: "f.live"}}))
	wantCode(t, "the URL of an alias that was deleted", e.Get(t.Context(), "f.live", new(v1alpha1.FunctionURLConfig)), lambda.CodeResourceNotFound)
	must(t, e.Get(t.Context(), "f", new(v1alpha1.FunctionURLConfig)))
}

// TestPoliciesBelongToWhatTheyAreFor holds that a policy has the owner that it is for, not the function.
func TestPoliciesBelongToWhatTheyAreFor(t *testing.T) {
	e, _ := newEngine(t)
	fn := deploy(t, e, "f")
	version, _, err := engine.PublishVersion(t.Context(), e, fn, "")
	must(t, err)
	alias := &v1alpha1.Alias{Spec: v1alpha1.AliasSpec{FunctionName: "f", Name: "live", FunctionVersion: "1"}}
	must(t, e.Create(t.Context(), alias))
	for qualifier, owner := range map[string]v1alpha1.Object{"": fn, "1": version, "live": alias} {
		p := &v1alpha1.ResourcePolicy{Spec: v1alpha1.ResourcePolicySpec{
			FunctionName: "f", Qualifier: qualifier, Policy: `{"Statement":{"Effect":"Allow","Principal":"*","Action":"*","Resource":"*"}}`,
		}}
		must(t, e.Create(t.Context(), p))
		owners := p.GetOwnerReferences()
		if len(owners) != 1 || owners[0].UID != owner.GetUID() || owners[0].Kind != kindOf(owner) || owners[0].Name != owner.GetName() {
			t.Errorf("the owners of the policy of %q are %+v", qualifier, owners)
		}
	}
}

// TestImagesKeepWhatWasAsked holds that an image that may listen for HTTP is kept without the Lambda API's defaults, which
// the controller could not tell from what was asked for.
func TestImagesKeepWhatWasAsked(t *testing.T) {
	cases := map[string]struct {
		reason  string
		code    v1alpha1.Code
		timeout int32 // that is kept
	}{
		"image":        {"What it speaks is found out later.", v1alpha1.Code{Image: &v1alpha1.Image{URI: "a/b:1"}}, 0},
		"HTTP image":   {"It knows nothing of Lambda.", v1alpha1.Code{Image: &v1alpha1.Image{URI: "a/b:1", Protocol: v1alpha1.ProtocolHTTP}}, 0},
		"Lambda image": {"It is said to be Lambda's.", v1alpha1.Code{Image: &v1alpha1.Image{URI: "a/b:1", Protocol: v1alpha1.ProtocolLambda}}, 3},
		"zip":          {"It is Lambda's.", v1alpha1.Code{URL: &v1alpha1.RemoteArchive{Location: "https://a.example/b.zip"}}, 3},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			e, _ := newEngine(t)
			fn := &v1alpha1.Function{Spec: v1alpha1.FunctionSpec{FunctionName: "Web", Code: tc.code, MemorySize: 256}}
			if tc.code.Image == nil {
				fn.Spec.Runtime, fn.Spec.Handler = "python3.13", "a.b"
			}
			must(t, e.Create(t.Context(), fn))
			got := new(v1alpha1.Function)
			must(t, e.Get(t.Context(), v1alpha1.ObjectName("Web"), got))
			if s := got.Spec; s.Timeout != tc.timeout || s.MemorySize != 256 || s.FunctionName != "Web" || s.PackageType == "" {
				t.Errorf("%s\nkept %+v", tc.reason, s)
			}
			must(t, e.Update(t.Context(), got))
			if got.Generation != fn.Generation || got.Spec.Timeout != tc.timeout {
				t.Errorf("%s\nwritten again unchanged it is generation %d with timeout %d", tc.reason, got.Generation, got.Spec.Timeout)
			}
			got.Spec.Timeout, got.ResourceVersion = 901, ""
			wantCode(t, "more than any function may have", e.Update(t.Context(), got), lambda.CodeInvalidParameterValue)
			v, _, err := engine.PublishVersion(t.Context(), e, fn, "")
			must(t, err)
			must(t, e.Get(t.Context(), v.Name, v))
			if v.Spec.Function.Timeout != tc.timeout {
				t.Errorf("%s\nits version has timeout %d", tc.reason, v.Spec.Function.Timeout)
			}
		})
	}
}

func TestUpdateLeavesWhatOthersSet(t *testing.T) {
	e, api := newEngine(t)
	fn := deploy(t, e, "f")
	held := fn.DeepCopy()
	held.Finalizers = []string{"lambkin.dev/hold"}
	held.OwnerReferences = []metav1.OwnerReference{{APIVersion: "v1", Kind: "ConfigMap", Name: "x", UID: "1"}}
	must(t, api.Update(t.Context(), held))

	manifest := function(t, e, "f")
	manifest.Spec.Description = "from a file"
	must(t, e.Update(t.Context(), manifest))
	if len(manifest.Finalizers) != 1 || len(manifest.OwnerReferences) != 1 || manifest.Spec.Description != "from a file" {
		t.Errorf("an update by a manifest gives %+v", manifest.ObjectMeta)
	}
	manifest.Finalizers, manifest.ResourceVersion = []string{}, ""
	must(t, e.Update(t.Context(), manifest))
	if len(manifest.Finalizers) != 0 {
		t.Error("finalizers that are taken away stay")
	}
}

func TestUpdateWithoutRevisionOutlastsOthers(t *testing.T) {
	e, api := newEngine(t)
	deploy(t, e, "f")
	meddle := 3 // times that somebody else is faster
	e.Client = interceptor.NewClient(api, interceptor.Funcs{
		Update: func(ctx context.Context, c client.WithWatch, obj client.Object, opts ...client.UpdateOption) error {
			if meddle > 0 {
				meddle--
				other := new(v1alpha1.Function)
				must(t, c.Get(ctx, client.ObjectKeyFromObject(obj), other))
				other.Labels = map[string]string{"times": fmt.Sprint(meddle)}
				must(t, c.Update(ctx, other))
			}
			return c.Update(ctx, obj, opts...)
		},
	})
	fn := function(t, e, "f")
	fn.Spec.Description = "mine"
	must(t, e.Update(t.Context(), fn))
	must(t, e.Get(t.Context(), "f", fn))
	if fn.Spec.Description != "mine" || meddle != 0 {
		t.Errorf("the update got lost: %+v", fn)
	}
	meddle = 1
	wantCode(t, "an update of a revision that is overtaken on the way", e.Update(t.Context(), fn), lambda.CodePreconditionFailed)
	meddle = 1 << 20
	fn.ResourceVersion = ""
	wantCode(t, "an update that never gets through", e.Update(t.Context(), fn), lambda.CodeResourceConflict)
}

func TestWhatIsBeingDeletedIsGone(t *testing.T) {
	e, api := newEngine(t)
	fn := deploy(t, e, "f")
	fn.Finalizers = []string{"lambkin.dev/hold"}
	must(t, e.Update(t.Context(), fn))
	must(t, e.Delete(t.Context(), &v1alpha1.Function{ObjectMeta: metav1.ObjectMeta{Name: "f"}}))

	wantCode(t, "Get", e.Get(t.Context(), "f", new(v1alpha1.Function)), lambda.CodeResourceNotFound)
	wantCode(t, "Update", e.Update(t.Context(), function(t, e, "f")), lambda.CodeResourceNotFound)
	wantCode(t, "Delete", e.Delete(t.Context(), &v1alpha1.Function{ObjectMeta: metav1.ObjectMeta{Name: "f"}}), lambda.CodeResourceNotFound)
	var all v1alpha1.FunctionList
	must(t, e.List(t.Context(), &all, nil))
	if len(all.Items) != 0 {
		t.Errorf("List gives %+v", all.Items)
	}
	_, err := (router{namespace: namespace, identity: identity()}).find(t.Context(), api, reference(t, "f"))
	wantCode(t, "a call", err, lambda.CodeResourceNotFound)
}

// TestCreateWaitsForTheOldOneToGo deletes a function that somebody still holds, makes it again, and lets go meanwhile.
func TestCreateWaitsForTheOldOneToGo(t *testing.T) {
	e, api := newEngine(t)
	old := deploy(t, e, "f")
	old.Finalizers = []string{"lambkin.dev/hold"}
	must(t, e.Update(t.Context(), old))
	must(t, e.Delete(t.Context(), &v1alpha1.Function{ObjectMeta: metav1.ObjectMeta{Name: "f"}}))
	asked := make(chan struct{})
	var once sync.Once
	e.Client = interceptor.NewClient(api, interceptor.Funcs{
		Create: func(ctx context.Context, c client.WithWatch, obj client.Object, opts ...client.CreateOption) error {
			defer once.Do(func() { close(asked) })
			return c.Create(ctx, obj, opts...)
		},
	})
	go func() {
		<-asked
		held := new(v1alpha1.Function)
		if err := api.Get(context.Background(), client.ObjectKey{Namespace: namespace, Name: "f"}, held); err != nil {
			t.Error(err)
		}
		held.Finalizers = nil
		if err := api.Update(context.Background(), held); err != nil && !apierrors.IsNotFound(err) {
			t.Error(err)
		}
	}()
	fresh := function(t, e, "f")
	must(t, e.Create(t.Context(), fresh))
	if fresh.UID == old.UID {
		t.Error("it is the old one")
	}
}

func TestDeleteTakesNoneOfTheNextLife(t *testing.T) {
	e, api := newEngine(t)
	fn := deploy(t, e, "f")
	_, _, err := engine.PublishVersion(t.Context(), e, fn, "")
	must(t, err)
	var swapped bool
	e.Client = interceptor.NewClient(api, interceptor.Funcs{
		Delete: func(ctx context.Context, c client.WithWatch, obj client.Object, opts ...client.DeleteOption) error {
			del := new(client.DeleteOptions).ApplyOptions(opts)
			now := likeNew(obj)
			if err := c.Get(ctx, client.ObjectKeyFromObject(obj), now); err != nil {
				return err
			}
			if now.GetUID() != *del.Preconditions.UID {
				return apierrors.NewConflict(schema.GroupResource{}, obj.GetName(), nil)
			}
			if _, ok := obj.(*v1alpha1.Version); ok && !swapped {
				swapped = true // somebody made function and version anew
				must(t, c.Delete(ctx, obj))
				must(t, api.Create(ctx, &v1alpha1.Version{ObjectMeta: metav1.ObjectMeta{Name: obj.GetName(), Namespace: namespace}}))
				return apierrors.NewConflict(schema.GroupResource{}, obj.GetName(), nil)
			}
			return c.Delete(ctx, obj, opts...)
		},
	})
	fn.ResourceVersion = ""
	must(t, e.Delete(t.Context(), fn))
	if err := e.Get(t.Context(), "f.1", new(v1alpha1.Version)); err != nil || !swapped {
		t.Errorf("the version of the next life is gone: %v", err)
	}
}

func TestDeleteOfARevision(t *testing.T) {
	e, _ := newEngine(t)
	fn := deploy(t, e, "f")
	stale := fn.DeepCopy()
	fn.Spec.Description = "new"
	must(t, e.Update(t.Context(), fn))
	wantCode(t, "an old revision", e.Delete(t.Context(), stale), lambda.CodePreconditionFailed)
	other := &v1alpha1.Function{ObjectMeta: metav1.ObjectMeta{Name: "f", UID: "another life"}}
	wantCode(t, "another life", e.Delete(t.Context(), other), lambda.CodePreconditionFailed)
	wantCode(t, "an update of another life", e.Update(t.Context(), func() *v1alpha1.Function {
		f := function(t, e, "f")
		f.UID = "another life"
		return f
	}()), lambda.CodePreconditionFailed)
}

func TestVersionsAreCountedBeforeTheyAreMade(t *testing.T) {
	e, api := newEngine(t)
	fn := deploy(t, e, "f")
	broken := true
	e.Client = interceptor.NewClient(api, interceptor.Funcs{
		Create: func(ctx context.Context, c client.WithWatch, obj client.Object, opts ...client.CreateOption) error {
			if broken {
				return apierrors.NewInternalError(fmt.Errorf("out of order"))
			}
			return c.Create(ctx, obj, opts...)
		},
	})
	_, _, err := engine.PublishVersion(t.Context(), e, fn, "")
	wantCode(t, "the API server fails", err, lambda.CodeService)
	broken = false
	must(t, e.Get(t.Context(), "f", fn))
	v, _, err := engine.PublishVersion(t.Context(), e, fn, "")
	must(t, err)
	if v.Spec.Version != 2 {
		t.Errorf("version %d was made after one that failed; its number may have been seen", v.Spec.Version)
	}
	again := engine.MakeVersion(fn, 1, "")
	wantCode(t, "a number from before", e.Create(t.Context(), again), lambda.CodeResourceConflict)
}

func TestPublishersShareNumbers(t *testing.T) {
	e, _ := newEngine(t)
	fn := deploy(t, e, "f")
	var group sync.WaitGroup
	var mu sync.Mutex
	seen := map[int64]bool{}
	for i := range 4 {
		group.Go(func() {
			mine := fn.DeepCopy()
			mine.Spec.Timeout = int32(10 + i) // versions that differ
			v, made, err := engine.PublishVersion(context.Background(), e, mine, "")
			if err != nil {
				t.Error(err)
				return
			}
			mu.Lock()
			defer mu.Unlock()
			if !made || seen[v.Spec.Version] {
				t.Errorf("version %d was given twice", v.Spec.Version)
			}
			seen[v.Spec.Version] = true
		})
	}
	group.Wait()
}

// TestListPages has an API server that gives two objects at a time, and whose pages expire once.
func TestListPages(t *testing.T) {
	e, api := newEngine(t)
	for _, name := range []string{"e", "c", "a", "d", "b"} {
		deploy(t, e, name)
	}
	var limits []int64
	expired := false
	e.Client = interceptor.NewClient(api, interceptor.Funcs{
		List: func(ctx context.Context, c client.WithWatch, list client.ObjectList, opts ...client.ListOption) error {
			asked := new(client.ListOptions).ApplyOptions(opts)
			limits = append(limits, asked.Limit)
			all := new(v1alpha1.FunctionList)
			if err := c.List(ctx, all, client.InNamespace(asked.Namespace)); err != nil {
				return err
			}
			from := 0
			if asked.Continue != "" {
				_, _ = fmt.Sscan(asked.Continue, &from)
			}
			if expired && from == 4 {
				return apierrors.NewResourceExpired("the continue token is too old")
			}
			to := len(all.Items)
			if asked.Limit > 0 {
				to = min(from+2, to)
			}
			page := list.(*v1alpha1.FunctionList)
			page.Items = all.Items[from:to]
			if to < len(all.Items) {
				page.Continue = fmt.Sprint(to)
			}
			return nil
		},
	})
	for _, expired = range []bool{false, true} {
		limits = nil
		var all v1alpha1.FunctionList
		must(t, e.List(t.Context(), &all, nil))
		var names []string
		for _, fn := range all.Items {
			names = append(names, fn.Name)
		}
		if got := strings.Join(names, ""); got != "abcde" || all.Continue != "" || all.Kind != "FunctionList" || all.Items[0].Kind != "Function" {
			t.Errorf("List gives %q as %s of %s, expired %v", got, all.Kind, all.Items[0].Kind, expired)
		}
		if want := map[bool]int{false: 3, true: 4}[expired]; len(limits) != want || limits[0] != pageSize || expired && limits[3] != 0 {
			t.Errorf("limits %v, expired %v", limits, expired)
		}
	}
	if err := e.List(t.Context(), new(v1alpha1.Function), nil); err == nil {
		t.Error("a list of something else succeeds")
	}
}

// TestListPageOutlivesItsToken has an API server that has forgotten the state that a page goes on from, and gives a new token.
func TestListPageOutlivesItsToken(t *testing.T) {
	e, api := newEngine(t)
	for _, name := range []string{"a", "b", "c"} {
		deploy(t, e, name)
	}
	var old string
	e.Client = interceptor.NewClient(api, interceptor.Funcs{
		List: func(ctx context.Context, c client.WithWatch, list client.ObjectList, opts ...client.ListOption) error {
			if asked := new(client.ListOptions).ApplyOptions(opts); old != "" && asked.Continue == "old" {
				gone := apierrors.NewResourceExpired("the continue token is too old")
				gone.ErrStatus.Continue = old
				return gone
			}
			return c.List(ctx, list, opts...)
		},
	})
	var page v1alpha1.FunctionList
	next, err := e.ListPage(t.Context(), &page, nil, engine.Page{Limit: 2})
	must(t, err)
	old = next
	next, err = e.ListPage(t.Context(), &page, nil, engine.Page{Limit: 2, After: "old"})
	must(t, err)
	if len(page.Items) != 1 || page.Items[0].Name != "c" || next != "" || page.Items[0].Kind != "Function" {
		t.Errorf("the last page: %+v, next %q", page.Items, next)
	}
	if _, err := e.ListPage(t.Context(), new(v1alpha1.Function), nil, engine.Page{Limit: 1}); err == nil {
		t.Error("a page of something else succeeds")
	}
}

func TestCodeMustBeThere(t *testing.T) {
	e, _ := newEngine(t)
	fn := deploy(t, e, "f")
	fn.Spec.Description = "another"
	e.Code = noCode{}
	must(t, e.Update(t.Context(), fn)) // what was believed once is not asked for again
	fn.Spec.Code.Zip, fn.ResourceVersion = &v1alpha1.Blob{SHA256: strings.Repeat("1", 64), Size: 1}, ""
	wantCode(t, "other code", e.Update(t.Context(), fn), lambda.CodeInvalidParameterValue)
	layer := &v1alpha1.LayerVersion{Spec: v1alpha1.LayerVersionSpec{LayerName: "l", Version: 1, Content: *fn.Spec.Code.Zip}}
	wantCode(t, "a layer", e.Create(t.Context(), layer), lambda.CodeInvalidParameterValue)
}

func TestAnotherNamespaceIsRefused(t *testing.T) {
	e, _ := newEngine(t)
	fn := function(t, e, "f")
	fn.Namespace = "other"
	err := e.Create(t.Context(), fn)
	wantCode(t, "an object of another namespace", err, lambda.CodeInvalidParameterValue)
	if faults := remote.FaultsOf(err); len(faults) != 1 || faults[0].Field != "metadata.namespace" {
		t.Errorf("faults %v", faults)
	}
	fn.Namespace = namespace
	must(t, e.Create(t.Context(), fn))
}

// TestNothingIsLeftOfWhatWasThere reads into an object that held something else.
func TestNothingIsLeftOfWhatWasThere(t *testing.T) {
	e, _ := newEngine(t)
	deploy(t, e, "f")
	got := &v1alpha1.Function{ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{"left": "over"}}, Spec: v1alpha1.FunctionSpec{Role: "left over"}}
	must(t, e.Get(t.Context(), "f", got))
	if got.Labels["left"] != "" || got.Spec.Role != "" || got.ManagedFields != nil || got.Kind != "Function" {
		t.Errorf("Get gives %+v", got)
	}
	wantCode(t, "Get of nothing", e.Get(t.Context(), "g", got), lambda.CodeResourceNotFound)
	if got.Name != "f" {
		t.Error("a Get that fails changes what it was to fill")
	}
}
