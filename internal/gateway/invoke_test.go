package gateway_test

import (
	"context"
	"encoding/base64"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/lambkin-dev/lambkin/internal/gateway"
	"github.com/lambkin-dev/lambkin/internal/lambda"
)

func encode(b []byte) string { return base64.StdEncoding.EncodeToString(b) }

func TestInvoke(t *testing.T) {
	f := newFixture(t)
	ctx := t.Context()
	f.create("fn")
	var seen *lambda.Invocation
	f.calls = func(_ context.Context, in *lambda.Invocation) (*lambda.Result, error) {
		seen = in
		return &lambda.Result{ExecutedVersion: "7", Payload: []byte(`{"errorType":"E"}`), FunctionError: lambda.Unhandled, LogTail: []byte("END")}, nil
	}
	out, err := f.client.Invoke(ctx, &sdk.InvokeInput{
		FunctionName: aws.String(prefix + "function:fn"), Qualifier: aws.String("live"), LogType: types.LogTypeTail, ClientContext: aws.String(encode([]byte(`{"a":1}`))),
	})
	if err != nil || aws.ToString(out.FunctionError) != "Unhandled" || aws.ToString(out.ExecutedVersion) != "7" || aws.ToString(out.LogResult) != encode([]byte("END")) {
		t.Fatalf("Invoke = %+v, %v", out, err)
	}
	if string(seen.Payload) != "{}" || seen.ClientContext != `{"a":1}` || seen.Function.Name != "fn" || seen.Function.Qualifier != "live" || !seen.LogTail || seen.ID == "" {
		t.Errorf("the invocation was %+v", seen)
	}
	seen = nil
	dry, err := f.client.Invoke(ctx, &sdk.InvokeInput{FunctionName: aws.String("fn"), InvocationType: types.InvocationTypeDryRun})
	if err != nil || dry.StatusCode != http.StatusNoContent || seen != nil {
		t.Errorf("dry run: %+v, %v; ran: %v", dry, err, seen != nil)
	}
	var absent *types.ResourceNotFoundException
	if _, err := f.client.Invoke(ctx, &sdk.InvokeInput{FunctionName: aws.String("none"), InvocationType: types.InvocationTypeDryRun}); !errors.As(err, &absent) {
		t.Errorf("dry run of an unknown function: %v", err)
	}
}

func TestInvokeAsynchronously(t *testing.T) {
	f := newFixture(t)
	ctx := t.Context()
	f.create("fn")
	out, err := f.client.Invoke(ctx, &sdk.InvokeInput{FunctionName: aws.String("fn"), InvocationType: types.InvocationTypeEvent, Payload: []byte(`1`)})
	if err != nil || out.StatusCode != http.StatusAccepted || out.ExecutedVersion != nil || len(out.Payload) != 0 {
		t.Errorf("Event = %+v, %v", out, err)
	}
	//nolint:staticcheck // it is deprecated and still called
	old, err := f.client.InvokeAsync(ctx, &sdk.InvokeAsyncInput{FunctionName: aws.String("fn"), InvokeArgs: strings.NewReader(`2`)})
	if err != nil || old.Status != http.StatusAccepted {
		t.Errorf("InvokeAsync = %+v, %v", old, err)
	}
	if r := f.request(http.MethodPost, "/2014-11-13/functions/fn/invoke-async/", "3"); r.status != http.StatusAccepted || r.body != `{"Status":202}` {
		t.Errorf("InvokeAsync: %d %q", r.status, r.body)
	}
	if len(f.queued) != 3 || string(f.queued[0].Payload) != "1" || string(f.queued[1].Payload) != "2" || string(f.queued[2].Payload) != "3" {
		t.Errorf("queued %d events", len(f.queued))
	}
}

func TestInvokeWithResponseStream(t *testing.T) {
	f := newFixture(t)
	f.create("fn")
	f.calls = func(_ context.Context, in *lambda.Invocation) (*lambda.Result, error) {
		if err := in.Stream.Start("text/plain"); err != nil {
			return nil, err
		}
		for _, part := range []string{"a", "b"} {
			if _, err := in.Stream.Write([]byte(part)); err != nil {
				return nil, err
			}
		}
		return &lambda.Result{ExecutedVersion: "$LATEST"}, nil
	}
	out, err := f.client.InvokeWithResponseStream(t.Context(), &sdk.InvokeWithResponseStreamInput{FunctionName: aws.String("fn")})
	if err != nil {
		t.Fatal(err)
	}
	stream := out.GetStream()
	defer stream.Close()
	var text strings.Builder
	complete := false
	for e := range stream.Events() {
		switch e := e.(type) {
		case *types.InvokeWithResponseStreamResponseEventMemberPayloadChunk:
			text.Write(e.Value.Payload)
		case *types.InvokeWithResponseStreamResponseEventMemberInvokeComplete:
			complete = true
		}
	}
	if text.String() != "ab" || !complete || stream.Err() != nil {
		t.Errorf("streamed %q, complete: %v, %v", text.String(), complete, stream.Err())
	}
}

// TestPanic holds that a defect becomes an ordinary error and tells nothing of itself.
func TestPanic(t *testing.T) {
	f := newFixture(t)
	f.create("fn")
	f.calls = func(context.Context, *lambda.Invocation) (*lambda.Result, error) { panic("secret") }
	r := f.request(http.MethodPost, functions+"/fn/invocations", "{}")
	if r.status != http.StatusInternalServerError || r.header.Get("X-Amzn-Errortype") != "ServiceException" || strings.Contains(r.body, "secret") || r.header.Get("X-Amzn-Requestid") == "" {
		t.Errorf("%d %v %s", r.status, r.header, r.body)
	}
	if again := f.request(http.MethodGet, functions+"/fn", ""); again.status != http.StatusOK {
		t.Errorf("the service is gone after a panic: %d", again.status)
	}
}

// TestInternalErrorsStayInside holds that callers do not see what went wrong within.
func TestInternalErrorsStayInside(t *testing.T) {
	f := newFixture(t)
	f.create("fn")
	f.calls = func(context.Context, *lambda.Invocation) (*lambda.Result, error) {
		return nil, errors.New("disk /dev/sda1 is full")
	}
	r := f.request(http.MethodPost, functions+"/fn/invocations", "{}")
	if r.status != http.StatusInternalServerError || strings.Contains(r.body, "sda1") {
		t.Errorf("%d %s", r.status, r.body)
	}
}

func TestDownloads(t *testing.T) {
	now := time.Now()
	f := newFixture(t, func(c *gateway.Config) { c.Clock = func() time.Time { return now } })
	f.create("fn")
	got, err := f.client.GetFunction(t.Context(), &sdk.GetFunctionInput{FunctionName: aws.String("fn")})
	if err != nil {
		t.Fatal(err)
	}
	path := strings.TrimPrefix(aws.ToString(got.Code.Location), f.url)
	for name, p := range map[string]string{
		"no signature": path[:strings.LastIndex(path, ".")], "wrong signature": path + "A", "changed": strings.Replace(path, "/_download/", "/_download/A", 1),
		"empty": "/_download/.", "no ticket": "/_download/x",
	} {
		if r := f.request(http.MethodGet, p, ""); r.status != http.StatusForbidden {
			t.Errorf("%s: %d, want 403", name, r.status)
		}
	}
	if r := f.request(http.MethodHead, path, ""); r.status != http.StatusOK || r.header.Get("Content-Type") != "application/zip" {
		t.Errorf("HEAD: %d %v", r.status, r.header)
	}
	now = now.Add(10 * time.Minute)
	if r := f.request(http.MethodGet, path, ""); r.status != http.StatusForbidden {
		t.Errorf("after ten minutes: %d, want 403", r.status)
	}
}
