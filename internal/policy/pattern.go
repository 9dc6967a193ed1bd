package policy

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
)

// part is a piece of a text with variables: either literal, or a variable with what to take if it has no value.
type part struct {
	literal  string
	variable string
	fallback *string
	escape   bool // the literal is a wildcard that means itself
}

var variableForm = regexp.MustCompile(`^([a-zA-Z0-9.-]+:[^,'{}]+?)\s*(?:,\s*'([^']*)')?$`)

// scan takes a text with variables apart: ${key}, ${key, 'default'}, and ${*}, ${?} and ${$}, which mean the character.
func scan(text string) ([]part, error) {
	var parts []part
	for {
		before, rest, found := strings.Cut(text, "${")
		if before != "" {
			parts = append(parts, part{literal: before})
		}
		if !found {
			return parts, nil
		}
		inner, after, closed := strings.Cut(rest, "}")
		if !closed {
			return nil, errors.New("a variable that begins with ${ has no } at its end")
		}
		p, err := variable(inner)
		if err != nil {
			return nil, err
		}
		parts, text = append(parts, p), after
	}
}

// variable reads what stands between ${ and }.
func variable(inner string) (part, error) {
	if inner == "*" || inner == "?" || inner == "$" {
		return part{literal: inner, escape: true}, nil
	}
	m := variableForm.FindStringSubmatchIndex(inner)
	if m == nil {
		return part{}, fmt.Errorf("%q is not the name of a variable: those are condition keys such as aws:username", inner)
	}
	p := part{variable: inner[m[2]:m[3]]}
	if m[4] >= 0 {
		fallback := inner[m[4]:m[5]]
		p.fallback = &fallback
	}
	return p, nil
}

// expand fills in the variables of a text. It reports false if one has no single value.
func expand(text string, values func(key string) []string) (string, bool) {
	if values == nil || !strings.Contains(text, "${") {
		return text, true
	}
	parts, err := scan(text)
	if err != nil {
		return "", false
	}
	var b strings.Builder
	for _, part := range parts {
		value, ok := part.text(values)
		if !ok {
			return "", false
		}
		b.WriteString(value)
	}
	return b.String(), true
}

// text is what a part stands for in a request.
func (p part) text(values func(key string) []string) (string, bool) {
	if p.variable == "" {
		return p.literal, true
	}
	found := values(p.variable)
	if len(found) == 1 {
		return found[0], true
	}
	if len(found) == 0 && p.fallback != nil {
		return *p.fallback, true
	}
	return "", false
}

// pattern is a text with wildcards.
type pattern struct {
	text    string
	literal []bool // which bytes are no wildcards even if they look like them; nil if all that look like them are
	wide    bool   // a * may stand for colons wherever it is, else only at the end of a part of an ARN
}

// compile makes a pattern. Values of variables stand for themselves, wildcards in them too. It reports false if a variable
// has no single value.
func compile(text string, values func(key string) []string) (pattern, bool) {
	if values == nil || !strings.Contains(text, "${") {
		return pattern{text: text}, true
	}
	parts, err := scan(text)
	if err != nil {
		return pattern{}, false
	}
	var p pattern
	for _, part := range parts {
		value, ok := part.text(values)
		if !ok {
			return pattern{}, false
		}
		literal := part.escape || part.variable != ""
		p.text += value
		for range len(value) {
			p.literal = append(p.literal, literal)
		}
	}
	return p, true
}

// anywhere lets wildcards stand for colons too.
func (p pattern) anywhere() pattern {
	p.wide = true
	return p
}

// wild is the wildcard at a place, or 0.
func (p pattern) wild(at int) byte {
	c := p.text[at]
	if (c != '*' && c != '?') || (p.literal != nil && p.literal[at]) {
		return 0
	}
	return c
}

// everything reports whether the pattern is a * alone.
func (p pattern) everything() bool { return len(p.text) == 1 && p.wild(0) == '*' }

// part cuts a pattern.
func (p pattern) part(from, to int) pattern {
	p.text = p.text[from:to]
	if p.literal != nil {
		p.literal = p.literal[from:to]
	}
	return p
}

// crosses reports whether the wildcard at a place may stand for a colon. In an ARN only a * at the end of a part may.
// See https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_resource.html.
func (p pattern) crosses(at int) bool {
	return p.wide || (p.text[at] == '*' && (at+1 == len(p.text) || p.text[at+1] == ':'))
}

// takes reports whether the byte c fits the place in the pattern.
func (p pattern) takes(at int, c byte) bool {
	if p.wild(at) == 0 {
		return p.text[at] == c
	}
	return c != ':' || p.crosses(at)
}

// matches reports whether a whole text fits.
func (p pattern) matches(text string) bool {
	at := 0
	for at < len(p.text) && p.wild(at) == 0 {
		if at == len(text) || text[at] != p.text[at] {
			return false
		}
		at++
	}
	if at == len(p.text)-1 && p.wild(at) == '*' && p.crosses(at) {
		return true
	}
	p, text = p.part(at, len(p.text)), text[at:]
	if p.narrow() {
		return p.search(text)
	}
	return p.greedy(text)
}

// narrow reports whether there is a * that may not stand for colons.
func (p pattern) narrow() bool {
	for at := range len(p.text) {
		if p.wild(at) == '*' && !p.crosses(at) {
			return true
		}
	}
	return false
}

// greedy is matches if every * may stand for anything: then only the last one need ever take in more.
func (p pattern) greedy(text string) bool {
	at, i := 0, 0
	star, taken := -1, 0
	for i < len(text) {
		switch {
		case at < len(p.text) && p.wild(at) == '*':
			star, taken = at, i
			at++
		case at < len(p.text) && p.takes(at, text[i]):
			at++
			i++
		case star >= 0:
			taken++
			at, i = star+1, taken
		default:
			return false
		}
	}
	for at < len(p.text) && p.wild(at) == '*' {
		at++
	}
	return at == len(p.text)
}

// search is matches for any wildcards. Its time is bounded by the product of both lengths: all places
// in the pattern that can have been reached are followed at once.
func (p pattern) search(text string) bool {
	n := len(p.text)
	now, next := make([]bool, n+1), make([]bool, n+1)
	p.reach(now, 0)
	for i := range len(text) {
		clear(next)
		for at := range n {
			if !now[at] || !p.takes(at, text[i]) {
				continue
			}
			if p.wild(at) == '*' {
				p.reach(next, at)
				continue
			}
			p.reach(next, at+1)
		}
		now, next = next, now
	}
	return now[n]
}

// reach notes that a place is reached, and those behind wildcards that may stand for nothing.
func (p pattern) reach(places []bool, at int) {
	for !places[at] {
		places[at] = true
		if at == len(p.text) || p.wild(at) != '*' {
			return
		}
		at++
	}
}
