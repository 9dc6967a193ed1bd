package bootstrap_test

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"os/exec"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// The Python client reads HTTP itself; a peer is played here that answers with the given bytes.
func TestPythonWire(t *testing.T) {
	const ok = "HTTP/1.1 202 Accepted\r\nContent-Length: 2\r\n\r\nok"
	cases := map[string]struct {
		reason  string
		answers []string // one per call; each but the last is followed by another call
		want    string
	}{
		"length":         {"bodies of known length", []string{ok}, "202 ok\n"},
		"kept":           {"one connection serves all calls", []string{ok, ok}, "202 ok\n202 ok\n"},
		"chunked":        {"bodies in pieces, with an extension and a trailer", []string{"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3;x=y\r\nabc\r\n1\r\nd\r\n0\r\nT: v\r\n\r\n", ok}, "200 abcd\n202 ok\n"},
		"continue":       {"an interim answer is none", []string{"HTTP/1.1 100 Continue\r\n\r\n" + ok}, "202 ok\n"},
		"no body":        {"an answer may have none", []string{"HTTP/1.1 204 No Content\r\n\r\n", ok}, "204 \n202 ok\n"},
		"header case":    {"names in any case, values in UTF-8", []string{"HTTP/1.1 200 OK\r\nCONTENT-length:2\r\nX-Seen:  grün \r\n\r\nok"}, "200 ok grün\n"},
		"ended early":    {"half an answer is none", []string{"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok"}, "ConnectionError\n"},
		"cut in head":    {"nor is half a head", []string{"HTTP/1.1 200 OK\r\nContent-"}, "ConnectionError\n"},
		"nothing":        {"a peer that hangs up", []string{""}, "ConnectionError\n"},
		"not HTTP":       {"another protocol", []string{"SSH-2.0-x\r\n\r\n"}, "ConnectionError\n"},
		"bad length":     {"no number", []string{"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n"}, "ConnectionError\n"},
		"bad chunk":      {"no size", []string{"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"}, "ConnectionError\n"},
		"bad status":     {"no status", []string{"HTTP/1.1 abc\r\n\r\n"}, "ConnectionError\n"},
		"endless header": {"headers are bounded", []string{"HTTP/1.1 200 OK\r\n" + strings.Repeat("A: b\r\n", 300) + "\r\n"}, "ConnectionError\n"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, callPython(t, tc.answers)); diff != "" {
				t.Errorf("%s (-want +got):\n%s", tc.reason, diff)
			}
		})
	}
}

// callPython makes one call per answer over one connection and prints status, body and the header x-seen of each.
func callPython(t *testing.T, answers []string) string {
	t.Helper()
	const program = `
import sys
from lambkin_runtime.wire import Connection
c = Connection(sys.argv[1])
for _ in range(int(sys.argv[2])):
    try:
        status, headers, body = c.call("POST", "/x", {"A": "b"}, b"body")
        print(status, body.decode(), *([headers["x-seen"]] if "x-seen" in headers else []))
    except ConnectionError:
        print("ConnectionError")
`
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Skipf("%v: install it, on Debian with apt-get install python3", err)
	}
	address := playPeer(t, answers)
	cmd := exec.Command(python, "-B", "-X", "utf8", "-c", program, address, string(rune('0'+len(answers))))
	cmd.Dir = "python"
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

// playPeer answers the requests of one connection, then hangs up.
func playPeer(t *testing.T, answers []string) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		conn, err := listener.Accept()
		if err != nil {
			return // the test is over
		}
		defer conn.Close()
		reader := bufio.NewReader(conn)
		for _, answer := range answers {
			req, err := http.ReadRequest(reader)
			if err != nil {
				t.Errorf("read the request: %v", err)
				return
			}
			if body, err := io.ReadAll(req.Body); err != nil || string(body) != "body" || req.Header.Get("A") != "b" {
				t.Errorf("request %v with body %q (%v)", req.Header, body, err)
			}
			_, _ = io.WriteString(conn, answer) // the client may have seen enough
		}
	}()
	t.Cleanup(func() {
		listener.Close()
		<-done
	})
	return listener.Addr().String()
}
