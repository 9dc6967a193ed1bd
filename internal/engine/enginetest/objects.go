package enginetest

import (
	"runtime"
	"slices"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/api/equality"

	"github.com/lambkin-dev/lambkin/api/v1alpha1"
	"github.com/lambkin-dev/lambkin/internal/engine"
	"github.com/lambkin-dev/lambkin/internal/lambda"
)

// native is this machine's instruction set, which the suite's handler is built for.
func native() v1alpha1.Architecture {
	if runtime.GOARCH == "arm64" {
		return v1alpha1.ArchitectureARM
	}
	return v1alpha1.ArchitectureX86
}

func objectCases() []testCase {
	return []testCase{
		{"CreateAndGet", createAndGet},
		{"UpdateAndConflict", updateAndConflict},
		{"NotFound", notFound},
		{"Refused", refused},
		{"ListByLabel", listByLabel},
		{"ListInPages", listInPages},
		{"DeleteTakesChildren", deleteTakesChildren},
		{"PoliciesGo", policiesGo},
		{"NumbersOnce", numbersOnce},
	}
}

func createAndGet(t *testing.T, f *fixture) {
	fn := f.function(t, "Orders", shellHandler(t, "echo 1"))
	must(t, f.Create(t.Context(), fn))
	if fn.UID == "" || fn.ResourceVersion == "" || fn.Generation != 1 || fn.CreationTimestamp.IsZero() || fn.Spec.EphemeralStorage == nil {
		t.Errorf("Create leaves the object without what the engine sets: %+v", fn)
	}
	got := new(v1alpha1.Function)
	must(t, f.Get(t.Context(), v1alpha1.ObjectName("Orders"), got))
	// What the engine does with the object may have gone on, so revision and status may differ.
	if !equality.Semantic.DeepEqual(fn.Spec, got.Spec) || fn.UID != got.UID || fn.Generation != got.Generation {
		t.Errorf("Get gives another object\ngot  %+v\nwant %+v", got, fn)
	}
	got.Spec.Handler = "changed by the caller"
	again := new(v1alpha1.Function)
	must(t, f.Get(t.Context(), fn.Name, again))
	if again.Spec.Handler != fn.Spec.Handler {
		t.Error("what Get gave is shared with the engine")
	}
	twin := f.function(t, "Orders", shellHandler(t, "echo 1"))
	wantCode(t, "a second of the same name", f.Create(t.Context(), twin), lambda.CodeResourceConflict)
	other := f.function(t, "orders", shellHandler(t, "echo 1"))
	must(t, f.Create(t.Context(), other)) // another name, although Kubernetes would not tell them apart
}

func updateAndConflict(t *testing.T, f *fixture) {
	fn := f.deploy(t, "f")
	stale := fn.DeepCopy()
	fn.Spec.Description = "new"
	must(t, f.Update(t.Context(), fn))
	if fn.Generation != stale.Generation+1 || fn.ResourceVersion == stale.ResourceVersion {
		t.Errorf("a change of the spec must raise generation and resourceVersion: %+v", fn.ObjectMeta)
	}
	stale.Spec.Description = "lost"
	wantCode(t, "an update of an old revision", f.Update(t.Context(), stale), lambda.CodePreconditionFailed)
	wantCode(t, "a delete of an old revision", f.Delete(t.Context(), stale), lambda.CodePreconditionFailed)
	fn = f.ready(t, "f")
	fn.Status.CodeSHA256 = "forged"
	fn.Labels = map[string]string{"a": "b"}
	generation := fn.Generation
	must(t, f.Update(t.Context(), fn))
	got := new(v1alpha1.Function)
	must(t, f.Get(t.Context(), "f", got))
	if got.Status.CodeSHA256 == "forged" || got.Generation != generation || got.Labels["a"] != "b" {
		t.Errorf("an update of metadata must neither touch the status nor raise the generation: %+v", got)
	}
	stale.ResourceVersion = ""
	must(t, f.Update(t.Context(), stale))
	if stale.Spec.Description != "lost" {
		t.Error("an update without revision replaces whatever is there")
	}
}

func notFound(t *testing.T, f *fixture) {
	for _, obj := range []v1alpha1.Object{
		&v1alpha1.Function{}, &v1alpha1.Version{}, &v1alpha1.Alias{}, &v1alpha1.LayerVersion{}, &v1alpha1.FunctionURLConfig{},
		&v1alpha1.ResourcePolicy{},
	} {
		wantCode(t, "Get of nothing", f.Get(t.Context(), "nothing", obj), lambda.CodeResourceNotFound)
		obj.SetName("nothing")
		wantCode(t, "Delete of nothing", f.Delete(t.Context(), obj), lambda.CodeResourceNotFound)
	}
	wantCode(t, "Update of nothing", f.Update(t.Context(), f.function(t, "nothing", shellHandler(t, "echo"))), lambda.CodeResourceNotFound)
	orphan := &v1alpha1.Alias{Spec: v1alpha1.AliasSpec{FunctionName: "nothing", Name: "live", FunctionVersion: "1"}}
	wantCode(t, "an alias of nothing", f.Create(t.Context(), orphan), lambda.CodeResourceNotFound)
}

func refused(t *testing.T, f *fixture) {
	cases := map[string]struct {
		reason string
		change func(*v1alpha1.FunctionSpec)
	}{
		"Memory":       {"A size that Lambda does not offer.", func(s *v1alpha1.FunctionSpec) { s.MemorySize = 1 }},
		"Timeout":      {"Longer than Lambda runs.", func(s *v1alpha1.FunctionSpec) { s.Timeout = 901 }},
		"Name":         {"A name that no ARN takes.", func(s *v1alpha1.FunctionSpec) { s.FunctionName = "a.b" }},
		"LongName":     {"A name that is one letter too long.", func(s *v1alpha1.FunctionSpec) { s.FunctionName = strings.Repeat("a", 65) }},
		"NoCode":       {"Nothing to run.", func(s *v1alpha1.FunctionSpec) { s.Code = v1alpha1.Code{} }},
		"ForeignCode":  {"Bytes that nobody uploaded.", func(s *v1alpha1.FunctionSpec) { s.Code.Zip.SHA256 = strings.Repeat("0", 64) }},
		"ReservedKeys": {"A variable that is the platform's.", func(s *v1alpha1.FunctionSpec) { s.Environment = variables("AWS_REGION", "x") }},
	}
	for name, tc := range cases {
		fn := f.function(t, "f", shellHandler(t, "echo 1"))
		tc.change(&fn.Spec)
		wantCode(t, name+": "+tc.reason, f.Create(t.Context(), fn), lambda.CodeInvalidParameterValue)
	}
	longest := f.function(t, strings.Repeat("a", 64), shellHandler(t, "echo 1"))
	must(t, f.Create(t.Context(), longest))
}

func variables(name, value string) *v1alpha1.Environment {
	return &v1alpha1.Environment{Variables: map[string]string{name: value}}
}

func listByLabel(t *testing.T, f *fixture) {
	for _, name := range []string{"b", "a", "bb"} {
		fn := f.function(t, name, shellHandler(t, "echo 1"))
		must(t, f.Create(t.Context(), fn))
		_, _, err := engine.PublishVersion(t.Context(), f, fn, "")
		must(t, err)
	}
	var all v1alpha1.FunctionList
	must(t, f.List(t.Context(), &all, nil))
	var names []string
	for _, fn := range all.Items {
		names = append(names, fn.Name)
	}
	if !slices.Equal(names, []string{"a", "b", "bb"}) {
		t.Errorf("List gives %v, want all by name", names)
	}
	var some v1alpha1.VersionList
	must(t, f.List(t.Context(), &some, map[string]string{v1alpha1.LabelFunction: "b"}))
	if len(some.Items) != 1 || some.Items[0].Spec.FunctionName != "b" {
		t.Errorf("List by label gives %+v", some.Items)
	}
	var none v1alpha1.AliasList
	must(t, f.List(t.Context(), &none, nil))
	if len(none.Items) != 0 {
		t.Errorf("List of nothing gives %+v", none.Items)
	}
}

func listInPages(t *testing.T, f *fixture) {
	for _, name := range []string{"a", "b", "c", "d", "e"} {
		fn := f.function(t, name, shellHandler(t, "echo 1"))
		must(t, f.Create(t.Context(), fn))
		_, _, err := engine.PublishVersion(t.Context(), f, fn, "")
		must(t, err)
	}
	if got := f.inPages(t, nil, 2, func(string) {}); !slices.Equal(got, []string{"a", "b", "c", "d", "e"}) {
		t.Errorf("in pages: %v, want all by name, each once", got)
	}
	// What goes meanwhile shifts nothing: neither the object that a page ended with, nor one that is still to come.
	got := f.inPages(t, nil, 2, func(last string) {
		if last == "b" {
			must(t, f.Delete(t.Context(), named("b")))
			must(t, f.Delete(t.Context(), named("d")))
		}
	})
	if got = slices.DeleteFunc(got, func(name string) bool { return name == "d" }); !slices.Equal(got, []string{"a", "b", "c", "e"}) {
		t.Errorf("in pages, while others delete: %v, want each once", got)
	}
	var some v1alpha1.VersionList
	next, err := f.ListPage(t.Context(), &some, map[string]string{v1alpha1.LabelFunction: "c"}, engine.Page{Limit: 2})
	must(t, err)
	if len(some.Items) != 1 || some.Items[0].Name != "c.1" || next != "" {
		t.Errorf("a page by label: %+v, next %q", some.Items, next)
	}
	_, err = f.ListPage(t.Context(), &some, nil, engine.Page{Limit: 2, After: "no token, surely"})
	wantCode(t, "a token that is none", err, lambda.CodeInvalidParameterValue)
}

func named(name string) *v1alpha1.Function {
	fn := new(v1alpha1.Function)
	fn.Name = name
	return fn
}

// inPages lists functions page by page and gives their names; after is called with the last name of each page.
func (f *fixture) inPages(t *testing.T, labels map[string]string, size int, after func(last string)) (names []string) {
	t.Helper()
	next := ""
	for {
		var page v1alpha1.FunctionList
		var err error
		next, err = f.ListPage(t.Context(), &page, labels, engine.Page{Limit: size, After: next})
		must(t, err)
		if len(page.Items) > size {
			t.Fatalf("a page of %d has %d objects", size, len(page.Items))
		}
		for i := range page.Items {
			names = append(names, page.Items[i].Name)
		}
		if next == "" {
			return names
		}
		if len(names) > 0 {
			after(names[len(names)-1])
		}
	}
}

func deleteTakesChildren(t *testing.T, f *fixture) {
	fn := f.function(t, "f", shellHandler(t, "echo 1"))
	must(t, f.Create(t.Context(), fn))
	_, _, err := engine.PublishVersion(t.Context(), f, fn, "")
	must(t, err)
	must(t, f.Create(t.Context(), &v1alpha1.Alias{Spec: v1alpha1.AliasSpec{FunctionName: "f", Name: "live", FunctionVersion: "1"}}))
	must(t, f.Create(t.Context(), &v1alpha1.FunctionURLConfig{Spec: v1alpha1.FunctionURLConfigSpec{
		FunctionName: "f", Qualifier: "live", AuthType: v1alpha1.AuthTypeNone,
	}}))
	fn.ResourceVersion = ""
	must(t, f.Delete(t.Context(), fn))
	f.eventually(t, "the function's objects to go", func() bool {
		gone := true
		for name, obj := range map[string]v1alpha1.Object{"f.1": &v1alpha1.Version{}, "f.live": &v1alpha1.Alias{}} {
			gone = gone && lambda.CodeOf(f.Get(t.Context(), name, obj)) == lambda.CodeResourceNotFound
		}
		return gone && lambda.CodeOf(f.Get(t.Context(), "f.live", &v1alpha1.FunctionURLConfig{})) == lambda.CodeResourceNotFound
	})
}

// policiesGo holds that a policy goes with what it is for, and is there for nothing else: nobody may be let in by the policy of
// something that went before.
func policiesGo(t *testing.T, f *fixture) {
	fn := f.function(t, "f", shellHandler(t, "echo 1"))
	must(t, f.Create(t.Context(), fn))
	_, _, err := engine.PublishVersion(t.Context(), f, fn, "")
	must(t, err)
	alias := &v1alpha1.Alias{Spec: v1alpha1.AliasSpec{FunctionName: "f", Name: "live", FunctionVersion: "1"}}
	must(t, f.Create(t.Context(), alias))
	for _, qualifier := range []string{"", "1", "live"} {
		must(t, f.Create(t.Context(), policyOf(qualifier)))
	}
	wantCode(t, "a policy of an alias that is not there", f.Create(t.Context(), policyOf("dead")), lambda.CodeResourceNotFound)
	wantCode(t, "a policy of a version that is not there", f.Create(t.Context(), policyOf("2")), lambda.CodeResourceNotFound)
	unreadable := policyOf("")
	unreadable.Spec.Policy = "everybody"
	wantCode(t, "a policy in another language", f.Update(t.Context(), byName(unreadable, "f")), lambda.CodeInvalidParameterValue)

	must(t, f.Delete(t.Context(), byName(&v1alpha1.Alias{}, "f.live")))
	must(t, f.Delete(t.Context(), byName(&v1alpha1.Version{}, "f.1")))
	for _, name := range []string{"f.live", "f.1"} {
		wantCode(t, "the policy of "+name, f.Get(t.Context(), name, &v1alpha1.ResourcePolicy{}), lambda.CodeResourceNotFound)
	}
	must(t, f.Get(t.Context(), "f", &v1alpha1.ResourcePolicy{}))
	must(t, f.Delete(t.Context(), byName(&v1alpha1.Function{}, "f")))
	wantCode(t, "the policy of the function", f.Get(t.Context(), "f", &v1alpha1.ResourcePolicy{}), lambda.CodeResourceNotFound)
}

func policyOf(qualifier string) *v1alpha1.ResourcePolicy {
	return &v1alpha1.ResourcePolicy{Spec: v1alpha1.ResourcePolicySpec{
		FunctionName: "f", Qualifier: qualifier,
		Policy: `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"lambda:InvokeFunction","Resource":"*"}]}`,
	}}
}

func byName[T v1alpha1.Object](obj T, name string) T {
	obj.SetName(name)
	return obj
}

func numbersOnce(t *testing.T, f *fixture) {
	fn := f.function(t, "f", shellHandler(t, "echo 1"))
	must(t, f.Create(t.Context(), fn))
	first, _, err := engine.PublishVersion(t.Context(), f, fn, "")
	must(t, err)
	first.ResourceVersion = ""
	must(t, f.Delete(t.Context(), first))
	must(t, f.Get(t.Context(), "f", fn))
	second, made, err := engine.PublishVersion(t.Context(), f, fn, "")
	must(t, err)
	if !made || second.Spec.Version != 2 {
		t.Errorf("after the deletion of version 1 comes %d, want 2", second.Spec.Version)
	}
}
