package enginetest

import (
	"testing"

	"k8s.io/apimachinery/pkg/api/meta"

	"github.com/lambkin-dev/lambkin/api/v1alpha1"
	"github.com/lambkin-dev/lambkin/internal/lambda"
)

func versionCases() []testCase {
	return []testCase{
		{"Immutable", versionsImmutable},
		{"Alias", aliasMoves},
		{"Weights", aliasWeights},
		{"AliasOfNothing", aliasOfNothing},
	}
}

// twoVersions leaves function f with version 1, "first", version 2, "second", and $LATEST, "third".
func (f *fixture) twoVersions(t *testing.T) {
	t.Helper()
	fn := f.deploy(t, "f")
	for _, next := range []string{"second", "third"} {
		f.publish(t)
		b := f.put(t, f.goHandler(t, next))
		must(t, f.Get(t.Context(), "f", fn))
		fn.Spec.Code.Zip = &b
		must(t, f.Update(t.Context(), fn))
		f.ready(t, "f")
	}
}

func versionsImmutable(t *testing.T, f *fixture) {
	f.twoVersions(t)
	for name, want := range map[string][2]string{
		"f:1": {`"first"`, "1"}, "f:2": {`"second"`, "2"}, "f": {`"third"`, lambda.LatestVersion}, "f:$LATEST": {`"third"`, lambda.LatestVersion},
	} {
		r := f.call(t, name, do{Do: "version"})
		if string(r.Payload) != want[0] || r.ExecutedVersion != want[1] {
			t.Errorf("%s answers %s as version %s, want %v", name, r.Payload, r.ExecutedVersion, want)
		}
		if got := f.answer(t, name, do{Do: "env", Text: "AWS_LAMBDA_FUNCTION_VERSION"}); got != quote(t, want[1]) {
			t.Errorf("%s believes to be version %s, want %s", name, got, want[1])
		}
	}
	v := new(v1alpha1.Version)
	must(t, f.Get(t.Context(), "f.1", v))
	v.Spec.Function.Timeout = 17
	wantCode(t, "a change of a version", f.Update(t.Context(), v), lambda.CodeInvalidParameterValue)
	v.ResourceVersion = ""
	must(t, f.Delete(t.Context(), v))
	_, err := f.Invoke(t.Context(), invocation(t, "f:1", nil))
	wantCode(t, "a call of a deleted version", err, lambda.CodeResourceNotFound)
	f.answer(t, "f:2", do{Do: "version"})
}

func (f *fixture) alias(t *testing.T, version string, weights map[string]v1alpha1.Weight) *v1alpha1.Alias {
	t.Helper()
	a := &v1alpha1.Alias{Spec: v1alpha1.AliasSpec{FunctionName: "f", Name: "live", FunctionVersion: version, AdditionalVersionWeights: weights}}
	must(t, f.Create(t.Context(), a))
	return a
}

func aliasMoves(t *testing.T, f *fixture) {
	f.twoVersions(t)
	a := f.alias(t, "1", nil)
	for _, step := range []struct{ version, answer string }{{"1", `"first"`}, {"2", `"second"`}, {lambda.LatestVersion, `"third"`}} {
		a.Spec.FunctionVersion, a.ResourceVersion = step.version, ""
		must(t, f.Update(t.Context(), a))
		f.eventually(t, "the alias to move", func() bool { return f.call(t, "f:live", do{Do: "version"}).ExecutedVersion == step.version })
		if got := f.answer(t, "f:live", do{Do: "version"}); got != step.answer {
			t.Errorf("the alias to %s answers %s", step.version, got)
		}
	}
	a.ResourceVersion = ""
	must(t, f.Delete(t.Context(), a))
	f.eventually(t, "the alias to go", func() bool {
		_, err := f.Invoke(t.Context(), invocation(t, "f:live", do{Do: "version"}))
		return lambda.CodeOf(err) == lambda.CodeResourceNotFound
	})
}

// aliasWeights draws often enough that a fair lot misses the bounds once in 10^12 runs.
func aliasWeights(t *testing.T, f *fixture) {
	f.twoVersions(t)
	f.alias(t, "1", map[string]v1alpha1.Weight{"2": "0.5"})
	const draws = 200
	count := map[string]int{}
	for range draws {
		r := f.call(t, "f:live", do{Do: "version"})
		count[r.ExecutedVersion]++
		if want := map[string]string{"1": `"first"`, "2": `"second"`}[r.ExecutedVersion]; string(r.Payload) != want {
			t.Fatalf("version %s answers %s", r.ExecutedVersion, r.Payload)
		}
	}
	if count["1"]+count["2"] != draws || count["1"] < draws/4 || count["2"] < draws/4 {
		t.Errorf("of %d calls with even weights %v went to each version", draws, count)
	}
}

func aliasOfNothing(t *testing.T, f *fixture) {
	f.deploy(t, "f")
	a := f.alias(t, "7", nil)
	f.eventually(t, "the alias to be judged", func() bool {
		must(t, f.Get(t.Context(), a.Name, a))
		c := meta.FindStatusCondition(a.Status.Conditions, v1alpha1.ConditionReady)
		return c != nil && c.Reason == string(v1alpha1.ReasonVersionNotFound)
	})
	_, err := f.Invoke(t.Context(), invocation(t, "f:live", nil))
	wantCode(t, "a call of an alias to nothing", err, lambda.CodeResourceNotFound)
}
