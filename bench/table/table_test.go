package table

import (
	"slices"
	"strings"
	"testing"
	"time"
)

func TestMedian(t *testing.T) {
	cases := map[string]struct {
		reason string
		values []time.Duration
		want   time.Duration
	}{
		"None": {"There is nothing in the middle of nothing.", nil, 0},
		"Odd":  {"Order does not matter, and one that is far off neither.", []time.Duration{9000, 1, 5, 4, 6}, 5},
		"Even": {"Of two it is the worse for what must be quick.", []time.Duration{4, 1, 3, 2}, 3},
	}
	for name, tc := range cases {
		before := slices.Clone(tc.values)
		if got := Median(tc.values); got != tc.want {
			t.Errorf("%s: %s got %d, want %d", name, tc.reason, got, tc.want)
		}
		if !slices.Equal(before, tc.values) {
			t.Errorf("%s: the values were moved about", name)
		}
	}
}

func TestVerdicts(t *testing.T) {
	cases := map[string]struct {
		reason string
		row    Row
		met    bool
		value  string
		bound  string
	}{
		"AtMost":   {"The limit itself is within it.", Ratio("x", 1.2, AtMost(1.2)), true, "1.20", "≤ 1.2"},
		"TooMuch":  {"A ratio is judged before it is rounded.", Ratio("x", 1.2001, AtMost(1.2)), false, "1.20", "≤ 1.2"},
		"AtLeast":  {"The limit itself is enough.", Ratio("x", 0.5, AtLeast(0.5)), true, "0.50", "≥ 0.5"},
		"Little":   {"Less is not.", Ratio("x", 0.4, AtLeast(0.5)), false, "0.40", "≥ 0.5"},
		"Absolute": {"A unit stands beside both.", Absolute("x", 20, "ms", 20), true, "20.0 ms", "≤ 20 ms"},
		"Slow":     {"More is too much.", Absolute("x", 20.2, "ms", 20), false, "20.2 ms", "≤ 20 ms"},
	}
	for name, tc := range cases {
		if tc.row.Met != tc.met || tc.row.Value != tc.value || tc.row.Bound != tc.bound {
			t.Errorf("%s: %s got %+v", name, tc.reason, tc.row)
		}
	}
}

func TestWrite(t *testing.T) {
	held, told, missed := Ratio("a", 1, AtMost(1)), Row{What: "b", Value: "7"}, Ratio("c", 2, AtMost(1))
	var b strings.Builder
	if err := Write(&b, []Row{held, told}); err != nil {
		t.Errorf("all bounds hold: %v", err)
	}
	if want := "| a | 1.00 | ≤ 1 | yes |\n| b | 7 |  |  |\n"; !strings.HasSuffix(b.String(), want) {
		t.Errorf("got %s", b.String())
	}
	b.Reset()
	if err := Write(&b, []Row{held, missed, missed}); err == nil || err.Error() != "2 bounds do not hold" {
		t.Errorf("two bounds do not hold: %v", err)
	}
	if !strings.Contains(b.String(), "| c | 2.00 | ≤ 1 | **no** |") {
		t.Errorf("got %s", b.String())
	}
}
