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

func equalText(have, want string) (held, known bool) { return have == want, true }

func equalFold(have, want string) (held, known bool) { return strings.EqualFold(have, want), true }

func like(have string, want pattern) (held, known bool) { return want.anywhere().matches(have), true }

// arnParts is how many parts an ARN has; the last one may hold colons.
const arnParts = 6

// likeARN compares part by part, so that no wildcard takes in more than one of them.
func likeARN(have string, want pattern) (held, known bool) {
	if want.everything() {
		return true, true
	}
	parts := strings.SplitN(have, ":", arnParts)
	if len(parts) != arnParts {
		return false, false
	}
	for i, part := range parts {
		end := strings.IndexByte(want.text, ':')
		if last := i == arnParts-1; last {
			end = len(want.text)
		}
		if end < 0 || !want.part(0, end).anywhere().matches(part) {
			return false, true
		}
		want = want.part(min(end+1, len(want.text)), len(want.text))
	}
	return true, true
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

func equalBinary(have, want string) (held, known bool) {
	a, errA := base64.StdEncoding.DecodeString(have)
	b, errB := base64.StdEncoding.DecodeString(want)
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

func inNetwork(have, want string) (held, known bool) {
	addr, err := netip.ParseAddr(have)
	if err != nil {
		return false, false
	}
	prefix, err := network(want)
	if err != nil {
		return false, false
	}
	return prefix.Contains(addr.Unmap().WithZone("")), true
}

// relationOf gives how numbers and dates may stand to each other, as a function of what cmp.Compare gives.
func relationOf(name string) (func(order int) bool, bool) {
	switch name {
	case "Equals":
		return func(order int) bool { return order == 0 }, true
	case "LessThan":
		return func(order int) bool { return order < 0 }, true
	case "LessThanEquals":
		return func(order int) bool { return order <= 0 }, true
	case "GreaterThan":
		return func(order int) bool { return order > 0 }, true
	case "GreaterThanEquals":
		return func(order int) bool { return order >= 0 }, true
	default:
		return nil, false
	}
}

var numberForm = regexp.MustCompile(`^[+-]?[0-9]{1,40}(\.[0-9]{1,40})?$`)

func number(text string) (float64, error) {
	if !numberForm.MatchString(text) {
		return 0, fmt.Errorf("must be a decimal number, not %q", text)
	}
	n, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return 0, fmt.Errorf("must be a decimal number: %w", err)
	}
	return n, nil
}

func validNumber(want string) error {
	_, err := number(want)
	return err
}

func numbers(is func(order int) bool) func(have, want string) (bool, bool) {
	return func(have, want string) (held, known bool) {
		a, errA := number(have)
		b, errB := number(want)
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

func dates(is func(order int) bool) func(have, want string) (bool, bool) {
	return func(have, want string) (held, known bool) {
		a, errA := date(have)
		b, errB := date(want)
		if errA != nil || errB != nil {
			return false, false
		}
		return is(a.Compare(b)), true
	}
}
