package event_test

import (
	"bytes"
	"errors"
	"net/http"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lambkin-dev/lambkin/internal/event"
)

const (
	root        = "1-5759e988-bd862e3fe1be46a994272793"
	parent      = "53995c3f42cd8ad8"
	traceparent = "00-5759e988bd862e3fe1be46a994272793-53995c3f42cd8ad8-01"
)

func TestParseTrace(t *testing.T) {
	cases := map[string]struct {
		reason, header string
		want           event.Trace
		ok             bool
	}{
		"Full":        {"every field is read", "Root=" + root + ";Parent=" + parent + ";Sampled=1", event.Trace{Root: root, Parent: parent, Sampled: true}, true},
		"Blanks":      {"X-Ray's own SDKs put blanks after semicolons", "Root=" + root + "; Sampled=0", event.Trace{Root: root}, true},
		"Order":       {"fields come in any order", "Sampled=1;Parent=" + parent + ";Root=" + root, event.Trace{Root: root, Parent: parent, Sampled: true}, true},
		"Undecided":   {"a decision left open is not taken for yes", "Root=" + root + ";Sampled=?", event.Trace{Root: root}, true},
		"Lineage":     {"fields we do not know pass through", "Root=" + root + ";Lineage=a87bd80c:1;K=v", event.Trace{Root: root, Rest: "Lineage=a87bd80c:1;K=v"}, true},
		"Self":        {"a load balancer's note to itself does not", "Self=1-67891234-12456789abcdef012345678;Root=" + root, event.Trace{Root: root}, true},
		"Unprintable": {"nor does what cannot stand in a header", "Root=" + root + ";K=a\x01b", event.Trace{Root: root}, true},
		"Empty":       {"no header, no trace", "", event.Trace{}, false},
		"NoRoot":      {"a trace has a root", "Parent=" + parent, event.Trace{}, false},
		"ShortRoot":   {"roots have a form", "Root=1-5759e988-bd86", event.Trace{}, false},
		"BadParent":   {"so have parents", "Root=" + root + ";Parent=xyz", event.Trace{}, false},
		"TooLong":     {"headers are bounded", "Root=" + root + ";K=" + strings.Repeat("v", 1024), event.Trace{}, false},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got, ok := event.ParseTrace(tc.header)
			if d := cmp.Diff(tc.want, got); ok != tc.ok || d != "" {
				t.Errorf("%s: ok = %t\n-want +got:\n%s", tc.reason, ok, d)
			}
		})
	}
}

func TestParseTraceparent(t *testing.T) {
	cases := map[string]struct {
		reason, header string
		want           event.Trace
		ok             bool
	}{
		"Sampled":    {"the flag's lowest bit decides", traceparent, event.Trace{Root: root, Parent: parent, Sampled: true}, true},
		"NotSampled": {"other bits do not", traceparent[:53] + "fe", event.Trace{Root: root, Parent: parent}, true},
		"Future":     {"later versions may add fields", "01" + traceparent[2:] + "-more", event.Trace{Root: root, Parent: parent, Sampled: true}, true},
		"Extra":      {"version 00 may not", traceparent + "-more", event.Trace{}, false},
		"Glued":      {"nor may fields be glued on", "01" + traceparent[2:] + "more", event.Trace{}, false},
		"VersionFF":  {"ff is no version", "ff" + traceparent[2:], event.Trace{}, false},
		"ZeroTrace":  {"zeros are no trace", "00-00000000000000000000000000000000-53995c3f42cd8ad8-01", event.Trace{}, false},
		"ZeroParent": {"nor a parent", "00-5759e988bd862e3fe1be46a994272793-0000000000000000-01", event.Trace{}, false},
		"NotHex":     {"digits are hexadecimal", "00-5759e988bd862e3fe1be46a99427279z-53995c3f42cd8ad8-01", event.Trace{}, false},
		"Short":      {"all fields are needed", traceparent[:52], event.Trace{}, false},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got, ok := event.ParseTraceparent(tc.header)
			if d := cmp.Diff(tc.want, got); ok != tc.ok || d != "" {
				t.Errorf("%s: ok = %t\n-want +got:\n%s", tc.reason, ok, d)
			}
		})
	}
}

func TestTraceOf(t *testing.T) {
	now := time.Unix(0x5759e988, 0)
	random := func() *bytes.Reader { return bytes.NewReader([]byte("0123456789abcdefghij")) }
	const fresh = "Root=1-5759e988-303132333435363738396162;Parent=636465666768696a;Sampled=0"
	cases := map[string]struct {
		reason string
		header http.Header
		want   string
	}{
		"XRayFirst":   {"X-Ray's header counts before W3C's", http.Header{"X-Amzn-Trace-Id": {"Root=" + root + ";Parent=" + parent}, "Traceparent": {"00-11111111111111111111111111111111-2222222222222222-01"}}, "Root=" + root + ";Parent=" + parent + ";Sampled=0"},
		"BrokenXRay":  {"a broken one does not count", http.Header{"X-Amzn-Trace-Id": {"Root=x"}, "Traceparent": {traceparent}}, "Root=" + root + ";Parent=" + parent + ";Sampled=1"},
		"FillParent":  {"a root alone gets a parent", http.Header{"X-Amzn-Trace-Id": {"Root=" + root}}, "Root=" + root + ";Parent=636465666768696a;Sampled=0"},
		"KeepLineage": {"what we do not know stays", http.Header{"X-Amzn-Trace-Id": {"Root=" + root + ";Parent=" + parent + ";Sampled=1;Lineage=1:2:3"}}, "Root=" + root + ";Parent=" + parent + ";Sampled=1;Lineage=1:2:3"},
		"Fresh":       {"without any, a new unsampled trace begins", nil, fresh},
		"BrokenBoth":  {"as it does with broken ones", http.Header{"X-Amzn-Trace-Id": {"?"}, "Traceparent": {"?"}}, fresh},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if got := event.TraceOf(tc.header, now, random()); got != tc.want {
				t.Errorf("%s: got %q, want %q", tc.reason, got, tc.want)
			}
		})
	}
	if got := event.NewTrace(now, iotest.ErrReader(errors.New("no randomness"))).Root; got != "1-5759e988-000000000000000000000000" {
		t.Errorf("without randomness the root is %q; it must be well-formed all the same", got)
	}
}

func TestHasTrace(t *testing.T) {
	for header, want := range map[string]bool{"X-Amzn-Trace-Id": true, "traceparent": true, "X-Trace": false} {
		h := http.Header{}
		h.Set(header, "not even well-formed")
		if got := event.HasTrace(h); got != want {
			t.Errorf("HasTrace with %s is %v, want %v", header, got, want)
		}
	}
}

func TestTraceparentRoundTrip(t *testing.T) {
	trace, _ := event.ParseTraceparent(traceparent)
	if got := trace.Traceparent(); got != traceparent {
		t.Errorf("there and back = %q, want %q", got, traceparent)
	}
	if got := (event.Trace{Root: root}).Traceparent(); got != "" {
		t.Errorf("without a parent = %q, but W3C requires one", got)
	}
}

// FuzzTrace holds both parsers to this: what they accept can be written and read again, and stands on one line.
func FuzzTrace(f *testing.F) {
	for _, s := range []string{"", traceparent, "Root=" + root, "Root=" + root + ";Parent=" + parent + ";Sampled=1;Lineage=a:b", "Root=" + root + ";=;a=;=b;a=b=c"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, header string) {
		if trace, ok := event.ParseTrace(header); ok {
			text := trace.String()
			again, ok := event.ParseTrace(text)
			// Blanks are dropped and decisions written out, so the text may grow past the bound; else it must read back.
			if len(text) <= 1024 && (!ok || again != trace) {
				t.Errorf("ParseTrace(%q) = %+v, but its text %q reads as %+v, %t", header, trace, text, again, ok)
			}
			if strings.ContainsAny(text, "\r\n") {
				t.Errorf("%q is no header", text)
			}
		}
		if trace, ok := event.ParseTraceparent(header); ok {
			if again, ok := event.ParseTraceparent(trace.Traceparent()); !ok || !strings.EqualFold(again.Root, trace.Root) || again.Sampled != trace.Sampled {
				t.Errorf("ParseTraceparent(%q) = %+v, but its text reads as %+v, %t", header, trace, again, ok)
			}
		}
	})
}
