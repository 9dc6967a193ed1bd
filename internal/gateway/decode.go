package gateway

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"slices"
	"strings"

	"github.com/lambkin-dev/lambkin/internal/awshttp"
	"github.com/lambkin-dev/lambkin/internal/lambda"
)

// maxDepth is how deep the members of a request may lie in one another. The model's lie less deep than ten.
const maxDepth = 64

// maxBody bounds the body of a request that carries no code.
const maxBody = 1 << 20

// decode reads the request's body into in, a pointer to a struct that names every member the operation knows. A
// member it does not know, or knows and cannot honour, is refused by name.
func (c *call) decode(in any) error {
	body, err := c.bodies.Read(c.w, c.r, maxBody)
	if errors.Is(err, awshttp.ErrBodyTooLarge) {
		return c.tooLarge(maxBody)
	}
	if err != nil {
		return incomplete(err)
	}
	return decodeJSON(body, in)
}

func (c *call) tooLarge(limit int64) error {
	return lambda.Errorf(lambda.CodeRequestEntityTooLarge, "Request must be smaller than %d bytes for the %s operation", limit, c.op.name)
}

// incomplete says that a body could not be read, or what the check of its signature found on the way.
func incomplete(err error) error {
	if known := new(lambda.Error); errors.As(err, &known) {
		return known
	}
	return &lambda.Error{Code: lambda.CodeInvalidRequestContent, Message: "Could not read the request body: it ended early or came too slowly.", Err: err}
}

// decodeJSON is decode for a body that is there already.
func decodeJSON(body []byte, in any) error {
	if len(bytes.TrimSpace(body)) == 0 {
		return nil
	}
	if deeper(body, maxDepth) {
		return lambda.Errorf(lambda.CodeInvalidRequestContent, "Could not parse request body into json: its members lie more than %d deep in one another.", maxDepth)
	}
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.DisallowUnknownFields()
	if err := dec.Decode(in); err != nil {
		return badJSON(err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return lambda.Errorf(lambda.CodeInvalidRequestContent, "Could not parse request body into json: something follows the JSON object.")
	}
	return refuseMembers(in)
}

// deeper reports whether objects and lists of a JSON text lie more than limit deep in one another. Of what is no JSON it may
// report either.
func deeper(text []byte, limit int) bool {
	depth := 0
	for i := 0; i < len(text); i++ {
		switch text[i] {
		case '"':
			i += stringEnd(text[i+1:])
		case '{', '[':
			if depth++; depth > limit {
				return true
			}
		case '}', ']':
			depth--
		}
	}
	return false
}

// stringEnd is the length of what is left of a JSON string, its closing quote included.
func stringEnd(text []byte) int {
	for i := 0; i < len(text); i++ {
		switch text[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return len(text)
}

// badJSON says what is wrong with a body, without repeating what it holds.
func badJSON(err error) error {
	if name, ok := strings.CutPrefix(err.Error(), "json: unknown field "); ok {
		return lambda.Errorf(lambda.CodeInvalidParameterValue, "The member %s is not known here, so it would have no effect. "+
			"Leave it out, or check its spelling.", strings.Trim(name, `"`))
	}
	var known *lambda.Error
	if errors.As(err, &known) {
		return known
	}
	var typed *json.UnmarshalTypeError
	if errors.As(err, &typed) && typed.Field != "" {
		return lambda.Errorf(lambda.CodeInvalidRequestContent, "Could not parse request body into json: the member %s cannot be a %s.",
			memberOf(typed.Field), typed.Value)
	}
	var syntax *json.SyntaxError
	if errors.As(err, &syntax) {
		return lambda.Errorf(lambda.CodeInvalidRequestContent, "Could not parse request body into json: not a JSON text at byte %d.", syntax.Offset)
	}
	return &lambda.Error{
		Code:    lambda.CodeInvalidRequestContent,
		Message: "Could not parse request body into json: not a JSON object of this operation.", Err: err,
	}
}

// memberOf is a path of fields as callers know it: without our own structs that only gather members.
func memberOf(path string) string {
	parts := slices.DeleteFunc(strings.Split(path, "."), func(part string) bool { return part != "" && part[0] >= 'a' && part[0] <= 'z' })
	return strings.Join(parts, ".")
}

// refused is a member that the API has and this gateway cannot honour. It may be given only with a value that says
// nothing: null, an empty text, list or object, false. The field's tag "why" says what to do instead.
type refused struct {
	given bool
}

// UnmarshalJSON notes whether the value says anything.
func (m *refused) UnmarshalJSON(b []byte) error {
	var value any
	if err := json.Unmarshal(b, &value); err != nil {
		return fmt.Errorf("cannot read a member: %w", err)
	}
	m.given = !empty(value)
	return nil
}

// empty reports whether a JSON value says nothing.
func empty(value any) bool {
	switch v := value.(type) {
	case nil:
		return true
	case string:
		return v == ""
	case bool:
		return !v
	case []any:
		return len(v) == 0
	case map[string]any:
		for _, member := range v {
			if !empty(member) {
				return false
			}
		}
		return true
	default:
		return false
	}
}

// refuseMembers fails if a refused member says anything.
func refuseMembers(in any) error {
	for _, m := range refusedMembers(reflect.ValueOf(in).Elem(), "") {
		if m.given {
			return lambda.Errorf(lambda.CodeInvalidParameterValue, "%s is not supported here: %s.", m.name, m.why)
		}
	}
	return nil
}

// refusedMember is a refused member with its place and the way out.
type refusedMember struct {
	name  string
	why   string
	given bool
}

// refusedMembers gives the refused members of a struct and of the structs in it, in their order. Of a list it gives those of its
// items, and of an empty one those that an item would have.
func refusedMembers(v reflect.Value, prefix string) []refusedMember {
	if v.Kind() == reflect.Slice {
		return refusedInItems(v, prefix)
	}
	if v.Kind() != reflect.Struct {
		return nil
	}
	var found []refusedMember
	for field, value := range v.Fields() {
		if field.Type == reflect.TypeFor[refused]() {
			given := value.FieldByName("given").Bool()
			found = append(found, refusedMember{name: prefix + field.Name, why: field.Tag.Get("why"), given: given})
			continue
		}
		inner := prefix
		if !field.Anonymous {
			inner += field.Name + "."
		}
		found = append(found, refusedMembers(value, inner)...)
	}
	return found
}

func refusedInItems(v reflect.Value, prefix string) []refusedMember {
	if v.Len() == 0 {
		return refusedMembers(reflect.Zero(v.Type().Elem()), prefix)
	}
	var found []refusedMember
	for i := range v.Len() {
		found = append(found, refusedMembers(v.Index(i), prefix)...)
	}
	return found
}
