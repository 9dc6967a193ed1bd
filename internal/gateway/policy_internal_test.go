package gateway

import (
	"context"
	"path/filepath"
	"testing"

	"k8s.io/apimachinery/pkg/runtime"

	"github.com/lambkin-dev/lambkin/api/v1alpha1"
	"github.com/lambkin-dev/lambkin/internal/engine"
	"github.com/lambkin-dev/lambkin/internal/engine/local/store"
	"github.com/lambkin-dev/lambkin/internal/lambda"
	"github.com/lambkin-dev/lambkin/internal/policy"
)

// objectsOnly is the part of an engine that keeps objects.
type objectsOnly struct {
	engine.Engine

	store *store.Store
}

func (o objectsOnly) Get(_ context.Context, name string, obj v1alpha1.Object) error {
	return o.store.Get(name, obj)
}

func (o objectsOnly) List(_ context.Context, list runtime.Object, labels map[string]string) error {
	return o.store.List(list, labels)
}

// unreadable gives a policy that its object's rules would not have let in, as Kubernetes' own API may.
type unreadable struct{ engine.Engine }

func (unreadable) Get(_ context.Context, name string, obj v1alpha1.Object) error {
	if p, ok := obj.(*v1alpha1.ResourcePolicy); ok {
		p.Name, p.Spec.Policy = name, `{"Statement":[]}`
	}
	return nil
}

// TestPolicyForAuthorization holds which policy an invocation is judged by.
func TestPolicyForAuthorization(t *testing.T) {
	s, err := store.Open(filepath.Join(t.TempDir(), "objects.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	fn := &v1alpha1.Function{Spec: v1alpha1.FunctionSpec{FunctionName: "fn", Code: v1alpha1.Code{Image: &v1alpha1.Image{URI: "example.com/x:1"}}}}
	objects := []v1alpha1.Object{fn, &v1alpha1.Alias{Spec: v1alpha1.AliasSpec{FunctionName: "fn", Name: "live", FunctionVersion: "$LATEST"}}}
	for _, qualifier := range []string{"", "live"} {
		objects = append(objects, &v1alpha1.ResourcePolicy{Spec: v1alpha1.ResourcePolicySpec{
			FunctionName: "fn", Qualifier: qualifier,
			Policy: `{"Id":"of ` + qualifier + `","Statement":{"Effect":"Allow","Principal":"*","Action":"lambda:InvokeFunction","Resource":"*"}}`,
		}})
	}
	for _, obj := range objects {
		if err := s.Create(obj); err != nil {
			t.Fatal(err)
		}
	}
	g := &gateway{engine: objectsOnly{store: s}}
	for qualifier, want := range map[string]string{"": "of ", "$LATEST": "of ", "live": "of live", "7": ""} {
		doc, err := g.resourcePolicy(t.Context(), lambda.Reference{Name: "fn", Qualifier: qualifier})
		if err != nil {
			t.Fatal(err)
		}
		if (doc == nil) != (want == "") || (doc != nil && doc.ID != want) {
			t.Errorf("%q is judged by %v, want %q", qualifier, doc, want)
		}
		r := policy.Request{Action: "lambda:InvokeFunction", Resource: "arn:aws:lambda:us-east-1:123456789012:function:fn"}
		if got := doc.Evaluate(r); (got == policy.Allow) != (want != "") {
			t.Errorf("%q: %v", qualifier, got)
		}
	}
	g.engine = unreadable{}
	if doc, err := g.resourcePolicy(t.Context(), lambda.Reference{Name: "fn"}); err == nil || lambda.CodeOf(err) != lambda.CodeService || doc != nil {
		t.Errorf("a policy that cannot be read: %v, %v; want an error, as it may deny", doc, err)
	}
}
