package event

import (
	"fmt"
	"strings"
	"testing"
)

const lineageRoot = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1"

func TestLineage(t *testing.T) {
	a, b := "arn:aws:lambda:us-east-1:000000000000:function:a", "arn:aws:lambda:us-east-1:000000000000:function:b"
	trace, ok := ParseTrace(lineageRoot + ";Lineage=1:68fd508a:5;Other=x")
	if !ok || trace.Visits(a) != 0 {
		t.Fatalf("%+v, %v: nobody has been there yet", trace, ok)
	}
	for range 3 {
		trace = trace.Visit(a)
	}
	trace = trace.Visit(b)
	if trace.Visits(a) != 3 || trace.Visits(b) != 1 {
		t.Errorf("a was visited %d times, b %d times", trace.Visits(a), trace.Visits(b))
	}
	text := trace.String()
	for _, kept := range []string{lineageRoot, "1:68fd508a:5", ";Other=x"} {
		if !strings.Contains(text, kept) {
			t.Errorf("%s lacks %s", text, kept)
		}
	}
	if again, ok := ParseTrace(text); !ok || again.Visits(a) != 3 {
		t.Errorf("%s read back: %+v, %v", text, again, ok)
	}
}

func TestLineageIsBounded(t *testing.T) {
	trace, _ := ParseTrace(lineageRoot)
	for i := range 100 {
		trace = trace.Visit(fmt.Sprintf("arn:aws:lambda:us-east-1:000000000000:function:f%d", i))
	}
	if text := trace.String(); len(text) > maxTrace {
		t.Errorf("a header of %d bytes", len(text))
	}
	if n := trace.Visits("arn:aws:lambda:us-east-1:000000000000:function:f99"); n != 1 {
		t.Errorf("the last was visited %d times", n)
	}
}

func FuzzLineage(f *testing.F) {
	f.Add(lineageRoot + ";Lineage=a87bd80c:1|68fd508a:5|c512fbe3:2")
	f.Add(lineageRoot + ";Lineage=25:a87bd80c:1|:|a:-1|a:99999999999999999999")
	f.Add(lineageRoot + ";Lineage=;Lineage=x")
	f.Fuzz(func(t *testing.T, header string) {
		trace, ok := ParseTrace(header)
		if !ok {
			return
		}
		was := trace.Visits("arn")
		if was < 0 || was > maxVisits {
			t.Fatalf("%d visits", was)
		}
		if now := trace.Visit("arn").Visits("arn"); now != was+1 && was != maxVisits {
			t.Errorf("%d visits became %d", was, now)
		}
	})
}
