package policy

import (
	"errors"
	"fmt"
	"regexp"
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

// comparison holds between a value of a request and one of a condition.
type comparison struct {
	// valid checks a value of a condition when it is read; texts with variables are checked when they are used.
	valid func(want string) error
	// holds compares. It reports false as known if one of the two is of no form that can be compared.
	holds func(have string, want pattern) (held, known bool)
	// patterns says that * and ? in the condition's value are wildcards.
	patterns bool
}

// comparisons are the operators without prefix, Not and suffix.
func comparisons() map[string]comparison {
	return map[string]comparison{
		"StringEquals":             {holds: equalText},
		"StringEqualsIgnoreCase":   {holds: equalFold},
		"StringLike":               {holds: like, patterns: true},
		"BinaryEquals":             {valid: validBinary, holds: equalBinary},
		"Bool":                     {valid: validBool, holds: equalFold},
		"ArnEquals":                {valid: validARN, holds: likeARN, patterns: true},
		"ArnLike":                  {valid: validARN, holds: likeARN, patterns: true},
		"IpAddress":                {valid: validAddress, holds: inNetwork},
		"NumericEquals":            {valid: validNumber, holds: numbers(isEqual)},
		"NumericLessThan":          {valid: validNumber, holds: numbers(isLess)},
		"NumericLessThanEquals":    {valid: validNumber, holds: numbers(isLessOrEqual)},
		"NumericGreaterThan":       {valid: validNumber, holds: numbers(isGreater)},
		"NumericGreaterThanEquals": {valid: validNumber, holds: numbers(isGreaterOrEqual)},
		"DateEquals":               {valid: validDate, holds: dates(isEqual)},
		"DateLessThan":             {valid: validDate, holds: dates(isLess)},
		"DateLessThanEquals":       {valid: validDate, holds: dates(isLessOrEqual)},
		"DateGreaterThan":          {valid: validDate, holds: dates(isGreater)},
		"DateGreaterThanEquals":    {valid: validDate, holds: dates(isGreaterOrEqual)},
	}
}

// negations are the operators with Not, and what they negate.
func negations() map[string]string {
	return map[string]string{
		"StringNotEquals":           "StringEquals",
		"StringNotEqualsIgnoreCase": "StringEqualsIgnoreCase",
		"StringNotLike":             "StringLike",
		"ArnNotEquals":              "ArnEquals",
		"ArnNotLike":                "ArnLike",
		"NotIpAddress":              "IpAddress",
		"NumericNotEquals":          "NumericEquals",
		"DateNotEquals":             "DateEquals",
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
	if positive, ok := negations()[name]; ok {
		op.not, name = true, positive
	}
	var known bool
	op.compare, known = comparisons()[name]
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
	wants, complete := c.wants(op.compare.patterns, v)
	passed, known := 0, true
	for _, value := range have {
		ok, sure := op.pass(value, wants)
		equal := ok != op.not
		known = known && (equal || (sure && complete))
		if ok {
			passed++
		}
	}
	return op.enough(passed, len(have)), known
}

// holdsNull holds if "true" is asked and the key is missing, or "false" and it is there.
func holdsNull(values []string, missing bool) (held, known bool) {
	for _, value := range values {
		if strings.EqualFold(value, fmt.Sprint(missing)) {
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

// wants makes patterns of a condition's values; it reports false if one of them has no value in this request.
func (c Condition) wants(wild bool, v view) (wants []pattern, known bool) {
	known = true
	for _, value := range c.Values {
		want, ok := v.compile(value, wild)
		if !ok {
			known = false
			continue
		}
		wants = append(wants, want)
	}
	return wants, known
}

// pass compares one value with the alternatives; sure says that every comparison could be made.
func (op operator) pass(have string, wants []pattern) (ok, sure bool) {
	sure = true
	for _, want := range wants {
		held, known := op.compare.holds(have, want)
		if held {
			return !op.not, true
		}
		sure = sure && known
	}
	return op.not, sure
}
