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

// symbol is one step of a pattern: a byte, or a wildcard.
type symbol struct {
	wild byte // '*', '?' or 0
	char byte
	wide bool // a wildcard that may stand for colons
}

// pattern is a text with wildcards, ready to match.
type pattern []symbol

// compile makes a pattern. Values of variables stand for themselves, wildcards in them too. It reports false if a variable
// has no single value.
func compile(text string, values func(key string) []string) (pattern, bool) {
	if values == nil || !strings.Contains(text, "${") {
		return appendWild(nil, text), true
	}
	parts, err := scan(text)
	if err != nil {
		return nil, false
	}
	var p pattern
	for _, part := range parts {
		switch {
		case part.variable != "":
			value, ok := part.value(values)
			if !ok {
				return nil, false
			}
			p = appendLiteral(p, value)
		case part.escape:
			p = appendLiteral(p, part.literal)
		default:
			p = appendWild(p, part.literal)
		}
	}
	return p, true
}

// value is what a variable stands for in a request.
func (p part) value(values func(key string) []string) (string, bool) {
	found := values(p.variable)
	if len(found) == 1 {
		return found[0], true
	}
	if len(found) == 0 && p.fallback != nil {
		return *p.fallback, true
	}
	return "", false
}

func appendLiteral(p pattern, text string) pattern {
	for i := range len(text) {
		p = append(p, symbol{char: text[i]})
	}
	return p
}

func appendWild(p pattern, text string) pattern {
	for i := range len(text) {
		switch c := text[i]; c {
		case '*', '?':
			p = append(p, symbol{wild: c})
		default:
			p = append(p, symbol{char: c})
		}
	}
	return p
}

// inARN makes the pattern one of an ARN: a * stays within its part between two colons, but for one at the end of a part.
// See https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_resource.html.
func (p pattern) inARN() pattern {
	for i := range p {
		p[i].wide = p[i].wild == '*' && (i+1 == len(p) || p[i+1] == symbol{char: ':'})
	}
	return p
}

// anywhere lets wildcards stand for anything.
func (p pattern) anywhere() pattern {
	for i := range p {
		p[i].wide = true
	}
	return p
}

// matches reports whether a whole text fits. Its time is bounded by the product of both lengths: all places in the pattern
// that can have been reached are followed at once.
func (p pattern) matches(text string) bool {
	for len(p) > 0 && p[0].wild == 0 {
		if text == "" || text[0] != p[0].char {
			return false
		}
		p, text = p[1:], text[1:]
	}
	if len(p) == 1 && p[0].wild == '*' && p[0].wide {
		return true
	}
	now, next := make([]bool, len(p)+1), make([]bool, len(p)+1)
	p.reach(now, 0)
	for i := range len(text) {
		clear(next)
		for at, s := range p {
			if now[at] {
				p.step(next, at, s, text[i])
			}
		}
		now, next = next, now
	}
	return now[len(p)]
}

// reach notes that a place is reached, and those behind wildcards that may stand for nothing.
func (p pattern) reach(places []bool, at int) {
	for !places[at] {
		places[at] = true
		if at == len(p) || p[at].wild != '*' {
			return
		}
		at++
	}
}

// step notes which places a byte leads to.
func (p pattern) step(next []bool, at int, s symbol, c byte) {
	switch {
	case s.wild == '*' && (s.wide || c != ':'):
		p.reach(next, at)
	case s.wild == '?' && (s.wide || c != ':'), s.wild == 0 && s.char == c:
		p.reach(next, at+1)
	}
}
