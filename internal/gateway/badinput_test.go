package gateway_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/smithy-go"
)

// TestBadBodies sends what no SDK would.
func TestBadBodies(t *testing.T) {
	f := newFixture(t)
	f.create("fn")
	deep := func(n int) string { return strings.Repeat(`{"Environment":`, n) + "null" + strings.Repeat("}", n) }
	const put, post, notJSON = http.MethodPut, http.MethodPost, "InvalidRequestContentException"
	cases := map[string]struct{ reason, method, path, body, kind, text string }{
		"Deep":      {"no member lies so deep", put, functions + "/fn/configuration", deep(65), notJSON, "Could not parse request body into json: its members lie more than 64 deep in one another."},
		"DeepList":  {"nor any list", post, functions, `{"Layers":` + strings.Repeat("[", 100000) + `}`, notJSON, "Could not parse request body into json: its members lie more than 64 deep in one another."},
		"NotSoDeep": {"brackets in texts do not count", put, functions + "/fn/configuration", `{"Description":"` + strings.Repeat("[", 100) + `"}`, "", ""},
		"Escaped":   {"nor do quotes in texts end them", put, functions + "/fn/configuration", `{"Description":"\\\"` + strings.Repeat("[", 100) + `"}`, "", ""},
		"Number":    {"a text where a number belongs", put, functions + "/fn/configuration", `{"MemorySize":"128"}`, notJSON, "Could not parse request body into json: the member MemorySize cannot be a string."},
		"Fraction":  {"half a second", put, functions + "/fn/configuration", `{"Timeout":1.5}`, notJSON, "Could not parse request body into json: the member Timeout cannot be a number 1.5."},
		"Huge":      {"a number that no machine has", put, functions + "/fn/configuration", `{"Timeout":1e999}`, notJSON, "Could not parse request body into json: the member Timeout cannot be a number 1e999."},
		"Object":    {"an object where a list belongs", put, functions + "/fn/configuration", `{"Layers":{}}`, notJSON, "Could not parse request body into json: the member Layers cannot be a object."},
		"Variable":  {"a variable that is no text", put, functions + "/fn/configuration", `{"Environment":{"Variables":{"A":1}}}`, notJSON, "Could not parse request body into json: the member Environment.Variables must be an object of texts."},
		"List":      {"a list of everything", put, functions + "/fn/configuration", `[]`, notJSON, "Could not parse request body into json: not a JSON object of this operation."},
		"Word":      {"a lone text", post, functions + "/fn/versions", `"x"`, notJSON, "Could not parse request body into json: not a JSON object of this operation."},
		"Base64":    {"an archive that is not base64", post, functions, body(`Code={"ZipFile":"UEsDB*=="}`), notJSON, "Could not parse request body into json: ZipFile is not base64."},
		"CutBase64": {"one whose base64 is cut off", post, functions, body(`Code={"ZipFile":"UEsDB"}`), notJSON, "Could not parse request body into json: ZipFile is not base64."},
		"Null":      {"nothing instead of a name", post, functions, body("FunctionName=null"), "ValidationException", "1 validation error detected: Value null at 'functionName' failed to satisfy constraint: Member must not be null"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			r := f.request(tc.method, tc.path, tc.body)
			if got := r.header.Get("X-Amzn-Errortype"); got != tc.kind || (tc.kind != "") != (r.status == http.StatusBadRequest) {
				t.Fatalf("%s: %d %s %.300s", tc.reason, r.status, got, r.body)
			}
			if tc.kind != "" && r.message(t) != tc.text {
				t.Errorf("%s:\n%s\nwant\n%s", tc.reason, r.message(t), tc.text)
			}
		})
	}
}

// TestUpdatesAtOnce holds that of many updates of one revision one wins, and that the others are told to look again.
func TestUpdatesAtOnce(t *testing.T) {
	f := newFixture(t)
	f.create("fn")
	before, err := f.client.GetFunctionConfiguration(t.Context(), &sdk.GetFunctionConfigurationInput{FunctionName: aws.String("fn")})
	if err != nil {
		t.Fatal(err)
	}
	var won, lost atomic.Int32
	var all sync.WaitGroup
	for n := range int32(16) {
		all.Go(func() {
			_, err := f.client.UpdateFunctionConfiguration(t.Context(), &sdk.UpdateFunctionConfigurationInput{
				FunctionName: aws.String("fn"), Timeout: aws.Int32(10 + n), RevisionId: before.RevisionId,
			})
			var stale *types.PreconditionFailedException
			var busy *types.ResourceConflictException
			switch {
			case err == nil:
				won.Add(1)
			case errors.As(err, &stale), errors.As(err, &busy):
				lost.Add(1)
			default:
				t.Error(err)
			}
		})
	}
	all.Wait()
	if won.Load() != 1 || lost.Load() != 15 {
		t.Errorf("%d won and %d lost, want one winner of 16", won.Load(), lost.Load())
	}
}

// TestCreatesAtOnce holds the same of functions of one name.
func TestCreatesAtOnce(t *testing.T) {
	f := newFixture(t)
	var won atomic.Int32
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			_, err := f.client.CreateFunction(t.Context(), createInput("fn"))
			var api smithy.APIError
			if err == nil {
				won.Add(1)
			} else if !errors.As(err, &api) || api.ErrorCode() != "ResourceConflictException" || api.ErrorMessage() != "Function already exist: fn" {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if won.Load() != 1 {
		t.Errorf("%d created the function", won.Load())
	}
}

// TestHalfClosedClient has a client that ends its side of the connection in the middle of a body, and waits for the answer.
func TestHalfClosedClient(t *testing.T) {
	f := newFixture(t)
	f.create("fn")
	for _, path := range []string{functions + "/fn/invocations", functions + "/fn/versions", functions} {
		conn, err := net.Dial("tcp", strings.TrimPrefix(f.url, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		_ = conn.SetDeadline(time.Now().Add(time.Minute))
		if _, err := fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n{\"a\":", path); err != nil {
			t.Fatal(err)
		}
		tcp, ok := conn.(*net.TCPConn)
		if !ok {
			t.Fatalf("%T is no TCP connection", conn)
		}
		if err := tcp.CloseWrite(); err != nil {
			t.Fatal(err)
		}
		res, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			t.Fatalf("%s: no answer: %v", path, err)
		}
		text, err := io.ReadAll(res.Body)
		_ = res.Body.Close()
		if err != nil || res.StatusCode != http.StatusBadRequest || res.Header.Get("X-Amzn-Errortype") != "InvalidRequestContentException" {
			t.Errorf("%s: %d %s, %v", path, res.StatusCode, text, err)
		}
		_ = conn.Close()
	}
}
