package server

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net/http"
	"net/textproto"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// oddHeads are heads at the edges of what HTTP allows. A lean loop may take them only if net/http reads them the same.
func oddHeads() []string {
	lines := []string{
		"POST /2015-03-31/functions/fn/invocations HTTP/1.1", "POST /2015-03-31/functions/fn:$LATEST/invocations HTTP/1.1",
		"POST /2015-03-31/functions/fn/invocations HTTP/1.0", "POST http://x/2015-03-31/functions/fn/invocations HTTP/1.1",
		"POST /2015-03-31/functions//invocations HTTP/1.1", "POST /2015-03-31/functions/a/b/invocations HTTP/1.1",
		"POST /2015-03-31/functions/a%2fb/invocations HTTP/1.1", "POST /2015-03-31/functions/../invocations HTTP/1.1",
		"POST /2015-03-31/functions/fn/invocations?Qualifier=1 HTTP/1.1", "POST /2015-03-31/functions/f\x01/invocations HTTP/1.1",
		"POST /2015-03-31/functions/\xe9/invocations HTTP/1.1", "POST  /2015-03-31/functions/fn/invocations HTTP/1.1", "post / HTTP/1.1",
		"GET " + pathNext + " HTTP/1.1", "GET " + pathNext + " HTTP/1.1 ", "GET " + pathNext + "\tHTTP/1.1",
		"POST " + responseA + " HTTP/1.1", "POST " + pathInvocation + "../response HTTP/1.1", "POST " + pathInvocation + "\x7f/response HTTP/1.1",
	}
	headers := []string{
		"", "Content-Length: 2\r\n", "Content-Length: 2\r\nContent-Length: 2\r\n", "Content-Length: 2\r\nContent-Length: 3\r\n",
		"Content-Length: +2\r\n", "Content-Length: 2, 2\r\n", "Content-Length: 0x2\r\n", "Content-Length:\r\n", "Content-Length: 9223372036854775808\r\n",
		"Content-Length : 2\r\n", " Content-Length: 2\r\n", "Content-Length:\t2 \r\n", "content-length: 2\r\n", "Content_Length: 2\r\n",
		"Transfer-Encoding: chunked\r\n", "Transfer-Encoding: CHUNKED\r\n", "Transfer-Encoding: chunked\r\nContent-Length: 2\r\n",
		"Transfer-Encoding: gzip, chunked\r\n", "Transfer-Encoding: identity\r\nContent-Length: 2\r\n", "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
		"Transfer-Encoding: \x0bchunked\r\n", "Transfer-Encoding: chunked\r\nTrailer: Content-Length\r\n", "Content-Length: 2\r\nTrailer: X\r\n",
		"X: a\r\n b\r\nContent-Length: 2\r\n", "X: a\nContent-Length: 3\r\nContent-Length: 2\r\n", "X: a\rContent-Length: 2\r\n", "X\r\nContent-Length: 2\r\n",
		": a\r\nContent-Length: 2\r\n", "X(: a\r\nContent-Length: 2\r\n", "X: \x00\r\nContent-Length: 2\r\n", "X: \xff\r\nContent-Length: 2\r\n",
		"Content-Type: a\r\nContent-Type: b\r\nContent-Length: 2\r\n", "Host: y\r\nContent-Length: 2\r\n", "Pragma: no-cache\r\nContent-Length: 2\r\n",
		"Connection: close\r\nContent-Length: 2\r\n", "Connection: Keep-Alive\r\nContent-Length: 2\r\n", "Upgrade: h2c\r\nContent-Length: 2\r\n", "Expect: 100-continue\r\nContent-Length: 2\r\n",
		headerResponseMode + ": streaming\r\n" + headerResponseMode + ": x\r\nContent-Length: 2\r\n",
	}
	var heads []string
	for _, line := range lines {
		for _, h := range headers {
			heads = append(heads, line+"\r\nHost: x\r\n"+h+"\r\n")
		}
	}
	return append(heads, lines[0]+"\r\nContent-Length: 2\r\n\r\n", lines[0]+"\r\nHost: a b\r\nContent-Length: 2\r\n\r\n", lines[0]+"\nHost: x\n\n")
}

// standard is how net/http's server understands a head; an error if it refuses it.
func standard(head []byte) (*http.Request, int64, error) {
	r, err := http.ReadRequest(bufio.NewReader(io.MultiReader(bytes.NewReader(head), strings.NewReader(strings.Repeat("x", 64<<10)))))
	if err != nil {
		return nil, 0, err
	}
	if r.Host == "" || strings.ContainsAny(r.Host, " \t") {
		return nil, 0, errors.New("no good Host")
	}
	size := r.ContentLength
	if len(r.TransferEncoding) > 0 {
		size = sizeChunked
	}
	return r, size, nil
}

// whole gives the head that a lean loop would find in data, as peekHead does.
func whole(data []byte) ([]byte, bool) {
	l := &leanConn{in: bufio.NewReaderSize(bytes.NewReader(data), readAhead)}
	head, err := l.peekHead()
	return head, err == nil
}

// FuzzDoorHead looks for a head that the lean loop of the front door takes and net/http reads differently, or refuses:
// what one side takes for a body the other would take for a request.
func FuzzDoorHead(f *testing.F) {
	for _, head := range oddHeads() {
		f.Add([]byte(head))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		head, ok := whole(data)
		if !ok {
			return
		}
		c := &leanCaller{header: make(http.Header)}
		got, err := c.parse(head)
		if err != nil {
			return
		}
		want, size, err := standard(head)
		if err != nil {
			t.Fatalf("the lean loop takes %q, net/http does not: %v", head, err)
		}
		type request struct {
			Method, Path, RawPath, Query, Host, URI, Proto string
			Size                                           int64
			Header                                         http.Header
		}
		of := func(r *http.Request, size int64) request {
			h := r.Header.Clone()
			for _, name := range []string{"Content-Length", "Cache-Control"} { // read, and added for Pragma, by net/http
				delete(h, name)
			}
			return request{r.Method, r.URL.Path, r.URL.RawPath, r.URL.RawQuery, r.Host, r.RequestURI, r.Proto, size, h}
		}
		if d := cmp.Diff(of(want, size), of(got, got.ContentLength)); d != "" {
			t.Errorf("%q is read differently (-net/http +lean):\n%s", head, d)
		}
	})
}

// FuzzRuntimeHead does the same for the Runtime API.
func FuzzRuntimeHead(f *testing.F) {
	for _, head := range oddHeads() {
		f.Add([]byte(head))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		head, ok := whole(data)
		if !ok {
			return
		}
		got, err := parseRuntimeHead(head)
		if err != nil {
			return
		}
		want, size, err := standard(head)
		if err != nil {
			t.Fatalf("the lean loop takes %q, net/http does not: %v", head, err)
		}
		line := "GET " + pathNext
		if got.id != "" {
			line = "POST " + pathInvocation + got.id + "/response"
		}
		if line != want.Method+" "+want.URL.EscapedPath() || want.URL.RawQuery != "" {
			t.Errorf("%q is %q to the lean loop, %s %q to net/http", head, line, want.Method, want.URL)
		}
		if max(got.size, sizeChunked) != size && (got.size != sizeUnknown || size != 0) {
			t.Errorf("%q has a body of %d, net/http says %d", head, got.size, size)
		}
		ans := answerOf(want)
		if got.contentType != ans.ContentType || cmp.Diff(got.mode, ans.Mode) != "" {
			t.Errorf("%q: type %q and mode %v, net/http says %q and %v", head, got.contentType, got.mode, ans.ContentType, ans.Mode)
		}
	})
}

// FuzzTrailers compares trailers with those of net/textproto, wherever that takes them.
func FuzzTrailers(f *testing.F) {
	for _, text := range []string{"\r\n", "A: b\r\n\r\n", "a:b\r\nA: c\r\n\r\n", "A\r\n\r\n", "A: b\n\n", "A: b\r\n", "A: b\r\n c\r\n\r\n", ": b\r\n\r\n"} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		in := bufio.NewReaderSize(bytes.NewReader(data), readAhead)
		got, err := readTrailers(in)
		if err != nil {
			return
		}
		std := textproto.NewReader(bufio.NewReaderSize(bytes.NewReader(data), readAhead))
		want, err := std.ReadMIMEHeader()
		if err != nil {
			return // net/http cuts such a connection
		}
		if in.Buffered() != std.R.Buffered() {
			t.Errorf("%q: %d bytes are left for the next request, net/textproto leaves %d", data, in.Buffered(), std.R.Buffered())
		}
		if len(got) > len(want) {
			t.Errorf("%q: trailers %v, net/textproto reads %v", data, got, want)
		}
	})
}

// TestLeanTakesWhatClientsSend has heads as real clients send them. If one were not plain, nothing would break: it
// would only be slow, and no other test would notice.
func TestLeanTakesWhatClientsSend(t *testing.T) {
	const id = "6bc28136-xmpl-4365-b021-0ce6b2e64ab0"
	runtimes := map[string]string{
		"Go next":       "GET " + pathNext + " HTTP/1.1\r\nHost: 127.0.0.1:9001\r\nUser-Agent: aws-lambda-go/1.54.0 go1.26\r\nAccept-Encoding: gzip\r\n\r\n",
		"Go response":   "POST " + pathInvocation + id + "/response HTTP/1.1\r\nHost: 127.0.0.1:9001\r\nUser-Agent: aws-lambda-go/1.54.0\r\nTransfer-Encoding: chunked\r\nContent-Type: application/json\r\nTrailer: Lambda-Runtime-Function-Error-Type,Lambda-Runtime-Function-Error-Body\r\nAccept-Encoding: gzip\r\n\r\n",
		"C++ response":  "POST " + pathInvocation + id + "/response HTTP/1.1\r\nHost: 127.0.0.1:9001\r\nAccept: */*\r\nContent-Type: application/json\r\nUser-Agent: AWS_Lambda_Cpp/0.2.6\r\nContent-Length: 17\r\n\r\n",
		"curl next":     "GET " + pathNext + " HTTP/1.1\r\nHost: localhost:9001\r\nUser-Agent: curl/8.5.0\r\nAccept: */*\r\n\r\n",
		"curl response": "POST " + pathInvocation + id + "/response HTTP/1.1\r\nHost: [::1]:9001\r\nUser-Agent: curl/8.5.0\r\nAccept: */*\r\nContent-Length: 2\r\nContent-Type: application/x-www-form-urlencoded\r\n\r\n",
		"Node stream":   "POST " + pathInvocation + id + "/response HTTP/1.1\r\nContent-Type: application/octet-stream\r\nLambda-Runtime-Function-Response-Mode: streaming\r\nTrailer: Lambda-Runtime-Function-Error-Type, Lambda-Runtime-Function-Error-Body\r\nHost: 127.0.0.1:9001\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n",
	}
	for name, head := range runtimes {
		if _, err := parseRuntimeHead([]byte(head)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	callers := map[string]string{
		"Go SDK": "POST /2015-03-31/functions/hello/invocations HTTP/1.1\r\nHost: 127.0.0.1:8080\r\nUser-Agent: aws-sdk-go-v2/1.41.0 ua/2.1 os/linux lang/go#1.26 md/GOOS#linux api/lambda#1.87.0\r\nContent-Length: 2\r\nAmz-Sdk-Invocation-Id: x\r\nAmz-Sdk-Request: attempt=1; max=3\r\nAuthorization: AWS4-HMAC-SHA256 Credential=x/20260101/us-east-1/lambda/aws4_request, SignedHeaders=a;b, Signature=c\r\nContent-Type: application/octet-stream\r\nX-Amz-Date: 20260101T000000Z\r\nAccept-Encoding: gzip\r\n\r\n",
		"boto3":  "POST /2015-03-31/functions/hello:prod/invocations HTTP/1.1\r\nHost: fn.default.svc.cluster.local\r\nAccept-Encoding: identity\r\nX-Amz-Invocation-Type: RequestResponse\r\nX-Amz-Log-Type: Tail\r\nUser-Agent: Boto3/1.40.0 md/Botocore#1.40.0\r\nContent-Length: 0\r\n\r\n",
		"curl":   "POST /2015-03-31/functions/arn:aws:lambda:us-east-1:000000000000:function:hello:$LATEST/invocations HTTP/1.1\r\nHost: localhost:8080\r\nUser-Agent: curl/8.5.0\r\nAccept: */*\r\nContent-Length: 2\r\nContent-Type: application/x-www-form-urlencoded\r\n\r\n",
	}
	for name, head := range callers {
		c := &leanCaller{header: make(http.Header)}
		if _, err := c.parse([]byte(head)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}
