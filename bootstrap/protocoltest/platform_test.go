package protocoltest

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/lambkin-dev/lambkin/internal/lambda"
)

func call(t *testing.T, p *Platform, method, path string, body io.Reader) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, "http://"+p.Address()+"/2018-06-01/runtime/"+path, body)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(text)
}

// The double must refuse what the real Runtime API refuses, or the suite would pass clients that get it wrong.
func TestPlatformIsStrict(t *testing.T) {
	cases := map[string]struct {
		reason string
		id     string
		body   string
		want   int
	}{
		"accepted":   {"the invocation's own answer", "id", `1`, http.StatusAccepted},
		"unknown id": {"an answer must name a running invocation", "other", `1`, http.StatusBadRequest},
		"edge":       {"the limit is inclusive", "id", strings.Repeat("x", lambda.MaxResponsePayload), http.StatusAccepted},
		"too large":  {"one byte more is too much", "id", strings.Repeat("x", lambda.MaxResponsePayload+1), http.StatusRequestEntityTooLarge},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			p := NewPlatform(t)
			go func() { _, _ = p.Hand(t.Context(), Event{ID: "id", Payload: `{"e":1}`}) }()
			if status, body := call(t, p, http.MethodGet, "invocation/next", nil); status != http.StatusOK || body != `{"e":1}` {
				t.Fatalf("next: %d %s", status, body)
			}
			if status, _ := call(t, p, http.MethodPost, "invocation/"+tc.id+"/response", strings.NewReader(tc.body)); status != tc.want {
				t.Errorf("%s: status %d, want %d", tc.reason, status, tc.want)
			}
		})
	}
}

func TestPlatformTakesOneAnswer(t *testing.T) {
	p := NewPlatform(t)
	go func() { _, _ = p.Hand(t.Context(), Event{ID: "id", Payload: `1`}) }()
	call(t, p, http.MethodGet, "invocation/next", nil)
	call(t, p, http.MethodPost, "invocation/id/response", strings.NewReader(`1`))
	if status, _ := call(t, p, http.MethodPost, "invocation/id/error", strings.NewReader(`{}`)); status != http.StatusBadRequest {
		t.Errorf("a second answer got %d", status)
	}
}

func TestPlatformGivesUpWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	p := NewPlatform(t)
	if _, err := p.Invoke(ctx, Event{ID: "id"}); err == nil {
		t.Error("an event that nobody polled for was answered")
	}
	if _, err := p.InitError(ctx); err == nil {
		t.Error("an init error came from nowhere")
	}
}

func TestMarkdown(t *testing.T) {
	report := &Report{}
	report.add(line{client: &Client{Name: "b"}, results: map[string]result{"echo": {passed: true}, "null": {note: "why"}}})
	report.add(line{client: &Client{Name: "a"}, results: map[string]result{"echo": {passed: true, note: "why"}, "null": {note: "other"}}})
	got := report.Markdown()
	for n, want := range []string{"| case | a | b |", "| – (1) | yes |", "| – (2) | – (1) |", "| **no** | **no** |", "\n1. why\n2. other\n"} {
		if !strings.Contains(got, want) {
			t.Errorf("%d: no %q in\n%s", n, want, got)
		}
	}
}

func TestCaseNamesAreUnique(t *testing.T) {
	seen := map[string]bool{}
	for _, tc := range cases() {
		if seen[tc.name] || tc.reason == "" {
			t.Errorf("case %q is there twice or has no reason", tc.name)
		}
		seen[tc.name] = true
	}
	if len(seen) == 0 {
		t.Error(fmt.Errorf("no cases"))
	}
}
