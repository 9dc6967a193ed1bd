package gateway

import (
	"fmt"
	"reflect"
	"strings"
)

// Support says how far an operation is done here.
type Support string

// How far an operation is done.
const (
	// Implemented operations do all that the model allows.
	Implemented Support = "implemented"
	// Partial operations refuse some members by name.
	Partial Support = "partial"
	// Refused operations always answer NotImplementedException.
	Refused Support = "refused"
)

// Compatibility is a table in Markdown of all operations of the Lambda API and how far each is done.
func Compatibility() string {
	var b strings.Builder
	b.WriteString("| Operation | Support | Refused, and what to do instead |\n|---|---|---|\n")
	handlers := new(gateway).handlers()
	for _, op := range operations() {
		support, note := supportOf(op, handlers[op.name])
		fmt.Fprintf(&b, "| %s | %s | %s |\n", op.name, support, note)
	}
	return b.String()
}

func supportOf(op operation, h handler) (Support, string) {
	if h.call == nil && h.raw == nil {
		return Refused, wayOut(op.name)
	}
	var refusals []string
	if h.input != nil {
		for _, m := range refusedMembers(reflect.ValueOf(h.input), "") {
			refusals = append(refusals, m.name)
		}
	}
	if h.refuses != "" {
		refusals = append(refusals, h.refuses)
	}
	if len(refusals) == 0 {
		return Implemented, ""
	}
	return Partial, strings.Join(refusals, ", ")
}
