package policy

import (
	"bytes"
	"cmp"
	"encoding/base64"
	"errors"
	"fmt"
	"net/netip"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// text is a pattern without wildcards as a text.
func (p pattern) text() string {
	b := make([]byte, len(p))
	for i, s := range p {
		b[i] = s.char
	}
	return string(b)
}

func equalText(have string, want pattern) (held, known bool) { return have == want.text(), true }

func equalFold(have string, want pattern) (held, known bool) {
	return strings.EqualFold(have, want.text()), true
}

func like(have string, want pattern) (held, known bool) { return want.anywhere().matches(have), true }

// arnParts is how many parts an ARN has; the last one may hold colons.
const arnParts = 6

// likeARN compares part by part, so that no wildcard takes in more than one of them.
func likeARN(have string, want pattern) (held, known bool) {
	if len(want) == 1 && want[0].wild == '*' {
		return true, true
	}
	parts := strings.SplitN(have, ":", arnParts)
	if len(parts) != arnParts {
		return false, false
	}
	for i, part := range parts {
		end := want.colon()
		if last := i == arnParts-1; last {
			end = len(want)
		}
		if end < 0 || !want[:end].anywhere().matches(part) {
			return false, true
		}
		want = want[min(end+1, len(want)):]
	}
	return true, true
}

// colon is where the first colon of a pattern stands; -1 if there is none.
func (p pattern) colon() int {
	for i, s := range p {
		if s.wild == 0 && s.char == ':' {
			return i
		}
	}
	return -1
}

func validARN(want string) error {
	if want != "*" && strings.Count(want, ":") < arnParts-1 {
		return fmt.Errorf("must be an ARN with six parts, not %q", want)
	}
	return nil
}

func validBool(want string) error {
	if !strings.EqualFold(want, "true") && !strings.EqualFold(want, "false") {
		return fmt.Errorf("must be true or false, not %q", want)
	}
	return nil
}

func validBinary(want string) error {
	if _, err := base64.StdEncoding.DecodeString(want); err != nil {
		return errors.New("must be base64")
	}
	return nil
}

func equalBinary(have string, want pattern) (held, known bool) {
	a, errA := base64.StdEncoding.DecodeString(have)
	b, errB := base64.StdEncoding.DecodeString(want.text())
	if errA != nil || errB != nil {
		return false, false
	}
	return bytes.Equal(a, b), true
}

// network reads an address or a range of them.
func network(text string) (netip.Prefix, error) {
	if !strings.Contains(text, "/") {
		addr, err := netip.ParseAddr(text)
		if err != nil || addr.Zone() != "" {
			return netip.Prefix{}, fmt.Errorf("must be an IP address or a range such as 203.0.113.0/24, not %q", text)
		}
		addr = addr.Unmap()
		return netip.PrefixFrom(addr, addr.BitLen()), nil
	}
	prefix, err := netip.ParsePrefix(text)
	if err != nil || prefix.Addr().Is4In6() {
		return netip.Prefix{}, fmt.Errorf("must be an IP address or a range such as 203.0.113.0/24, not %q", text)
	}
	return prefix, nil
}

func validAddress(want string) error {
	_, err := network(want)
	return err
}

func inNetwork(have string, want pattern) (held, known bool) {
	addr, err := netip.ParseAddr(have)
	if err != nil {
		return false, false
	}
	prefix, err := network(want.text())
	if err != nil {
		return false, false
	}
	return prefix.Contains(addr.Unmap().WithZone("")), true
}

// Orders that numbers and dates can have to each other, from what cmp.Compare gives.
func isEqual(order int) bool          { return order == 0 }
func isLess(order int) bool           { return order < 0 }
func isLessOrEqual(order int) bool    { return order <= 0 }
func isGreater(order int) bool        { return order > 0 }
func isGreaterOrEqual(order int) bool { return order >= 0 }

var numberForm = regexp.MustCompile(`^[+-]?[0-9]{1,40}(\.[0-9]{1,40})?$`)

func number(text string) (float64, error) {
	if !numberForm.MatchString(text) {
		return 0, fmt.Errorf("must be a decimal number, not %q", text)
	}
	return strconv.ParseFloat(text, 64)
}

func validNumber(want string) error {
	_, err := number(want)
	return err
}

func numbers(is func(order int) bool) func(string, pattern) (bool, bool) {
	return func(have string, want pattern) (held, known bool) {
		a, errA := number(have)
		b, errB := number(want.text())
		if errA != nil || errB != nil {
			return false, false
		}
		return is(cmp.Compare(a, b)), true
	}
}

// date reads the forms of ISO 8601 that the W3C notes, and seconds since 1970.
func date(text string) (time.Time, error) {
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04Z07:00", "2006-01-02T15:04:05Z0700", time.DateOnly, "2006-01", "2006"} {
		if t, err := time.Parse(layout, text); err == nil {
			return t, nil
		}
	}
	if seconds, err := strconv.ParseInt(text, 10, 64); err == nil {
		return time.Unix(seconds, 0), nil
	}
	return time.Time{}, fmt.Errorf("must be a date such as 2026-01-31T00:00:00Z or seconds since 1970, not %q", text)
}

func validDate(want string) error {
	_, err := date(want)
	return err
}

func dates(is func(order int) bool) func(string, pattern) (bool, bool) {
	return func(have string, want pattern) (held, known bool) {
		a, errA := date(have)
		b, errB := date(want.text())
		if errA != nil || errB != nil {
			return false, false
		}
		return is(a.Compare(b)), true
	}
}
