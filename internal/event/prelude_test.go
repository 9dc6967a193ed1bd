package event_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lambkin-dev/lambkin/internal/event"
)

const nuls = "\x00\x00\x00\x00\x00\x00\x00\x00"

// read feeds a stream in pieces of n bytes and gives the head and the body behind it.
func read(stream string, n int) (head *event.Response, body string, err error) {
	var p event.Prelude
	for piece := range slices.Chunk([]byte(stream), n) {
		if head != nil {
			body += string(piece)
			continue
		}
		var rest []byte
		if head, rest, err = p.Next(piece); err != nil {
			return nil, "", err
		}
		body += string(rest)
	}
	return head, body, nil
}

func TestPrelude(t *testing.T) {
	big := `{"statusCode":200,"headers":{"x":"` + strings.Repeat("y", event.MaxPrelude) + `"}}`
	cases := map[string]struct {
		reason, stream, want, body string
		err                        error
	}{
		"Full":     {"head and body part at eight NULs", `{"statusCode":201,"headers":{"a":"b"},"cookies":["c=d"]}` + nuls + "body\x00" + nuls, "Created A: b|Content-Type: application/octet-stream|Set-Cookie: c=d| ", "body\x00" + nuls, nil},
		"Empty":    {"a head may say nothing", `{}` + nuls, "OK Content-Type: application/octet-stream| ", "", nil},
		"Nothing":  {"without a head there is no response yet", ``, "", "", nil},
		"Half":     {"nor with half a head", `{"statusCode":201}` + nuls[:7], "", "", nil},
		"NUL":      {"JSON holds no NUL", "{\x00}" + nuls, "", "", event.ErrPrelude},
		"NotJSON":  {"a head is JSON", "hello" + nuls, "", "", event.ErrPrelude},
		"NoObject": {"and an object", "null" + nuls, "", "", event.ErrPrelude},
		"Status":   {"with a status that HTTP has", `{"statusCode":99}` + nuls, "", "", event.ErrPrelude},
		"TooLong":  {"heads are bounded", big + nuls, "", "", event.ErrPrelude},
		"Endless":  {"and do not end late", strings.Repeat(" ", event.MaxPrelude+1) + nuls, "", "", event.ErrPrelude},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			for _, n := range []int{1, 3, 8, 64, 1 << 20} {
				head, body, err := read(tc.stream, n)
				var got string
				if head != nil {
					got = flat(*head)
				}
				if !errors.Is(err, tc.err) || got != tc.want || body != tc.body {
					t.Errorf("%s, in pieces of %d: got %q and body %q, %v; want %q and %q, %v", tc.reason, n, got, body, err, tc.want, tc.body, tc.err)
				}
			}
		})
	}
}

func TestIsPrelude(t *testing.T) {
	for text, want := range map[string]bool{event.PreludeType: true, event.PreludeType + "; charset=x": true, "application/json": false, "": false} {
		if got := event.IsPrelude(text); got != want {
			t.Errorf("IsPrelude(%q) = %t", text, got)
		}
	}
	if d := cmp.Diff("OK Content-Type: application/octet-stream| ", flat(*event.StreamHead(""))); d != "" {
		t.Errorf("stream without prelude\n-want +got:\n%s", d)
	}
	if d := cmp.Diff("OK Content-Type: text/html| ", flat(*event.StreamHead("text/html"))); d != "" {
		t.Errorf("stream that says what it is\n-want +got:\n%s", d)
	}
}

// FuzzPrelude holds the parser to this: how a stream is cut into pieces does not matter.
func FuzzPrelude(f *testing.F) {
	f.Add(`{"statusCode":201}`+nuls+"body", 3)
	f.Add("{\x00}"+nuls, 1)
	f.Add(strings.Repeat(" ", 300), 7)
	f.Fuzz(func(t *testing.T, stream string, n int) {
		n = 1 + n&0xff
		head, body, err := read(stream, len(stream)+1)
		again, bodyAgain, errAgain := read(stream, n)
		if (err == nil) != (errAgain == nil) || body != bodyAgain {
			t.Errorf("whole: %q, %v; in pieces of %d: %q, %v", body, err, n, bodyAgain, errAgain)
		}
		if d := cmp.Diff(head, again); d != "" {
			t.Errorf("heads differ:\n%s", d)
		}
	})
}
