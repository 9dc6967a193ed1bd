package awshttp

import (
	"encoding/binary"
	"encoding/json"
	"unicode/utf8"
)

// longString is the length from which skipping a string in words pays off against encoding/json's byte by byte.
const longString = 4 << 10

// validJSON reports whether b is one JSON text in UTF-8. It agrees with encoding/json on every input, and is several
// times faster on large events, which are mostly long strings: their plain stretches are checked eight bytes at a time
// and left out of what encoding/json reads.
func validJSON(b []byte) bool {
	if !utf8.Valid(b) {
		return false
	}
	if len(b) < longString {
		return json.Valid(b)
	}
	return json.Valid(withoutPlainText(b))
}

// withoutPlainText is b without the insides of its strings as far as they are plain characters. What stays is valid
// exactly if b is: plain characters neither end a string nor make one invalid.
func withoutPlainText(b []byte) []byte {
	out := make([]byte, 0, min(len(b), longString))
	for i := 0; i < len(b); {
		c := b[i]
		out = append(out, c)
		i++
		if c == '"' {
			out, i = skipString(out, b, i)
		}
	}
	return out
}

// skipString goes from i, inside a string, to behind its closing quote; it appends to out all but the plain text.
func skipString(out, b []byte, i int) ([]byte, int) {
	for {
		i += plainPrefix(b[i:])
		if i == len(b) {
			return out, i
		}
		out = append(out, b[i])
		if b[i] == '"' {
			return out, i + 1
		}
		i++
		if b[i-1] == '\\' {
			n := escapeLen(b[i:])
			out = append(out, b[i:i+n]...)
			i += n
		}
	}
}

// escapeLen is how many bytes after a backslash belong to the escape, or would if it were whole.
func escapeLen(b []byte) int {
	if len(b) > 0 && b[0] == 'u' {
		return min(5, len(b))
	}
	return min(1, len(b))
}

// plainPrefix is the length of b's longest prefix of characters that stand for themselves in a JSON string: neither
// quotes, backslashes nor control characters.
func plainPrefix(b []byte) int {
	i := 0
	for ; i+8 <= len(b); i += 8 {
		if hasSpecial(binary.LittleEndian.Uint64(b[i:])) {
			break
		}
	}
	for i < len(b) && b[i] >= ' ' && b[i] != '"' && b[i] != '\\' {
		i++
	}
	return i
}

// hasSpecial reports whether one of w's eight bytes is below 0x20, a quote or a backslash. It may take a byte of a
// multi-byte character for one, which costs time but is never wrong, as the caller looks again byte by byte.
func hasSpecial(w uint64) bool {
	const (
		ones  = 0x0101010101010101
		highs = 0x8080808080808080
	)
	quote, slash := w^(ones*'"'), w^(ones*'\\')
	return ((w-ones*' ')|(quote-ones)|(slash-ones))&highs != 0
}
