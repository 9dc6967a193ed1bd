package server_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/lambkin-dev/lambkin/internal/event"
	"github.com/lambkin-dev/lambkin/internal/lambda"
	"github.com/lambkin-dev/lambkin/runtime-api/server"
)

const nuls = "\x00\x00\x00\x00\x00\x00\x00\x00"

// streams answers with chunks of a content type and ends as told.
func streams(contentType string, chunks []string, res lambda.Result, err error) lambda.InvokerFunc {
	return func(_ context.Context, in *lambda.Invocation) (*lambda.Result, error) {
		if contentType != "" {
			if err := in.Stream.Start(contentType); err != nil {
				return nil, err
			}
		}
		for _, c := range chunks {
			if _, err := in.Stream.Write([]byte(c)); err != nil {
				break // the pod goes on to the end of the invocation
			}
		}
		return &res, err
	}
}

func streaming(cfg *server.FrontDoorConfig) { cfg.Stream = true }

func TestFrontDoorStream(t *testing.T) {
	failure := lambda.Result{FunctionError: lambda.Unhandled, Payload: []byte(`{"errorMessage":"secret"}`)}
	cases := map[string]struct {
		reason, contentType string
		chunks              []string
		res                 lambda.Result
		err                 error
		status              int
		media, body         string
		cut                 bool
	}{
		"Plain":        {reason: "bytes without a type", contentType: "application/octet-stream", chunks: []string{"a", "b"}, status: 200, media: "application/octet-stream", body: "ab"},
		"Typed":        {reason: "the function may name one", contentType: "text/html", chunks: []string{"<p>"}, status: 200, media: "text/html", body: "<p>"},
		"Prelude":      {reason: "or say everything, in pieces", contentType: event.PreludeType, chunks: []string{`{"statusCode":201,"hea`, `ders":{"content-type":"x/y"}}` + nuls[:3], nuls[3:] + "bo", "dy"}, status: 201, media: "x/y", body: "body"},
		"PreludeOnly":  {reason: "and nothing else", contentType: event.PreludeType, chunks: []string{`{"statusCode":204}` + nuls}, status: 204, media: "application/octet-stream"},
		"Nothing":      {reason: "a function may say nothing at all", status: 200, media: "application/octet-stream"},
		"BrokenHead":   {reason: "a head that is none", contentType: event.PreludeType, chunks: []string{"hello" + nuls + "x"}, status: 502, media: "text/plain", body: "Internal Server Error"},
		"HalfHead":     {reason: "half a head", contentType: event.PreludeType, chunks: []string{`{"statusCode":201}`}, status: 502, media: "text/plain", body: "Internal Server Error"},
		"ErrorFirst":   {reason: "an error before the first byte is a reply", res: failure, status: 502, media: "text/plain", body: "Internal Server Error"},
		"RefusedFirst": {reason: "so is a refusal", err: lambda.Errorf(lambda.CodeResourceConflict, "busy"), status: 409, media: "application/json", body: `{"Type":"User","message":"busy"}`},
		"ErrorMidway":  {reason: "an error after it cuts the connection", contentType: "text/plain", chunks: []string{"half"}, res: failure, status: 200, media: "text/plain", body: "half", cut: true},
		"FaultMidway":  {reason: "as does a fault of ours", contentType: "text/plain", chunks: []string{"half"}, err: errors.New("x"), status: 200, media: "text/plain", body: "half", cut: true},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			url := door(t, streams(tc.contentType, tc.chunks, tc.res, tc.err), streaming)
			got := call(t, http.MethodGet, url, "")
			if got.Status != tc.status || got.Header.Get("Content-Type") != tc.media || got.Body != tc.body || (got.Err != nil) != tc.cut {
				t.Errorf("%s: got %d %q %q, read error %v", tc.reason, got.Status, got.Header.Get("Content-Type"), got.Body, got.Err)
			}
		})
	}
}

// TestFrontDoorStreamIsNotHeldBack has a function that waits, after each chunk, until the caller has seen it.
func TestFrontDoorStreamIsNotHeldBack(t *testing.T) {
	seen := make(chan struct{})
	url := door(t, func(_ context.Context, in *lambda.Invocation) (*lambda.Result, error) {
		err := in.Stream.Start(event.PreludeType)
		for _, chunk := range []string{"{}" + nuls, "tick", "tick"} {
			if _, werr := in.Stream.Write([]byte(chunk)); werr != nil {
				err = errors.Join(err, werr)
			}
			<-seen
		}
		return &lambda.Result{}, err
	}, streaming)
	resp, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	seen <- struct{}{} // the head has come
	for range 2 {
		tick := make([]byte, 4)
		if _, err := io.ReadFull(resp.Body, tick); err != nil || string(tick) != "tick" {
			t.Fatalf("chunk = %q, %v", tick, err)
		}
		seen <- struct{}{}
	}
	if rest, err := io.ReadAll(resp.Body); err != nil || len(rest) > 0 {
		t.Errorf("after the last chunk: %q, %v", rest, err)
	}
}

func TestFrontDoorStreamKeepsConnection(t *testing.T) {
	url := door(t, streams("text/plain", []string{strings.Repeat("x", 100_000)}, lambda.Result{}, nil), streaming)
	for range 3 {
		if got := call(t, http.MethodGet, url, ""); got.Err != nil || len(got.Body) != 100_000 {
			t.Fatalf("%d bytes, %v", len(got.Body), got.Err)
		}
	}
}
