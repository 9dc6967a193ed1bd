package policy

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"unicode/utf8"
)

// Limits of what is read. Nested deeper than the language can be is no policy.
const (
	maxDepth = 8
	maxText  = 128 << 10
)

// node is a JSON value whose members have kept their order.
type node struct {
	kind    kind
	text    string // of a text; of a scalar its JSON form
	members []member
	items   []node
}

type member struct {
	name  string
	value node
}

type kind int

const (
	kindNull kind = iota
	kindText
	kindScalar // true, false or a number
	kindObject
	kindList
)

func (k kind) String() string {
	return [...]string{"null", "a text", "a number or truth value", "an object", "a list"}[k]
}

// parseJSON reads one JSON value. Members that are there twice are refused: readers differ about which one counts.
func parseJSON(text []byte) (node, error) {
	if len(text) > maxText {
		return node{}, fmt.Errorf("%w: the text has %d bytes, at most %d are read", ErrTooLong, len(text), maxText)
	}
	if !utf8.Valid(text) {
		return node{}, errors.New("the policy is not UTF-8")
	}
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.UseNumber()
	root, err := readNode(dec, 0)
	if err != nil {
		return node{}, err
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return node{}, errors.New("something follows the policy's JSON object")
	}
	return root, nil
}

func readNode(dec *json.Decoder, depth int) (node, error) {
	token, err := dec.Token()
	if err != nil {
		return node{}, badJSON(err, dec.InputOffset())
	}
	switch v := token.(type) {
	case string:
		return node{kind: kindText, text: v}, nil
	case json.Number:
		return node{kind: kindScalar, text: v.String()}, nil
	case bool:
		return node{kind: kindScalar, text: strconv.FormatBool(v)}, nil
	case json.Delim:
		if depth == maxDepth {
			return node{}, fmt.Errorf("the policy is nested deeper than %d levels", maxDepth)
		}
		if v == '{' {
			return readObject(dec, depth+1)
		}
		return readList(dec, depth+1)
	default:
		return node{kind: kindNull}, nil
	}
}

func readObject(dec *json.Decoder, depth int) (node, error) {
	n := node{kind: kindObject}
	seen := make(map[string]bool)
	for dec.More() {
		key, err := dec.Token()
		if err != nil {
			return node{}, badJSON(err, dec.InputOffset())
		}
		name := fmt.Sprint(key)
		if seen[name] {
			return node{}, fmt.Errorf("the member %q is there twice in one object", name)
		}
		seen[name] = true
		value, err := readNode(dec, depth)
		if err != nil {
			return node{}, err
		}
		n.members = append(n.members, member{name, value})
	}
	return n, readEnd(dec)
}

func readList(dec *json.Decoder, depth int) (node, error) {
	n := node{kind: kindList}
	for dec.More() {
		item, err := readNode(dec, depth)
		if err != nil {
			return node{}, err
		}
		n.items = append(n.items, item)
	}
	return n, readEnd(dec)
}

// readEnd takes the bracket that closes an object or list.
func readEnd(dec *json.Decoder) error {
	if _, err := dec.Token(); err != nil {
		return badJSON(err, dec.InputOffset())
	}
	return nil
}

func badJSON(err error, offset int64) error {
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return fmt.Errorf("the policy is not a JSON text at byte %d: %w", offset, err)
}

// strings gives a value that may be one text or a list of texts.
func (n node) strings() ([]string, error) {
	if n.kind == kindText {
		return []string{n.text}, nil
	}
	if n.kind != kindList {
		return nil, fmt.Errorf("must be a text or a list of texts, not %s", n.kind)
	}
	out := make([]string, 0, len(n.items))
	for _, item := range n.items {
		if item.kind != kindText {
			return nil, fmt.Errorf("must hold texts only, not %s", item.kind)
		}
		out = append(out, item.text)
	}
	if len(out) == 0 {
		return nil, errors.New("must not be empty")
	}
	return out, nil
}

// scalars is strings for values that may be numbers and truth values too.
func (n node) scalars() ([]string, error) {
	if n.kind == kindScalar {
		return []string{n.text}, nil
	}
	if n.kind == kindList {
		texts := node{kind: kindList, items: make([]node, len(n.items))}
		for i, item := range n.items {
			if item.kind == kindScalar {
				item.kind = kindText
			}
			texts.items[i] = item
		}
		n = texts
	}
	return n.strings()
}
