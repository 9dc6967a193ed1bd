package policy

import (
	"bytes"
	"encoding/json"
)

// MarshalJSON writes a document in the form that AWS gives: elements in a fixed order, and a list of one as its element.
func (d *Document) MarshalJSON() ([]byte, error) {
	var w writer
	w.open('{')
	w.text("Version", d.Version)
	w.text("Id", d.ID)
	w.name("Statement")
	w.open('[')
	for i := range d.Statements {
		w.comma()
		d.Statements[i].write(&w)
	}
	w.close(']')
	w.close('}')
	return w.Bytes(), nil
}

// String is the document as a JSON text.
func (d *Document) String() string {
	text, _ := d.MarshalJSON() // texts can always be written
	return string(text)
}

// MarshalJSON writes a statement as it stands in its document.
func (s *Statement) MarshalJSON() ([]byte, error) {
	var w writer
	s.write(&w)
	return w.Bytes(), nil
}

// String is the statement as a JSON text.
func (s *Statement) String() string {
	text, _ := s.MarshalJSON() // texts can always be written
	return string(text)
}

func (s *Statement) write(w *writer) {
	w.open('{')
	w.text("Sid", s.Sid)
	w.text("Effect", s.Effect.String())
	w.principals("Principal", s.Principal)
	w.principals("NotPrincipal", s.NotPrincipal)
	w.texts("Action", s.Action)
	w.texts("NotAction", s.NotAction)
	w.texts("Resource", s.Resource)
	w.texts("NotResource", s.NotResource)
	w.conditions(s.Condition)
	w.close('}')
}

// writer puts JSON together. Commas are set where something came before.
type writer struct {
	bytes.Buffer

	more bool
}

func (w *writer) open(bracket byte) {
	w.WriteByte(bracket)
	w.more = false
}

func (w *writer) close(bracket byte) {
	w.WriteByte(bracket)
	w.more = true
}

func (w *writer) comma() {
	if w.more {
		w.WriteByte(',')
	}
	w.more = true
}

func (w *writer) name(name string) {
	w.comma()
	w.value(name)
	w.WriteByte(':')
}

// value writes one text. Characters such as < stay as they are, as this is not for pages.
func (w *writer) value(text string) {
	enc := json.NewEncoder(&w.Buffer)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(text)    // a text into memory
	w.Truncate(w.Len() - 1) // the line's end that Encode adds
	w.more = true
}

func (w *writer) text(name, value string) {
	if value == "" {
		return
	}
	w.name(name)
	w.value(value)
}

func (w *writer) texts(name string, values []string) {
	if len(values) == 0 {
		return
	}
	w.name(name)
	if len(values) == 1 {
		w.value(values[0])
		return
	}
	w.open('[')
	for _, value := range values {
		w.comma()
		w.value(value)
	}
	w.close(']')
}

func (w *writer) principals(name string, p *Principals) {
	switch {
	case p == nil:
	case p.Anybody:
		w.text(name, "*")
	default:
		w.name(name)
		w.open('{')
		w.texts("Service", p.Service)
		w.texts("AWS", p.AWS)
		w.close('}')
	}
}

// conditions writes those of the same operator together.
func (w *writer) conditions(all []Condition) {
	if len(all) == 0 {
		return
	}
	w.name("Condition")
	w.open('{')
	done := make(map[string]bool)
	for _, first := range all {
		if done[first.Operator] {
			continue
		}
		done[first.Operator] = true
		w.name(first.Operator)
		w.open('{')
		for _, c := range all {
			if c.Operator == first.Operator {
				w.texts(c.Key, c.Values)
			}
		}
		w.close('}')
	}
	w.close('}')
}
