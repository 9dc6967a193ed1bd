package command_test

import (
	"context"
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lambkin-dev/lambkin/api/v1alpha1"
	"github.com/lambkin-dev/lambkin/internal/lambda"
)

// released is a function with alias live at version 1, and a version 2.
func released(t *testing.T) *fixture {
	t.Helper()
	f := newFixture(t)
	f.engine.OnWrite = func(obj v1alpha1.Object) error {
		if a, ok := obj.(*v1alpha1.Alias); ok {
			a.Status.MarkReady(1<<40, "http://live.example")
		}
		return nil
	}
	dir := f.script("app")
	f.ok("deploy", dir, "--alias", "live")
	f.ok("deploy", "app", dir, "--memory", "512", "--publish")
	return f
}

func TestRollout(t *testing.T) {
	f := released(t)
	code, out, told := f.run("rollout", "app", "--to", "2", "--interval", "0s", "--steps", "25,100")
	if code != 0 || out != "alias app:live configured (2=100%)\n" || told != "25 % to version 2: nobody called it\n100 % to version 2: nobody called it\n" {
		t.Fatalf("%d %q %q", code, out, told)
	}
	if out := f.ok("rollout", "status", "app"); !strings.Contains(out, "Traffic:         2=100%\n") || !strings.Contains(out, "Rollout:         done, from version 1 to 2\n") {
		t.Errorf("rollout status printed\n%s", out)
	}
	f.engine.Log = []string{"START RequestId: a Version: 2", "REPORT RequestId: a\tStatus: error"}
	var st map[string]any
	if err := json.Unmarshal([]byte(f.ok("rollout", "status", "app", "live", "-o", "json")), &st); err != nil || st["traffic"] != "2=100%" {
		t.Errorf("%v, %v", st, err)
	}
	if out := f.ok("rollout", "status", "app:live"); !strings.Contains(out, "VERSION   CALLS   FAILED\n2         1       1\n") {
		t.Errorf("rollout status printed\n%s", out)
	}
	if out := f.ok("rollout", "undo", "app"); out != "alias app:live configured (1=100%)\n" {
		t.Errorf("rollout undo printed %q", out)
	}
	if code, _, told := f.run("rollout", "undo", "app", "live"); code != 1 || !strings.Contains(told, "lambkin traffic app live --to VERSION=100%") {
		t.Errorf("undone twice: %d %q", code, told)
	}
	for name, line := range map[string]string{"Traffic": "traffic app live --to 2=100%", "Alias": "alias update app live 2"} {
		f.ok(strings.Fields(line)...)
		if out := f.ok("rollout", "undo", "app", "live"); out != "alias app:live configured (1=100%)\n" {
			t.Errorf("%s: undo printed %q", name, out)
		}
	}
	f.ok("deploy", "app", f.script("app"), "--memory", "1024", "--alias", "live")
	if out := f.ok("rollout", "undo", "app", "-o", "name"); out != "alias/app.live\n" {
		t.Errorf("after a deployment undo printed %q", out)
	}
	if out := f.ok("traffic", "app", "live"); out != "1=100%\n" {
		t.Errorf("calls go to %q", out)
	}
}

func TestRolloutGoesBackOnProbes(t *testing.T) {
	f := released(t)
	f.engine.OnInvoke = func(_ context.Context, in *lambda.Invocation) (*lambda.Result, error) {
		if in.Function.Qualifier != "2" || string(in.Payload) != `{"probe":1}` {
			t.Errorf("asked %s with %s", in.Function, in.Payload)
		}
		return &lambda.Result{FunctionError: "Unhandled"}, nil
	}
	event := filepath.Join(t.TempDir(), "event.json")
	f.write(event, `{"probe":1}`+"\n")
	code, _, told := f.run("rollout", "app", "live", "--to", "2", "--interval", "0s", "--probe", "@"+event, "--probes", "2")
	if code != 1 || !strings.Contains(told, "rollout of app:live to version 2: rolled back: 2 of 2 calls of version 2 failed, more than 1 %") {
		t.Errorf("%d %q", code, told)
	}
	if out := f.ok("traffic", "app", "live"); out != "1=100%\n" {
		t.Errorf("calls go to %q", out)
	}
}

func TestRolloutRefuses(t *testing.T) {
	f := released(t)
	for line, want := range map[string]string{
		"rollout app":                                  "to which version",
		"rollout app --to x":                           "is no version",
		"rollout app --to 2 --steps 50,10":             "rising shares",
		"rollout app --to 2 --steps 0,10":              "rising shares",
		"rollout app --to 2 --steps 101":               "rising shares",
		"rollout app --to 2 --steps x":                 "rising shares",
		"rollout app --to 2 --max-error-rate 1":        "want per cent",
		"rollout app --to 2 --max-error-rate 101%":     "want per cent",
		"rollout app --to 2 --max-error-rate NaN%":     "want per cent",
		"rollout app --to 2 --interval -1s":            "must not be negative",
		"rollout app --to 2 --probes 0":                "--probes",
		"rollout app --to 2 --probe text":              "not JSON",
		"rollout app --to 2 --probe @/none":            "/none",
		"rollout app --to 7":                           "has no version 7",
		"rollout app none --to 2":                      "has no alias",
		"rollout app:live other --to 2":                "named twice",
		"rollout nobody --to 2":                        "there is no function",
		"rollout undo nobody":                          "there is no function",
		"rollout status app none":                      "has no alias",
		"rollout":                                      "got 0 arguments",
		"rollout undo":                                 "got 0 arguments",
		"rollout app --to 2 --dry":                     "no meaning",
		"rollout app live more --to 2 --interval 1h0m": "got 3 arguments",
	} {
		if code, _, told := f.run(strings.Fields(line)...); code != 1 && code != 2 || !strings.Contains(told, want) {
			t.Errorf("%s: exit code %d: %s", line, code, told)
		}
	}
	f.ok("alias", "create", "app", "other", "1")
	if code, _, told := f.run("rollout", "app", "--to", "2"); code != 2 || !strings.Contains(told, `which alias? Function "app" has app:live, app:other`) {
		t.Errorf("two aliases: %d %q", code, told)
	}
	f.ok("delete", "app:live", "app:other")
	if code, _, told := f.run("rollout", "app", "--to", "2"); code != 1 || !strings.Contains(told, "lambkin alias create app live VERSION") {
		t.Errorf("no alias: %d %q", code, told)
	}
}
