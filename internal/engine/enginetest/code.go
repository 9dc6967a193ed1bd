package enginetest

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/api/meta"

	"github.com/lambkin-dev/lambkin/api/v1alpha1"
	"github.com/lambkin-dev/lambkin/internal/lambda"
)

func codeCases() []testCase {
	return []testCase{
		{"PutAndOpen", putAndOpen},
		{"TooLarge", codeTooLarge},
		{"NotAnArchive", notAnArchive},
		{"Layers", layers},
	}
}

func putAndOpen(t *testing.T, f *fixture) {
	data := []byte("any bytes at all")
	sum := sha256.Sum256(data)
	for range 2 {
		b := f.put(t, data)
		if b.SHA256 != hex.EncodeToString(sum[:]) || b.Size != int64(len(data)) {
			t.Fatalf("PutCode gives %+v", b)
		}
		r, err := f.OpenCode(t.Context(), b)
		must(t, err)
		got, err := io.ReadAll(r)
		must(t, err)
		must(t, r.Close())
		if !bytes.Equal(got, data) {
			t.Errorf("OpenCode gives %q", got)
		}
	}
	_, err := f.OpenCode(t.Context(), v1alpha1.Blob{SHA256: strings.Repeat("0", 64), Size: 1})
	wantCode(t, "a digest that nobody put", err, lambda.CodeResourceNotFound)
}

func codeTooLarge(t *testing.T, f *fixture) {
	_, err := f.PutCode(t.Context(), strings.NewReader("12345"), 5)
	must(t, err)
	_, err = f.PutCode(t.Context(), strings.NewReader("123456"), 5)
	wantCode(t, "one byte over the limit", err, lambda.CodeRequestEntityTooLarge)
}

func notAnArchive(t *testing.T, f *fixture) {
	fn := f.function(t, "f", []byte("no zip"))
	must(t, f.Create(t.Context(), fn))
	fn = f.settled(t, "f")
	if c := meta.FindStatusCondition(fn.Status.Conditions, v1alpha1.ConditionReady); c.Status != "False" || c.Reason != string(v1alpha1.ReasonCodeInvalid) {
		t.Errorf("the condition is %+v, want CodeInvalid", c)
	}
	_, err := f.Invoke(t.Context(), invocation(t, "f", nil))
	wantCode(t, "a call of what has failed", err, lambda.CodeResourceConflict)

	b := f.put(t, f.goHandler(t, "mended"))
	fn.Spec.Code.Zip = &b
	must(t, f.Update(t.Context(), fn))
	f.ready(t, "f")
	if got := f.answer(t, "f", do{Do: "version"}); got != `"mended"` {
		t.Errorf("after the code was mended it answers %s", got)
	}
}

// layers has two layers with the same program. It is found on PATH, and the later layer's wins.
func layers(t *testing.T, f *fixture) {
	script := func(text string) []byte { return []byte("#!/bin/sh\necho " + text + "\n") }
	archives := [][]byte{
		pack(t, file{name: "bin/tool", body: script("lower"), mode: 0o755}, file{name: "bin/only-lower", body: script("lower"), mode: 0o755}),
		pack(t, file{name: "bin/tool", body: script("upper"), mode: 0o755}),
	}
	var arns []string
	for i, data := range archives {
		name := []string{"lower", "upper"}[i]
		must(t, f.Create(t.Context(), &v1alpha1.LayerVersion{Spec: v1alpha1.LayerVersionSpec{LayerName: name, Version: 1, Content: f.put(t, data)}}))
		arns = append(arns, "arn:aws:lambda:us-east-1:000000000000:layer:"+name+":1")
	}
	f.deploy(t, "f", func(s *v1alpha1.FunctionSpec) { s.Layers = arns })
	if got := f.answer(t, "f", do{Do: "run", Text: "tool"}); got != `"upper"` {
		t.Errorf("the later layer must win, got %s", got)
	}
	if got := f.answer(t, "f", do{Do: "run", Text: "only-lower"}); got != `"lower"` {
		t.Errorf("what only the earlier layer has must be there, got %s", got)
	}

	fn := f.function(t, "g", shellHandler(t, "echo 1"))
	fn.Spec.Layers = []string{"arn:aws:lambda:us-east-1:000000000000:layer:nowhere:1"}
	must(t, f.Create(t.Context(), fn))
	fn = f.settled(t, "g")
	if c := meta.FindStatusCondition(fn.Status.Conditions, v1alpha1.ConditionReady); c.Reason != string(v1alpha1.ReasonLayerNotFound) {
		t.Errorf("the condition is %+v, want LayerNotFound", c)
	}
}
