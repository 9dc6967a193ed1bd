package policy

import (
	"slices"
	"strings"
)

// Evaluate answers a request: Deny if any statement denies it, else Allow if any allows it, else None. A nil document says
// None.
//
// A principal that is the number of an account, or its root, hands the decision to that account: inside of it such an
// Allow lets in the root alone, everybody else by the policies of their identities.
func (d *Document) Evaluate(r Request) Effect {
	if d == nil {
		return None
	}
	v := view{Request: r}
	if d.Version == Version2012 {
		v.variables = v.values
	}
	result := None
	for i := range d.Statements {
		s := &d.Statements[i]
		if s.Effect <= result || !s.applies(v) {
			continue
		}
		if s.Effect == Deny {
			return Deny
		}
		result = s.Effect
	}
	return result
}

// applies reports whether a statement speaks of a request.
func (s *Statement) applies(v view) bool {
	return s.hasPrincipal(v) && s.hasAction(v.Action) && s.hasResource(v) && s.holds(v)
}

func (s *Statement) hasPrincipal(v view) bool {
	if s.NotPrincipal != nil {
		return !s.NotPrincipal.has(v, true)
	}
	return s.Principal == nil || s.Principal.has(v, s.Effect == Deny)
}

func (s *Statement) hasAction(action string) bool {
	if s.NotAction != nil {
		return !hasAction(s.NotAction, action)
	}
	return hasAction(s.Action, action)
}

// hasAction compares without regard to upper and lower case.
func hasAction(patterns []string, action string) bool {
	action = strings.ToLower(action)
	return slices.ContainsFunc(patterns, func(text string) bool {
		p, _ := compile(strings.ToLower(text), nil)
		return p.anywhere().matches(action)
	})
}

func (s *Statement) hasResource(v view) bool {
	if s.NotResource != nil {
		found, known := hasResource(s.NotResource, v)
		return !found && (known || s.Effect == Deny)
	}
	found, _ := hasResource(s.Resource, v)
	return found
}

// hasResource reports whether one of the patterns fits; false as known if one of them has no value in this request.
func hasResource(patterns []string, v view) (found, known bool) {
	known = true
	for _, text := range patterns {
		if text == "*" || text == v.Resource {
			return true, true
		}
		p, ok := compile(complete(text), v.variables)
		known = known && ok
		if ok && p.matches(v.Resource) {
			return true, true
		}
	}
	return false, known
}

// Covers reports whether a statement can speak of a resource. Variables are taken to fit.
func (s *Statement) Covers(resource string) bool {
	if s.NotResource != nil {
		found, _ := hasResource(s.NotResource, view{Request: Request{Resource: resource}})
		return !found
	}
	if slices.ContainsFunc(s.Resource, func(text string) bool { return strings.Contains(text, "${") }) {
		return true
	}
	found, _ := hasResource(s.Resource, view{Request: Request{Resource: resource}})
	return found
}

// complete adds the parts that an ARN lacks as wildcards.
func complete(arn string) string {
	missing := max(0, arnParts-1-strings.Count(arn, ":"))
	return arn + strings.Repeat(":*", missing)
}

// holds reports whether all conditions hold. What cannot be decided makes no Allow apply.
func (s *Statement) holds(v view) bool {
	for _, c := range s.Condition {
		held, known := c.holds(v)
		if !held || (!known && s.Effect == Allow) {
			return false
		}
	}
	return true
}

// view is a request as the statements of a document see it.
type view struct {
	Request

	variables func(key string) []string // values of variables; nil if the policy's version has none
}

// values are those of a condition key. What follows from the principal need not be in the context.
func (v view) values(key string) []string {
	var found []string
	for name, values := range v.Context {
		if strings.EqualFold(name, key) {
			found = append(found, values...)
		}
	}
	if len(found) > 0 {
		return found
	}
	if value := v.implied(strings.ToLower(key)); value != "" {
		return []string{value}
	}
	return nil
}

func (v view) implied(key string) string {
	switch key {
	case "aws:principalarn":
		return v.Principal.ARN
	case "aws:principalaccount":
		return v.Principal.Account
	case "aws:principalservicename":
		return v.Principal.Service
	case "aws:principalisawsservice":
		if v.Principal.Service != "" {
			return "true"
		}
		return "false"
	default:
		return ""
	}
}
