package access_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/lambkin-dev/lambkin/internal/access"
	"github.com/lambkin-dev/lambkin/internal/lambda"
	"github.com/lambkin-dev/lambkin/internal/policy"
)

func newKey(t *testing.T, name string) access.Key {
	t.Helper()
	text, _ := access.Named(access.PolicyFull)
	k, err := access.New(name, access.AnyNamespace, text, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func TestNew(t *testing.T) {
	full, _ := access.Named(access.PolicyFull)
	statement := func(condition string) string {
		return `{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"lambda:*","Resource":"*","Condition":{` + condition + `}}]}`
	}
	for name, tc := range map[string]struct {
		reason                  string
		user, namespace, policy string
		fault                   string
	}{
		"Good":      {"", "ci", "shop", full, ""},
		"Any":       {"", "ci+x@y.z", "*", full, ""},
		"Name":      {"it becomes a part of an ARN", "a/b", "shop", full, "name"},
		"Empty":     {"", "", "shop", full, "name"},
		"Namespace": {"it becomes a part of a path", "ci", "../x", full, "namespace"},
		"Policy":    {"", "ci", "shop", "{}", "policy"},
		"Principal": {"an identity's policy names no principals", "ci", "shop", strings.Replace(full, `"Action"`, `"Principal":"*","Action"`, 1), "policy"},
		"Known":     {"", "ci", "shop", statement(`"Bool":{"AWS:SecureTransport":"false"}`), ""},
		"Tag":       {"", "ci", "shop", statement(`"StringEquals":{"aws:ResourceTag/team":"a"}`), ""},
		"Unknown":   {"a Deny that would never apply", "ci", "shop", statement(`"StringEquals":{"lambda:Layer":"a"}`), `"lambda:Layer" is not known`},
		"All":       {"all faults at once", "", "", "", "namespace"},
	} {
		k, err := access.New(tc.user, tc.namespace, tc.policy, time.Now())
		if (err == nil) != (tc.fault == "") || err != nil && !strings.Contains(err.Error(), tc.fault) {
			t.Errorf("%s: %s: got %v, want %q", name, tc.reason, err, tc.fault)
		}
		if err == nil && (len(k.ID) != 20 || len(k.Secret) != 40 || !strings.HasPrefix(k.ID, access.Prefix)) {
			t.Errorf("%s: %+v", name, k)
		}
	}
	if a, b := newKey(t, "a"), newKey(t, "a"); a.ID == b.ID || a.Secret == b.Secret {
		t.Error("two keys are one")
	}
}

// TestFile holds that a change by another process is seen at once, and that a file that cannot be read opens nothing.
func TestFile(t *testing.T) {
	dir := t.TempDir()
	here, there := access.Open(dir), access.Open(dir)
	k := newKey(t, "ci")
	code := func() lambda.Code {
		_, err := here.Lookup(t.Context(), k.ID)
		return lambda.CodeOf(err)
	}
	if got := code(); got != lambda.CodeUnrecognizedClient {
		t.Errorf("before there is a key: %q", got)
	}
	if err := there.Add(k); err != nil {
		t.Fatal(err)
	}
	if got := code(); got != "" {
		t.Errorf("a key of another process: %q", got)
	}
	if err := there.Delete(k.ID); err != nil {
		t.Fatal(err)
	}
	if got := code(); got != lambda.CodeUnrecognizedClient {
		t.Errorf("a deleted key: %q", got)
	}
	if err := there.Delete(k.ID); !errors.Is(err, access.ErrNoKey) {
		t.Errorf("a second deletion: %v", err)
	}
	if err := os.WriteFile(filepath.Join(dir, "keys.json"), []byte(`{"keys":[{"id":"x"}]}`), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := code(); got != lambda.CodeService {
		t.Errorf("a broken file: %q", got)
	}
}

// TestCredentials holds that what is written is what AWS's tools read.
func TestCredentials(t *testing.T) {
	path := filepath.Join(t.TempDir(), "credentials")
	want := access.Credentials{ID: "LKIAIOSFODNN7EXAMPLE", Secret: "a/b+c="}
	text := "; a comment\n[other]\naws_access_key_id=x\naws_secret_access_key=y\n\n" + want.Format(access.DefaultProfile) + "[last]\naws_access_key_id = z\n"
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if got, err := access.ReadCredentials(path, access.DefaultProfile); err != nil || got != want {
		t.Errorf("got %+v, %v", got, err)
	}
	for _, profile := range []string{"last", "none"} {
		if _, err := access.ReadCredentials(path, profile); err == nil {
			t.Errorf("profile %q has no secret", profile)
		}
	}
}

// TestSecrets holds that a key is the same out of a Secret.
func TestSecrets(t *testing.T) {
	k := newKey(t, "ci")
	if got := access.FromData(k.Data(), k.Created); got != k {
		t.Errorf("got %+v, want %+v", got, k)
	}
}

func TestAuthorize(t *testing.T) {
	document := func(effect string) *policy.Document {
		d, err := policy.ParseResource([]byte(`{"Version":"2012-10-17","Statement":[{"Effect":"` + effect + `","Principal":"*","Action":"lambda:InvokeFunction","Resource":"*"}]}`))
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	issued, err := access.Read(newKey(t, "ci"))
	if err != nil {
		t.Fatal(err)
	}
	admin, nobody := issued.Caller("000000000000", nil), &access.Caller{}
	for name, tc := range map[string]struct {
		caller *access.Caller
		policy *policy.Document
		denied string
	}{
		"Identity":     {admin, nil, ""},
		"Resource":     {nobody, document("Allow"), ""},
		"Neither":      {nobody, nil, "User: anonymous is not authorized to perform: lambda:InvokeFunction on resource: arn because no identity-based policy allows the lambda:InvokeFunction action"},
		"ResourceDeny": {admin, document("Deny"), "User: arn:aws:iam::000000000000:user/ci is not authorized to perform: lambda:InvokeFunction on resource: arn with an explicit deny in a resource-based policy"},
	} {
		err := tc.caller.Authorize(t.Context(), access.Question{Action: "lambda:InvokeFunction", Resource: "arn", Policy: tc.policy})
		if (err == nil) != (tc.denied == "") || err != nil && lambda.AsError(err).Message != tc.denied {
			t.Errorf("%s: got %v, want %q", name, err, tc.denied)
		}
	}
}
