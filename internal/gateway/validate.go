package gateway

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/lambkin-dev/lambkin/internal/lambda"
)

// faults gathers what is wrong with a request's members, in the words of AWS's validation.
type faults []string

// add notes that a value breaks a constraint.
func (f *faults) add(value any, member, constraint string, args ...any) {
	*f = append(*f, fmt.Sprintf("Value '%v' at '%s' failed to satisfy constraint: %s", value, member, fmt.Sprintf(constraint, args...)))
}

// missing notes that a required member is not there.
func (f *faults) missing(member string) {
	*f = append(*f, fmt.Sprintf("Value null at '%s' failed to satisfy constraint: Member must not be null", member))
}

// required notes that a required member is not there if it is not.
func (f *faults) required(value *string, member string) {
	if value == nil {
		f.missing(member)
	}
}

// err is a ValidationException about everything that was noted, or nil.
func (f faults) err() error {
	switch len(f) {
	case 0:
		return nil
	case 1:
		return lambda.Errorf(lambda.CodeValidation, "1 validation error detected: %s", f[0])
	default:
		return lambda.Errorf(lambda.CodeValidation, "%d validation errors detected: %s", len(f), strings.Join(f, "; "))
	}
}

// pattern checks a text that may be unset against an anchored form; AWS shows it without anchors.
func (f *faults) pattern(value *string, member string, form *regexp.Regexp, shown string) {
	if value != nil && !form.MatchString(*value) {
		f.add(*value, member, "Member must satisfy regular expression pattern: %s", shown)
	}
}

// longest checks the length of a text in characters.
func (f *faults) longest(value *string, member string, limit int) {
	if value != nil && utf8.RuneCountInString(*value) > limit {
		f.add(*value, member, "Member must have length less than or equal to %d", limit)
	}
}

// within checks a number that may be unset.
func (f *faults) within(value *int32, member string, least, most int32) {
	if value == nil {
		return
	}
	if *value < least {
		f.add(*value, member, "Member must have value greater than or equal to %d", least)
	}
	if *value > most {
		f.add(*value, member, "Member must have value less than or equal to %d", most)
	}
}

// oneOf checks a text that may be unset or empty against the values of an enumeration, in AWS's order.
func (f *faults) oneOf(value, member string, allowed ...string) {
	if value != "" && !slices.Contains(allowed, value) {
		f.add(value, member, "Member must satisfy enum value set: [%s]", strings.Join(allowed, ", "))
	}
}

// enum is oneOf for a text that was given, be it empty.
func (f *faults) enum(value, member string, allowed ...string) {
	if value == "" {
		f.add(value, member, "Member must satisfy enum value set: [%s]", strings.Join(allowed, ", "))
		return
	}
	f.oneOf(value, member, allowed...)
}

// list is a list as AWS shows it.
func list[T any](items []T) string {
	texts := make([]string, len(items))
	for i, item := range items {
		texts[i] = fmt.Sprint(item)
	}
	return "[" + strings.Join(texts, ", ") + "]"
}

// keysOf is a map's keys as AWS shows a list; its values may be secrets.
func keysOf[V any](m map[string]V) string { return list(slices.Sorted(maps.Keys(m))) }

// untyped is an InvalidParameterValueException without a Type member, as AWS gives it for some sentences.
func untyped(format string, args ...any) error {
	e := lambda.Errorf(lambda.CodeInvalidParameterValue, format, args...)
	e.Untyped = true
	return e
}

// invalid is an InvalidParameterValueException.
func invalid(format string, args ...any) error {
	return lambda.Errorf(lambda.CodeInvalidParameterValue, format, args...)
}
