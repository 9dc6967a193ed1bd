package tracing

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/hex"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"github.com/lambkin-dev/lambkin/internal/lambda"
)

// collector is a double of an OpenTelemetry collector: it reads what arrives with the official messages.
type collector struct {
	*httptest.Server
	got    chan *tracepb.TracesData
	header http.Header // of the last request
	path   string
	refuse []int // statuses of the first requests
}

func newCollector(t *testing.T, refuse ...int) *collector {
	t.Helper()
	c := &collector{got: make(chan *tracepb.TracesData, 10), refuse: refuse}
	c.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if len(c.refuse) > 0 {
			w.WriteHeader(c.refuse[0])
			c.refuse = c.refuse[1:]
			return
		}
		body, err := read(r)
		data := new(tracepb.TracesData)
		if err == nil {
			err = proto.UnmarshalOptions{DiscardUnknown: false}.Unmarshal(body, data)
		}
		if err != nil || len(data.ProtoReflect().GetUnknown()) > 0 {
			t.Errorf("not OTLP: %v", err)
		}
		c.header, c.path = r.Header, r.URL.Path
		c.got <- data
	}))
	t.Cleanup(c.Close)
	return c
}

func read(r *http.Request) ([]byte, error) {
	if r.Header.Get("Content-Encoding") != "gzip" {
		return io.ReadAll(r.Body)
	}
	z, err := gzip.NewReader(r.Body)
	if err != nil {
		return nil, err
	}
	return io.ReadAll(z)
}

// started is a Tracer of these variables, which the SDK finds in the process's environment too.
func started(t *testing.T, log io.Writer, variables map[string]string) *Tracer {
	t.Helper()
	for name, value := range variables {
		t.Setenv(name, value)
	}
	tracer, err := Start(func(name string) string { return variables[name] }, Config{Service: "svc", Log: slog.New(slog.NewTextHandler(log, nil)),
		Identity: lambda.Identity{Region: "eu-west-1", Account: "123456789012"}})
	if err != nil || tracer == nil {
		t.Fatalf("start: %v, %v", tracer, err)
	}
	return tracer
}

func TestSpansArriveAtCollector(t *testing.T) {
	for _, compression := range []string{"none", "gzip"} {
		t.Run(compression, func(t *testing.T) {
			c := newCollector(t)
			tracer := started(t, t.Output(), map[string]string{
				"OTEL_EXPORTER_OTLP_ENDPOINT": c.URL + "/", "OTEL_EXPORTER_OTLP_HEADERS": "X-Key=a%20b, x-other=1", "OTEL_EXPORTER_OTLP_COMPRESSION": compression,
				"OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf", "OTEL_TRACES_EXPORTER": "otlp", "OTEL_EXPORTER_OTLP_TIMEOUT": "20000", "OTEL_RESOURCE_ATTRIBUTES": "deployment.environment=test",
			})
			began := time.Now()
			fail := func(context.Context, *lambda.Invocation) (*lambda.Result, error) {
				return &lambda.Result{RequestID: "id", ExecutedVersion: "7", FunctionError: lambda.Unhandled, ErrorType: "Function.Oops"}, nil
			}
			seen, _, _ := call(t.Context(), tracer, "Root="+root+";Parent="+parent+";Sampled=1", fail)
			_, _, _ = call(t.Context(), tracer, "", succeed)
			if err := tracer.Stop(t.Context()); err != nil {
				t.Fatal(err)
			}
			data := <-c.got
			if c.path != "/v1/traces" || c.header.Get("Content-Type") != "application/x-protobuf" || c.header.Get("X-Key") != "a b" || c.header.Get("X-Other") != "1" {
				t.Errorf("posted to %s with %v", c.path, c.header)
			}
			if len(data.ResourceSpans) != 1 || len(data.ResourceSpans[0].ScopeSpans) != 1 || len(data.ResourceSpans[0].ScopeSpans[0].Spans) != 2 {
				t.Fatalf("got %v", data)
			}
			resource := make(map[string]string)
			for _, a := range data.ResourceSpans[0].Resource.Attributes {
				resource[a.Key] = a.Value.GetStringValue()
			}
			if resource["service.name"] != "svc" || resource["deployment.environment"] != "test" {
				t.Errorf("resource %v", resource)
			}
			spans := data.ResourceSpans[0].ScopeSpans[0].Spans
			wantFailed(t, spans[0], seen, began)
			if s := spans[1]; len(s.ParentSpanId) != 0 || s.Status.GetCode() != tracepb.Status_STATUS_CODE_UNSET {
				t.Errorf("a first span that succeeded: %v", s)
			}
		})
	}
}

// wantFailed compares a span with the invocation that failed.
func wantFailed(t *testing.T, s *tracepb.Span, seen string, began time.Time) {
	t.Helper()
	got := []string{s.Name, hex.EncodeToString(s.TraceId), hex.EncodeToString(s.ParentSpanId), s.Kind.String(), s.Status.Code.String(), s.Status.Message}
	if d := cmp.Diff([]string{"fn", rootID, parent, "SPAN_KIND_SERVER", "STATUS_CODE_ERROR", "Function.Oops"}, got); d != "" {
		t.Errorf("span (-want +got):\n%s", d)
	}
	if !strings.Contains(seen, ";Parent="+hex.EncodeToString(s.SpanId)+";") {
		t.Errorf("the span is %x, the function was told %q", s.SpanId, seen)
	}
	start, end := time.Unix(0, int64(s.StartTimeUnixNano)), time.Unix(0, int64(s.EndTimeUnixNano))
	if start.Before(began) || end.Before(start) || end.After(time.Now()) {
		t.Errorf("the span goes from %v to %v", start, end)
	}
	attributes := make(map[string]string)
	for _, a := range s.Attributes {
		attributes[a.Key] = a.Value.GetStringValue()
	}
	want := map[string]string{"faas.name": "fn", "faas.version": "7", "faas.invocation_id": "id", "error.type": "Function.Oops",
		"cloud.resource_id": "arn:aws:lambda:eu-west-1:123456789012:function:fn:prod"}
	if d := cmp.Diff(want, attributes); d != "" {
		t.Errorf("attributes (-want +got):\n%s", d)
	}
}

func TestServiceNameOfTheEnvironmentWins(t *testing.T) {
	c := newCollector(t)
	tracer := started(t, t.Output(), map[string]string{"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": c.URL + "/custom", "OTEL_SERVICE_NAME": "theirs"})
	_, _, _ = call(t.Context(), tracer, "", succeed)
	if err := tracer.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	data := <-c.got
	if text := fmt.Sprint(data.ResourceSpans[0].Resource); !strings.Contains(text, "theirs") || strings.Contains(text, "svc") || c.path != "/custom" {
		t.Errorf("resource %s at %s", text, c.path)
	}
}

func TestExportRetries(t *testing.T) {
	cases := map[string]struct {
		reason string
		refuse []int
		arrive bool
	}{
		"Busy":    {"the collector asks for patience", []int{503, 429, 502, 504}, true},
		"Refused": {"it never will take it", []int{400}, false},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			c := newCollector(t, tc.refuse...)
			var log bytes.Buffer
			e := &exporter{url: c.URL, header: http.Header{}, timeout: time.Minute, pause: time.Millisecond, client: c.Client(), log: slog.New(slog.NewTextHandler(&log, nil))}
			spans := spansOf(t)
			if err := e.ExportSpans(t.Context(), spans); err != nil {
				t.Errorf("%s: %v; nobody could do anything about it", tc.reason, err)
			}
			if (len(c.got) == 1) != tc.arrive || (log.Len() == 0) != tc.arrive {
				t.Errorf("%s: %d batches arrived, log %q", tc.reason, len(c.got), &log)
			}
		})
	}
}

func TestExportGivesUpInTime(t *testing.T) {
	var log bytes.Buffer
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	e := &exporter{url: gone.URL, header: http.Header{}, timeout: 20 * time.Millisecond, pause: time.Hour, client: gone.Client(), log: slog.New(slog.NewTextHandler(&log, nil))}
	if err := e.ExportSpans(t.Context(), spansOf(t)); err != nil || !strings.Contains(log.String(), "spans lost") {
		t.Errorf("%v, log %q", err, &log)
	}
}
