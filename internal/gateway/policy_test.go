package gateway_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/google/go-cmp/cmp"

	"github.com/lambkin-dev/lambkin/api/v1alpha1"
	"github.com/lambkin-dev/lambkin/internal/lambda"
)

// permit is a permission that S3 invokes a function.
func permit(function, sid string, change ...func(*sdk.AddPermissionInput)) *sdk.AddPermissionInput {
	in := &sdk.AddPermissionInput{
		FunctionName: aws.String(function), StatementId: aws.String(sid), Action: aws.String("lambda:InvokeFunction"), Principal: aws.String("s3.amazonaws.com"),
	}
	for _, c := range change {
		c(in)
	}
	return in
}

func (f *fixture) permit(function, sid string, change ...func(*sdk.AddPermissionInput)) string {
	f.t.Helper()
	out, err := f.client.AddPermission(f.t.Context(), permit(function, sid, change...))
	if err != nil {
		f.t.Fatalf("AddPermission(%q, %q): %v", function, sid, err)
	}
	return aws.ToString(out.Statement)
}

// policyOf gives the policy of a function and its revision.
func (f *fixture) policyOf(function string) (text, revision string) {
	f.t.Helper()
	out, err := f.client.GetPolicy(f.t.Context(), &sdk.GetPolicyInput{FunctionName: aws.String(function)})
	if err != nil {
		f.t.Fatalf("GetPolicy(%q): %v", function, err)
	}
	return aws.ToString(out.Policy), aws.ToString(out.RevisionId)
}

// TestStatements compares what AddPermission gives with the statements that AWS documents.
func TestStatements(t *testing.T) {
	f := newFixture(t)
	f.create("fn")
	f.publish("fn")
	f.request(http.MethodPost, functions+"/fn/aliases", `{"Name":"live","FunctionVersion":"1"}`)
	const begin, invoke = `{"Sid":"s","Effect":"Allow","Principal":`, `,"Action":"lambda:InvokeFunction","Resource":"` + prefix + `function:fn"`
	s3 := begin + `{"Service":"s3.amazonaws.com"}` + invoke
	cases := map[string]struct {
		reason string
		change func(*sdk.AddPermissionInput)
		want   string
	}{
		"Service": {"a service", func(*sdk.AddPermissionInput) {}, s3 + "}"},
		"Amazon":  {"Alexa has another domain", func(in *sdk.AddPermissionInput) { in.Principal = aws.String("alexa-appkit.amazon.com") }, begin + `{"Service":"alexa-appkit.amazon.com"}` + invoke + "}"},
		"Account": {"the number of an account means its root", func(in *sdk.AddPermissionInput) { in.Principal = aws.String("210987654321") }, begin + `{"AWS":"arn:aws:iam::210987654321:root"}` + invoke + "}"},
		"Role":    {"an ARN stays", func(in *sdk.AddPermissionInput) { in.Principal = aws.String(role) }, begin + `{"AWS":"` + role + `"}` + invoke + "}"},
		"Anybody": {"everybody", func(in *sdk.AddPermissionInput) { in.Principal = aws.String("*") }, begin + `"*"` + invoke + "}"},
		"Action":  {"any action", func(in *sdk.AddPermissionInput) { in.Action = aws.String("lambda:*") }, strings.Replace(s3, "lambda:InvokeFunction", "lambda:*", 1) + "}"},
		"Source": {"a source of an account", func(in *sdk.AddPermissionInput) {
			in.SourceArn, in.SourceAccount = aws.String("arn:aws:s3:::photos"), aws.String(account)
		}, s3 + `,"Condition":{"StringEquals":{"AWS:SourceAccount":"` + account + `"},"ArnLike":{"AWS:SourceArn":"arn:aws:s3:::photos"}}}`},
		"Token": {"Alexa's token", func(in *sdk.AddPermissionInput) { in.EventSourceToken = aws.String("amzn1.ask.skill.x") }, s3 + `,"Condition":{"StringEquals":{"lambda:EventSourceToken":"amzn1.ask.skill.x"}}}`},
		"Organization": {"an organization", func(in *sdk.AddPermissionInput) {
			in.Principal, in.PrincipalOrgID = aws.String("*"), aws.String("o-1234567890")
		}, begin + `"*"` + invoke + `,"Condition":{"StringEquals":{"aws:PrincipalOrgID":"o-1234567890"}}}`},
		"URL": {"a public URL", func(in *sdk.AddPermissionInput) {
			in.Principal, in.Action, in.FunctionUrlAuthType = aws.String("*"), aws.String("lambda:InvokeFunctionUrl"), types.FunctionUrlAuthTypeNone
		}, begin + `"*","Action":"lambda:InvokeFunctionUrl","Resource":"` + prefix + `function:fn","Condition":{"StringEquals":{"lambda:FunctionUrlAuthType":"NONE"}}}`},
		"ViaURL": {"invoked by way of a URL", func(in *sdk.AddPermissionInput) {
			in.Principal, in.InvokedViaFunctionUrl = aws.String("*"), aws.Bool(true)
		}, begin + `"*"` + invoke + `,"Condition":{"Bool":{"lambda:InvokedViaFunctionUrl":"true"}}}`},
		"Version":   {"a version", func(in *sdk.AddPermissionInput) { in.Qualifier = aws.String("1") }, strings.Replace(s3, "function:fn", "function:fn:1", 1) + "}"},
		"Alias":     {"an alias", func(in *sdk.AddPermissionInput) { in.Qualifier = aws.String("live") }, strings.Replace(s3, "function:fn", "function:fn:live", 1) + "}"},
		"Qualified": {"an alias within the name", func(in *sdk.AddPermissionInput) { in.FunctionName = aws.String(prefix + "function:fn:live") }, strings.Replace(s3, "function:fn", "function:fn:live", 1) + "}"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			in := permit("fn", "s", c.change)
			out, err := f.client.AddPermission(t.Context(), in)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, aws.ToString(out.Statement)); diff != "" {
				t.Errorf("%s (-want +got):\n%s", c.reason, diff)
			}
			got, err := f.client.GetPolicy(t.Context(), &sdk.GetPolicyInput{FunctionName: in.FunctionName, Qualifier: in.Qualifier})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(`{"Version":"2012-10-17","Id":"default","Statement":[`+c.want+`]}`, aws.ToString(got.Policy)); diff != "" {
				t.Errorf("%s (-want +got):\n%s", c.reason, diff)
			}
			if _, err := f.client.RemovePermission(t.Context(), &sdk.RemovePermissionInput{FunctionName: in.FunctionName, Qualifier: in.Qualifier, StatementId: in.StatementId}); err != nil {
				t.Fatal(err)
			}
			if _, err := f.client.GetPolicy(t.Context(), &sdk.GetPolicyInput{FunctionName: in.FunctionName, Qualifier: in.Qualifier}); err == nil {
				t.Error("a policy without statements is still there")
			}
		})
	}
}

// TestPolicyIsOfItsQualifier holds that a function, its versions and its aliases have policies of their own, which go with
// them.
func TestPolicyIsOfItsQualifier(t *testing.T) {
	f := newFixture(t)
	f.create("fn")
	f.publish("fn")
	f.request(http.MethodPost, functions+"/fn/aliases", `{"Name":"live","FunctionVersion":"1"}`)
	for _, name := range []string{"fn", "fn:1", "fn:live"} {
		f.permit(name, "same")
		text, _ := f.policyOf(name)
		if strings.Count(text, `"Sid"`) != 1 || !strings.Contains(text, `"`+prefix+"function:"+name+`"`) {
			t.Errorf("the policy of %s is %s", name, text)
		}
	}
	if latest, _ := f.policyOf("fn:$LATEST"); !strings.Contains(latest, `function:fn"`) {
		t.Errorf("$LATEST has not the policy of its function: %s", latest)
	}
	f.request(http.MethodDelete, functions+"/fn/aliases/live", "")
	f.request(http.MethodPost, functions+"/fn/aliases", `{"Name":"live","FunctionVersion":"1"}`)
	f.request(http.MethodDelete, functions+"/fn?Qualifier=1", "")
	f.publish("fn")
	f.request(http.MethodDelete, functions+"/fn", "")
	f.create("fn")
	if r := f.request(http.MethodGet, functions+"/fn/policy", ""); r.status != http.StatusNotFound {
		t.Errorf("a new function has the policy of one before: %s", r.body)
	}
	if r := f.request(http.MethodGet, functions+"/fn/policy?Qualifier=live", ""); r.status != http.StatusNotFound {
		t.Errorf("a new alias has the policy of one before: %s", r.body)
	}
}

// TestPermissionsAddUp holds that permissions which come at the same time are all kept.
func TestPermissionsAddUp(t *testing.T) {
	f := newFixture(t)
	f.create("fn")
	const writers = 24
	errs := make([]error, writers)
	var wg sync.WaitGroup
	for i := range writers {
		wg.Go(func() { _, errs[i] = f.client.AddPermission(t.Context(), permit("fn", fmt.Sprintf("s%d", i))) })
	}
	wg.Wait()
	for i, err := range errs {
		if err != nil {
			t.Errorf("permission %d: %v", i, err)
		}
	}
	if text, _ := f.policyOf("fn"); strings.Count(text, `"Sid"`) != writers {
		t.Errorf("the policy has %d statements, want %d: %s", strings.Count(text, `"Sid"`), writers, text)
	}
	f.races.Store(3) // somebody at another gateway
	f.permit("fn", "late")
	if text, _ := f.policyOf("fn"); strings.Count(text, `"Sid"`) != writers+1 {
		t.Errorf("a permission was lost to somebody else's: %s", text)
	}
	f.races.Store(1000)
	if _, err := f.client.AddPermission(t.Context(), permit("fn", "never")); err == nil || !strings.Contains(err.Error(), "ResourceConflictException") {
		t.Errorf("after a thousand others: %v", err)
	}
}

func TestPolicyRevisions(t *testing.T) {
	f := newFixture(t)
	created := f.create("fn")
	with := func(revision string) func(*sdk.AddPermissionInput) {
		return func(in *sdk.AddPermissionInput) { in.RevisionId = aws.String(revision) }
	}
	configuration, err := f.client.GetFunctionConfiguration(t.Context(), &sdk.GetFunctionConfigurationInput{FunctionName: created.FunctionName})
	if err != nil {
		t.Fatal(err)
	}
	f.permit("fn", "a", with(aws.ToString(configuration.RevisionId))) // no policy has one yet
	_, first := f.policyOf("fn")
	f.permit("fn", "b", with(first))
	text, second := f.policyOf("fn")
	if first == second || strings.Count(text, `"Sid"`) != 2 {
		t.Errorf("revision %s, then %s with %s", first, second, text)
	}
	arn := prefix + "function:fn"
	everybody := aws.String(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"lambda:InvokeFunction","Resource":"` + arn + `"}]}`)
	const sentence = "The Revision Id provided does not match the latest Revision Id. Call the %s API to retrieve the latest Revision Id"
	stale := map[string]struct {
		api string
		do  func() error
	}{
		"AddPermission": {"GetPolicy", func() error {
			_, err := f.client.AddPermission(t.Context(), permit("fn", "c", with(first)))
			return err
		}},
		"RemovePermission": {"GetPolicy", func() error {
			_, err := f.client.RemovePermission(t.Context(), &sdk.RemovePermissionInput{FunctionName: aws.String("fn"), StatementId: aws.String("a"), RevisionId: &first})
			return err
		}},
		"PutResourcePolicy": {"GetResourcePolicy", func() error {
			_, err := f.client.PutResourcePolicy(t.Context(), &sdk.PutResourcePolicyInput{ResourceArn: &arn, Policy: everybody, RevisionId: &first})
			return err
		}},
		"DeleteResourcePolicy": {"GetResourcePolicy", func() error {
			_, err := f.client.DeleteResourcePolicy(t.Context(), &sdk.DeleteResourcePolicyInput{ResourceArn: &arn, RevisionId: &first})
			return err
		}},
	}
	for name, c := range stale {
		if err := c.do(); err == nil || !strings.Contains(err.Error(), "PreconditionFailedException: "+fmt.Sprintf(sentence, c.api)) {
			t.Errorf("%s with a revision of before: %v", name, err)
		}
	}
	if again, third := f.policyOf("fn"); again != text || third != second {
		t.Errorf("a refused change has changed the policy: %s", again)
	}
	out, err := f.client.PutResourcePolicy(t.Context(), &sdk.PutResourcePolicyInput{ResourceArn: &arn, Policy: everybody, RevisionId: &second})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.client.DeleteResourcePolicy(t.Context(), &sdk.DeleteResourcePolicyInput{ResourceArn: &arn, RevisionId: out.RevisionId}); err != nil {
		t.Error(err)
	}
}

func TestPutResourcePolicy(t *testing.T) {
	f := newFixture(t)
	f.create("fn")
	f.publish("fn")
	f.permit("fn", "before")
	for _, name := range []string{"fn", "fn:1"} {
		arn := prefix + "function:" + name
		given := `{
			"Version": "2012-10-17",
			"Statement": [{"Effect": "Deny", "NotPrincipal": {"AWS": ["` + account + `"]}, "Action": ["lambda:*"], "Resource": ["` + arn + `"]}]
		}`
		want := `{"Version":"2012-10-17","Statement":[{"Effect":"Deny","NotPrincipal":{"AWS":"` + account + `"},"Action":"lambda:*","Resource":"` + arn + `"}]}`
		put, err := f.client.PutResourcePolicy(t.Context(), &sdk.PutResourcePolicyInput{ResourceArn: &arn, Policy: &given})
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, aws.ToString(put.Policy)); diff != "" {
			t.Errorf("what was put (-want +got):\n%s", diff)
		}
		got, err := f.client.GetResourcePolicy(t.Context(), &sdk.GetResourcePolicyInput{ResourceArn: &arn})
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, aws.ToString(got.Policy)); diff != "" || aws.ToString(got.RevisionId) != aws.ToString(put.RevisionId) {
			t.Errorf("what is there (-want +got):\n%s", diff)
		}
		if text, revision := f.policyOf(name); text != want || revision != aws.ToString(put.RevisionId) {
			t.Errorf("GetPolicy gives %s", text)
		}
		if _, err := f.client.DeleteResourcePolicy(t.Context(), &sdk.DeleteResourcePolicyInput{ResourceArn: &arn}); err != nil {
			t.Fatal(err)
		}
		if _, err := f.client.GetResourcePolicy(t.Context(), &sdk.GetResourcePolicyInput{ResourceArn: &arn}); err == nil || !strings.Contains(err.Error(), "ResourceNotFoundException") {
			t.Errorf("after its deletion: %v", err)
		}
	}
}

// TestPolicyLimit holds that a policy is not larger than AWS's.
func TestPolicyLimit(t *testing.T) {
	f := newFixture(t)
	f.create("fn")
	source := func(n int) func(*sdk.AddPermissionInput) {
		return func(in *sdk.AddPermissionInput) { in.SourceArn = aws.String("arn:aws:s3:::" + strings.Repeat("x", n)) }
	}
	f.permit("fn", "a", source(10000))
	_, err := f.client.AddPermission(t.Context(), permit("fn", "b", source(10000)))
	if err == nil || !strings.Contains(err.Error(), "PolicyLengthExceededException: The final policy size (20") || !strings.Contains(err.Error(), ") is bigger than the limit (20480).") {
		t.Errorf("a second long statement: %v", err)
	}
	f.permit("fn", "c")
	arn, long := prefix+"function:fn", strings.Repeat("x", 21000)
	text := `{"Statement":[{"Sid":"s","Effect":"Allow","Principal":"*","Action":"lambda:InvokeFunction","Resource":"` + arn + long + `"}]}`
	if _, err := f.client.PutResourcePolicy(t.Context(), &sdk.PutResourcePolicyInput{ResourceArn: &arn, Policy: &text}); err == nil || !strings.Contains(err.Error(), "PolicyLengthExceededException") {
		t.Errorf("a long policy: %v", err)
	}
}

func TestLayerPermissions(t *testing.T) {
	f := newFixture(t)
	f.layer("lib")
	arn := prefix + "layer:lib:1"
	const begin = `{"Sid":"s","Effect":"Allow","Principal":`
	end := `,"Action":"lambda:GetLayerVersion","Resource":"` + arn + `"`
	cases := map[string]struct {
		reason, principal, organization, want string
	}{
		"Account":      {"the number of an account means its root", "210987654321", "", begin + `{"AWS":"arn:aws:iam::210987654321:root"}` + end + "}"},
		"Root":         {"or the root itself", "arn:aws:iam::210987654321:root", "", begin + `{"AWS":"arn:aws:iam::210987654321:root"}` + end + "}"},
		"Anybody":      {"everybody", "*", "", begin + `"*"` + end + "}"},
		"Organization": {"an organization", "*", "o-1234567890", begin + `"*"` + end + `,"Condition":{"StringEquals":{"aws:PrincipalOrgID":"o-1234567890"}}}`},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			in := &sdk.AddLayerVersionPermissionInput{
				LayerName: aws.String("lib"), VersionNumber: aws.Int64(1), StatementId: aws.String("s"),
				Action: aws.String("lambda:GetLayerVersion"), Principal: &c.principal,
			}
			if c.organization != "" {
				in.OrganizationId = &c.organization
			}
			out, err := f.client.AddLayerVersionPermission(t.Context(), in)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, aws.ToString(out.Statement)); diff != "" {
				t.Errorf("%s (-want +got):\n%s", c.reason, diff)
			}
			got, err := f.client.GetLayerVersionPolicy(t.Context(), &sdk.GetLayerVersionPolicyInput{LayerName: in.LayerName, VersionNumber: in.VersionNumber})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(`{"Version":"2012-10-17","Id":"default","Statement":[`+c.want+`]}`, aws.ToString(got.Policy)); diff != "" || aws.ToString(got.RevisionId) != aws.ToString(out.RevisionId) {
				t.Errorf("%s (-want +got):\n%s", c.reason, diff)
			}
			stale := &sdk.RemoveLayerVersionPermissionInput{LayerName: in.LayerName, VersionNumber: in.VersionNumber, StatementId: in.StatementId, RevisionId: aws.String("wrong")}
			_, err = f.client.RemoveLayerVersionPermission(t.Context(), stale)
			if err == nil || !strings.Contains(err.Error(), "PreconditionFailedException: The Revision Id provided does not match the latest Revision Id. Call the GetLayerPolicy API to retrieve the latest Revision Id") {
				t.Errorf("a wrong revision: %v", err)
			}
			stale.RevisionId = got.RevisionId
			if _, err = f.client.RemoveLayerVersionPermission(t.Context(), stale); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestPermissionErrors compares replies with those recorded on the real service: status, type and sentence.
func TestPermissionErrors(t *testing.T) {
	f := newFixture(t)
	f.create("fn")
	f.publish("fn")
	f.create("bare")
	f.permit("fn", "s1")
	f.layer("lib")
	f.layer("bare")
	f.request(http.MethodPost, layers+"/lib/versions/1/policy", `{"StatementId":"s1","Action":"lambda:GetLayerVersion","Principal":"*"}`)
	permission := func(changes ...string) string {
		members := map[string]string{"StatementId": `"new"`, "Action": `"lambda:InvokeFunction"`, "Principal": `"s3.amazonaws.com"`}
		for _, change := range changes {
			name, value, _ := strings.Cut(change, "=")
			members[name] = value
		}
		var parts []string
		for name, value := range members {
			if value != "" {
				parts = append(parts, fmt.Sprintf("%q:%s", name, value))
			}
		}
		return "{" + strings.Join(parts, ",") + "}"
	}
	layerPermission := func(changes ...string) string {
		return permission(append([]string{`Action="lambda:GetLayerVersion"`, `Principal="*"`}, changes...)...)
	}
	const failed = "1 validation error detected: Value '%s' at '%s' failed to satisfy constraint: Member must satisfy regular expression pattern: "
	of, none := functions+"/fn/policy", "The resource you requested does not exist."
	arn, put := "/2026-07-09/resource-policy/"+url.PathEscape(prefix+"function:fn"), func(text string) string {
		b, _ := json.Marshal(map[string]string{"Policy": text})
		return string(b)
	}
	cases := map[string]struct {
		method, path, body string
		status             int
		kind, message      string
	}{
		"unknown function":   {"POST", functions + "/doesnotexist/policy", permission(), 404, "ResourceNotFoundException", "Function not found: " + prefix + "function:doesnotexist"},
		"unknown version":    {"POST", of + "?Qualifier=42", permission(), 404, "ResourceNotFoundException", "Function not found: " + prefix + "function:fn:42"},
		"unknown alias":      {"POST", of + "?Qualifier=alias-doesnotexist", permission(), 404, "ResourceNotFoundException", "Cannot find alias arn: " + prefix + "function:fn:alias-doesnotexist"},
		"no alias":           {"POST", of + "?Qualifier=valid-with-%24-but-doesnotexist", permission(), 404, "ResourceNotFoundException", "Function not found: " + prefix + "function:fn:valid-with-$-but-doesnotexist"},
		"qualifier":          {"POST", of + "?Qualifier=invalid-qualifier-with-%3F-char", permission(), 400, "ValidationException", fmt.Sprintf(failed, "invalid-qualifier-with-?-char", "qualifier") + `\$(LATEST(\.PUBLISHED)?)|[a-zA-Z0-9-_$]+`},
		"latest":             {"POST", of + "?Qualifier=%24LATEST", permission(), 400, "InvalidParameterValueException", "We currently do not support adding policies for $LATEST."},
		"statement twice":    {"POST", of, permission(`StatementId="s1"`), 409, "ResourceConflictException", "The statement id (s1) provided already exists. Please provide a new statement id, or remove the existing statement."},
		"statement id":       {"POST", of, permission(`StatementId="example.com"`), 400, "ValidationException", fmt.Sprintf(failed, "example.com", "statementId") + "([a-zA-Z0-9-_]+)"},
		"statement long":     {"POST", of, permission(`StatementId="` + strings.Repeat("a", 101) + `"`), 400, "ValidationException", "1 validation error detected: Value '" + strings.Repeat("a", 101) + "' at 'statementId' failed to satisfy constraint: Member must have length less than or equal to 100"},
		"principal":          {"POST", of, permission(`Principal="invalid.nonaws.com"`), 400, "InvalidParameterValueException", "The provided principal was invalid. Please check the principal and try again."},
		"principal's form":   {"POST", of, permission(`Principal="a b"`), 400, "ValidationException", fmt.Sprintf(failed, "a b", "principal") + `[^\s]+`},
		"nothing":            {"POST", of, "{}", 400, "ValidationException", "3 validation errors detected: Value null at 'statementId' failed to satisfy constraint: Member must not be null; Value null at 'action' failed to satisfy constraint: Member must not be null; Value null at 'principal' failed to satisfy constraint: Member must not be null"},
		"action":             {"POST", of, permission(`Action="s3:GetObject"`), 400, "ValidationException", fmt.Sprintf(failed, "s3:GetObject", "action") + `(lambda:[*]|lambda:[a-zA-Z]+|[*])`},
		"source":             {"POST", of, permission(`SourceArn="photos"`), 400, "ValidationException", fmt.Sprintf(failed, "photos", "sourceArn") + `arn:(aws[a-zA-Z0-9-]*):([a-zA-Z0-9\-])+:((eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\d{1})?:(\d{12})?:(.*)`},
		"source account":     {"POST", of, permission(`SourceAccount="12"`), 400, "ValidationException", fmt.Sprintf(failed, "12", "sourceAccount") + `\d{12}`},
		"token":              {"POST", of, permission(`EventSourceToken="a b"`), 400, "ValidationException", fmt.Sprintf(failed, "a b", "eventSourceToken") + `[a-zA-Z0-9._\-]+`},
		"organization":       {"POST", of, permission(`PrincipalOrgID="x"`), 400, "ValidationException", fmt.Sprintf(failed, "x", "principalOrgID") + `o-[a-z0-9]{10,32}`},
		"auth type":          {"POST", of, permission(`FunctionUrlAuthType="OPEN"`), 400, "ValidationException", "1 validation error detected: Value 'OPEN' at 'functionUrlAuthType' failed to satisfy constraint: Member must satisfy enum value set: [NONE, AWS_IAM]"},
		"auth type's action": {"POST", of, permission(`FunctionUrlAuthType="NONE"`), 400, "InvalidParameterValueException", "FunctionUrlAuthType is only supported for lambda:InvokeFunctionUrl action"},
		"revision":           {"POST", of, permission(`RevisionId="wrong"`), 412, "PreconditionFailedException", "The Revision Id provided does not match the latest Revision Id. Call the GetPolicy API to retrieve the latest Revision Id"},
		"bad variable":       {"POST", of, permission(`SourceArn="arn:aws:s3:::${x}"`), 400, "InvalidParameterValueException", `The policy is not valid: in Statement[1]: the condition ArnLike AWS:SourceArn: "x" is not the name of a variable: those are condition keys such as aws:username.`},
		"other region":       {"POST", functions + "/" + url.PathEscape("arn:aws:lambda:ap-southeast-1:"+account+":function:fn") + "/policy", permission(), 404, "ResourceNotFoundException", "Functions from 'ap-southeast-1' are not reachable in this region ('us-east-1')"},

		"remove of unknown":       {"DELETE", functions + "/doesnotexist/policy/s1", "", 404, "ResourceNotFoundException", "No policy found for: " + prefix + "function:doesnotexist"},
		"remove without policy":   {"DELETE", functions + "/bare/policy/s1", "", 404, "ResourceNotFoundException", "No policy is associated with the given resource."},
		"remove of qualifier":     {"DELETE", of + "/s1?Qualifier=1", "", 404, "ResourceNotFoundException", "No policy is associated with the given resource."},
		"remove unknown":          {"DELETE", of + "/non-existent", "", 404, "ResourceNotFoundException", "Statement non-existent is not found in resource policy."},
		"remove of revision":      {"DELETE", of + "/s1?RevisionId=wrong", "", 412, "PreconditionFailedException", "The Revision Id provided does not match the latest Revision Id. Call the GetPolicy API to retrieve the latest Revision Id"},
		"remove of what":          {"DELETE", of + "/a%20b", "", 400, "ValidationException", fmt.Sprintf(failed, "a b", "statementId") + "([a-zA-Z0-9-_.]+)"},
		"policy of unknown":       {"GET", functions + "/doesnotexist/policy", "", 404, "ResourceNotFoundException", "Function not found: " + prefix + "function:doesnotexist"},
		"policy of unknown alias": {"GET", of + "?Qualifier=nope", "", 404, "ResourceNotFoundException", "Function not found: " + prefix + "function:fn:nope"},
		"no policy":               {"GET", functions + "/bare/policy", "", 404, "ResourceNotFoundException", none},
		"no policy of version":    {"GET", of + "?Qualifier=1", "", 404, "ResourceNotFoundException", none},

		"layer action":         {"POST", layers + "/lib/versions/1/policy", layerPermission(`Action="*"`), 400, "ValidationException", fmt.Sprintf(failed, "*", "action") + "lambda:GetLayerVersion"},
		"layer principal":      {"POST", layers + "/lib/versions/1/policy", layerPermission(`Principal="s3.amazonaws.com"`), 400, "ValidationException", fmt.Sprintf(failed, "s3.amazonaws.com", "principal") + `\d{12}|\*|arn:(aws[a-zA-Z-]*):iam::\d{12}:root`},
		"layer organization":   {"POST", layers + "/lib/versions/1/policy", layerPermission(`Principal="`+account+`"`, `OrganizationId="o-1234567890"`), 400, "InvalidParameterValueException", "OrganizationId is only supported for the principal *."},
		"layer statement":      {"POST", layers + "/lib/versions/1/policy", layerPermission(`StatementId="s1"`), 409, "ResourceConflictException", "The statement id (s1) provided already exists. Please provide a new statement id, or remove the existing statement."},
		"layer revision":       {"POST", layers + "/lib/versions/1/policy?RevisionId=wrong", layerPermission(), 412, "PreconditionFailedException", "The Revision Id provided does not match the latest Revision Id. Call the GetLayerPolicy API to retrieve the latest Revision Id"},
		"layer unknown":        {"POST", layers + "/lib-doesnotexist/versions/1/policy", layerPermission(), 404, "ResourceNotFoundException", "Layer version " + prefix + "layer:lib-doesnotexist:1 does not exist."},
		"layer version":        {"POST", layers + "/lib/versions/2/policy", layerPermission(), 404, "ResourceNotFoundException", "Layer version " + prefix + "layer:lib:2 does not exist."},
		"layer remove unknown": {"DELETE", layers + "/lib/versions/1/policy/doesnotexist", "", 404, "ResourceNotFoundException", "Statement doesnotexist is not found in resource policy."},
		"layer remove bare":    {"DELETE", layers + "/bare/versions/1/policy/s", "", 404, "ResourceNotFoundException", "No policy is associated with the given resource."},
		"layer remove what":    {"DELETE", layers + "/lib/versions/1/policy/a.b", "", 400, "ValidationException", fmt.Sprintf(failed, "a.b", "statementId") + "([a-zA-Z0-9-_]+)"},
		"layer no policy":      {"GET", layers + "/bare/versions/1/policy", "", 404, "ResourceNotFoundException", "No policy is associated with the given resource."},
		"layer policy of none": {"GET", layers + "/lib/versions/2/policy", "", 404, "ResourceNotFoundException", "Layer version " + prefix + "layer:lib:2 does not exist."},

		"put nothing":       {"PUT", arn, "{}", 400, "ValidationException", "1 validation error detected: Value null at 'policy' failed to satisfy constraint: Member must not be null"},
		"put no policy":     {"PUT", arn, put("everybody"), 400, "InvalidParameterValueException", "The policy is not valid: the policy is not a JSON text at byte 0: invalid character 'e' looking for beginning of value."},
		"put no principal":  {"PUT", arn, put(`{"Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}`), 400, "InvalidParameterValueException", "The policy is not valid: in Statement[0]: must have either Principal or NotPrincipal."},
		"put for another":   {"PUT", arn, put(`{"Statement":{"Effect":"Allow","Principal":"*","Action":"*","Resource":"` + prefix + `function:other"}}`), 400, "InvalidParameterValueException", "The policy is not valid: in Statement[0]: Resource does not cover " + prefix + "function:fn, which the policy is for."},
		"put for a name":    {"PUT", "/2026-07-09/resource-policy/fn", put("{}"), 400, "ValidationException", ""},
		"put for unknown":   {"PUT", arn + "x", put("{}"), 404, "ResourceNotFoundException", "Function not found: " + prefix + "function:fnx"},
		"put for latest":    {"PUT", arn + "%3A%24LATEST", put("{}"), 400, "InvalidParameterValueException", "We currently do not support adding policies for $LATEST."},
		"get without":       {"GET", arn + "%3A1", "", 404, "ResourceNotFoundException", "No policy is associated with the given resource."},
		"delete without":    {"DELETE", arn + "%3A1", "", 404, "ResourceNotFoundException", "No policy is associated with the given resource."},
		"delete another's":  {"DELETE", "/2026-07-09/resource-policy/" + url.PathEscape("arn:aws:lambda:us-east-1:210987654321:function:fn"), "", 403, "AccessDeniedException", "Account 210987654321 is not reachable here: this is account 123456789012."},
		"delete a revision": {"DELETE", arn + "?RevisionId=wrong", "", 412, "PreconditionFailedException", "The Revision Id provided does not match the latest Revision Id. Call the GetResourcePolicy API to retrieve the latest Revision Id"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			r := f.request(c.method, c.path, c.body)
			if r.status != c.status || r.header.Get("X-Amzn-Errortype") != c.kind {
				t.Fatalf("%d %s %s\nwant %d %s", r.status, r.header.Get("X-Amzn-Errortype"), r.body, c.status, c.kind)
			}
			if got := r.message(t); got != c.message && c.message != "" {
				t.Errorf("message:\n%s\nwant:\n%s", got, c.message)
			}
		})
	}
}

// TestResourcePolicy holds that a ResourcePolicy object is the policy that the API shows, whatever it is for, and that one
// which cannot be read is none that lets anybody in.
func TestResourcePolicy(t *testing.T) {
	f := newFixture(t)
	f.create("fn")
	f.publish("fn")
	f.request(http.MethodPost, functions+"/fn/aliases", `{"Name":"live","FunctionVersion":"1"}`)
	f.layer("lib")
	const text = `{ "Statement": { "Sid": "byhand", "Effect": "Allow", "Principal": {"Service": ["events.amazonaws.com"]}, "Action": "*", "Resource": "*" } }`
	const want = `{"Statement":[{"Sid":"byhand","Effect":"Allow","Principal":{"Service":"events.amazonaws.com"},"Action":"*","Resource":"*"}]}`
	for path, spec := range map[string]v1alpha1.ResourcePolicySpec{
		functions + "/fn/policy":                {FunctionName: "fn"},
		functions + "/fn/policy?Qualifier=1":    {FunctionName: "fn", Qualifier: "1"},
		functions + "/fn/policy?Qualifier=live": {FunctionName: "fn", Qualifier: "live"},
		layers + "/lib/versions/1/policy":       {LayerName: "lib", LayerVersion: 1},
	} {
		spec.Policy = text
		p := &v1alpha1.ResourcePolicy{Spec: spec}
		if err := f.Create(t.Context(), p); err != nil {
			t.Fatal(err)
		}
		if r := f.request(http.MethodGet, path, ""); r.status != http.StatusOK || r.members(t)["Policy"] != want {
			t.Errorf("%s gives %d %s", path, r.status, r.body)
		}
	}
	f.permit("fn", "more")
	if got, _ := f.policyOf("fn"); strings.Count(got, `"Sid"`) != 2 || !strings.Contains(got, "byhand") {
		t.Errorf("a permission beside what was written by hand: %s", got)
	}
	stored := new(v1alpha1.ResourcePolicy)
	if err := f.Get(t.Context(), "fn", stored); err != nil {
		t.Fatal(err)
	}
	stored.Spec.Policy = "everybody"
	if err := f.Update(t.Context(), stored); lambda.CodeOf(err) != lambda.CodeInvalidParameterValue {
		t.Errorf("a policy that nobody can read was kept: %v", err)
	}
}
