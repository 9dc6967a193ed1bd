package awshttp

import (
	"strings"
	"testing"
)

func TestJSONFault(t *testing.T) {
	const source = "\n at [Source: REDACTED (`StreamReadFeature.INCLUDE_SOURCE_IN_LOCATION` disabled); "
	cases := map[string]struct{ reason, text, want string }{
		"Stray":   {"recorded: a word that goes wrong", "n\x87r\x9e\xe9", "Invalid UTF-8 start byte 0x87" + source + "line: 1, column: 3]"},
		"Control": {"recorded: a byte that is no character", "\x99\xeb,j", "Unexpected character ((CTRL-CHAR, code 153)): " + validValues + source + "line: 1, column: 1]"},
		"Sign":    {"a sign that begins nothing", "=1", "Unexpected character ('=' (code 61)): " + validValues + source + "line: 1, column: 1]"},
		"Line":    {"lines are counted", "\n\n  )", "Unexpected character (')' (code 41)): " + validValues + source + "line: 3, column: 3]"},
		"Blank":   {"nothing at all", " \n", notJSON},
		"Word":    {"another word", "nope", notJSON},
		"Deep":    {"a fault within", `{"a":}`, notJSON},
		"Cut":     {"a word that ends early", "nul", notJSON},
	}
	for name, tc := range cases {
		if got := jsonFault([]byte(tc.text)); got != tc.want {
			t.Errorf("%s: %s:\n%q\nwant\n%q", name, tc.reason, got, tc.want)
		}
	}
}

// FuzzJSONFault holds that no text is too odd to be told what is wrong with it, and that nothing of it is repeated but one
// character.
func FuzzJSONFault(f *testing.F) {
	for _, seed := range []string{"", "n\x87", "\xff", "\n)", `"`, "tru\x80e"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		got := jsonFault(b)
		if got == "" || len(got) > 400 || strings.Count(got, "\n") > 1 {
			t.Errorf("%q: %q", b, got)
		}
	})
}
