package awshttp

import (
	"bytes"
	"fmt"
	"strings"
)

// jsonFault says what is wrong with a text that is not JSON, in the words of the service's own parser where the text goes
// wrong at its first value: that is how events which are no JSON at all begin. Of anything else it says only that.
func jsonFault(b []byte) string {
	start := len(b) - len(bytes.TrimLeft(b, " \t\r\n"))
	if start == len(b) {
		return notJSON
	}
	for _, word := range []string{"null", "true", "false"} {
		at := start + commonPrefix(b[start:], word)
		if at > start && at < len(b) && strayByte(b[at]) {
			// The parser has taken the byte already when it finds out, so it names the place behind.
			return fmt.Sprintf("Invalid UTF-8 start byte 0x%x%s", b[at], location(b, at+1))
		}
	}
	c := b[start]
	switch {
	case c < 0x20 || c >= 0x7f && c < 0xa0:
		return fmt.Sprintf("Unexpected character ((CTRL-CHAR, code %d)): %s%s", c, validValues, location(b, start))
	case c < 0x7f && strings.IndexByte(`!#%&'()*+,./:;<=>?@\]^`+"`|}~", c) >= 0:
		return fmt.Sprintf("Unexpected character ('%c' (code %d)): %s%s", c, c, validValues, location(b, start))
	default:
		return notJSON
	}
}

const (
	notJSON     = "not a valid JSON text"
	validValues = "expected a valid value (JSON String, Number, Array, Object or token 'null', 'true' or 'false')"
)

// commonPrefix is how many bytes of b are those that word begins with.
func commonPrefix(b []byte, word string) int {
	n := 0
	for n < len(b) && n < len(word) && b[n] == word[n] {
		n++
	}
	return n
}

// strayByte reports whether c can neither be a character by itself nor begin one in UTF-8.
func strayByte(c byte) bool { return c >= 0x80 && c < 0xc0 || c >= 0xf8 }

// location is how the parser names a place in a text that it does not show.
func location(b []byte, at int) string {
	before := b[:min(at, len(b))]
	line := bytes.Count(before, []byte("\n")) + 1
	column := at - (bytes.LastIndexByte(before, '\n') + 1) + 1
	return fmt.Sprintf("\n at [Source: REDACTED (`StreamReadFeature.INCLUDE_SOURCE_IN_LOCATION` disabled); line: %d, column: %d]", line, column)
}
