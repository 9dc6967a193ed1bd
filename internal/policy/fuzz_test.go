package policy_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lambkin-dev/lambkin/internal/policy"
)

func seeds(f *testing.F) {
	f.Helper()
	for _, text := range []string{
		`{"Version":"2012-10-17","Id":"default","Statement":[{"Sid":"s3","Effect":"Allow","Principal":{"Service":"s3.amazonaws.com"},"Action":"lambda:InvokeFunction","Resource":"arn:aws:lambda:eu-west-1:111122223333:function:hello","Condition":{"StringEquals":{"AWS:SourceAccount":"111122223333"},"ArnLike":{"AWS:SourceArn":"arn:aws:s3:::photos"}}}]}`,
		`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":"*","Action":"*","Resource":"arn:aws:lambda:*:*:function:${aws:username, 'x'}*?*?"}}`,
		`{"Statement":{"Effect":"Deny","NotPrincipal":{"AWS":["111122223333","arn:aws:iam::111122223333:role/x"]},"NotAction":"lambda:*","NotResource":"arn:aws","Condition":{"ForAllValues:NumericLessThanIfExists":{"lambda:n":[5,"6"]},"Null":{"aws:x":true},"NotIpAddress":{"aws:SourceIp":"10.0.0.0/8"},"DateGreaterThan":{"aws:CurrentTime":"2026-01-01"}}}}`,
		`{"Statement":[{"Effect":"Allow","Action":["a:b"],"Resource":["*"]}]}`,
		`{`, `[[[[[[[[[[`, `{"Statement":null}`,
	} {
		f.Add([]byte(text), "lambda:InvokeFunction", function, user, "5")
	}
}

// FuzzEvaluate holds that no policy makes the evaluator panic, that what is written is read as the same policy with the
// same answer, and that a Deny of everything wins over whatever else there is.
func FuzzEvaluate(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, text []byte, action, on, who, value string) {
		r := policy.Request{
			Principal: policy.Principal{Account: account, ARN: who}, Action: action, Resource: on,
			Context: map[string][]string{"aws:username": {value}, "lambda:n": {value, "7"}, "aws:sourceip": {value}, "AWS:SourceArn": {on}, "aws:CurrentTime": {value}},
		}
		for _, parse := range []func([]byte) (*policy.Document, error){policy.ParseIdentity, policy.ParseResource} {
			doc, err := parse(text)
			if err != nil {
				continue
			}
			checkDocument(t, doc, parse, r)
		}
	})
}

func checkDocument(t *testing.T, doc *policy.Document, parse func([]byte) (*policy.Document, error), r policy.Request) {
	t.Helper()
	effect := doc.Evaluate(r)
	again, err := parse([]byte(doc.String()))
	if err != nil {
		t.Fatalf("cannot read %s again: %v", doc, err)
	}
	if diff := cmp.Diff(doc, again); diff != "" {
		t.Fatalf("read again (-want +got):\n%s", diff)
	}
	if got := again.Evaluate(r); got != effect {
		t.Fatalf("Evaluate() = %v after reading again, %v before", got, effect)
	}
	denied := *doc
	denied.Statements = append(denied.Statements[:len(denied.Statements):len(denied.Statements)], policy.Statement{
		Effect: policy.Deny, Principal: &policy.Principals{Anybody: true}, Action: []string{"*"}, Resource: []string{"*"},
	})
	if got := denied.Evaluate(r); got != policy.Deny {
		t.Fatalf("Evaluate() = %v with a Deny of everything", got)
	}
}

// FuzzMatch holds that wildcards match as a plain definition of them says: anywhere in conditions on texts, within the parts
// of ARNs in resources.
func FuzzMatch(f *testing.F) {
	f.Add("a*b?", "axxbc")
	f.Add("**?*", "")
	f.Add("*a*a*a*b", strings.Repeat("a", 30))
	f.Add("a*:b*c:*", "axb:bxc:c")
	f.Fuzz(func(t *testing.T, pattern, text string) {
		if len(pattern) > 30 || len(text) > 60 || strings.Contains(pattern, "${") || !plain(pattern+text) {
			return
		}
		const arn = "arn:aws:lambda:eu-west-1:111122223333:"
		like := policy.Condition{Operator: "StringLike", Key: "aws:x", Values: []string{pattern}}
		tests := []struct {
			statement policy.Statement
			want      bool
		}{
			{policy.Statement{Resource: []string{"*"}, Condition: []policy.Condition{like}}, matches(pattern, text, true)},
			{policy.Statement{Resource: []string{arn + pattern}}, matches(pattern, text, false)},
		}
		for _, tt := range tests {
			tt.statement.Effect, tt.statement.Action = policy.Allow, []string{"*"}
			doc := &policy.Document{Version: policy.Version2012, Statements: []policy.Statement{tt.statement}}
			got := doc.Evaluate(policy.Request{Resource: arn + text, Context: map[string][]string{"aws:x": {text}}}) == policy.Allow
			if got != tt.want {
				t.Errorf("%s with %q: %v, want %v", doc, text, got, tt.want)
			}
		}
	})
}

func plain(text string) bool {
	return strings.IndexFunc(text, func(r rune) bool { return r < ' ' || r > '~' }) < 0
}

// matches is the definition of wildcards, by a table of which beginnings fit. With wide they may stand for colons anywhere,
// else only a * may at the end of a part.
func matches(pattern, text string, wide bool) bool {
	fits := make([]bool, len(text)+1)
	fits[0] = true
	for at, p := range []byte(pattern) {
		over := wide || (p == '*' && (at+1 == len(pattern) || pattern[at+1] == ':'))
		next := make([]bool, len(text)+1)
		for i := range next {
			switch {
			case p == '*':
				next[i] = fits[i] || (i > 0 && next[i-1] && (over || text[i-1] != ':'))
			case i > 0 && p == '?':
				next[i] = fits[i-1] && (over || text[i-1] != ':')
			case i > 0:
				next[i] = fits[i-1] && p == text[i-1]
			}
		}
		fits = next
	}
	return fits[len(text)]
}
