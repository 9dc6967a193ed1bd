// Package failures runs the runtime-api program, as it runs in a pod, and does to it what goes wrong in real life. What
// one package alone can prove is tested there; docs/failures.md says where.
package failures

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// programs are built once: runtime-api and the function of the tests.
type programs struct{ server, handler string }

var built programs // set once by TestMain

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "failures")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer func() { _ = os.RemoveAll(dir) }()
	built = programs{server: filepath.Join(dir, "runtime-api"), handler: filepath.Join(dir, "bootstrap")}
	for out, pkg := range map[string]string{built.server: "../../runtime-api", built.handler: "./testdata/handler"} {
		build := exec.CommandContext(context.Background(), "go", "build", "-o", out, pkg)
		build.Env = append(os.Environ(), "CGO_ENABLED=0")
		if text, err := build.CombinedOutput(); err != nil {
			fmt.Fprintf(os.Stderr, "build %s: %v\n%s", pkg, err, text)
			return 1
		}
	}
	return m.Run()
}

// patience is how long the tests wait for what must happen; nothing depends on how long it took.
const patience = time.Minute

// server is a running runtime-api.
type server struct {
	*testing.T
	addr, metrics string
	cmd           *exec.Cmd
	ended         chan error

	mu  sync.Mutex
	log bytes.Buffer
}

// Write takes what the program prints.
func (s *server) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.log.Write(p)
}

// output is what the program has printed.
func (s *server) output() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.log.String()
}

// start is launch that waits until the program is ready.
func start(t *testing.T, flags ...string) *server {
	t.Helper()
	s := launch(t, flags...)
	s.until("runtime-api is ready", func() bool { return s.get("/_lambkin/readyz").status == http.StatusOK })
	return s
}

// launch starts runtime-api with the tests' function and ends it with the test.
func launch(t *testing.T, flags ...string) *server {
	t.Helper()
	s := &server{T: t, addr: freePort(t), metrics: freePort(t), ended: make(chan error, 1)}
	args := append([]string{"-addr", s.addr, "-metrics-addr", s.metrics, "-function-name", "fn", "-tmp-dir", t.TempDir(), "-grace", "30s"}, flags...)
	s.cmd = exec.Command(built.server, append(args, "--", built.handler)...)
	s.cmd.Stdout, s.cmd.Stderr = s, s
	s.cmd.WaitDelay = patience
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { s.ended <- s.cmd.Wait(); close(s.ended) }()
	t.Cleanup(func() {
		_ = s.cmd.Process.Signal(syscall.SIGTERM)
		<-s.ended
		if t.Failed() {
			t.Logf("the end of the log:\n%s", tail(s.output(), 2000))
		}
	})
	return s
}

func freePort(t *testing.T) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = ln.Close() }()
	return ln.Addr().String()
}

// client keeps no connections, so that nothing of one test is left for another.
var client = &http.Client{Timeout: patience, Transport: &http.Transport{DisableKeepAlives: true}}

// reply is what a caller sees.
type reply struct {
	status int
	header http.Header
	body   string
	err    error
}

// invoke calls the function with the AWS operation.
func (s *server) invoke(event string) reply {
	return s.post("/2015-03-31/functions/fn/invocations", event)
}

func (s *server) post(path, body string) reply {
	return ask(http.MethodPost, "http://"+s.addr+path, body)
}

func (s *server) get(path string) reply { return ask(http.MethodGet, "http://"+s.addr+path, "") }

// scrape gives the metrics.
func (s *server) scrape() string { return ask(http.MethodGet, "http://"+s.metrics+"/metrics", "").body }

func ask(method, url, body string) reply {
	req, err := http.NewRequestWithContext(context.Background(), method, url, strings.NewReader(body))
	if err != nil {
		return reply{err: err}
	}
	res, err := client.Do(req)
	if err != nil {
		return reply{err: err}
	}
	defer func() { _ = res.Body.Close() }()
	text, err := io.ReadAll(res.Body)
	return reply{res.StatusCode, res.Header, string(text), err}
}

// wantEcho says that the next call is served as if nothing had happened.
func (s *server) wantEcho() {
	s.Helper()
	if r := s.invoke(`{"Text":"all is well"}`); r.err != nil || r.body != `"all is well"` {
		s.Errorf("the next call got %+v", r)
	}
}

func (s *server) until(what string, holds func() bool) {
	s.Helper()
	for deadline := time.Now().Add(patience); !holds(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			s.Fatalf("waited in vain until %s", what)
		}
	}
}

func tail(text string, n int) string { return text[max(0, len(text)-n):] }
