package rollout_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lambkin-dev/lambkin/cli/rollout"
)

func TestTally(t *testing.T) {
	cases := map[string]struct {
		reason, log string
		want        map[string]rollout.Count
	}{
		"Nothing": {"", "", nil},
		"Text": {"one that went well and one that did not",
			"START RequestId: a Version: 2\nhello\nEND RequestId: a\nREPORT RequestId: a\tDuration: 1.00 ms\t\n" +
				"START RequestId: b Version: 2\nEND RequestId: b\nREPORT RequestId: b\tDuration: 1.00 ms\tStatus: error\tError Type: X\n",
			map[string]rollout.Count{"2": {Calls: 2, Failed: 1}}},
		"JSON": {"",
			`{"time":"t","type":"platform.start","record":{"requestId":"a","version":"3"}}` + "\n" +
				`{"level":"INFO","message":"platform.report"}` + "\n" +
				`{"time":"t","type":"platform.report","record":{"requestId":"a","status":"success"}}` + "\n" +
				`{"time":"t","type":"platform.start","record":{"requestId":"b","version":"$LATEST"}}` + "\n" +
				`{"time":"t","type":"platform.report","record":{"requestId":"b","status":"timeout"}}` + "\n",
			map[string]rollout.Count{"3": {Calls: 1}, "$LATEST": {Calls: 1, Failed: 1}}},
		"Mixed": {"pods write at the same time",
			"START RequestId: a Version: 1\nSTART RequestId: b Version: 2\nREPORT RequestId: b\tStatus: timeout\nREPORT RequestId: a\t\n",
			map[string]rollout.Count{"1": {Calls: 1}, "2": {Calls: 1, Failed: 1}}},
		"Unknown":   {"what began before we looked is of no version", "REPORT RequestId: a\tStatus: error\n", nil},
		"Running":   {"what has not ended says nothing yet", "START RequestId: a Version: 2\n", nil},
		"Twice":     {"one end for one beginning", "START RequestId: a Version: 2\nREPORT RequestId: a\t\nREPORT RequestId: a\t\n", map[string]rollout.Count{"2": {Calls: 1}}},
		"NoEnd":     {"a line counts once it is whole", "START RequestId: a Version: 2\nREPORT RequestId: a\t", nil},
		"Windows":   {"", "START RequestId: a Version: 2\r\nREPORT RequestId: a\t\r\n", map[string]rollout.Count{"2": {Calls: 1}}},
		"Long":      {"a line without end is passed over", strings.Repeat("x", 100_000) + "\nSTART RequestId: a Version: 2\nREPORT RequestId: a\t\n", map[string]rollout.Count{"2": {Calls: 1}}},
		"Lookalike": {"functions may print what they like", "START RequestId: a\nSTART RequestId:  Version: 2\n{\"type\":\"platform.start\"}\n{\"type\":\"platform.\nREPORT RequestId: \n", nil},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			for _, size := range []int{1, 7, len(tc.log) + 1} { // however it is cut into pieces
				var tally rollout.Tally
				for rest := tc.log; rest != ""; {
					n := min(size, len(rest))
					if wrote, err := tally.Write([]byte(rest[:n])); err != nil || wrote != n {
						t.Fatalf("Write = %d, %v", wrote, err)
					}
					rest = rest[n:]
				}
				got := tally.All()
				if len(got) == 0 {
					got = nil
				}
				if diff := cmp.Diff(tc.want, got); diff != "" {
					t.Errorf("%s, in pieces of %d (-want +got):\n%s", tc.reason, size, diff)
				}
			}
		})
	}
}

func TestTallyIsBounded(t *testing.T) {
	var tally rollout.Tally
	for i := range 100_010 {
		_, _ = fmt.Fprintf(&tally, "START RequestId: %d Version: 1\n", i)
	}
	for i := range 100_010 {
		_, _ = fmt.Fprintf(&tally, "REPORT RequestId: %d\t\n", i)
	}
	if got := tally.Of("1").Calls; got != 100_000 {
		t.Errorf("%d calls, want no more than fit", got)
	}
}

// FuzzTally holds the promise that no log makes more failures than calls, and none depends on how it is cut.
func FuzzTally(f *testing.F) {
	f.Add([]byte("START RequestId: a Version: 2\nREPORT RequestId: a\tStatus: error\n"), uint8(3))
	f.Add([]byte(`{"type":"platform.start","record":{"requestId":"a","version":"3"}}`+"\n"), uint8(1))
	f.Add([]byte("\n\r\n\x00"), uint8(0))
	f.Fuzz(func(t *testing.T, log []byte, size uint8) {
		var whole, pieces rollout.Tally
		_, _ = whole.Write(log)
		for rest := log; len(rest) > 0; {
			n := min(int(size)+1, len(rest))
			_, _ = pieces.Write(rest[:n])
			rest = rest[n:]
		}
		if diff := cmp.Diff(whole.All(), pieces.All()); diff != "" {
			t.Errorf("in pieces of %d: %s", size, diff)
		}
		for version, c := range whole.All() {
			if c.Failed > c.Calls || c.Rate() > 1 {
				t.Errorf("version %q: %+v", version, c)
			}
		}
	})
}

func TestCount(t *testing.T) {
	c := rollout.Count{Calls: 10, Failed: 3}.Since(rollout.Count{Calls: 6, Failed: 2})
	if c != (rollout.Count{Calls: 4, Failed: 1}) || c.Rate() != 0.25 || (rollout.Count{}).Rate() != 0 {
		t.Errorf("%+v, %v", c, c.Rate())
	}
}
