package policy

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// operator is how a condition compares.
type operator struct {
	each     quantifier
	compare  comparison
	not      bool // the comparison must not hold
	ifExists bool // the condition holds if the request lacks the key
}

// quantifier says how many of a key's values must pass.
type quantifier int

const (
	one  quantifier = iota // the key has one value
	all                    // ForAllValues: every value; holds if there are none
	some                   // ForAnyValue: at least one
)

// comparison holds between a value of a request and one of a condition. It reports false as known if one of the two is of
// no form that can be compared.
type comparison struct {
	// valid checks a value of a condition when it is read; texts with variables are checked when they are used.
	valid func(want string) error
	// Either of both compares: holds with a text, fits with a pattern in which * and ? are wildcards.
	holds func(have, want string) (held, known bool)
	fits  func(have string, want pattern) (held, known bool)
}

// comparisonOf gives the operator without prefix, Not and suffix.
func comparisonOf(name string) (comparison, bool) {
	switch name {
	case "StringEquals":
		return comparison{holds: equalText}, true
	case "StringEqualsIgnoreCase":
		return comparison{holds: equalFold}, true
	case "StringLike":
		return comparison{fits: like}, true
	case "BinaryEquals":
		return comparison{valid: validBinary, holds: equalBinary}, true
	case "Bool":
		return comparison{valid: validBool, holds: equalFold}, true
	case "ArnEquals", "ArnLike":
		return comparison{valid: validARN, fits: likeARN}, true
	case "IpAddress":
		return comparison{valid: validAddress, holds: inNetwork}, true
	}
	if relation, ok := strings.CutPrefix(name, "Numeric"); ok {
		is, ok := relationOf(relation)
		return comparison{valid: validNumber, holds: numbers(is)}, ok
	}
	if relation, ok := strings.CutPrefix(name, "Date"); ok {
		is, ok := relationOf(relation)
		return comparison{valid: validDate, holds: dates(is)}, ok
	}
	return comparison{}, false
}

// positiveOf gives what an operator with Not negates.
func positiveOf(name string) (positive string, negated bool) {
	switch name {
	case "StringNotEquals", "StringNotEqualsIgnoreCase", "StringNotLike", "ArnNotEquals", "ArnNotLike", "NotIpAddress",
		"NumericNotEquals", "DateNotEquals":
		return strings.Replace(name, "Not", "", 1), true
	default:
		return name, false
	}
}

// opNull asks whether a key is there at all.
const opNull = "Null"

// parseOperator reads the name of an operator other than Null.
func parseOperator(name string) (operator, bool) {
	var op operator
	if rest, ok := strings.CutPrefix(name, "ForAllValues:"); ok {
		op.each, name = all, rest
	} else if rest, ok := strings.CutPrefix(name, "ForAnyValue:"); ok {
		op.each, name = some, rest
	}
	name, op.ifExists = strings.CutSuffix(name, "IfExists")
	name, op.not = positiveOf(name)
	var known bool
	op.compare, known = comparisonOf(name)
	return op, known
}

// keyForm is a condition key: the service, a colon and the name, which may hold the key of a tag.
var keyForm = regexp.MustCompile(`^[a-zA-Z0-9./_-]+:[^*?${}]{1,256}$`)

// parseConditions reads operators, their keys and values, in the order in which they stand.
func parseConditions(n node) ([]Condition, error) {
	if n.kind != kindObject {
		return nil, fmt.Errorf("must be an object, not %s", n.kind)
	}
	var out []Condition
	for _, op := range n.members {
		if op.value.kind != kindObject {
			return nil, fmt.Errorf("%s must be an object, not %s", op.name, op.value.kind)
		}
		for _, m := range op.value.members {
			c := Condition{Operator: op.name, Key: m.name}
			var err error
			if c.Values, err = m.value.scalars(); err == nil {
				err = c.check()
			}
			if err != nil {
				return nil, fmt.Errorf("%s %s %w", op.name, m.name, err)
			}
			out = append(out, c)
		}
	}
	return out, nil
}

// check checks the operator, the key and the values of a condition.
func (c Condition) check() error {
	if !keyForm.MatchString(c.Key) {
		return errors.New("is no condition key: those have the form service:name")
	}
	valid := validBool
	if c.Operator != opNull {
		op, ok := parseOperator(c.Operator)
		if !ok {
			return errors.New("has an operator that is not known")
		}
		valid = op.compare.valid
	}
	for _, value := range c.Values {
		if valid == nil || strings.Contains(value, "${") {
			continue
		}
		if err := valid(value); err != nil {
			return err
		}
	}
	return nil
}

// holds evaluates a condition. It reports false as known if that cannot be decided, such as for a variable without a value;
// held is then what follows if what is not known matches nothing.
func (c Condition) holds(v view) (held, known bool) {
	have := v.values(c.Key)
	if c.Operator == opNull {
		return holdsNull(c.Values, len(have) == 0)
	}
	op, ok := parseOperator(c.Operator)
	if !ok {
		return false, false
	}
	if len(have) == 0 {
		return op.holdsWithout(), true
	}
	passed, known := 0, true
	for _, value := range have {
		ok, sure := op.pass(value, c.Values, v)
		known = known && sure
		if ok {
			passed++
		}
	}
	return op.enough(passed, len(have)), known
}

// holdsNull holds if "true" is asked and the key is missing, or "false" and it is there.
func holdsNull(values []string, missing bool) (held, known bool) {
	for _, value := range values {
		if strings.EqualFold(value, strconv.FormatBool(missing)) {
			return true, true
		}
	}
	return false, true
}

// holdsWithout is what an operator gives for a key that the request lacks.
func (op operator) holdsWithout() bool {
	return op.ifExists || op.each == all || (op.not && op.each == one)
}

// enough says whether enough of the values of a key have passed. A key with several values that is compared as one passes
// if any value is equal, or if none is with a Not.
func (op operator) enough(passed, total int) bool {
	if op.each == all || (op.each == one && op.not) {
		return passed == total
	}
	return passed > 0
}

// pass compares one value with the alternatives; sure says that one was equal or that all could be compared.
func (op operator) pass(have string, wants []string, v view) (ok, sure bool) {
	sure = true
	for _, want := range wants {
		held, known := op.compare.with(have, want, v)
		if held {
			return !op.not, true
		}
		sure = sure && known
	}
	return op.not, sure
}

// with compares with one value of a condition, whose variables are filled in.
func (c comparison) with(have, want string, v view) (held, known bool) {
	if c.fits != nil {
		p, ok := compile(want, v.variables)
		if !ok {
			return false, false
		}
		return c.fits(have, p)
	}
	want, ok := expand(want, v.variables)
	if !ok {
		return false, false
	}
	return c.holds(have, want)
}
