package enginetest

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"testing"

	"k8s.io/apimachinery/pkg/api/meta"

	"github.com/lambkin-dev/lambkin/api/v1alpha1"
	"github.com/lambkin-dev/lambkin/internal/lambda"
)

func lifecycleCases() []testCase {
	return []testCase{
		{"ToReady", toReady},
		{"Shell", shell},
		{"UnknownRuntime", unknownRuntime},
		{"NoBootstrap", noBootstrap},
		{"BrokenCode", brokenCode},
		{"Variables", environment},
		{"Secrets", secrets},
		{"UpdateConfiguration", updateConfiguration},
		{"FailedUpdateGoesOn", failedUpdateGoesOn},
		{"DeleteAndCreate", deleteAndCreate},
		{"Provisioned", provisioned},
	}
}

func toReady(t *testing.T, f *fixture) {
	code := f.goHandler(t, "first")
	fn := f.deploy(t, "f")
	sum := sha256.Sum256(code)
	if fn.Status.CodeSHA256 != base64.StdEncoding.EncodeToString(sum[:]) || fn.Status.CodeSize != int64(len(code)) || fn.Status.LastModified == nil {
		t.Errorf("the status does not describe the code: %+v", fn.Status)
	}
	if state, _, _ := fn.Status.State(); state != v1alpha1.StateActive {
		t.Errorf("state %q, want Active", state)
	}
	if got := f.answer(t, "f", do{Do: "echo", Data: "hello"}); got != `"hello"` {
		t.Errorf("it answers %s", got)
	}
}

func shell(t *testing.T, f *fixture) {
	fn := f.function(t, "f", shellHandler(t, `echo "$event" | tr a-z A-Z`))
	must(t, f.Create(t.Context(), fn))
	f.ready(t, "f")
	for _, word := range []string{"one", "two"} {
		if got, want := f.answer(t, "f", word), map[string]string{"one": `"ONE"`, "two": `"TWO"`}[word]; got != want {
			t.Errorf("it answers %s, want %s", got, want)
		}
	}
}

// failsWith creates a function and wants it to be given up for this reason.
func (f *fixture) failsWith(t *testing.T, fn *v1alpha1.Function, want v1alpha1.Reason) {
	t.Helper()
	must(t, f.Create(t.Context(), fn))
	fn = f.settled(t, fn.Name)
	if c := meta.FindStatusCondition(fn.Status.Conditions, v1alpha1.ConditionReady); c.Reason != string(want) || c.Message == "" {
		t.Errorf("the condition is %+v, want %s and a sentence", c, want)
	}
}

func unknownRuntime(t *testing.T, f *fixture) {
	fn := f.function(t, "f", shellHandler(t, "echo 1"))
	fn.Spec.Runtime = "cobol85"
	f.failsWith(t, fn, v1alpha1.ReasonRuntimeUnavailable)
}

func noBootstrap(t *testing.T, f *fixture) {
	fn := f.function(t, "f", pack(t, file{name: "bootstrap", body: []byte("not executable")}))
	f.failsWith(t, fn, v1alpha1.ReasonEntrypointInvalid)
}

// brokenCode holds that code which does not start is found out by who calls it, as on AWS: the function becomes active,
// because nothing is run for nobody. Only an engine that starts functions before they are ready finds it out itself. A
// later update mends it.
func brokenCode(t *testing.T, f *fixture) {
	if f.suite.eager {
		brokenCodeFails(t, f)
		return
	}
	fn := f.deploy(t, "f", func(s *v1alpha1.FunctionSpec) { s.Environment = variables("FAIL_INIT", "1") })
	if state, why, _ := fn.Status.State(); state != v1alpha1.StateActive {
		t.Errorf("state %s (%s), want Active", state, why)
	}
	for range 2 {
		if r := f.call(t, "f", do{Do: "version"}); r.FunctionError != lambda.Unhandled || r.ErrorType == "" || !json.Valid(r.Payload) {
			t.Errorf("it answers %s (%q, %q), want an error of the function", r.Payload, r.FunctionError, r.ErrorType)
		}
	}
	fn.Spec.Environment = nil
	must(t, f.Update(t.Context(), fn))
	f.ready(t, "f")
	if got := f.answer(t, "f", do{Do: "version"}); got != `"first"` {
		t.Errorf("once mended it answers %s", got)
	}
}

// brokenCodeFails has an engine that starts functions find out one that does not, at first and in an update.
func brokenCodeFails(t *testing.T, f *fixture) {
	fn := f.function(t, "f", f.goHandler(t, "first"))
	fn.Spec.Environment = variables("FAIL_INIT", "1")
	f.failsWith(t, fn, v1alpha1.ReasonInitFailed)
	_, err := f.Invoke(t.Context(), invocation(t, "f", nil))
	wantCode(t, "a call of what does not start", err, lambda.CodeResourceConflict)

	must(t, f.Get(t.Context(), "f", fn))
	fn.Spec.Environment = nil
	must(t, f.Update(t.Context(), fn))
	fn = f.ready(t, "f")
	if got := f.answer(t, "f", do{Do: "version"}); got != `"first"` {
		t.Errorf("once mended it answers %s", got)
	}

	fn.Spec.Environment = variables("FAIL_INIT", "1")
	must(t, f.Update(t.Context(), fn))
	fn = f.settled(t, "f")
	if update, why, _ := fn.Status.LastUpdateStatus(fn.Generation); update != v1alpha1.LastUpdateFailed {
		t.Errorf("last update %s (%s), want Failed", update, why)
	}
	if got := f.answer(t, "f", do{Do: "version"}); got != `"first"` {
		t.Errorf("after an update that does not start it answers %s", got)
	}
}

func environment(t *testing.T, f *fixture) {
	f.deploy(t, "f", func(s *v1alpha1.FunctionSpec) { s.Environment = variables("GREETING", "hello = world") })
	cases := map[string]string{
		"GREETING":                        "hello = world",
		"_HANDLER":                        "bootstrap",
		"AWS_LAMBDA_FUNCTION_NAME":        "f",
		"AWS_LAMBDA_FUNCTION_VERSION":     "$LATEST",
		"AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "512",
		"AWS_REGION":                      "us-east-1",
		"AWS_LAMBDA_LOG_GROUP_NAME":       "/aws/lambda/f",
		"AWS_LAMBDA_MAX_CONCURRENCY":      "",
	}
	for name, want := range cases {
		if got := f.answer(t, "f", do{Do: "env", Text: name}); got != quote(t, want) {
			t.Errorf("%s is %s, want %q", name, got, want)
		}
	}
}

func secrets(t *testing.T, f *fixture) {
	if f.suite.putSecret == nil {
		t.Skip("the engine's test does not say how secrets come into it (enginetest.WithSecrets)")
	}
	from := &v1alpha1.Environment{VariablesFrom: []v1alpha1.VariableFrom{
		{Name: "PASSWORD", SecretKeyRef: &v1alpha1.KeyRef{Name: "db", Key: "password"}},
	}}
	fn := f.function(t, "f", f.goHandler(t, "first"))
	fn.Spec.Environment = from
	f.failsWith(t, fn, v1alpha1.ReasonSecretNotFound)
	f.suite.putSecret(t, f.Engine, "db", "password", "s3cret")
	f.eventually(t, "the secret to be found", func() bool {
		must(t, f.Get(t.Context(), "f", fn))
		return meta.IsStatusConditionTrue(fn.Status.Conditions, v1alpha1.ConditionReady)
	})
	if got := f.answer(t, "f", do{Do: "env", Text: "PASSWORD"}); got != `"s3cret"` {
		t.Errorf("the variable is %s", got)
	}
}

func updateConfiguration(t *testing.T, f *fixture) {
	fn := f.deploy(t, "f", func(s *v1alpha1.FunctionSpec) { s.Environment = variables("WORD", "1") })
	if got := f.answer(t, "f", do{Do: "env", Text: "WORD"}); got != `"1"` {
		t.Fatalf("WORD is %s", got)
	}
	fn.Spec.Environment = variables("WORD", "2")
	must(t, f.Update(t.Context(), fn))
	f.ready(t, "f")
	if got := f.answer(t, "f", do{Do: "env", Text: "WORD"}); got != `"2"` {
		t.Errorf("after the update WORD is %s", got)
	}
}

// failedUpdateGoesOn holds that the last good code serves until there is better.
func failedUpdateGoesOn(t *testing.T, f *fixture) {
	fn := f.deploy(t, "f")
	good := fn.Status.CodeSHA256
	bad := f.put(t, []byte("no zip"))
	fn.Spec.Code.Zip = &bad
	must(t, f.Update(t.Context(), fn))
	fn = f.settled(t, "f")
	state, _, _ := fn.Status.State()
	update, _, _ := fn.Status.LastUpdateStatus(fn.Generation)
	if state != v1alpha1.StateActive || update != v1alpha1.LastUpdateFailed || fn.Status.CodeSHA256 != good {
		t.Errorf("state %s, last update %s, serving %s; want Active, Failed and the code before", state, update, fn.Status.CodeSHA256)
	}
	if got := f.answer(t, "f", do{Do: "version"}); got != `"first"` {
		t.Errorf("it answers %s, want the code before", got)
	}
}

func deleteAndCreate(t *testing.T, f *fixture) {
	fn := f.deploy(t, "f")
	f.answer(t, "f", do{Do: "version"})
	must(t, f.Delete(t.Context(), fn))
	_, err := f.Invoke(t.Context(), invocation(t, "f", nil))
	wantCode(t, "a call after the deletion", err, lambda.CodeResourceNotFound)
	again := f.function(t, "f", f.goHandler(t, "second life"))
	must(t, f.Create(t.Context(), again))
	f.ready(t, "f")
	if got := f.answer(t, "f", do{Do: "version"}); got != `"second life"` {
		t.Errorf("a function of the same name answers %s", got)
	}
}

func provisioned(t *testing.T, f *fixture) {
	one := int32(1)
	warm := &v1alpha1.Concurrency{Provisioned: &one}
	f.deploy(t, "f", func(s *v1alpha1.FunctionSpec) { s.Concurrency = warm })
	if got := f.answer(t, "f", do{Do: "env", Text: "AWS_LAMBDA_INITIALIZATION_TYPE"}); got != `"provisioned-concurrency"` {
		t.Errorf("a provisioned environment believes to be %s", got)
	}

	broken := f.function(t, "g", f.goHandler(t, "first"))
	broken.Spec.Concurrency = warm
	broken.Spec.Environment = variables("FAIL_INIT", "1")
	f.failsWith(t, broken, v1alpha1.ReasonInitFailed)
}
