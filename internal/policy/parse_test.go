package policy_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lambkin-dev/lambkin/internal/policy"
)

func TestParseRefuses(t *testing.T) {
	const rest = `"Effect":"Allow","Action":"lambda:InvokeFunction","Resource":"*"`
	tests := []struct {
		reason string
		text   string
		want   string // part of the error
	}{
		{"nothing", ``, "not a JSON text"},
		{"not JSON", `{"Version":`, "not a JSON text"},
		{"a list", `[]`, "must be a JSON object, not a list"},
		{"something behind", `{"Statement":{` + rest + `}} {}`, "something follows"},
		{"not UTF-8", "{\"Id\":\"\xff\"}", "not UTF-8"},
		{"twice", `{"Statement":{` + rest + `,"Effect":"Deny"}}`, `"Effect" is there twice`},
		{"deep", `{"Statement":[[[[[[[[[]]]]]]]]]}`, "nested deeper"},
		{"an unknown element", `{"Statements":{` + rest + `}}`, `no element "Statements"`},
		{"another case", `{"statement":{` + rest + `}}`, `no element "statement"`},
		{"an unknown version", `{"Version":"2020-01-01","Statement":{` + rest + `}}`, "Version must be"},
		{"no statement", `{"Version":"2012-10-17"}`, "Statement is missing"},
		{"no statements", `{"Statement":[]}`, "Statement is missing"},
		{"a statement that is a text", `{"Statement":["x"]}`, "Statement[0]: must be an object, not a text"},
		{"an unknown element of a statement", `{"Statement":{` + rest + `,"Principals":"*"}}`, "Statement[0]: Principals is no element"},
		{"no effect", `{"Statement":{"Action":"*","Resource":"*"}}`, "Effect is missing"},
		{"another effect", `{"Statement":{"Effect":"allow","Action":"*","Resource":"*"}}`, `Effect must be "Allow" or "Deny"`},
		{"no action", `{"Statement":{"Effect":"Allow","Resource":"*"}}`, "Action or NotAction"},
		{"both actions", `{"Statement":{` + rest + `,"NotAction":"*"}}`, "Action or NotAction"},
		{"no actions", `{"Statement":{"Effect":"Allow","Action":[],"Resource":"*"}}`, "Action must not be empty"},
		{"an action without service", `{"Statement":{"Effect":"Allow","Action":"Invoke","Resource":"*"}}`, "service:action"},
		{"an action that is a number", `{"Statement":{"Effect":"Allow","Action":[5],"Resource":"*"}}`, "texts only"},
		{"no resource", `{"Statement":{"Effect":"Allow","Action":"*"}}`, "Resource or NotResource"},
		{"a resource that is a name", `{"Statement":{"Effect":"Allow","Action":"*","Resource":"hello"}}`, "an ARN"},
		{"a principal", `{"Statement":{` + rest + `,"Principal":"*"}}`, "names no principals"},
		{"ids twice", `{"Statement":[{"Sid":"a",` + rest + `},{"Sid":"a",` + rest + `}]}`, `Statement[1]: the Sid "a" is there twice`},
		{"an id with spaces", `{"Statement":{"Sid":"a b",` + rest + `}}`, "Sid must be"},
		{"an unknown operator", `{"Statement":{` + rest + `,"Condition":{"StringSounds":{"aws:x":"y"}}}}`, "operator that is not known"},
		{"another case of an operator", `{"Statement":{` + rest + `,"Condition":{"stringequals":{"aws:x":"y"}}}}`, "operator that is not known"},
		{"an unknown prefix", `{"Statement":{` + rest + `,"Condition":{"ForNoValue:StringEquals":{"aws:x":"y"}}}}`, "operator that is not known"},
		{"null that may be missing", `{"Statement":{` + rest + `,"Condition":{"NullIfExists":{"aws:x":"true"}}}}`, "operator that is not known"},
		{"a key without service", `{"Statement":{` + rest + `,"Condition":{"StringEquals":{"SourceArn":"y"}}}}`, "no condition key"},
		{"a condition that is a text", `{"Statement":{` + rest + `,"Condition":"x"}}`, "Condition must be an object"},
		{"an operator with a text", `{"Statement":{` + rest + `,"Condition":{"StringEquals":"x"}}}`, "StringEquals must be an object"},
		{"a value that is an object", `{"Statement":{` + rest + `,"Condition":{"StringEquals":{"aws:x":{}}}}}`, "not an object"},
		{"a value that is null", `{"Statement":{` + rest + `,"Condition":{"StringEquals":{"aws:x":null}}}}`, "not null"},
		{"a bad truth value", `{"Statement":{` + rest + `,"Condition":{"Bool":{"aws:x":"yes"}}}}`, "true or false"},
		{"a bad null", `{"Statement":{` + rest + `,"Condition":{"Null":{"aws:x":"maybe"}}}}`, "true or false"},
		{"a bad number", `{"Statement":{` + rest + `,"Condition":{"NumericEquals":{"aws:x":"ten"}}}}`, "decimal number"},
		{"a bad date", `{"Statement":{` + rest + `,"Condition":{"DateEquals":{"aws:x":"today"}}}}`, "must be a date"},
		{"a bad address", `{"Statement":{` + rest + `,"Condition":{"IpAddress":{"aws:x":"10.0.0.0/99"}}}}`, "IP address"},
		{"a bad ARN", `{"Statement":{` + rest + `,"Condition":{"ArnLike":{"aws:x":"arn:aws"}}}}`, "six parts"},
		{"bad base64", `{"Statement":{` + rest + `,"Condition":{"BinaryEquals":{"aws:x":"%"}}}}`, "base64"},
		{"an open variable", `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"arn:aws:s3:::${aws:x"}}`, "no } at its end"},
		{"a variable without service", `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"arn:aws:s3:::${x}"}}`, "not the name of a variable"},
		{"a bad variable in a condition", `{"Version":"2012-10-17","Statement":{` + rest + `,"Condition":{"StringEquals":{"aws:x":"${}"}}}}`, "not the name of a variable"},
	}
	for _, tt := range tests {
		t.Run(tt.reason, func(t *testing.T) {
			_, err := policy.ParseIdentity([]byte(tt.text))
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v, want one with %q", err, tt.want)
			}
		})
	}
}

func TestParseResourceRefuses(t *testing.T) {
	tests := []struct {
		reason    string
		principal string
		want      string
	}{
		{"none", ``, "Principal or NotPrincipal"},
		{"both", `"Principal":"*","NotPrincipal":"*",`, "Principal or NotPrincipal"},
		{"a name", `"Principal":"ada",`, `Principal must be "*" or an object`},
		{"nobody", `"Principal":{},`, "must name somebody"},
		{"of another kind", `"Principal":{"Federated":"accounts.google.com"},`, "Federated is not known here"},
		{"a user's name", `"Principal":{"AWS":"ada"},`, "number of an account"},
		{"a wildcard in an ARN", `"Principal":{"AWS":"arn:aws:iam::111122223333:user/*"},`, "number of an account"},
		{"a bad service", `"Principal":{"Service":"*"},`, "name of a service"},
		{"not, with Allow", `"NotPrincipal":{"AWS":"111122223333"},`, "only stand with the Effect Deny"},
	}
	for _, tt := range tests {
		t.Run(tt.reason, func(t *testing.T) {
			_, err := policy.ParseResource([]byte(`{"Statement":{` + tt.principal + `"Effect":"Allow","Action":"*","Resource":"*"}}`))
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v, want one with %q", err, tt.want)
			}
		})
	}
}

func TestLimits(t *testing.T) {
	statement := func(n int) string {
		return `{"Statement":{"Effect":"Allow","Action":"*","Resource":"arn:aws:s3:::` + strings.Repeat("x", n) + `"}}`
	}
	frame := len(statement(0))
	tests := []struct {
		reason string
		text   string
		long   bool
	}{
		{"at the limit", statement(policy.MaxIdentity - frame), false},
		{"above", statement(policy.MaxIdentity - frame + 1), true},
		{"white space does not count", strings.Repeat(" \n", 5000) + statement(10), false},
		{"but is bounded", strings.Repeat(" ", 1<<20) + statement(10), true},
		{"quoted white space counts", strings.Replace(statement(10), `{"St`, `{"Id":"\"`+strings.Repeat(" ", policy.MaxIdentity)+`","St`, 1), true},
	}
	for _, tt := range tests {
		t.Run(tt.reason, func(t *testing.T) {
			_, err := policy.ParseIdentity([]byte(tt.text))
			if errors.Is(err, policy.ErrTooLong) != tt.long || (err != nil) != tt.long {
				t.Errorf("error %v, want too long: %v", err, tt.long)
			}
		})
	}
}

// TestCanonical also holds that what is written is read as the same document.
func TestCanonical(t *testing.T) {
	tests := []struct {
		reason string
		text   string
		want   string
	}{
		{
			"as AWS writes it",
			`{"Version":"2012-10-17","Id":"default","Statement":[{"Sid":"s3","Effect":"Allow","Principal":{"Service":"s3.amazonaws.com"},"Action":"lambda:InvokeFunction","Resource":"arn:aws:lambda:eu-west-1:111122223333:function:hello","Condition":{"StringEquals":{"AWS:SourceAccount":"111122223333"},"ArnLike":{"AWS:SourceArn":"arn:aws:s3:::photos"}}}]}`,
			"",
		},
		{
			"lists of one, another order, white space",
			`{ "Statement": { "Resource": ["*"], "Action": ["lambda:*"], "Principal": {"AWS": ["*"]}, "Effect": "Allow" } }`,
			`{"Statement":[{"Effect":"Allow","Principal":{"AWS":"*"},"Action":"lambda:*","Resource":"*"}]}`,
		},
		{
			"lists, NotX and the operator's order",
			`{"Statement":[{"Effect":"Deny","NotPrincipal":{"Service":["s3.amazonaws.com","sns.amazonaws.com"],"AWS":"111122223333"},"NotAction":["lambda:GetAlias","lambda:GetFunction"],"NotResource":"*","Condition":{"Bool":{"aws:b":false,"aws:a":["true","false"]},"NumericEquals":{"aws:n":5}}}]}`,
			`{"Statement":[{"Effect":"Deny","NotPrincipal":{"Service":["s3.amazonaws.com","sns.amazonaws.com"],"AWS":"111122223333"},"NotAction":["lambda:GetAlias","lambda:GetFunction"],"NotResource":"*","Condition":{"Bool":{"aws:b":"false","aws:a":["true","false"]},"NumericEquals":{"aws:n":"5"}}}]}`,
		},
		{
			"characters stay as they are",
			`{"Id":"<&>\u00e4","Statement":[{"Effect":"Allow","Principal":"*","Action":"*","Resource":"*"}]}`,
			`{"Id":"<&>ä","Statement":[{"Effect":"Allow","Principal":"*","Action":"*","Resource":"*"}]}`,
		},
	}
	for _, tt := range tests {
		t.Run(tt.reason, func(t *testing.T) {
			doc, err := policy.ParseResource([]byte(tt.text))
			if err != nil {
				t.Fatal(err)
			}
			want := tt.want
			if want == "" {
				want = tt.text
			}
			if diff := cmp.Diff(want, doc.String()); diff != "" {
				t.Errorf("String() (-want +got):\n%s", diff)
			}
			again, err := policy.ParseResource([]byte(doc.String()))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(doc, again); diff != "" {
				t.Errorf("read again (-want +got):\n%s", diff)
			}
		})
	}
}

func TestStatementString(t *testing.T) {
	s := policy.Statement{Sid: "a", Effect: policy.Allow, Principal: &policy.Principals{Anybody: true}, Action: []string{"*"}, Resource: []string{"*"}}
	if got, want := s.String(), `{"Sid":"a","Effect":"Allow","Principal":"*","Action":"*","Resource":"*"}`; got != want {
		t.Errorf("String() = %s, want %s", got, want)
	}
}
