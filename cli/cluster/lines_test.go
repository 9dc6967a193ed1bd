package cluster

import (
	"strings"
	"testing"
)

func TestEachLine(t *testing.T) {
	long := strings.Repeat("x", maxLine)
	for text, want := range map[string][]string{
		"":                        nil,
		"a":                       {"a"},
		"a\nb\r\n":                {"a", "b"},
		long + "yyy\nnext\n":      {long, "next"},
		long + "\nnext":           {long, "next"},
		long + long + long + "zz": {long},
	} {
		var got []string
		if err := eachLine(strings.NewReader(text), func(line string) { got = append(got, line) }); err != nil {
			t.Fatal(err)
		}
		if len(got) != len(want) {
			t.Errorf("%.10q…: %d lines, want %d", text, len(got), len(want))
			continue
		}
		for i := range want {
			if got[i] != want[i] {
				t.Errorf("%.10q…: line %d has %d bytes, want %d", text, i, len(got[i]), len(want[i]))
			}
		}
	}
}
