package policy_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/lambkin-dev/lambkin/internal/policy"
)

const (
	account  = "111122223333"
	other    = "444455556666"
	function = "arn:aws:lambda:eu-west-1:111122223333:function:hello"
	user     = "arn:aws:iam::111122223333:user/ada"
)

// identity parses the policy of an identity with one statement.
func identity(t *testing.T, statement string) *policy.Document {
	t.Helper()
	doc, err := policy.ParseIdentity([]byte(`{"Version":"2012-10-17","Statement":` + statement + `}`))
	if err != nil {
		t.Fatal(err)
	}
	return doc
}

// resource parses the policy of a resource with one statement.
func resource(t *testing.T, statement string) *policy.Document {
	t.Helper()
	doc, err := policy.ParseResource([]byte(`{"Version":"2012-10-17","Id":"default","Statement":` + statement + `}`))
	if err != nil {
		t.Fatal(err)
	}
	return doc
}

func ask(action, on string) policy.Request {
	return policy.Request{Principal: policy.Principal{Account: account, ARN: user}, Action: action, Resource: on}
}

func TestActionsAndResources(t *testing.T) {
	tests := []struct {
		reason    string
		statement string
		action    string
		resource  string
		want      policy.Effect
	}{
		{"exact", `{"Effect":"Allow","Action":"lambda:InvokeFunction","Resource":"` + function + `"}`, "lambda:InvokeFunction", function, policy.Allow},
		{"another action", `{"Effect":"Allow","Action":"lambda:InvokeFunction","Resource":"*"}`, "lambda:GetFunction", function, policy.None},
		{"actions ignore case", `{"Effect":"Allow","Action":"LAMBDA:invokefunction","Resource":"*"}`, "lambda:InvokeFunction", function, policy.Allow},
		{"all actions", `{"Effect":"Allow","Action":"*","Resource":"*"}`, "lambda:InvokeFunction", function, policy.Allow},
		{"actions of a service", `{"Effect":"Allow","Action":"lambda:*","Resource":"*"}`, "lambda:InvokeFunction", function, policy.Allow},
		{"actions of another service", `{"Effect":"Allow","Action":"s3:*","Resource":"*"}`, "lambda:InvokeFunction", function, policy.None},
		{"a wildcard within", `{"Effect":"Allow","Action":"lambda:Get*Config","Resource":"*"}`, "lambda:GetFunctionUrlConfig", function, policy.Allow},
		{"a single character", `{"Effect":"Allow","Action":"lambda:GetAlia?","Resource":"*"}`, "lambda:GetAlias", function, policy.Allow},
		{"a single character is not none", `{"Effect":"Allow","Action":"lambda:GetAlias?","Resource":"*"}`, "lambda:GetAlias", function, policy.None},
		{"one of a list", `{"Effect":"Allow","Action":["lambda:GetAlias","lambda:GetFunction"],"Resource":"*"}`, "lambda:GetFunction", function, policy.Allow},
		{"NotAction leaves out", `{"Effect":"Allow","NotAction":"lambda:Delete*","Resource":"*"}`, "lambda:DeleteFunction", function, policy.None},
		{"NotAction lets the rest", `{"Effect":"Allow","NotAction":"lambda:Delete*","Resource":"*"}`, "lambda:GetFunction", function, policy.Allow},
		{"resources heed case", `{"Effect":"Allow","Action":"*","Resource":"` + strings.ToUpper(function[:3]) + function[3:] + `"}`, "", "", policy.None},
		{"a prefix of names", `{"Effect":"Allow","Action":"*","Resource":"` + function + `*"}`, "lambda:GetFunction", function + "-2", policy.Allow},
		{"the end reaches qualifiers", `{"Effect":"Allow","Action":"*","Resource":"` + function + `*"}`, "lambda:GetFunction", function + ":prod", policy.Allow},
		{"qualifiers only", `{"Effect":"Allow","Action":"*","Resource":"` + function + `:*"}`, "lambda:GetFunction", function, policy.None},
		{"without qualifier is not with", `{"Effect":"Allow","Action":"*","Resource":"` + function + `"}`, "lambda:GetFunction", function + ":prod", policy.None},
		{"the end of a part", `{"Effect":"Allow","Action":"*","Resource":"arn:aws:lambda:*:111122223333:function:hello"}`, "lambda:GetFunction", function, policy.Allow},
		{"within a part stays there", `{"Effect":"Allow","Action":"*","Resource":"arn:aws:lambda:eu-west-1:111122223333:function:he*d"}`, "lambda:GetFunction", function + ":prod", policy.None},
		{"within a part", `{"Effect":"Allow","Action":"*","Resource":"arn:aws:lambda:eu-west-1:111122223333:function:he*o"}`, "lambda:GetFunction", function, policy.Allow},
		{"a character is no colon", `{"Effect":"Allow","Action":"*","Resource":"` + function + `?prod"}`, "lambda:GetFunction", function + ":prod", policy.None},
		{"a short ARN", `{"Effect":"Allow","Action":"*","Resource":"arn:aws:lambda"}`, "lambda:GetFunction", function, policy.Allow},
		{"a short ARN of another service", `{"Effect":"Allow","Action":"*","Resource":"arn:aws:s3"}`, "lambda:GetFunction", function, policy.None},
		{"operations without resource", `{"Effect":"Allow","Action":"lambda:ListFunctions","Resource":"*"}`, "lambda:ListFunctions", "*", policy.Allow},
		{"an ARN is not everything", `{"Effect":"Allow","Action":"lambda:ListFunctions","Resource":"` + function + `"}`, "lambda:ListFunctions", "*", policy.None},
		{"NotResource leaves out", `{"Effect":"Allow","Action":"*","NotResource":"` + function + `"}`, "lambda:GetFunction", function, policy.None},
		{"NotResource lets the rest", `{"Effect":"Allow","Action":"*","NotResource":"` + function + `"}`, "lambda:GetFunction", function + "-2", policy.Allow},
		{"deny", `[{"Effect":"Allow","Action":"*","Resource":"*"},{"Effect":"Deny","Action":"*","Resource":"` + function + `"}]`, "lambda:GetFunction", function, policy.Deny},
		{"deny first", `[{"Effect":"Deny","Action":"*","Resource":"` + function + `"},{"Effect":"Allow","Action":"*","Resource":"*"}]`, "lambda:GetFunction", function, policy.Deny},
		{"deny of something else", `[{"Effect":"Deny","Action":"lambda:DeleteFunction","Resource":"*"},{"Effect":"Allow","Action":"*","Resource":"*"}]`, "lambda:GetFunction", function, policy.Allow},
	}
	for _, tt := range tests {
		t.Run(tt.reason, func(t *testing.T) {
			if tt.action == "" {
				if _, err := policy.ParseIdentity([]byte(`{"Version":"2012-10-17","Statement":` + tt.statement + `}`)); err == nil {
					t.Error("parsed, want an error")
				}
				return
			}
			if got := identity(t, tt.statement).Evaluate(ask(tt.action, tt.resource)); got != tt.want {
				t.Errorf("Evaluate() = %v, want %v", got, tt.want)
			}
		})
	}
}

func TestPrincipals(t *testing.T) {
	root := "arn:aws:iam::" + account + ":root"
	session := "arn:aws:sts::111122223333:assumed-role/deployer/ci"
	tests := []struct {
		reason    string
		effect    string
		principal string
		who       policy.Principal
		want      policy.Effect
	}{
		{"anybody", "Allow", `"Principal":"*"`, policy.Principal{}, policy.Allow},
		{"anybody in AWS's other form", "Allow", `"Principal":{"AWS":"*"}`, policy.Principal{}, policy.Allow},
		{"the user", "Allow", `"Principal":{"AWS":"` + user + `"}`, policy.Principal{Account: account, ARN: user}, policy.Allow},
		{"another user", "Allow", `"Principal":{"AWS":"` + user + `2"}`, policy.Principal{Account: account, ARN: user}, policy.None},
		{"one of several", "Allow", `"Principal":{"AWS":["` + other + `","` + user + `"]}`, policy.Principal{Account: account, ARN: user}, policy.Allow},
		{"nobody known", "Allow", `"Principal":{"AWS":"` + user + `"}`, policy.Principal{}, policy.None},
		{"the own account leaves it to identities", "Allow", `"Principal":{"AWS":"` + account + `"}`, policy.Principal{Account: account, ARN: user}, policy.None},
		{"the own root leaves it to identities", "Allow", `"Principal":{"AWS":"` + root + `"}`, policy.Principal{Account: account, ARN: user}, policy.None},
		{"the root itself", "Allow", `"Principal":{"AWS":"` + root + `"}`, policy.Principal{Account: account, ARN: root}, policy.Allow},
		{"the root by number", "Allow", `"Principal":{"AWS":"` + account + `"}`, policy.Principal{Account: account, ARN: root}, policy.Allow},
		{"the account denied", "Deny", `"Principal":{"AWS":"` + account + `"}`, policy.Principal{Account: account, ARN: user}, policy.Deny},
		{"another account", "Allow", `"Principal":{"AWS":"arn:aws:iam::` + other + `:root"}`, policy.Principal{Account: other, ARN: "arn:aws:iam::444455556666:user/bob"}, policy.Allow},
		{"not another account", "Allow", `"Principal":{"AWS":"arn:aws:iam::` + other + `:root"}`, policy.Principal{Account: account, ARN: user}, policy.None},
		{"a service", "Allow", `"Principal":{"Service":"s3.amazonaws.com"}`, policy.Principal{Service: "s3.amazonaws.com"}, policy.Allow},
		{"another service", "Allow", `"Principal":{"Service":"s3.amazonaws.com"}`, policy.Principal{Service: "sns.amazonaws.com"}, policy.None},
		{"a user is no service", "Allow", `"Principal":{"Service":"s3.amazonaws.com"}`, policy.Principal{Account: account, ARN: user}, policy.None},
		{"a session of the role", "Allow", `"Principal":{"AWS":"arn:aws:iam::111122223333:role/team/deployer"}`, policy.Principal{Account: account, ARN: session}, policy.Allow},
		{"a session of another role", "Allow", `"Principal":{"AWS":"arn:aws:iam::111122223333:role/deploy"}`, policy.Principal{Account: account, ARN: session}, policy.None},
		{"the session itself", "Allow", `"Principal":{"AWS":"` + session + `"}`, policy.Principal{Account: account, ARN: session}, policy.Allow},
		{"everybody but the user", "Deny", `"NotPrincipal":{"AWS":"` + user + `"}`, policy.Principal{Account: account, ARN: user}, policy.None},
		{"everybody but the user: another", "Deny", `"NotPrincipal":{"AWS":"` + user + `"}`, policy.Principal{Account: account, ARN: root}, policy.Deny},
		{"everybody but the account", "Deny", `"NotPrincipal":{"AWS":"` + account + `"}`, policy.Principal{Account: account, ARN: user}, policy.None},
		{"everybody but the account: nobody known", "Deny", `"NotPrincipal":{"AWS":"` + account + `"}`, policy.Principal{}, policy.Deny},
	}
	for _, tt := range tests {
		t.Run(tt.reason, func(t *testing.T) {
			doc := resource(t, `{"Effect":"`+tt.effect+`",`+tt.principal+`,"Action":"lambda:InvokeFunction","Resource":"`+function+`"}`)
			r := policy.Request{Principal: tt.who, Action: "lambda:InvokeFunction", Resource: function}
			if got := doc.Evaluate(r); got != tt.want {
				t.Errorf("Evaluate() = %v, want %v", got, tt.want)
			}
		})
	}
}

// holdsCase is a condition, the values of the key k in the request, and whether it makes an Allow and a Deny apply.
type holdsCase struct {
	reason    string
	operator  string
	want      string // JSON of the condition's values
	have      []string
	allow     bool
	denyIsNot bool // a Deny applies exactly if an Allow does not
}

func conditionCases() []holdsCase {
	return []holdsCase{
		{"equal", "StringEquals", `"a"`, []string{"a"}, true, false},
		{"unequal", "StringEquals", `"a"`, []string{"b"}, false, false},
		{"equal heeds case", "StringEquals", `"a"`, []string{"A"}, false, false},
		{"equal takes no wildcards", "StringEquals", `"a*"`, []string{"ab"}, false, false},
		{"alternatives", "StringEquals", `["a","b"]`, []string{"b"}, true, false},
		{"missing", "StringEquals", `"a"`, nil, false, false},
		{"missing if exists", "StringEqualsIfExists", `"a"`, nil, true, false},
		{"unequal if exists", "StringEqualsIfExists", `"a"`, []string{"b"}, false, false},
		{"not equal", "StringNotEquals", `"a"`, []string{"b"}, true, false},
		{"not equal to any", "StringNotEquals", `["a","b"]`, []string{"b"}, false, false},
		{"not equal and missing", "StringNotEquals", `"a"`, nil, true, false},
		{"fold", "StringEqualsIgnoreCase", `"ABC"`, []string{"abc"}, true, false},
		{"not fold", "StringNotEqualsIgnoreCase", `"ABC"`, []string{"abc"}, false, false},
		{"like", "StringLike", `"a*c?"`, []string{"abbcd"}, true, false},
		{"like goes over colons", "StringLike", `"a*d"`, []string{"a:b:d"}, true, false},
		{"unlike", "StringLike", `"a*c?"`, []string{"abbc"}, false, false},
		{"not like", "StringNotLike", `"a*"`, []string{"b"}, true, false},
		{"not like but is", "StringNotLike", `"a*"`, []string{"ab"}, false, false},
		{"a variable", "StringEquals", `"${aws:username}"`, []string{"ada"}, true, false},
		{"a variable's wildcards are literal", "StringLike", `"${aws:PrincipalTag/team}"`, []string{"xyz"}, false, false},
		{"a default", "StringEquals", `"${aws:PrincipalTag/none, 'all'}"`, []string{"all"}, true, false},
		{"a variable without value", "StringEquals", `"${aws:PrincipalTag/none}"`, []string{"x"}, false, false},
		{"another alternative has a value", "StringEquals", `["${aws:PrincipalTag/none}","x"]`, []string{"x"}, true, false},
		{"not a variable without value", "StringNotEquals", `"${aws:PrincipalTag/none}"`, []string{"x"}, false, true},
		{"a literal star", "StringLike", `"a${*}"`, []string{"a*"}, true, false},
		{"a literal star only", "StringLike", `"a${*}"`, []string{"ab"}, false, false},
		{"arn", "ArnLike", `"arn:aws:s3:::photos"`, []string{"arn:aws:s3:::photos"}, true, false},
		{"arn with wildcards", "ArnLike", `"arn:aws:sns:*:111122223333:*"`, []string{"arn:aws:sns:eu-west-1:111122223333:news"}, true, false},
		{"arn equals has wildcards too", "ArnEquals", `"arn:aws:s3:::ph*"`, []string{"arn:aws:s3:::photos"}, true, false},
		{"arn stays in its part", "ArnLike", `"arn:aws:*:*:*:news"`, []string{"arn:aws:sns:eu-west-1:111122223333:a:news"}, false, false},
		{"arn of too few parts", "ArnLike", `"arn:aws:s3:::*"`, []string{"arn:aws:s3"}, false, false},
		{"arn not", "ArnNotLike", `"arn:aws:s3:::*"`, []string{"arn:aws:s3:::x"}, false, false},
		{"arn not equals", "ArnNotEquals", `"arn:aws:s3:::x"`, []string{"arn:aws:s3:::y"}, true, false},
		{"not an arn", "ArnNotLike", `"arn:aws:s3:::*"`, []string{"x"}, false, true},
		{"bool", "Bool", `"true"`, []string{"true"}, true, false},
		{"bool as JSON", "Bool", `false`, []string{"false"}, true, false},
		{"bool not", "Bool", `"true"`, []string{"false"}, false, false},
		{"number", "NumericEquals", `"5"`, []string{"5.0"}, true, false},
		{"number as JSON", "NumericLessThanEquals", `10`, []string{"10"}, true, false},
		{"number less", "NumericLessThan", `"10"`, []string{"9"}, true, false},
		{"number is not less", "NumericLessThan", `"10"`, []string{"10"}, false, false},
		{"number greater", "NumericGreaterThan", `"10"`, []string{"10.5"}, true, false},
		{"number at least", "NumericGreaterThanEquals", `"10"`, []string{"9"}, false, false},
		{"number unequal", "NumericNotEquals", `"10"`, []string{"9"}, true, false},
		{"not a number", "NumericNotEquals", `"10"`, []string{"x"}, false, true},
		{"date before", "DateLessThan", `"2026-06-01T00:00:00Z"`, []string{"2026-05-31T23:59:59Z"}, true, false},
		{"date in seconds", "DateGreaterThan", `"2026-06-01"`, []string{"1800000000"}, true, false},
		{"date with zone", "DateEquals", `"2026-06-01T02:00:00+02:00"`, []string{"2026-06-01T00:00:00Z"}, true, false},
		{"date not", "DateNotEquals", `"2026-06-01"`, []string{"2026-06-01T00:00:00Z"}, false, false},
		{"date at most", "DateLessThanEquals", `"2026-06-01"`, []string{"2026-06-01T00:00:00Z"}, true, false},
		{"date at least", "DateGreaterThanEquals", `"2026-06-01"`, []string{"2026-05-01T00:00:00Z"}, false, false},
		{"address", "IpAddress", `"203.0.113.0/24"`, []string{"203.0.113.7"}, true, false},
		{"address outside", "IpAddress", `["203.0.113.0/24","198.51.100.1"]`, []string{"198.51.100.2"}, false, false},
		{"address of version 6", "IpAddress", `"2001:db8::/32"`, []string{"2001:db8:1::1"}, true, false},
		{"address in version 6", "IpAddress", `"203.0.113.7"`, []string{"::ffff:203.0.113.7"}, true, false},
		{"address not", "NotIpAddress", `"203.0.113.0/24"`, []string{"203.0.113.7"}, false, false},
		{"no address at all", "NotIpAddress", `"203.0.113.0/24"`, []string{"unix"}, false, true},
		{"binary", "BinaryEquals", `"AQI="`, []string{"AQI="}, true, false},
		{"null", "Null", `"true"`, nil, true, false},
		{"null but there", "Null", `"true"`, []string{"a"}, false, false},
		{"not null", "Null", `false`, []string{"a"}, true, false},
		{"all values", "ForAllValues:StringEquals", `["a","b"]`, []string{"a", "b"}, true, false},
		{"not all values", "ForAllValues:StringEquals", `["a","b"]`, []string{"a", "c"}, false, false},
		{"all of none", "ForAllValues:StringEquals", `["a","b"]`, nil, true, false},
		{"all are not", "ForAllValues:StringNotEquals", `"a"`, []string{"b", "c"}, true, false},
		{"some is", "ForAllValues:StringNotEquals", `"a"`, []string{"b", "a"}, false, false},
		{"any value", "ForAnyValue:StringLike", `"a*"`, []string{"b", "ab"}, true, false},
		{"not any value", "ForAnyValue:StringLike", `"a*"`, []string{"b", "c"}, false, false},
		{"any of none", "ForAnyValue:StringEquals", `"a"`, nil, false, false},
		{"any is not", "ForAnyValue:StringNotEquals", `"a"`, []string{"a", "b"}, true, false},
		{"any is not, of none", "ForAnyValue:StringNotEquals", `"a"`, nil, false, false},
		{"any if exists", "ForAnyValue:StringEqualsIfExists", `"a"`, nil, true, false},
		{"several without quantifier", "StringEquals", `"a"`, []string{"b", "a"}, true, false},
		{"several without quantifier, not", "StringNotEquals", `"a"`, []string{"b", "a"}, false, false},
	}
}

func TestConditions(t *testing.T) {
	for _, tt := range conditionCases() {
		t.Run(tt.operator+"/"+tt.reason, func(t *testing.T) {
			r := ask("lambda:InvokeFunction", function)
			r.Context = map[string][]string{"aws:username": {"ada"}, "AWS:PrincipalTag/team": {"*"}}
			if tt.have != nil {
				r.Context["lambda:k"] = tt.have
			}
			deny := tt.allow != tt.denyIsNot
			for effect, applies := range map[string]bool{"Allow": tt.allow, "Deny": deny} {
				doc := identity(t, fmt.Sprintf(`{"Effect":%q,"Action":"*","Resource":"*","Condition":{%q:{"Lambda:K":%s}}}`, effect, tt.operator, tt.want))
				if got := doc.Evaluate(r) != policy.None; got != applies {
					t.Errorf("the %s applies: %v, want %v", effect, got, applies)
				}
			}
		})
	}
}

func TestAllConditionsMustHold(t *testing.T) {
	doc := resource(t, `{"Effect":"Allow","Principal":{"Service":"s3.amazonaws.com"},"Action":"lambda:InvokeFunction","Resource":"`+function+`",
		"Condition":{"StringEquals":{"AWS:SourceAccount":"`+account+`"},"ArnLike":{"AWS:SourceArn":"arn:aws:s3:::photos"}}}`)
	tests := []struct {
		reason       string
		account, arn string
		want         policy.Effect
	}{
		{"both", account, "arn:aws:s3:::photos", policy.Allow},
		{"another account", other, "arn:aws:s3:::photos", policy.None},
		{"another bucket", account, "arn:aws:s3:::videos", policy.None},
	}
	for _, tt := range tests {
		t.Run(tt.reason, func(t *testing.T) {
			r := policy.Request{
				Principal: policy.Principal{Service: "s3.amazonaws.com"}, Action: "lambda:InvokeFunction", Resource: function,
				Context: map[string][]string{"aws:SourceArn": {tt.arn}, "aws:SourceAccount": {tt.account}},
			}
			if got := doc.Evaluate(r); got != tt.want {
				t.Errorf("Evaluate() = %v, want %v", got, tt.want)
			}
		})
	}
}

func TestVariablesInResources(t *testing.T) {
	const tree = "arn:aws:lambda:eu-west-1:111122223333:function:"
	tests := []struct {
		reason   string
		version  string
		elements string
		context  map[string][]string
		resource string
		want     policy.Effect
	}{
		{"its value", "2012-10-17", `"Effect":"Allow","Resource":"` + tree + `${aws:username}-*"`, map[string][]string{"aws:username": {"ada"}}, tree + "ada-x", policy.Allow},
		{"another value", "2012-10-17", `"Effect":"Allow","Resource":"` + tree + `${aws:username}-*"`, map[string][]string{"aws:username": {"bob"}}, tree + "ada-x", policy.None},
		{"no value", "2012-10-17", `"Effect":"Allow","Resource":"` + tree + `${aws:username}-*"`, nil, tree + "ada-x", policy.None},
		{"two values", "2012-10-17", `"Effect":"Allow","Resource":"` + tree + `${aws:username}"`, map[string][]string{"aws:username": {"a", "b"}}, tree + "a", policy.None},
		{"a wildcard as value", "2012-10-17", `"Effect":"Allow","Resource":"` + tree + `${aws:username}"`, map[string][]string{"aws:username": {"*"}}, tree + "ada", policy.None},
		{"from the principal", "2012-10-17", `"Effect":"Allow","Resource":"arn:aws:lambda:eu-west-1:${aws:PrincipalAccount}:function:*"`, nil, tree + "ada", policy.Allow},
		{"the older language has none", "2008-10-17", `"Effect":"Allow","Resource":"` + tree + `${aws:username}"`, map[string][]string{"aws:username": {"ada"}}, tree + "ada", policy.None},
		{"not, without value, allows nothing", "2012-10-17", `"Effect":"Allow","NotResource":"` + tree + `${aws:username}"`, nil, tree + "ada", policy.None},
		{"not, without value, denies", "2012-10-17", `"Effect":"Deny","NotResource":"` + tree + `${aws:username}"`, nil, tree + "ada", policy.Deny},
	}
	for _, tt := range tests {
		t.Run(tt.reason, func(t *testing.T) {
			doc, err := policy.ParseIdentity([]byte(`{"Version":"` + tt.version + `","Statement":{` + tt.elements + `,"Action":"*"}}`))
			if err != nil {
				t.Fatal(err)
			}
			r := ask("lambda:GetFunction", tt.resource)
			r.Context = tt.context
			if got := doc.Evaluate(r); got != tt.want {
				t.Errorf("Evaluate() = %v, want %v", got, tt.want)
			}
		})
	}
}

func TestImpliedKeys(t *testing.T) {
	tests := []struct {
		reason    string
		condition string
		who       policy.Principal
		want      policy.Effect
	}{
		{"the ARN", `"ArnLike":{"aws:PrincipalArn":"` + user + `"}`, policy.Principal{Account: account, ARN: user}, policy.Allow},
		{"the account", `"StringEquals":{"aws:PrincipalAccount":"` + account + `"}`, policy.Principal{Account: account, ARN: user}, policy.Allow},
		{"nobody has no account", `"StringEquals":{"aws:PrincipalAccount":"` + account + `"}`, policy.Principal{}, policy.None},
		{"a service", `"Bool":{"aws:PrincipalIsAWSService":"true"}`, policy.Principal{Service: "s3.amazonaws.com"}, policy.Allow},
		{"no service", `"Bool":{"aws:PrincipalIsAWSService":"true"}`, policy.Principal{Account: account, ARN: user}, policy.None},
		{"the service's name", `"StringEquals":{"aws:PrincipalServiceName":"s3.amazonaws.com"}`, policy.Principal{Service: "s3.amazonaws.com"}, policy.Allow},
	}
	for _, tt := range tests {
		t.Run(tt.reason, func(t *testing.T) {
			doc := resource(t, `{"Effect":"Allow","Principal":"*","Action":"*","Resource":"*","Condition":{`+tt.condition+`}}`)
			if got := doc.Evaluate(policy.Request{Principal: tt.who, Action: "lambda:InvokeFunction", Resource: function}); got != tt.want {
				t.Errorf("Evaluate() = %v, want %v", got, tt.want)
			}
		})
	}
}

func TestAllowed(t *testing.T) {
	const none, allow, deny = policy.None, policy.Allow, policy.Deny
	tests := []struct {
		identity, resource policy.Effect
		want               bool
	}{
		{none, none, false},
		{allow, none, true},
		{none, allow, true},
		{allow, allow, true},
		{deny, allow, false},
		{allow, deny, false},
		{deny, deny, false},
		{none, deny, false},
	}
	for _, tt := range tests {
		if got := policy.Allowed(tt.identity, tt.resource); got != tt.want {
			t.Errorf("Allowed(%v, %v) = %v, want %v", tt.identity, tt.resource, got, tt.want)
		}
	}
}

func TestNoDocument(t *testing.T) {
	var doc *policy.Document
	if got := doc.Evaluate(ask("lambda:GetFunction", function)); got != policy.None {
		t.Errorf("Evaluate() = %v, want None", got)
	}
}

// TestUnknownOperator holds for documents that were put together without the parser.
func TestUnknownOperator(t *testing.T) {
	s := policy.Statement{Effect: policy.Allow, Action: []string{"*"}, Resource: []string{"*"}, Condition: []policy.Condition{{Operator: "Sounds", Key: "aws:x", Values: []string{"y"}}}}
	doc := &policy.Document{Version: policy.Version2012, Statements: []policy.Statement{s}}
	if got := doc.Evaluate(ask("lambda:GetFunction", function)); got != policy.None {
		t.Errorf("Evaluate() = %v, want None", got)
	}
}
