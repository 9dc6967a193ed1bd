package local

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"sync"
	"testing"

	"github.com/lambkin-dev/lambkin/api/v1alpha1"
	"github.com/lambkin-dev/lambkin/internal/lambda"
)

// crashDir, if set, makes the test binary an engine that accepts events, and says so on stdout, until it is killed.
const crashDir = "LAMBKIN_TEST_CRASH_DIR"

// TestEngineToCrash is the process that TestKilledEngineLosesNothing kills.
func TestEngineToCrash(t *testing.T) {
	dir := os.Getenv(crashDir)
	if dir == "" {
		t.Skip("this is the other process of TestKilledEngineLosesNothing")
	}
	e := opened(t, Config{DataDir: dir}, &theater{play: func(ctx context.Context, _ *unit, _ *lambda.Invocation) (*lambda.Result, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	}})
	deployed(t, e, "f")
	for i := 0; ; i++ {
		in := call(t, "f", "1")
		in.ID = fmt.Sprintf("event-%d", i)
		must(t, e.Enqueue(t.Context(), in))
		alias := &v1alpha1.Alias{Spec: v1alpha1.AliasSpec{FunctionName: "f", Name: fmt.Sprintf("alias-%d", i), FunctionVersion: "$LATEST"}}
		must(t, e.Create(t.Context(), alias))
		fmt.Printf("acknowledged %s %s\n", in.ID, alias.Name)
	}
}

// TestKilledEngineLosesNothing kills an engine in the middle of its work: every object and event that it acknowledged
// must be there afterwards, and every event must run.
func TestKilledEngineLosesNothing(t *testing.T) {
	exe, err := os.Executable()
	must(t, err)
	dir := t.TempDir()
	cmd := exec.CommandContext(t.Context(), exe, "-test.run=^TestEngineToCrash$")
	cmd.Env = append(os.Environ(), crashDir+"="+dir)
	out, err := cmd.StdoutPipe()
	must(t, err)
	must(t, cmd.Start())
	acknowledged := map[string]string{}
	for lines := bufio.NewScanner(out); lines.Scan(); {
		var event, alias string
		if _, err := fmt.Sscanf(lines.Text(), "acknowledged %s %s", &event, &alias); err != nil {
			t.Log(lines.Text())
			continue
		}
		acknowledged[event] = alias
		if len(acknowledged) == 40 {
			must(t, cmd.Process.Kill())
		}
	}
	if err := cmd.Wait(); err == nil || len(acknowledged) < 40 {
		t.Fatalf("the engine ended by itself after %d events: %v", len(acknowledged), err)
	}
	var mu sync.Mutex
	ran := map[string]bool{}
	e := opened(t, Config{DataDir: dir}, &theater{play: func(_ context.Context, _ *unit, in *lambda.Invocation) (*lambda.Result, error) {
		mu.Lock()
		defer mu.Unlock()
		ran[in.ID] = true
		return &lambda.Result{}, nil
	}})
	eventually(t, func() bool { return e.async.Len() == 0 })
	mu.Lock()
	defer mu.Unlock()
	for event, alias := range acknowledged {
		if !ran[event] {
			t.Errorf("%s was acknowledged and never ran", event)
		}
		if err := e.Get(t.Context(), alias, new(v1alpha1.Alias)); err != nil {
			t.Errorf("%s was acknowledged: %v", alias, err)
		}
	}
}
