package policy

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// Limits of policies in bytes, white space between words not counted: those of a customer managed policy and of the
// policy of a function.
const (
	MaxIdentity = 6144
	MaxResource = 20480
)

// ErrTooLong is in the chain of the error about a policy above its limit.
var ErrTooLong = errors.New("the policy is too long")

// use is what a document is for.
type use int

const (
	forIdentity use = iota
	forResource
)

// ParseIdentity reads the policy of an identity: what its owner may do. Its statements name no principals.
func ParseIdentity(text []byte) (*Document, error) { return parse(text, forIdentity, MaxIdentity) }

// ParseResource reads the policy of a resource. Its statements say whom they are about.
func ParseResource(text []byte) (*Document, error) { return parse(text, forResource, MaxResource) }

func parse(text []byte, u use, limit int) (*Document, error) {
	root, err := parseJSON(text)
	if err != nil {
		return nil, err
	}
	if n := size(text); n > limit {
		return nil, fmt.Errorf("%w: it has %d bytes, at most %d are allowed", ErrTooLong, n, limit)
	}
	if root.kind != kindObject {
		return nil, fmt.Errorf("a policy must be a JSON object, not %s", root.kind)
	}
	doc := new(Document)
	for _, m := range root.members {
		if err := doc.set(m, u); err != nil {
			return nil, err
		}
	}
	if len(doc.Statements) == 0 {
		return nil, errors.New("the element Statement is missing: a policy has at least one")
	}
	return doc, doc.check()
}

// size is the length of a JSON text without the white space between its words.
func size(text []byte) int {
	n, quoted, escaped := 0, false, false
	for _, b := range text {
		if quoted || !strings.ContainsRune(" \t\r\n", rune(b)) {
			n++
		}
		if b == '"' && !escaped {
			quoted = !quoted
		}
		escaped = quoted && b == '\\' && !escaped
	}
	return n
}

// set takes in one element of a document.
func (d *Document) set(m member, u use) error {
	switch m.name {
	case "Version":
		d.Version = m.value.text
		if m.value.kind != kindText || (d.Version != Version2012 && d.Version != Version2008) {
			return fmt.Errorf("the element Version must be %q or %q", Version2012, Version2008)
		}
	case "Id":
		d.ID = m.value.text
		if m.value.kind != kindText {
			return fmt.Errorf("the element Id must be a text, not %s", m.value.kind)
		}
	case "Statement":
		return d.setStatements(m.value, u)
	default:
		return fmt.Errorf("a policy has no element %q: it has Version, Id and Statement", m.name)
	}
	return nil
}

func (d *Document) setStatements(n node, u use) error {
	if n.kind == kindObject {
		n = node{kind: kindList, items: []node{n}}
	}
	if n.kind != kindList {
		return fmt.Errorf("the element Statement must be an object or a list of objects, not %s", n.kind)
	}
	for i, item := range n.items {
		s, err := parseStatement(item)
		if err == nil {
			err = s.check(u)
		}
		if err != nil {
			return fmt.Errorf("in Statement[%d]: %w", i, err)
		}
		d.Statements = append(d.Statements, s)
	}
	return nil
}

// check checks what one statement cannot know about: that ids are unique, and variables, which need the version.
func (d *Document) check() error {
	seen := make(map[string]bool, len(d.Statements))
	for i, s := range d.Statements {
		if s.Sid != "" && seen[s.Sid] {
			return fmt.Errorf("in Statement[%d]: the Sid %q is there twice", i, s.Sid)
		}
		seen[s.Sid] = true
		if d.Version != Version2012 {
			continue
		}
		if err := s.checkVariables(); err != nil {
			return fmt.Errorf("in Statement[%d]: %w", i, err)
		}
	}
	return nil
}

func parseStatement(n node) (Statement, error) {
	var s Statement
	if n.kind != kindObject {
		return s, fmt.Errorf("must be an object, not %s", n.kind)
	}
	for _, m := range n.members {
		if err := s.set(m.name, m.value); err != nil {
			return s, fmt.Errorf("%s %w", m.name, err)
		}
	}
	return s, nil
}

// set takes in one element of a statement.
func (s *Statement) set(name string, n node) (err error) {
	switch name {
	case "Sid":
		s.Sid = n.text
		err = checkSid(n)
	case "Effect":
		s.Effect, err = parseEffect(n)
	case "Principal":
		s.Principal, err = parsePrincipals(n)
	case "NotPrincipal":
		s.NotPrincipal, err = parsePrincipals(n)
	case "Action":
		s.Action, err = checked(n, checkAction)
	case "NotAction":
		s.NotAction, err = checked(n, checkAction)
	case "Resource":
		s.Resource, err = checked(n, checkResource)
	case "NotResource":
		s.NotResource, err = checked(n, checkResource)
	case "Condition":
		s.Condition, err = parseConditions(n)
	default:
		err = errors.New("is no element of a statement")
	}
	return err
}

func parseEffect(n node) (Effect, error) {
	switch {
	case n.kind == kindText && n.text == "Allow":
		return Allow, nil
	case n.kind == kindText && n.text == "Deny":
		return Deny, nil
	default:
		return None, errors.New(`must be "Allow" or "Deny"`)
	}
}

// checked reads texts and checks each of them.
func checked(n node, check func(string) error) ([]string, error) {
	texts, err := n.strings()
	if err != nil {
		return nil, err
	}
	for _, text := range texts {
		if err := check(text); err != nil {
			return nil, err
		}
	}
	return texts, nil
}

var (
	sidForm     = regexp.MustCompile(`^[a-zA-Z0-9_.-]{0,100}$`)
	actionForm  = regexp.MustCompile(`^(\*|\*:\*|[a-zA-Z0-9-]+:[a-zA-Z0-9*?]+)$`)
	arnForm     = regexp.MustCompile(`^arn(:[^:\s]*){1,4}$|^arn(:[^:\s]*){4}:.+$`)
	accountForm = regexp.MustCompile(`^[0-9]{12}$`)
	// A principal is somebody in particular: wildcards would be read literally.
	principalForm = regexp.MustCompile(`^arn:aws[a-z0-9-]*:(iam|sts)::[0-9]{12}:(root|(user|role|assumed-role|federated-user)/[^*?\s]+)$`)
	serviceForm   = regexp.MustCompile(`^[a-z0-9][a-z0-9.-]*\.[a-z]+$`)
)

func checkSid(n node) error {
	if n.kind != kindText || !sidForm.MatchString(n.text) {
		return errors.New("must be at most 100 letters, digits, hyphens, underscores and dots")
	}
	return nil
}

func checkAction(text string) error {
	if !actionForm.MatchString(text) {
		return fmt.Errorf(`must be "*" or of the form service:action, not %q`, text)
	}
	return nil
}

func checkResource(text string) error {
	if text != "*" && !arnForm.MatchString(text) {
		return fmt.Errorf(`must be "*" or an ARN, not %q`, text)
	}
	return nil
}

// parsePrincipals reads "*" or an object of lists.
func parsePrincipals(n node) (*Principals, error) {
	if n.kind == kindText && n.text == "*" {
		return &Principals{Anybody: true}, nil
	}
	if n.kind != kindObject {
		return nil, errors.New(`must be "*" or an object with AWS or Service`)
	}
	p := new(Principals)
	for _, m := range n.members {
		var err error
		switch m.name {
		case "AWS":
			p.AWS, err = checked(m.value, checkAWS)
		case "Service":
			p.Service, err = checked(m.value, checkService)
		default:
			err = errors.New("is not known here: principals are AWS or Service")
		}
		if err != nil {
			return nil, fmt.Errorf("%s %w", m.name, err)
		}
	}
	if len(p.AWS)+len(p.Service) == 0 {
		return nil, errors.New("must name somebody")
	}
	return p, nil
}

func checkAWS(text string) error {
	if text != "*" && !accountForm.MatchString(text) && !principalForm.MatchString(text) {
		return fmt.Errorf(`must be "*", the number of an account or the ARN of a user, role or account's root, not %q`, text)
	}
	return nil
}

func checkService(text string) error {
	if !serviceForm.MatchString(text) {
		return fmt.Errorf("must be the name of a service such as s3.amazonaws.com, not %q", text)
	}
	return nil
}

// check checks what must stand together in a statement.
func (s *Statement) check(u use) error {
	switch {
	case s.Effect == None:
		return errors.New("the element Effect is missing")
	case (s.Action == nil) == (s.NotAction == nil):
		return errors.New("must have either Action or NotAction")
	case (s.Resource == nil) == (s.NotResource == nil):
		return errors.New("must have either Resource or NotResource")
	case u == forIdentity && (s.Principal != nil || s.NotPrincipal != nil):
		return errors.New("the policy of an identity names no principals")
	case u == forResource && (s.Principal == nil) == (s.NotPrincipal == nil):
		return errors.New("must have either Principal or NotPrincipal")
	case s.NotPrincipal != nil && s.Effect == Allow:
		return errors.New("the element NotPrincipal can only stand with the Effect Deny")
	default:
		return nil
	}
}

func (s *Statement) checkVariables() error {
	for _, text := range slices.Concat(s.Resource, s.NotResource) {
		if _, err := scan(text); err != nil {
			return err
		}
	}
	for _, c := range s.Condition {
		for _, text := range c.Values {
			if _, err := scan(text); err != nil {
				return fmt.Errorf("the condition %s %s: %w", c.Operator, c.Key, err)
			}
		}
	}
	return nil
}
