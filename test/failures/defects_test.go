package failures

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// TestReadyOnlyAfterInit holds that nobody sends requests to a pod whose function has not started yet. One that is sent
// all the same waits and is served.
func TestReadyOnlyAfterInit(t *testing.T) {
	file := filepath.Join(t.TempDir(), "go")
	t.Setenv("WAIT_FOR", file)
	s := launch(t)
	s.until("the front door is open", func() bool { return s.get("/_lambkin/healthz").status == http.StatusOK })
	if r := s.get("/_lambkin/readyz"); r.status != http.StatusServiceUnavailable || !strings.Contains(r.body, "no execution environment has initialized yet") {
		t.Errorf("before init: %+v", r)
	}
	early := make(chan reply)
	go func() { early <- s.invoke(`{"Text":"early"}`) }()
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	s.until("it is ready", func() bool { return s.get("/_lambkin/readyz").status == http.StatusOK })
	if r := <-early; r.body != `"early"` {
		t.Errorf("a call before init got %+v", r)
	}
}

// TestEnvironmentsAreApart holds that environments run without a shell between them and us, each with a /tmp of its own.
func TestEnvironmentsAreApart(t *testing.T) {
	t.Parallel()
	s := start(t, "-environments", "2")
	type place struct {
		Parent int
		Tmp    string
	}
	var mu sync.Mutex
	var all sync.WaitGroup
	places := map[string]bool{}
	for range 8 {
		all.Go(func() {
			r := s.invoke(`{"Do":"place","N":100}`)
			var p place
			if err := json.Unmarshal([]byte(r.body), &p); err != nil || p.Parent != s.cmd.Process.Pid {
				t.Errorf("got %+v, %v; want the parent %d", r, err, s.cmd.Process.Pid)
			}
			mu.Lock()
			defer mu.Unlock()
			places[p.Tmp] = true
		})
	}
	all.Wait()
	if len(places) != 2 || places["/tmp"] {
		t.Errorf("two environments have the temporary folders %v", places)
	}
}

// TestMetricsTellFailuresApart holds that an error, a timeout and a crash are not counted as successes.
func TestMetricsTellFailuresApart(t *testing.T) {
	t.Parallel()
	s := start(t, "-timeout", "1s", "-environments", "1")
	for _, event := range []string{`{}`, `{"Do":"error"}`, `{"Do":"sleep","N":60000}`, `{"Do":"exit","N":3}`, `{"Do":"big","N":6291600}`, `{}`} {
		if r := s.invoke(event); r.status != http.StatusOK {
			t.Errorf("%s got %+v", event, r)
		}
	}
	for outcome, n := range map[string]string{"success": "2", "function_error": "1", "timeout": "1", "crash": "1", "response_too_large": "1"} {
		want := `lambkin_invocations_total{function="fn",outcome="` + outcome + `",version="$LATEST"} ` + n + "\n"
		s.until(want, func() bool { return strings.Contains(s.scrape(), want) })
	}
}
