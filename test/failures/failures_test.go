package failures

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/lambkin-dev/lambkin/cli/host"
	"github.com/lambkin-dev/lambkin/internal/lambda"
)

// marker stands for what callers send and nobody else may see.
const marker = "d7a1-the-caller's-own-secret"

// TestPayloadsStayPrivate makes invocations fail in every way and looks for their payload where it must not be: in the
// log, in the error that the caller gets, and in what the next caller gets.
func TestPayloadsStayPrivate(t *testing.T) {
	t.Parallel()
	s := start(t, "-timeout", "1s", "-environments", "1")
	events := map[string]string{
		"error":    `{"Do":"error","Text":"` + marker + `"}`,
		"panic":    `{"Do":"panic","Text":"` + marker + `"}`,
		"exit":     `{"Do":"exit","N":3,"Text":"` + marker + `"}`,
		"kill":     `{"Do":"kill","Text":"` + marker + `"}`,
		"timeout":  `{"Do":"sleep","N":60000,"Text":"` + marker + `"}`,
		"stubborn": `{"Do":"stubborn","Text":"` + marker + `"}`,
		"tooLarge": `{"Do":"big","N":6291600,"Text":"` + marker + `"}`,
		"notJSON":  `{"Text":"` + marker,
		"wrong":    `{"Do":["` + marker + `"]}`,
	}
	for name, event := range events {
		r := s.invoke(event)
		if r.err != nil || r.status == http.StatusOK && r.header.Get("X-Amz-Function-Error") == "" {
			t.Errorf("%s did not fail: %d %.200s %v", name, r.status, r.body, r.err)
		}
		if strings.Contains(r.body, marker) {
			t.Errorf("%s: the error has the payload: %.500s", name, r.body)
		}
		s.wantEcho()
	}
	if r := s.invoke(strings.Repeat(" ", lambda.MaxRequestPayload) + `"` + marker + `"`); r.status != http.StatusRequestEntityTooLarge || strings.Contains(r.body, marker) {
		t.Errorf("a payload that is too large: %d %.200s", r.status, r.body)
	}
	if r := s.post("/anything?"+"x=1", `{"Do":"sleep","N":60000,"Text":"`+marker+`"}`); r.status == 0 || strings.Contains(r.body, marker) && r.status != http.StatusOK {
		t.Errorf("as plain HTTP: %d %.200s", r.status, r.body)
	}
	if log := s.output(); strings.Contains(log, marker) {
		t.Error("a payload is in the log")
	}
}

// TestTooLargeAnswers holds that an answer and an error that do not fit cost the caller a sentence and nobody a process.
func TestTooLargeAnswers(t *testing.T) {
	t.Parallel()
	s := start(t, "-environments", "1", "-timeout", "30s")
	for _, event := range []string{`{"Do":"big","N":6291600}`, `{"Do":"error","N":6291600}`} {
		r := s.invoke(event)
		if r.status != http.StatusOK || r.header.Get("X-Amz-Function-Error") != "Unhandled" || len(r.body) > 1000 || !strings.Contains(r.body, "Function.ResponseSizeTooLarge") {
			t.Errorf("%s got %d %.200s %v", event, r.status, r.body, r.err)
		}
		s.wantEcho()
	}
	for size, status := range map[int]int{lambda.MaxRequestPayload: http.StatusOK, lambda.MaxRequestPayload + 1: http.StatusRequestEntityTooLarge} {
		if r := s.invoke(`{"Text":"` + strings.Repeat("x", size-11) + `"}`); r.status != status {
			t.Errorf("a request of %d bytes got %d %.200s, want %d", size, r.status, r.body, status)
		}
	}
}

func TestGrandchildThatKeepsPipesOpen(t *testing.T) {
	t.Parallel()
	s := start(t, "-timeout", "30s", "-environments", "1")
	before := s.invoke(`{"Do":"pid"}`)
	r := s.invoke(`{"Do":"grandchild"}`)
	if !strings.Contains(r.body, `"errorType":"Runtime.ExitError"`) {
		t.Errorf("got %+v", r)
	}
	s.wantEcho()
	if after := s.invoke(`{"Do":"pid"}`); after.body == before.body || after.status != http.StatusOK {
		t.Errorf("process %s before, %+v after", before.body, after)
	}
	pgid, err := strconv.Atoi(before.body)
	if err != nil {
		t.Fatal(err)
	}
	s.until("the grandchild is dead", func() bool { return errors.Is(syscall.Kill(-pgid, 0), syscall.ESRCH) })
}

// TestStuckProcessesAreKilled holds that a process whose time was up is not only replaced: it is gone, whatever it ignores.
func TestStuckProcessesAreKilled(t *testing.T) {
	t.Parallel()
	s := start(t, "-timeout", "1s", "-environments", "1")
	for _, event := range []string{`{"Do":"stubborn"}`, `{"Do":"sleep","N":3600000}`} {
		pid, err := strconv.Atoi(s.invoke(`{"Do":"pid"}`).body)
		if err != nil {
			t.Fatal(err)
		}
		if r := s.invoke(event); !strings.Contains(r.body, `"errorType":"Sandbox.Timedout"`) {
			t.Errorf("%s got %+v", event, r)
		}
		s.until("the process that overran is gone", func() bool { return errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) })
		s.wantEcho()
	}
}

// TestLargestStream reads 200 MiB to the last byte, and one byte more to the error that ends it.
func TestLargestStream(t *testing.T) {
	if testing.Short() {
		t.Skip("reads 400 MiB; run it without -short")
	}
	t.Parallel()
	s := start(t, "-timeout", "60s", "-invoke-mode", "RESPONSE_STREAM", "-event-format", "raw", "-environments", "1")
	for n, whole := range map[int]bool{lambda.MaxStreamedResponse: true, lambda.MaxStreamedResponse + 1: false} {
		res, err := client.Post("http://"+s.addr+"/", "application/json", strings.NewReader(fmt.Sprintf(`{"Do":"stream","N":%d}`, n)))
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.Copy(io.Discard, res.Body)
		_ = res.Body.Close()
		if (err == nil) != whole || got > lambda.MaxStreamedResponse || whole && got != int64(n) {
			t.Errorf("%d bytes streamed: %d came, then %v; want it whole: %t", n, got, err, whole)
		}
	}
	s.wantRaw()
}

// wantRaw says that the next call is served where events and answers are raw.
func (s *server) wantRaw() {
	s.Helper()
	if r := s.post("/", `{"Text":"all is well"}`); r.err != nil || !strings.Contains(r.body, "all is well") {
		s.Errorf("the next call got %+v", r)
	}
}

// TestSlowloris opens connections that begin a request and never end it, on every port of the program. All are closed by
// the server, and others are served meanwhile.
func TestSlowloris(t *testing.T) {
	t.Parallel()
	s := start(t)
	var all sync.WaitGroup
	for _, addr := range []string{s.addr, s.metrics} {
		for _, text := range []string{"G", "GET / HTTP/1.1\r\nHost: x\r\n", "POST /2015-03-31/functions/fn/invocations HTTP/1.1\r\nHost: x\r\nX: "} {
			for range 30 {
				all.Go(func() { wantClosed(t, addr, text) })
			}
		}
	}
	for range 20 {
		s.wantEcho()
	}
	all.Wait()
	s.wantEcho()
}

// TestSlowlorisAtServe does the same to the server of one machine.
func TestSlowlorisAtServe(t *testing.T) {
	t.Parallel()
	s, err := host.Start(t.Context(), host.Config{Addr: "127.0.0.1:0", NoAuth: true, DataDir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := s.Close(context.Background()); err != nil {
			t.Error(err)
		}
	}()
	var all sync.WaitGroup
	for _, text := range []string{"G", "POST /2015-03-31/functions HTTP/1.1\r\nHost: x\r\n", "GET /_url/fn/ HTTP/1.1\r\nHost: x\r\nX: "} {
		all.Go(func() { wantClosed(t, strings.TrimPrefix(s.URL, "http://"), text) })
	}
	if r := ask(http.MethodGet, s.URL+"/2015-03-31/functions", ""); r.status != http.StatusOK {
		t.Errorf("somebody else got %+v", r)
	}
	all.Wait()
}

func wantClosed(t *testing.T, addr, text string) {
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Error(err)
		return
	}
	defer func() { _ = conn.Close() }()
	_ = conn.SetDeadline(time.Now().Add(patience))
	_, err = io.WriteString(conn, text)
	if err == nil {
		_, err = io.Copy(io.Discard, conn)
	}
	if timeout := net.Error(nil); errors.As(err, &timeout) && timeout.Timeout() {
		t.Errorf("%s keeps a connection open that has sent %q", addr, text)
	}
}

func TestThousandCallersAtAQueueOfAHundred(t *testing.T) {
	t.Parallel()
	s := start(t, "-environments", "2", "-queue-depth", "100", "-timeout", "30s")
	var all sync.WaitGroup
	var mu sync.Mutex
	got := map[int]int{}
	for n := range 1000 {
		all.Go(func() {
			r := s.invoke(fmt.Sprintf(`{"Do":"sleep","N":100,"Text":"caller %d"}`, n))
			mu.Lock()
			defer mu.Unlock()
			got[r.status]++
			switch {
			case r.err != nil:
				t.Errorf("caller %d got no answer: %v", n, r.err)
			case r.status == http.StatusOK && r.body != fmt.Sprintf(`"caller %d"`, n):
				t.Errorf("caller %d got %s", n, r.body)
			case r.status == http.StatusTooManyRequests && r.header.Get("Retry-After") == "":
				t.Errorf("caller %d was not told when to come back", n)
			}
		})
	}
	all.Wait()
	if got[200] < 100 || got[429] == 0 || got[200]+got[429] != 1000 {
		t.Errorf("1,000 callers got %v", got)
	}
	want := fmt.Sprintf("lambkin_throttles_total{function=\"fn\",reason=\"full\",version=\"$LATEST\"} %d\n", got[429])
	if text := s.scrape(); !strings.Contains(text, want) {
		t.Errorf("%d callers were refused, but not because the queue was full:\n%s", got[429], text)
	}
	s.wantEcho()
}

// TestCallersThatHangUp leave while they wait; the one environment is there for those that stay.
func TestCallersThatHangUp(t *testing.T) {
	t.Parallel()
	s := start(t, "-environments", "1", "-timeout", "2s")
	for range 50 {
		conn, err := net.Dial("tcp", s.addr)
		if err != nil {
			t.Fatal(err)
		}
		event := `{"Do":"sleep","N":60000}` // the first that is taken overruns its time; 50 would take longer than the next call waits
		_, _ = fmt.Fprintf(conn, "POST /2015-03-31/functions/fn/invocations HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s", len(event), event)
		_ = conn.Close()
	}
	s.wantEcho() // fails if more than the few that were taken before their callers left had to be waited for
}

// TestSIGTERMUnderLoad ends the program while it is busy. Every call that was taken is answered in full, the others are
// refused, and nothing is left of the function.
func TestSIGTERMUnderLoad(t *testing.T) {
	t.Parallel()
	s := start(t, "-environments", "2", "-timeout", "30s")
	pid, err := strconv.Atoi(s.invoke(`{"Do":"pid"}`).body)
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	answered := make(chan struct{}, 100_000)
	for n := range 16 {
		all.Go(func() {
			for {
				r := s.invoke(fmt.Sprintf(`{"Do":"sleep","N":30,"Text":"caller %d"}`, n))
				if r.err != nil || r.status >= http.StatusInternalServerError {
					return // refused: it came too late
				}
				if r.status != http.StatusOK || r.body != fmt.Sprintf(`"caller %d"`, n) {
					t.Errorf("caller %d got %d %s", n, r.status, r.body)
				}
				answered <- struct{}{}
			}
		})
	}
	for range 100 {
		<-answered
	}
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	all.Wait()
	if err := <-s.ended; err != nil {
		t.Errorf("runtime-api ended with %v, want status 0", err)
	}
	begun, ended := strings.Count(s.output(), "START RequestId"), strings.Count(s.output(), "REPORT RequestId")
	if want := 1 + 100 + len(answered); begun != want || ended != want { // the question for the pid, and those counted above
		t.Errorf("%d invocations began, %d ended and %d were answered", begun, ended, want)
	}
	if err := syscall.Kill(pid, 0); !errors.Is(err, syscall.ESRCH) {
		t.Errorf("the function's process %d is still there: %v", pid, err)
	}
}
