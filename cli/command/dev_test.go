package command_test

import (
	"context"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lambkin-dev/lambkin/api/v1alpha1"
)

// TestDev edits a function under the eyes of dev, with the engine in memory as the running server.
func TestDev(t *testing.T) {
	f := newFixture(t)
	dir := f.script("app")
	ready := make(chan int32, 16)
	f.engine.OnReady = func(fn *v1alpha1.Function) {
		fn.Status.MarkReady(fn.Generation)
		ready <- fn.Spec.Timeout
	}
	ctx, stop := context.WithCancel(t.Context())
	ended, said := f.begin(ctx, "dev", dir, "--env", "STAGE=dev")
	if got := <-ready; got != 3 {
		t.Errorf("deployed first with timeout %d", got)
	}
	said("END") // the log follows

	// A broken manifest deploys nothing; the next good one does.
	manifest := filepath.Join(dir, "function.yaml")
	f.write(manifest, "spec: [")
	const good = "apiVersion: lambkin.dev/v1alpha1\nkind: Function\nmetadata: {name: app}\nspec: {timeout: 9}\n"
	f.write(manifest, good)
	for got := range ready {
		if got == 9 {
			break
		}
	}
	if got := f.function("app").Spec; got.Environment.Variables["STAGE"] != "dev" {
		t.Errorf("the flags are forgotten: %+v", got.Environment)
	}
	stop()
	if code := <-ended; code != 0 {
		t.Errorf("exit code %d", code)
	}
}

func TestDevTellsAndGoesOn(t *testing.T) {
	f := newFixture(t)
	dir := f.script("app")
	f.write(filepath.Join(dir, "function.yaml"), "apiVersion: lambkin.dev/v1alpha1\nkind: Function\nmetadata: {name: app}\nspec: {timeout: 1000}\n")
	ctx, stop := context.WithCancel(t.Context())
	ended, told := f.beginTelling(ctx, "dev", dir)
	told("lambkin: refused: spec.timeout")
	told("Not deployed")
	if out := f.ok("get", "-o", "name"); out != "" {
		t.Errorf("deployed was %q", out)
	}
	stop()
	if code := <-ended; code != 0 {
		t.Errorf("exit code %d", code)
	}
}

func TestDevRefuses(t *testing.T) {
	f := newFixture(t)
	f.env["LAMBKIN_ENDPOINT"] = "http://127.0.0.1:1"
	dir := f.script("app")
	for line, want := range map[string]int{
		"dev " + dir: 4, "dev /nowhere/at/all": 1, "dev a b c": 2, "dev --dry": 2, "dev -o json": 2, "dev " + dir + " --memory x": 2,
	} {
		if code, _, told := f.run(strings.Fields(line)...); code != want {
			t.Errorf("lambkin %s: exit code %d, want %d: %s", line, code, want, told)
		}
	}
}
