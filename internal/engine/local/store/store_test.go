package store_test

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	utilerrors "k8s.io/apimachinery/pkg/util/errors"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/lambkin-dev/lambkin/api/v1alpha1"
	"github.com/lambkin-dev/lambkin/internal/engine/local/store"
	"github.com/lambkin-dev/lambkin/internal/lambda"
)

func open(t testing.TB, path string) *store.Store {
	t.Helper()
	s, err := store.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func fresh(t testing.TB) *store.Store {
	t.Helper()
	return open(t, filepath.Join(t.TempDir(), "objects.db"))
}

func function(name string) *v1alpha1.Function {
	return &v1alpha1.Function{Spec: v1alpha1.FunctionSpec{
		FunctionName: name, Runtime: "provided.al2023", Handler: "bootstrap",
		Code: v1alpha1.Code{Zip: &v1alpha1.Blob{SHA256: strings.Repeat("a", 64), Size: 1}},
	}}
}

func version(fn *v1alpha1.Function, n int64) *v1alpha1.Version {
	return &v1alpha1.Version{Spec: v1alpha1.VersionSpec{FunctionName: fn.LambdaName(), Version: n, Function: fn.Spec}}
}

func alias(fn, name, version string) *v1alpha1.Alias {
	return &v1alpha1.Alias{Spec: v1alpha1.AliasSpec{FunctionName: fn, Name: name, FunctionVersion: version}}
}

func layer(name string, n int64) *v1alpha1.LayerVersion {
	return &v1alpha1.LayerVersion{Spec: v1alpha1.LayerVersionSpec{
		LayerName: name, Version: n, Content: v1alpha1.Blob{SHA256: strings.Repeat("b", 64), Size: 1},
	}}
}

func urlConfig(fn, qualifier string) *v1alpha1.FunctionURLConfig {
	return &v1alpha1.FunctionURLConfig{Spec: v1alpha1.FunctionURLConfigSpec{FunctionName: fn, Qualifier: qualifier, AuthType: v1alpha1.AuthTypeNone}}
}

// policyOf is a policy that lets everybody do everything.
func policyOf(spec v1alpha1.ResourcePolicySpec) *v1alpha1.ResourcePolicy {
	spec.Policy = `{"Statement":{"Effect":"Allow","Principal":"*","Action":"*","Resource":"*"}}`
	return &v1alpha1.ResourcePolicy{Spec: spec}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func wantCode(t testing.TB, reason string, err error, want lambda.Code) {
	t.Helper()
	if got := lambda.CodeOf(err); got != want {
		t.Errorf("%s: got %q (%v), want %q", reason, got, err, want)
	}
}

func TestCreateFillsIn(t *testing.T) {
	s := fresh(t)
	fn := function("Orders")
	fn.UID, fn.Generation, fn.ResourceVersion = "mine", 77, "99"
	fn.Status.LatestVersion = 5
	must(t, s.Create(fn))
	if fn.Name != v1alpha1.ObjectName("Orders") || fn.UID == "mine" || fn.UID == "" || fn.Generation != 1 || fn.ResourceVersion == "99" ||
		fn.CreationTimestamp.IsZero() || fn.Status.LatestVersion != 0 || fn.Status.LastModified == nil || fn.Spec.MemorySize != 128 || fn.Kind != "Function" {
		t.Errorf("Create did not set what is the store's to set: %+v", fn)
	}
	got := new(v1alpha1.Function)
	must(t, s.Get(fn.Name, got))
	if diff := cmp.Diff(fn, got); diff != "" {
		t.Errorf("Get gives something else than Create gave\n-created +got:\n%s", diff)
	}
	wantCode(t, "a second of the same name", s.Create(function("Orders")), lambda.CodeResourceConflict)
	bad := function("x")
	bad.Spec.MemorySize = 1
	wantCode(t, "a function that does not validate", s.Create(bad), lambda.CodeInvalidParameterValue)
	if bad.Name != "" {
		t.Error("a refused object was changed")
	}
}

func TestGetReplacesAll(t *testing.T) {
	s := fresh(t)
	must(t, s.Create(function("a")))
	dirty := function("a")
	dirty.Labels = map[string]string{"left": "over"}
	dirty.Spec.Environment = &v1alpha1.Environment{Variables: map[string]string{"LEFT": "over"}}
	must(t, s.Get("a", dirty))
	if dirty.Labels != nil || dirty.Spec.Environment != nil {
		t.Errorf("Get left parts of what was in the object before: %+v", dirty)
	}
	wantCode(t, "Get of nothing", s.Get("b", dirty), lambda.CodeResourceNotFound)
	if dirty.Name != "a" {
		t.Error("a failed Get changed the object")
	}
}

func TestUpdate(t *testing.T) {
	s := fresh(t)
	fn := function("a")
	must(t, s.Create(fn))
	first := fn.DeepCopy()

	fn.Labels = map[string]string{"team": "x"}
	must(t, s.Update(fn))
	if fn.Generation != 1 || fn.ResourceVersion == first.ResourceVersion || fn.UID != first.UID {
		t.Errorf("a change of labels must change the revision only, got %+v", fn.ObjectMeta)
	}
	fn.Spec.Timeout = 30
	fn.Status.LatestVersion = 9
	must(t, s.Update(fn))
	if fn.Generation != 2 || fn.Status.LatestVersion != 0 {
		t.Errorf("a change of the spec must raise the generation and leave the status, got %+v", fn)
	}
	wantCode(t, "Update of an old revision", s.Update(first), lambda.CodePreconditionFailed)

	blind := function("a")
	must(t, s.Update(blind))
	if blind.Generation != 3 || blind.UID != first.UID || blind.CreationTimestamp != first.CreationTimestamp {
		t.Errorf("an Update without revision replaces whatever is there, got %+v", blind.ObjectMeta)
	}
	wantCode(t, "Update of nothing", s.Update(function("b")), lambda.CodeResourceNotFound)
	other := function("a")
	other.UID = "another life"
	wantCode(t, "Update of another life", s.Update(other), lambda.CodePreconditionFailed)
}

func TestVersionsAreImmutable(t *testing.T) {
	s := fresh(t)
	fn := function("a")
	must(t, s.Create(fn))
	v := version(fn, 1)
	must(t, s.Create(v))
	v.Spec.ProvisionedConcurrency = new(int32)
	must(t, s.Update(v))
	v.Spec.Function.Timeout = 99
	wantCode(t, "a change of the snapshot", s.Update(v), lambda.CodeInvalidParameterValue)
}

func TestUpdateStatus(t *testing.T) {
	s := fresh(t)
	fn := function("a")
	must(t, s.Create(fn))
	stale := fn.DeepCopy()
	fn.Spec.Timeout = 30
	must(t, s.Update(fn))

	must(t, s.UpdateStatus(stale, func() { stale.Status.MarkReady(2); stale.Spec.Timeout = 1 }))
	got := new(v1alpha1.Function)
	must(t, s.Get("a", got))
	if got.Spec.Timeout != 30 || got.Status.ObservedGeneration != 2 || got.Generation != 2 {
		t.Errorf("UpdateStatus must write the status of what is there now and nothing else, got %+v", got)
	}
	if diff := cmp.Diff(got, stale); diff != "" {
		t.Errorf("UpdateStatus must give the outcome\n-stored +given:\n%s", diff)
	}
	revision := got.ResourceVersion
	must(t, s.UpdateStatus(got, func() { got.Status.MarkReady(2) }))
	if got.ResourceVersion != revision {
		t.Error("a status that stays the same must not be a new revision")
	}
	got.UID = "another life"
	wantCode(t, "status of an earlier life", s.UpdateStatus(got, func() {}), lambda.CodeResourceNotFound)
}

func TestListByLabels(t *testing.T) {
	s := fresh(t)
	for _, name := range []string{"b", "a", "c"} {
		fn := function(name)
		must(t, s.Create(fn))
		must(t, s.Create(version(fn, 1)))
	}
	all := &v1alpha1.FunctionList{Items: []v1alpha1.Function{*function("left-over")}}
	must(t, s.List(all, nil))
	var names []string
	for _, fn := range all.Items {
		names = append(names, fn.Name)
	}
	if diff := cmp.Diff([]string{"a", "b", "c"}, names); diff != "" {
		t.Errorf("List must give all in the order of names\n%s", diff)
	}
	ofB := &v1alpha1.VersionList{}
	must(t, s.List(ofB, map[string]string{v1alpha1.LabelFunction: "b"}))
	if len(ofB.Items) != 1 || ofB.Items[0].Name != "b.1" {
		t.Errorf("List by label gives %+v, want b.1 alone", ofB.Items)
	}
	none := &v1alpha1.AliasList{}
	must(t, s.List(none, nil))
	if none.Items == nil || len(none.Items) != 0 {
		t.Errorf("an empty list has no items but is one: %#v", none.Items)
	}
	if err := s.List(&metav1.Status{}, nil); err == nil {
		t.Error("List of something that is no list must fail")
	}
}

func TestNumbersAreNeverUsedTwice(t *testing.T) {
	s := fresh(t)
	fn := function("a")
	must(t, s.Create(fn))
	must(t, s.Create(version(fn, 1)))
	v2 := version(fn, 2)
	must(t, s.Create(v2))
	_, err := s.Delete(v2)
	must(t, err)
	wantCode(t, "a number of a deleted version", s.Create(version(fn, 2)), lambda.CodeResourceConflict)
	must(t, s.Get("a", fn))
	if fn.Status.LatestVersion != 2 {
		t.Errorf("latestVersion = %d, want 2", fn.Status.LatestVersion)
	}
	must(t, s.Create(layer("l", 1)))
	_, err = s.Delete(layer("l", 1).DeepCopyObject().(v1alpha1.Object))
	wantCode(t, "delete without a name", err, lambda.CodeResourceNotFound)
	l := layer("l", 1)
	l.Name = v1alpha1.LayerVersionObjectName("l", 1)
	_, err = s.Delete(l)
	must(t, err)
	wantCode(t, "a number of a deleted layer version", s.Create(layer("l", 1)), lambda.CodeResourceConflict)
	must(t, s.Create(layer("l", 2)))
}

func TestVersionInheritsFetchedCode(t *testing.T) {
	s := fresh(t)
	fn := function("a")
	fn.Spec.Code = v1alpha1.Code{URL: &v1alpha1.RemoteArchive{Location: "https://example.com/a.zip"}}
	must(t, s.Create(fn))
	must(t, s.UpdateStatus(fn, func() { fn.Status.CodeSHA256 = "digest"; fn.Status.CodeSize = 7; fn.Status.MarkReady(1) }))
	v := version(fn, 1)
	must(t, s.Create(v))
	if v.Status.CodeSHA256 != "digest" || v.Status.CodeSize != 7 {
		t.Errorf("a version of what serves now must name the code that was fetched, got %+v", v.Status)
	}
	must(t, s.Get("a", fn))
	fn.Spec.Code.URL.Location = "https://example.com/b.zip"
	must(t, s.Update(fn))
	v2 := version(fn, 2)
	must(t, s.Create(v2))
	if v2.Status.CodeSHA256 != "" {
		t.Errorf("a version of what does not serve yet must not name the code before, got %+v", v2.Status)
	}
}

func TestDeleteTakesChildren(t *testing.T) {
	s := fresh(t)
	for _, name := range []string{"a", "b"} {
		fn := function(name)
		must(t, s.Create(fn))
		must(t, s.Create(version(fn, 1)))
		must(t, s.Create(alias(name, "live", "1")))
		must(t, s.Create(urlConfig(name, "")))
		must(t, s.Create(urlConfig(name, "live")))
		for _, qualifier := range []string{"", "1", "live"} {
			must(t, s.Create(policyOf(v1alpha1.ResourcePolicySpec{FunctionName: name, Qualifier: qualifier})))
		}
	}
	must(t, s.Create(layer("lib", 1)))
	must(t, s.Create(policyOf(v1alpha1.ResourcePolicySpec{LayerName: "lib", LayerVersion: 1})))
	wantCode(t, "a child without parent", s.Create(alias("x", "live", "1")), lambda.CodeResourceNotFound)
	wantCode(t, "a URL without parent", s.Create(urlConfig("x", "")), lambda.CodeResourceNotFound)
	for reason, spec := range map[string]v1alpha1.ResourcePolicySpec{
		"a policy of no function": {FunctionName: "x"}, "of no version": {FunctionName: "a", Qualifier: "2"},
		"of no alias": {FunctionName: "a", Qualifier: "dead"}, "of no layer": {LayerName: "lib", LayerVersion: 2},
	} {
		wantCode(t, reason, s.Create(policyOf(spec)), lambda.CodeResourceNotFound)
	}

	live := alias("b", "live", "1")
	live.Default()
	gone, err := s.Delete(live)
	must(t, err)
	if diff := cmp.Diff([]string{"b.live", "b.live", "b.live"}, names(gone)); diff != "" {
		t.Errorf("an alias takes its URL and policy along\n%s", diff)
	}
	first := version(function("b"), 1)
	first.Default()
	gone, err = s.Delete(first)
	must(t, err)
	if diff := cmp.Diff([]string{"b.1", "b.1"}, names(gone)); diff != "" {
		t.Errorf("a version takes its policy along\n%s", diff)
	}
	lib := layer("lib", 1)
	lib.Default()
	gone, err = s.Delete(lib)
	must(t, err)
	if diff := cmp.Diff([]string{"lib.1", "layer.lib.1"}, names(gone)); diff != "" {
		t.Errorf("a layer version takes its policy along\n%s", diff)
	}
	fn := function("a")
	fn.Default()
	fn.ResourceVersion = "1"
	_, err = s.Delete(fn)
	wantCode(t, "Delete of an old revision", err, lambda.CodePreconditionFailed)
	fn.ResourceVersion = ""
	gone, err = s.Delete(fn)
	must(t, err)
	if diff := cmp.Diff([]string{"a", "a.1", "a.live", "a", "a.live", "a", "a.1", "a.live"}, names(gone)); diff != "" {
		t.Errorf("a function takes everything along\n%s", diff)
	}
	_, err = s.Delete(fn)
	wantCode(t, "a second Delete", err, lambda.CodeResourceNotFound)
	left := &v1alpha1.FunctionURLConfigList{}
	must(t, s.List(left, nil))
	if len(left.Items) != 1 || left.Items[0].Name != "b" {
		t.Errorf("the other function must keep its own, got %+v", left.Items)
	}
}

func names(objs []v1alpha1.Object) []string {
	var out []string
	for _, o := range objs {
		out = append(out, o.GetName())
	}
	return out
}

func TestConcurrentUpdatesOneWins(t *testing.T) {
	s := fresh(t)
	fn := function("a")
	must(t, s.Create(fn))
	const writers = 8
	errs := make([]error, writers)
	var wg sync.WaitGroup
	for i := range writers {
		mine := fn.DeepCopy()
		mine.Spec.Description = fmt.Sprint(i)
		wg.Go(func() { errs[i] = s.Update(mine) })
	}
	wg.Wait()
	won := 0
	for _, err := range errs {
		if err == nil {
			won++
			continue
		}
		wantCode(t, "the losers of a race", err, lambda.CodePreconditionFailed)
	}
	if won != 1 {
		t.Errorf("%d of %d updates of one revision won, want 1", won, writers)
	}
}

func TestOneProcessOnly(t *testing.T) {
	path := filepath.Join(t.TempDir(), "objects.db")
	open(t, path)
	_, err := store.Open(path)
	if err == nil || !strings.Contains(err.Error(), "in use by another process") {
		t.Errorf("a second Open must say that the file is in use, got %v", err)
	}
}

func TestReopen(t *testing.T) {
	path := filepath.Join(t.TempDir(), "objects.db")
	s, err := store.Open(path)
	must(t, err)
	fn := function("a")
	must(t, s.Create(fn))
	must(t, s.Close())
	got := new(v1alpha1.Function)
	again := open(t, path)
	must(t, again.Get("a", got))
	if diff := cmp.Diff(fn, got); diff != "" {
		t.Errorf("reopened\n%s", diff)
	}
	must(t, again.Update(got))
	if got.ResourceVersion == fn.ResourceVersion {
		t.Error("revisions must go on after a reopen")
	}
}

type stranger struct{ v1alpha1.Function }

func TestUnknownKind(t *testing.T) {
	s := fresh(t)
	if err := s.Get("a", &stranger{}); err == nil || errors.As(err, new(*lambda.Error)) {
		t.Errorf("Get of a foreign type: %v, want a plain error", err)
	}
}

// TestAllFaults holds that every fault of an object is told, in the sentence and as a cause with its path.
func TestAllFaults(t *testing.T) {
	s := fresh(t)
	good := function("f")
	if err := s.Create(good); err != nil {
		t.Fatal(err)
	}
	bad := good.DeepCopy()
	bad.Spec.Timeout, bad.Spec.MemorySize, bad.Spec.Handler = 901, 1, ""
	bad.Name, bad.Spec.FunctionName = "f", "f"
	for name, write := range map[string]func(v1alpha1.Object) error{"Create": s.Create, "Update": s.Update} {
		err := write(bad.DeepCopy())
		var all utilerrors.Aggregate
		if !errors.As(err, &all) || lambda.CodeOf(err) != lambda.CodeInvalidParameterValue {
			t.Fatalf("%s: %v, want InvalidParameterValueException with the faults as its cause", name, err)
		}
		var paths []string
		for _, fault := range all.Errors() {
			var f *field.Error
			if errors.As(fault, &f) {
				paths = append(paths, f.Field)
			}
			if !strings.Contains(lambda.AsError(err).Message, fault.Error()) {
				t.Errorf("%s: %q is not in the sentence %q", name, fault, lambda.AsError(err).Message)
			}
		}
		if diff := cmp.Diff([]string{"spec.handler", "spec.memorySize", "spec.timeout"}, paths); diff != "" {
			t.Errorf("%s: the faults' paths\n%s", name, diff)
		}
		if n := strings.Count(err.Error(), "spec.timeout"); n != 1 {
			t.Errorf("%s: the error names a fault %d times: %v", name, n, err)
		}
	}
}
