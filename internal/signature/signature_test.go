package signature_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"github.com/lambkin-dev/lambkin/internal/lambda"
	"github.com/lambkin-dev/lambkin/internal/signature"
)

const (
	keyID  = "LKIAIOSFODNN7EXAMPLE"
	secret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
)

var moment = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func verifier(t testing.TB, now time.Time) *signature.Verifier {
	return &signature.Verifier{
		Region: "us-east-1", Service: "lambda", Clock: func() time.Time { return now }, MaxBody: 70 << 20, TempDir: t.TempDir(),
		Secret: func(_ context.Context, id string) (string, error) {
			if id != keyID {
				return "", lambda.Errorf(lambda.CodeUnrecognizedClient, "The security token included in the request is invalid.")
			}
			return secret, nil
		},
	}
}

func sha(body string) string {
	sum := sha256.Sum256([]byte(body))
	return hex.EncodeToString(sum[:])
}

// sent is how a request arrives: with what a server reads off the wire, not with what a client built.
func sent(t testing.TB, r *http.Request) *http.Request {
	t.Helper()
	var wire bytes.Buffer
	if err := r.Write(&wire); err != nil {
		t.Fatal(err)
	}
	return received(t, wire.String())
}

func received(t testing.TB, wire string) *http.Request {
	t.Helper()
	got, err := http.ReadRequest(bufio.NewReader(strings.NewReader(wire)))
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func build(t testing.TB, method, target, body string, header http.Header) *http.Request {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, "http://127.0.0.1:9000"+target, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	maps.Copy(r.Header, header)
	return r
}

func credentials() aws.Credentials {
	return aws.Credentials{AccessKeyID: keyID, SecretAccessKey: secret}
}

// signed is a request as the SDK for Go signs it.
func signed(t testing.TB, r *http.Request, payload string) *http.Request {
	t.Helper()
	if err := v4.NewSigner().SignHTTP(t.Context(), credentials(), r, payload, "lambda", "us-east-1", moment); err != nil {
		t.Fatal(err)
	}
	return r
}

func presigned(t testing.TB, r *http.Request, payload string, expires int) *http.Request {
	t.Helper()
	q := r.URL.Query()
	q.Set("X-Amz-Expires", fmt.Sprint(expires))
	r.URL.RawQuery = q.Encode()
	address, header, err := v4.NewSigner().PresignHTTP(t.Context(), credentials(), r, payload, "lambda", "us-east-1", moment)
	if err != nil {
		t.Fatal(err)
	}
	made, err := http.NewRequestWithContext(t.Context(), r.Method, address, r.Body)
	if err != nil {
		t.Fatal(err)
	}
	made.ContentLength = r.ContentLength
	maps.Copy(made.Header, header)
	return made
}

const (
	invocations = "/2015-03-31/functions/arn%3Aaws%3Alambda%3Aus-east-1%3A000000000000%3Afunction%3Ahello/invocations"
	unknownKey  = "The security token included in the request is invalid."
	noMatch     = "The request signature we calculated does not match the signature you provided."
)

// verify gives the body that a verified request has.
func verify(t testing.TB, r *http.Request, now time.Time) (string, error) {
	t.Helper()
	got, err := verifier(t, now).Verify(httptest.NewRecorder(), r)
	if err != nil {
		return "", err
	}
	if got.KeyID != keyID {
		t.Errorf("signed by %q, want %q", got.KeyID, keyID)
	}
	body, err := io.ReadAll(got.Request.Body)
	return string(body), err
}

// change is what somebody does to a request after it was signed.
type change func(r *http.Request)

func header(name, value string) change { return func(r *http.Request) { r.Header.Set(name, value) } }

func body(text string) change {
	return func(r *http.Request) {
		r.Body, r.ContentLength = io.NopCloser(strings.NewReader(text)), int64(len(text))
		r.GetBody = nil
	}
}

func address(was, is string) change {
	return func(r *http.Request) {
		u, err := url.Parse(strings.Replace(r.URL.String(), was, is, 1))
		if err != nil {
			panic(err)
		}
		r.URL = u
	}
}

func authorization(was, is string) change {
	return func(r *http.Request) {
		r.Header.Set("Authorization", strings.Replace(r.Header.Get("Authorization"), was, is, 1))
	}
}

func TestHeader(t *testing.T) {
	for name, tc := range map[string]struct {
		reason string
		target string
		header http.Header // before it is signed
		after  change
		now    time.Duration
		code   lambda.Code
		text   string
	}{
		"Good":     {reason: "as the SDK signs it"},
		"ARN":      {reason: "colons are escaped in the path, and once more in what is signed", target: invocations},
		"Query":    {reason: "parameters in any order, twice, empty, with characters that need escaping", target: "/x?b=2&a=%C3%A4+%20&b=1&empty=&tagKeys=a%2Fb"},
		"Early":    {reason: "a clock that is slow", now: 4*time.Minute + 59*time.Second},
		"Late":     {reason: "a clock that is fast", now: -4*time.Minute - 59*time.Second},
		"Declared": {reason: "a digest in a header", header: http.Header{"X-Amz-Content-Sha256": {sha("{}")}}},
		"Proxied": {reason: "the API server keeps Authorization for itself", after: func(r *http.Request) {
			header(signature.Header, r.Header.Get("Authorization"))(r)
			r.Header.Del("Authorization")
		}},
		"TraceID":        {reason: "proxies add it", after: header("X-Amzn-Trace-Id", "Root=1")},
		"Unsigned":       {after: func(r *http.Request) { r.Header.Del("Authorization") }, code: lambda.CodeMissingAuthenticationToken, text: "Missing Authentication Token"},
		"Expired":        {now: 6 * time.Minute, code: lambda.CodeInvalidSignature, text: "Signature expired: 20260301T120000Z is now earlier than 20260301T120100Z (20260301T120600Z - 5 min.)"},
		"Future":         {now: -6 * time.Minute, code: lambda.CodeInvalidSignature, text: "Signature not yet current: 20260301T120000Z is still later than 20260301T115900Z (20260301T115400Z + 5 min.)"},
		"BodyChanged":    {after: body("[]"), code: lambda.CodeInvalidSignature, text: noMatch},
		"DeclaredBody":   {reason: "the digest is right, the body is another", header: http.Header{"X-Amz-Content-Sha256": {sha("{}")}}, after: body("[]"), code: lambda.CodeInvalidSignature, text: "does not have the digest"},
		"DeclaredEmpty":  {header: http.Header{"X-Amz-Content-Sha256": {sha("{}")}}, after: body(""), code: lambda.CodeInvalidSignature, text: noMatch},
		"DeclaredShape":  {header: http.Header{"X-Amz-Content-Sha256": {"zz"}}, code: lambda.CodeInvalidSignature, text: "must be a SHA-256 digest"},
		"HeaderChanged":  {header: http.Header{"X-Amz-Invocation-Type": {"DryRun"}}, after: header("X-Amz-Invocation-Type", "Event"), code: lambda.CodeInvalidSignature, text: noMatch},
		"HeaderAdded":    {reason: "it would change what is asked for", after: header("X-Amz-Invocation-Type", "Event"), code: lambda.CodeInvalidSignature, text: "'X-Amz-Invocation-Type' must be a 'SignedHeader'"},
		"HeaderGone":     {header: http.Header{"X-Amz-Log-Type": {"Tail"}}, after: func(r *http.Request) { r.Header.Del("X-Amz-Log-Type") }, code: lambda.CodeInvalidSignature, text: "'x-amz-log-type' is not in the request"},
		"PathChanged":    {after: address("hello", "other"), code: lambda.CodeInvalidSignature, text: noMatch},
		"QueryAdded":     {after: address("invocations", "invocations?Qualifier=1"), code: lambda.CodeInvalidSignature, text: noMatch},
		"QueryTwice":     {target: "/x?a=1", after: address("a=1", "a=1&a=1"), code: lambda.CodeInvalidSignature, text: noMatch},
		"HostChanged":    {after: func(r *http.Request) { r.Host = "page.example" }, code: lambda.CodeInvalidSignature, text: noMatch},
		"HostUnsigned":   {after: authorization("host;", ""), code: lambda.CodeInvalidSignature, text: "'Host' or ':authority' must be a 'SignedHeader'"},
		"MethodChanged":  {after: func(r *http.Request) { r.Method = "PUT" }, code: lambda.CodeInvalidSignature, text: noMatch},
		"UnknownKey":     {after: authorization(keyID, "LKIAI44QH8DHBEXAMPLE"), code: lambda.CodeUnrecognizedClient, text: unknownKey},
		"SessionToken":   {reason: "keys here have none", header: http.Header{"X-Amz-Security-Token": {"t"}}, code: lambda.CodeUnrecognizedClient, text: unknownKey},
		"Region":         {after: authorization("us-east-1", "eu-west-1"), code: lambda.CodeInvalidSignature, text: "Credential should be scoped to a valid region"},
		"Service":        {after: authorization("/lambda/", "/sqs/"), code: lambda.CodeInvalidSignature, text: "Credential should be scoped to correct service: 'lambda'."},
		"Term":           {after: authorization("aws4_request", "aws5_request"), code: lambda.CodeInvalidSignature, text: "valid terminator: 'aws4_request'"},
		"ScopeDate":      {after: authorization("/20260301/", "/20260228/"), code: lambda.CodeInvalidSignature, text: "Date in Credential scope does not match YYYYMMDD"},
		"Scope":          {after: authorization("/lambda/", "/"), code: lambda.CodeIncompleteSignature, text: "Credential must have exactly 5 slash-delimited elements"},
		"NoSignature":    {after: authorization("Signature=", "Sign="), code: lambda.CodeIncompleteSignature, text: "Authorization header requires 'Signature' parameter."},
		"NotHexadecimal": {after: authorization("Signature=", "Signature=x"), code: lambda.CodeInvalidSignature, text: noMatch},
		"Basic":          {after: header("Authorization", "Basic eDp5"), code: lambda.CodeIncompleteSignature, text: "Unsupported AWS 'algorithm': 'Basic'"},
		"NoDate":         {after: func(r *http.Request) { r.Header.Del("X-Amz-Date") }, code: lambda.CodeIncompleteSignature, text: "either a 'X-Amz-Date' or a 'Date' header"},
		"BadDate":        {after: header("X-Amz-Date", "yesterday"), code: lambda.CodeIncompleteSignature, text: "ISO-8601"},
		"Twice":          {after: func(r *http.Request) { r.Header.Add("Authorization", "x") }, code: lambda.CodeIncompleteSignature, text: "more than one"},
		"OpenBody":       {reason: "somebody on the way could put another body in", header: http.Header{"X-Amz-Content-Sha256": {"UNSIGNED-PAYLOAD"}}, code: lambda.CodeInvalidSignature, text: "through TLS only"},
		"Trailer":        {header: http.Header{"X-Amz-Content-Sha256": {"STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER"}}, code: lambda.CodeInvalidSignature, text: "is not supported here"},
	} {
		t.Run(name, func(t *testing.T) {
			if tc.target == "" {
				tc.target = "/2015-03-31/functions/hello/invocations"
			}
			r := build(t, http.MethodPost, tc.target, "{}", tc.header)
			payload := sha("{}")
			if given := tc.header.Get("X-Amz-Content-Sha256"); given != "" {
				payload = given
			}
			signed(t, r, payload)
			if tc.after != nil {
				tc.after(r)
			}
			got, err := verify(t, sent(t, r), moment.Add(tc.now))
			told(t, tc.reason, err, tc.code, tc.text)
			if err == nil && got != "{}" {
				t.Errorf("%s: the body is %q", tc.reason, got)
			}
		})
	}
}

func told(t *testing.T, reason string, err error, code lambda.Code, text string) {
	t.Helper()
	if lambda.CodeOf(err) != code {
		t.Fatalf("%s: got %v, want %q", reason, err, code)
	}
	if err != nil && !strings.Contains(err.Error(), text) {
		t.Errorf("%s: got %q, want %q in it", reason, err, text)
	}
}

func TestPresigned(t *testing.T) {
	twice := func(r *http.Request) { r.URL.RawQuery += "&X-Amz-Signature=0" }
	for name, tc := range map[string]struct {
		reason  string
		method  string
		body    string
		payload string
		expires int
		after   change
		now     time.Duration
		code    lambda.Code
		text    string
	}{
		"Get":      {method: "GET", expires: 60},
		"Long":     {reason: "a week is the most", method: "GET", expires: 604800, now: 167 * time.Hour},
		"Body":     {method: "POST", body: "{}", expires: 60},
		"OpenBody": {reason: "the signer left the body open", method: "POST", body: "anything", payload: "UNSIGNED-PAYLOAD", expires: 60},
		"Other":    {method: "POST", body: "{}", expires: 60, after: body("[]"), code: lambda.CodeInvalidSignature, text: noMatch},
		"Expired":  {method: "GET", expires: 60, now: 61 * time.Second, code: lambda.CodeInvalidSignature, text: "Signature expired: 20260301T120000Z is now earlier than 20260301T120001Z (20260301T120101Z - 60 s.)"},
		"Future":   {method: "GET", expires: 60, now: -6 * time.Minute, code: lambda.CodeInvalidSignature, text: "not yet current"},
		"TooLong":  {method: "GET", expires: 604801, code: lambda.CodeIncompleteSignature, text: "from 1 to 604800"},
		"Never":    {method: "GET", expires: 0, code: lambda.CodeIncompleteSignature, text: "from 1 to 604800"},
		"Longer":   {reason: "the time is signed", method: "GET", expires: 60, after: address("X-Amz-Expires=60", "X-Amz-Expires=61"), code: lambda.CodeInvalidSignature, text: noMatch},
		"Path":     {method: "GET", expires: 60, after: address("hello", "other"), code: lambda.CodeInvalidSignature, text: noMatch},
		"Twice":    {method: "GET", expires: 60, after: twice, code: lambda.CodeIncompleteSignature, text: "must include 'X-Amz-Signature', once"},
		"Both":     {method: "GET", expires: 60, after: header("Authorization", "AWS4-HMAC-SHA256 x=y"), code: lambda.CodeIncompleteSignature, text: "not in both"},
		"Half":     {method: "GET", expires: 60, after: address("X-Amz-Credential=", "X-Amz-C="), code: lambda.CodeIncompleteSignature, text: "must include 'X-Amz-Credential'"},
		"Added":    {reason: "it would change what is asked for", method: "POST", body: "{}", expires: 60, after: header("X-Amz-Invocation-Type", "Event"), code: lambda.CodeInvalidSignature, text: "must be a 'SignedHeader'"},
	} {
		t.Run(name, func(t *testing.T) {
			payload := tc.payload
			if payload == "" {
				payload = sha(tc.body)
			}
			r := presigned(t, build(t, tc.method, "/2015-03-31/functions/hello?Qualifier=b%20c", tc.body, nil), payload, tc.expires)
			if tc.after != nil {
				tc.after(r)
			}
			got, err := verify(t, sent(t, r), moment.Add(tc.now))
			told(t, tc.reason, err, tc.code, tc.text)
			if err == nil && got != tc.body {
				t.Errorf("%s: the body is %q", tc.reason, got)
			}
		})
	}
}

// TestUnsignedPayload holds that a body may stay unsigned where nobody on the way can put another one in.
func TestUnsignedPayload(t *testing.T) {
	r := sent(t, signed(t, build(t, http.MethodPost, "/x", "{}", http.Header{"X-Amz-Content-Sha256": {"UNSIGNED-PAYLOAD"}}), "UNSIGNED-PAYLOAD"))
	r.TLS = new(tls.ConnectionState)
	if got, err := verify(t, r, moment); err != nil || got != "{}" {
		t.Errorf("got %q, %v", got, err)
	}
}

// TestLargeBody holds that a body that is not held in memory is checked all the same, whether its size was told or not.
func TestLargeBody(t *testing.T) {
	text := strings.Repeat("0123456789abcdef", 1<<19) // 8 MiB
	for name, size := range map[string]int64{"Sized": int64(len(text)), "Unsized": -1} {
		r := signed(t, build(t, http.MethodPost, "/x", "", nil), sha(text))
		r.Body, r.ContentLength = io.NopCloser(strings.NewReader(text)), size
		if got, err := verify(t, sent(t, r), moment); err != nil || got != text {
			t.Errorf("%s: got %d bytes, %v", name, len(got), err)
		}
		r.Body = io.NopCloser(strings.NewReader(text[1:] + "x"))
		_, err := verify(t, sent(t, r), moment)
		told(t, name, err, lambda.CodeInvalidSignature, noMatch)
	}
	v := verifier(t, moment)
	v.MaxBody = int64(len(text)) - 1
	r := signed(t, build(t, http.MethodPost, "/x", text, nil), sha(text))
	_, err := v.Verify(httptest.NewRecorder(), sent(t, r))
	told(t, "the limit", err, lambda.CodeRequestEntityTooLarge, "must be smaller than")
}

// TestTransport holds that our own signatures are taken, with bodies of every kind.
func TestTransport(t *testing.T) {
	large := strings.Repeat("x", 200<<10)
	transport := &signature.Transport{Credentials: signature.Credentials{KeyID: keyID, Secret: secret}, Region: "us-east-1", Service: "lambda", Clock: func() time.Time { return moment }}
	for name, tc := range map[string]struct {
		body io.Reader
		want string
	}{
		"None":     {nil, ""},
		"Known":    {strings.NewReader("{}"), "{}"},
		"Streamed": {struct{ io.Reader }{strings.NewReader(large)}, large},
		"Nothing":  {struct{ io.Reader }{strings.NewReader("")}, ""},
		"Even":     {struct{ io.Reader }{strings.NewReader(large[:128<<10])}, large[:128<<10]},
	} {
		t.Run(name, func(t *testing.T) {
			r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://127.0.0.1:9000"+invocations+"?b=1&a=2", tc.body)
			if err != nil {
				t.Fatal(err)
			}
			made, err := transport.Sign(r)
			if err != nil {
				t.Fatal(err)
			}
			if got, err := verify(t, sent(t, made), moment); err != nil || got != tc.want {
				t.Errorf("got %d bytes, %v", len(got), err)
			}
		})
	}
}

// TestChunks holds that no byte of a chunk is given before its signature is known, and that none can be left out, moved or
// added.
func TestChunks(t *testing.T) {
	first, second := strings.Repeat("a", 64<<10), strings.Repeat("b", 64<<10)
	for name, tc := range map[string]struct {
		reason string
		after  func(wire string) string
		want   string // what may be read before the error
		code   lambda.Code
	}{
		"Good":     {"", func(w string) string { return w }, first + second, ""},
		"Forged":   {"", func(w string) string { return strings.Replace(w, "bbb", "bcb", 1) }, first, lambda.CodeInvalidSignature},
		"LeftOut":  {"the first chunk", func(w string) string { return w[:0] + w[strings.Index(w, "\r\n10000;")+2:] }, "", lambda.CodeInvalidSignature},
		"NotChunk": {"", func(string) string { return "hello\r\n" }, "", lambda.CodeInvalidRequestContent},
		"TooLarge": {"a chunk is held in memory", func(string) string { return "7fffffff;chunk-signature=" + sha("") + "\r\n" }, "", lambda.CodeInvalidRequestContent},
		"NoSign":   {"", func(string) string { return "5\r\nhello\r\n" }, "", lambda.CodeInvalidRequestContent},
		"LongLine": {"", func(string) string { return strings.Repeat("1", 100_000) }, "", lambda.CodeInvalidRequestContent},
		"NoBreak":  {"", func(w string) string { return strings.Replace(w, "a\r\n", "aa\r\n", 1) }, "", lambda.CodeInvalidRequestContent},
	} {
		t.Run(name, func(t *testing.T) {
			transport := &signature.Transport{Credentials: signature.Credentials{KeyID: keyID, Secret: secret}, Region: "us-east-1", Service: "lambda", Clock: func() time.Time { return moment }}
			r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://127.0.0.1:9000/x", struct{ io.Reader }{strings.NewReader(first + second)})
			if err != nil {
				t.Fatal(err)
			}
			made, err := transport.Sign(r)
			if err != nil {
				t.Fatal(err)
			}
			wire, err := io.ReadAll(made.Body)
			if err != nil {
				t.Fatal(err)
			}
			made.Body = io.NopCloser(strings.NewReader(tc.after(string(wire))))
			got, err := verify(t, sent(t, made), moment)
			if lambda.CodeOf(err) != tc.code || got != tc.want {
				t.Errorf("%s: got %d bytes, %v, want %d and %q", tc.reason, len(got), err, len(tc.want), tc.code)
			}
		})
	}
}

// TestCutChunks holds that a body without its last chunk is no whole one.
func TestCutChunks(t *testing.T) {
	transport := &signature.Transport{Credentials: signature.Credentials{KeyID: keyID, Secret: secret}, Region: "us-east-1", Service: "lambda", Clock: func() time.Time { return moment }}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://127.0.0.1:9000/x", struct{ io.Reader }{strings.NewReader("hello")})
	if err != nil {
		t.Fatal(err)
	}
	made, err := transport.Sign(r)
	if err != nil {
		t.Fatal(err)
	}
	wire, err := io.ReadAll(made.Body)
	if err != nil {
		t.Fatal(err)
	}
	end := bytes.Index(wire, []byte("\r\n0;"))
	made.Body = io.NopCloser(bytes.NewReader(wire[:end+2]))
	if _, err := verify(t, sent(t, made), moment); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("got %v, want %v", err, io.ErrUnexpectedEOF)
	}
}
