package pod

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/lambkin-dev/lambkin/internal/lambda"
)

// isolated has a pod give each tenant environments of its own, as many as most in all.
func isolated(most int) func(*Config) {
	return func(c *Config) {
		c.TenantIsolation, c.Min, c.Max, c.QueueTimeout = true, 0, most, time.Minute
	}
}

func countOf(t *testing.T, p *Pod, tenant string) counted {
	t.Helper()
	r, err := p.Invoke(t.Context(), &lambda.Invocation{Function: lambda.Reference{Name: "fn"}, Payload: []byte(`{}`), TenantID: tenant})
	if err != nil {
		t.Fatalf("invoke as %s: %v", tenant, err)
	}
	var c counted
	if err := json.Unmarshal(r.Payload, &c); err != nil || r.FunctionError != "" {
		t.Fatalf("got %s (%q), want a count", r.Payload, r.FunctionError)
	}
	return c
}

func TestTenantsKeepTheirEnvironments(t *testing.T) {
	p, _ := start(t, isolated(2))
	blue, green := countOf(t, p, "blue"), countOf(t, p, "green")
	if blue.PID == green.PID {
		t.Error("two tenants share a process")
	}
	if again := countOf(t, p, "blue"); again.PID != blue.PID || again.Calls != 2 {
		t.Errorf("blue's second call is %+v after %+v", again, blue)
	}
	if again := countOf(t, p, "green"); again.PID != green.PID || again.Calls != 2 {
		t.Errorf("green's second call is %+v after %+v", again, green)
	}
	if red := countOf(t, p, "red"); red.PID == blue.PID || red.PID == green.PID || red.Calls != 1 {
		t.Errorf("a third tenant got %+v of %+v and %+v", red, blue, green)
	}
	_, err := p.Invoke(t.Context(), &lambda.Invocation{Function: lambda.Reference{Name: "fn"}})
	if !errors.Is(err, &lambda.Error{Code: lambda.CodeInvalidParameterValue}) {
		t.Errorf("nobody's call: %v", err)
	}
}

// TestTenantsTakeTurns has many tenants call at once where there is room for one environment: all are served, each by
// processes that have served nobody else.
func TestTenantsTakeTurns(t *testing.T) {
	scratch := t.TempDir()
	p, _ := start(t, func(c *Config) {
		isolated(1)(c)
		c.TmpDir, c.Scratch, c.Min = "", scratch, 1
	})
	var mu sync.Mutex
	owner := map[int]string{}
	var wg sync.WaitGroup
	for _, tenant := range []string{"blue", "green", "red", "blue", "green"} {
		wg.Go(func() {
			c := countOf(t, p, tenant)
			mu.Lock()
			defer mu.Unlock()
			if was := owner[c.PID]; was != "" && was != tenant {
				t.Errorf("process %d served %s and %s", c.PID, was, tenant)
			}
			owner[c.PID] = tenant
		})
	}
	wg.Wait()
	file := filepath.Join(scratch, "secret")
	if err := os.WriteFile(file, []byte("of whoever was last"), 0o600); err != nil {
		t.Fatal(err)
	}
	countOf(t, p, "newcomer")
	if _, err := os.Stat(file); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a tenant's file is left for the next: %v", err)
	}
}

// TestTenantsAfterFailedInit holds that an environment which never came up makes room, too.
func TestTenantsAfterFailedInit(t *testing.T) {
	p, _ := start(t, func(c *Config) {
		isolated(1)(c)
		c.Env = append(c.Env, "INIT=exit")
	})
	for _, tenant := range []string{"blue", "green", "blue"} {
		r, err := p.Invoke(t.Context(), &lambda.Invocation{Function: lambda.Reference{Name: "fn"}, Payload: []byte(`{}`), TenantID: tenant})
		if err != nil || r.FunctionError == "" {
			t.Errorf("%s: %+v, %v", tenant, r, err)
		}
	}
}
