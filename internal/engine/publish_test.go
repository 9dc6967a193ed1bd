package engine_test

import (
	"context"
	"path/filepath"
	"strconv"
	"sync"
	"testing"

	"k8s.io/apimachinery/pkg/runtime"

	"github.com/lambkin-dev/lambkin/api/v1alpha1"
	"github.com/lambkin-dev/lambkin/internal/engine"
	"github.com/lambkin-dev/lambkin/internal/engine/local/store"
	"github.com/lambkin-dev/lambkin/internal/lambda"
)

// objects are those of the local engine's store.
type objects struct{ *store.Store }

func (o objects) Get(_ context.Context, name string, obj v1alpha1.Object) error {
	return o.Store.Get(name, obj)
}

func (o objects) List(_ context.Context, list runtime.Object, labels map[string]string) error {
	return o.Store.List(list, labels)
}

func (o objects) Create(_ context.Context, obj v1alpha1.Object) error { return o.Store.Create(obj) }
func (o objects) Update(_ context.Context, obj v1alpha1.Object) error { return o.Store.Update(obj) }

func (o objects) Delete(_ context.Context, obj v1alpha1.Object) error {
	_, err := o.Store.Delete(obj)
	return err
}

func newObjects(t *testing.T) objects {
	t.Helper()
	s, err := store.Open(filepath.Join(t.TempDir(), "objects.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return objects{s}
}

const digest = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

func newFunction(t *testing.T, o objects) *v1alpha1.Function {
	t.Helper()
	reserved := int32(3)
	fn := &v1alpha1.Function{Spec: v1alpha1.FunctionSpec{
		FunctionName: "Orders", Runtime: "nodejs22.x", Handler: "a.b", Description: "mine", Tags: map[string]string{"a": "b"},
		Code:        v1alpha1.Code{Zip: &v1alpha1.Blob{SHA256: digest, Size: 1}},
		Concurrency: &v1alpha1.Concurrency{Reserved: &reserved, EnvironmentsPerPod: 2}, Async: &v1alpha1.Async{},
	}}
	if err := o.Create(t.Context(), fn); err != nil {
		t.Fatal(err)
	}
	return fn
}

// TestVersionOfAnImage holds that a version asks for no more than its function does: of a container that answers HTTP the
// controller has to see it.
func TestVersionOfAnImage(t *testing.T) {
	fn := &v1alpha1.Function{Spec: v1alpha1.FunctionSpec{FunctionName: "web", Code: v1alpha1.Code{Image: &v1alpha1.Image{URI: "x"}}, MemorySize: 256}}
	v := engine.MakeVersion(fn, 1, "")
	if s := v.Spec.Function; s.MemorySize != 256 || s.Timeout != 0 || s.Concurrency != nil || v.Name != "web.1" {
		t.Errorf("version %+v", v)
	}
	o := newObjects(t) // which keeps defaults
	if err := o.Create(t.Context(), fn); err != nil {
		t.Fatal(err)
	}
	if _, made, err := engine.PublishVersion(t.Context(), o, fn, ""); err != nil || !made {
		t.Fatalf("made: %t, %v", made, err)
	}
	fn.Spec.Timeout, fn.Spec.Concurrency = 0, nil
	if v, made, err := engine.PublishVersion(t.Context(), o, fn, ""); err != nil || made {
		t.Errorf("a default that is left out makes version %d (%v), although nothing has changed", v.Spec.Version, err)
	}
}

func TestMakeVersion(t *testing.T) {
	o := newObjects(t)
	fn := newFunction(t, o)
	v := engine.MakeVersion(fn, 7, "")
	if v.Name != v1alpha1.VersionObjectName("Orders", 7) || v.Spec.Function.Description != "mine" || v.Spec.Function.Concurrency.EnvironmentsPerPod != 2 {
		t.Errorf("version %+v", v)
	}
	if s := v.Spec.Function; s.Tags != nil || s.Async != nil || s.Concurrency.Reserved != nil {
		t.Errorf("a version holds what belongs to the function as a whole: %+v", s)
	}
	if fn.Spec.Tags == nil || fn.Spec.Concurrency.Reserved == nil {
		t.Error("making a version changed the function")
	}
	if got := engine.MakeVersion(fn, 7, "words").Spec.Function.Description; got != "words" {
		t.Errorf("description %q, want the version's own", got)
	}
}

func TestPublishVersion(t *testing.T) {
	o := newObjects(t)
	fn := newFunction(t, o)
	publish := func(wantNumber int64, wantMade bool) *v1alpha1.Version {
		t.Helper()
		v, made, err := engine.PublishVersion(t.Context(), o, fn, "")
		if err != nil || v.Spec.Version != wantNumber || made != wantMade {
			t.Fatalf("PublishVersion = %+v, %v, %v; want %d, %v", v, made, err, wantNumber, wantMade)
		}
		return v
	}
	change := func() {
		t.Helper()
		if err := o.Get(t.Context(), fn.Name, fn); err != nil {
			t.Fatal(err)
		}
		fn.Spec.Timeout++
		if err := o.Update(t.Context(), fn); err != nil {
			t.Fatal(err)
		}
	}
	publish(1, true)
	publish(1, false)
	change()
	two := publish(2, true)
	if err := o.Delete(t.Context(), two); err != nil {
		t.Fatal(err)
	}
	publish(3, true) // although fn was read before version 2 was made, and 2 has gone
	versions, err := engine.Versions(t.Context(), o, "Orders")
	if err != nil || len(versions) != 2 || versions[0].Spec.Version != 1 || versions[1].Spec.Version != 3 {
		t.Errorf("Versions = %+v, %v", versions, err)
	}
}

func TestVersionsAreSortedByNumber(t *testing.T) {
	o := newObjects(t)
	fn := newFunction(t, o)
	for range 11 {
		if err := o.Get(t.Context(), fn.Name, fn); err != nil {
			t.Fatal(err)
		}
		fn.Spec.Timeout++
		if err := o.Update(t.Context(), fn); err != nil {
			t.Fatal(err)
		}
		if _, _, err := engine.PublishVersion(t.Context(), o, fn, ""); err != nil {
			t.Fatal(err)
		}
	}
	versions, err := engine.Versions(t.Context(), o, "Orders")
	if err != nil {
		t.Fatal(err)
	}
	for i, v := range versions {
		if v.Spec.Version != int64(i+1) {
			t.Errorf("at %d: version %d", i, v.Spec.Version)
		}
	}
}

func TestPublishersShareNumbers(t *testing.T) {
	o := newObjects(t)
	var group sync.WaitGroup
	var mu sync.Mutex
	seen := map[int64]bool{}
	for i := range 8 {
		group.Go(func() {
			l, err := engine.PublishLayerVersion(context.Background(), o, v1alpha1.LayerVersionSpec{
				LayerName: "lib", Description: strconv.Itoa(i), Content: v1alpha1.Blob{SHA256: digest, Size: 1},
			})
			if err != nil {
				t.Error(err)
				return
			}
			mu.Lock()
			defer mu.Unlock()
			if seen[l.Spec.Version] {
				t.Errorf("version %d was given twice", l.Spec.Version)
			}
			seen[l.Spec.Version] = true
		})
	}
	group.Wait()
	if len(seen) != 8 || !seen[1] || !seen[8] {
		t.Errorf("numbers %v, want 1 to 8", seen)
	}
}

func TestLayerVersions(t *testing.T) {
	o := newObjects(t)
	ctx := t.Context()
	publish := func() int64 {
		t.Helper()
		l, err := engine.PublishLayerVersion(ctx, o, v1alpha1.LayerVersionSpec{LayerName: "lib", Content: v1alpha1.Blob{SHA256: digest, Size: 1}})
		if err != nil {
			t.Fatal(err)
		}
		return l.Spec.Version
	}
	publish()
	publish()
	policy := &v1alpha1.ResourcePolicy{Spec: v1alpha1.ResourcePolicySpec{
		LayerName: "lib", LayerVersion: 2, Policy: `{"Statement":{"Effect":"Allow","Principal":"*","Action":"*","Resource":"*"}}`,
	}}
	if err := o.Create(ctx, policy); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := engine.DeleteLayerVersion(ctx, o, "lib", 2); err != nil {
			t.Fatal(err)
		}
	}
	if err := o.Get(ctx, policy.Name, policy); lambda.CodeOf(err) != lambda.CodeResourceNotFound {
		t.Errorf("the policy of a layer version that was deleted: %v", err)
	}
	if err := engine.DeleteLayerVersion(ctx, o, "lib", 9); err != nil {
		t.Errorf("deleting a version that never was: %v", err)
	}
	shown, err := engine.LayerVersions(ctx, o, "lib")
	if err != nil || len(shown) != 1 || shown[0].Spec.Version != 1 {
		t.Errorf("LayerVersions = %+v, %v; want version 1 alone", shown, err)
	}
	var kept v1alpha1.LayerVersion
	if err := o.Get(ctx, v1alpha1.LayerVersionObjectName("lib", 2), &kept); err != nil || !engine.Deleted(&kept) {
		t.Errorf("functions lost a layer that was deleted: %v", err)
	}
	if n := publish(); n != 3 {
		t.Errorf("the next version is %d, want 3", n)
	}
	newest := &v1alpha1.LayerVersion{}
	newest.Name = v1alpha1.LayerVersionObjectName("lib", 3)
	if err := o.Delete(ctx, newest); err != nil {
		t.Fatal(err)
	}
	if n := publish(); n != 4 {
		t.Errorf("the next version is %d, want 4", n)
	}
	if none, err := engine.LayerVersions(ctx, o, "other"); err != nil || len(none) != 0 {
		t.Errorf("LayerVersions of another layer = %+v, %v", none, err)
	}
}

func TestVersionsKeepTheirImage(t *testing.T) {
	o := newObjects(t)
	fn := newFunction(t, o)
	fn.Status.Image = "r.example/orders@sha256:1"
	if v := engine.MakeVersion(fn, 1, ""); v.Spec.Image != "" {
		t.Errorf("image %q of a function that is not ready: it may be that of older code", v.Spec.Image)
	}
	fn.Status.MarkReady(fn.Generation)
	first, made, err := engine.PublishVersion(t.Context(), o, fn, "")
	if err != nil || !made || first.Spec.Image != fn.Status.Image {
		t.Fatalf("published %+v, made %v, error %v; want image %q", first, made, err, fn.Status.Image)
	}
	if _, made, err = engine.PublishVersion(t.Context(), o, fn, ""); err != nil || made {
		t.Errorf("made %v, error %v; want no version of what is published already", made, err)
	}
	fn.Status.Image = "r.example/orders@sha256:2"
	if _, made, err = engine.PublishVersion(t.Context(), o, fn, ""); err != nil || !made {
		t.Errorf("made %v, error %v; want a version of what the same source has become", made, err)
	}
}
