package awshttp

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"
)

func seeds() []string {
	pad := strings.Repeat("x", 9)
	return []string{
		``, `null`, ` {"a" : [1, 2.5e3, "b"]} `, `{"a":}`, `"` + pad + `"`, `"` + pad, `"` + pad + `\"`, `"` + pad + `\\"`,
		`"` + pad + `\u00e9"`, `"` + pad + `\u12"`, `"` + pad + `\u"`, `"` + pad + `\u1"23"`, `"` + pad + `\x"`, "\"" + pad + "\n\"",
		"\"" + pad + "\x00" + pad + "\"", "\"" + pad + "\xff\"", `["` + pad + `","` + pad + `"]`, `{"` + pad + `":"äöü` + pad + `"}`, `"\`, `"a" "b"`,
	}
}

// FuzzValidJSON holds validJSON to encoding/json, both on the text as it is and grown beyond the size where the fast
// path begins.
func FuzzValidJSON(f *testing.F) {
	for _, s := range seeds() {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		long := `["` + strings.Repeat("plain ", longString/6+1) + `",` + s + `]`
		for _, text := range []string{s, long} {
			want := json.Valid([]byte(text)) && utf8.ValidString(text)
			if got := validJSON([]byte(text)); got != want {
				t.Errorf("validJSON(%q… %d bytes) = %t, encoding/json says %t", s, len(text), got, want)
			}
			stripped := json.Valid(withoutPlainText([]byte(text)))
			if utf8.ValidString(text) && stripped != want {
				t.Errorf("%q… %d bytes stripped of plain text is valid: %t, want %t", s, len(text), stripped, want)
			}
		}
	})
}

func BenchmarkValidJSON(b *testing.B) {
	text := []byte(`{"data":"` + strings.Repeat("x", 6<<20) + `"}`)
	b.Run("ours", func(b *testing.B) {
		b.SetBytes(int64(len(text)))
		for b.Loop() {
			validJSON(text)
		}
	})
	b.Run("encoding/json", func(b *testing.B) {
		b.SetBytes(int64(len(text)))
		for b.Loop() {
			json.Valid(text)
		}
	})
}
