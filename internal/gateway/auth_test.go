package gateway_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/credentials"
	sdk "github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/lambkin-dev/lambkin/api/v1alpha1"
	"github.com/lambkin-dev/lambkin/internal/access"
	"github.com/lambkin-dev/lambkin/internal/gateway"
)

// guarded is a gateway that asks everybody for a signature.
type guarded struct {
	*fixture

	keys  *access.File
	admin access.Key
	audit *bytes.Buffer
	now   time.Time
}

func newGuarded(t *testing.T, configure ...func(*gateway.Config)) *guarded {
	t.Helper()
	g := &guarded{keys: access.Open(t.TempDir()), audit: new(bytes.Buffer), now: time.Now()}
	full, _ := access.Named(access.PolicyFull)
	g.admin = g.issue(t, "admin", full)
	lock := func(c *gateway.Config) {
		c.Audit, c.Clock = slog.New(slog.NewTextHandler(g.audit, nil)), func() time.Time { return g.now }
		c.Authenticator = &gateway.Signatures{Keys: g.keys, Identity: c.Identity, TempDir: c.TempDir, Clock: c.Clock}
	}
	g.fixture = newFixture(t, append([]func(*gateway.Config){lock}, configure...)...)
	g.fixture.client = g.as(g.admin)
	return g
}

// issue makes a key with a policy.
func (g *guarded) issue(t *testing.T, name, policy string) access.Key {
	t.Helper()
	k, err := access.New(name, "default", policy, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	if err := g.keys.Add(k); err != nil {
		t.Fatal(err)
	}
	return k
}

// as is the real SDK with a key.
func (g *guarded) as(k access.Key) *sdk.Client {
	return sdk.New(sdk.Options{
		BaseEndpoint: aws.String(g.url), Region: region, RetryMaxAttempts: 1, Credentials: credentials.NewStaticCredentialsProvider(k.ID, k.Secret, ""),
	})
}

// signed is a raw request with a signature.
func (g *guarded) signed(t *testing.T, k access.Key, method, path, body string) *http.Request {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, g.url+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	g.sign(t, k, r, body)
	return r
}

func (g *guarded) sign(t *testing.T, k access.Key, r *http.Request, body string) {
	t.Helper()
	sum := sha256.Sum256([]byte(body))
	if err := v4.NewSigner().SignHTTP(t.Context(), aws.Credentials{AccessKeyID: k.ID, SecretAccessKey: k.Secret}, r,
		hex.EncodeToString(sum[:]), "lambda", region, g.now); err != nil {
		t.Fatal(err)
	}
}

var label = regexp.MustCompile(`\{[A-Za-z]+\}`)

// pathOf fills the labels of an operation's path with names that are well formed.
func pathOf(path string) string {
	return label.ReplaceAllStringFunc(path, func(l string) string {
		switch l {
		case "{VersionNumber}":
			return "1"
		case "{Resource}", "{ResourceArn}":
			return strings.ReplaceAll(prefix, ":", "%3A") + "function%3Afn"
		default:
			return "fn"
		}
	})
}

// TestEveryOperationIsClosed tries every operation without a signature, and with one of a key that may do nothing.
func TestEveryOperationIsClosed(t *testing.T) {
	g := newGuarded(t)
	nothing := g.issue(t, "nothing", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"sqs:*","Resource":"*"}]}`)
	for _, op := range gateway.Operations() {
		name, method, path := op[0], op[1], pathOf(op[2])
		body := `{"FunctionName":"fn"}`
		if r := g.request(method, path, body); r.status != http.StatusForbidden || r.header.Get("X-Amzn-Errortype") != "MissingAuthenticationTokenException" {
			t.Errorf("%s without a signature: %d %s", name, r.status, r.body)
		}
		if r := g.send(g.signed(t, nothing, method, path, body)); r.status != http.StatusForbidden || r.header.Get("X-Amzn-Errortype") != "AccessDeniedException" ||
			!strings.HasPrefix(r.message(t), "User: arn:aws:iam::"+account+":user/nothing is not authorized to perform: lambda:") {
			t.Errorf("%s by a key that may do nothing: %d %s", name, r.status, r.body)
		}
	}
	if r := g.request(http.MethodGet, "/nothing", ""); r.status != http.StatusForbidden {
		t.Errorf("an unknown path: %d %s", r.status, r.body)
	}
}

// TestPolicies holds what keys with policies may and may not do, with the real SDK.
func TestPolicies(t *testing.T) {
	g := newGuarded(t)
	g.create("fn")
	g.create("other")
	ctx, fn := t.Context(), aws.String("fn")
	get := func(c *sdk.Client) error {
		_, err := c.GetFunction(ctx, &sdk.GetFunctionInput{FunctionName: fn})
		return err
	}
	list := func(c *sdk.Client) error {
		_, err := c.ListFunctions(ctx, &sdk.ListFunctionsInput{})
		return err
	}
	invoke := func(c *sdk.Client) error {
		_, err := c.Invoke(ctx, &sdk.InvokeInput{FunctionName: fn, Payload: []byte(`{}`)})
		return err
	}
	other := func(c *sdk.Client) error {
		_, err := c.Invoke(ctx, &sdk.InvokeInput{FunctionName: aws.String(prefix + "function:other")})
		return err
	}
	async := func(c *sdk.Client) error {
		_, err := c.Invoke(ctx, &sdk.InvokeInput{FunctionName: fn, InvocationType: types.InvocationTypeEvent})
		return err
	}
	remove := func(c *sdk.Client) error {
		_, err := c.DeleteFunction(ctx, &sdk.DeleteFunctionInput{FunctionName: aws.String("none")})
		return err
	}
	tagged := func(c *sdk.Client) error {
		_, err := c.TagResource(ctx, &sdk.TagResourceInput{Resource: aws.String(prefix + "function:fn"), Tags: map[string]string{"team": "a"}})
		return err
	}
	if err := tagged(g.client); err != nil {
		t.Fatal(err)
	}
	named := func(name string) string { text, _ := access.Named(name); return text }
	statement := func(effect, action, resource, condition string) string {
		return `{"Effect":"` + effect + `","Action":"` + action + `","Resource":"` + resource + `"` + condition + `}`
	}
	document := func(statements ...string) string {
		return `{"Version":"2012-10-17","Statement":[` + strings.Join(statements, ",") + `]}`
	}
	const because = " because no identity-based policy allows the "
	for name, tc := range map[string]struct {
		policy string
		do     func(*sdk.Client) error
		denied string // the end of AWS's sentence; empty if it is allowed
	}{
		"FullGets":       {named(access.PolicyFull), get, ""},
		"ReadGets":       {named(access.PolicyRead), get, ""},
		"ReadLists":      {named(access.PolicyRead), list, ""},
		"ReadInvokes":    {named(access.PolicyRead), invoke, "perform: lambda:InvokeFunction on resource: " + prefix + "function:fn" + because + "lambda:InvokeFunction action"},
		"ReadDeletes":    {named(access.PolicyRead), remove, "perform: lambda:DeleteFunction on resource: " + prefix + "function:none" + because + "lambda:DeleteFunction action"},
		"InvokeInvokes":  {named(access.PolicyInvoke), invoke, ""},
		"InvokeAsync":    {named(access.PolicyInvoke), async, ""},
		"InvokeLists":    {named(access.PolicyInvoke), list, "perform: lambda:ListFunctions on resource: *" + because + "lambda:ListFunctions action"},
		"OneInvokes":     {document(statement("Allow", "lambda:InvokeFunction", prefix+"function:fn", "")), invoke, ""},
		"OneOther":       {document(statement("Allow", "lambda:InvokeFunction", prefix+"function:fn", "")), other, "resource: " + prefix + "function:other" + because + "lambda:InvokeFunction action"},
		"Denied":         {document(statement("Allow", "lambda:*", "*", ""), statement("Deny", "lambda:Invoke*", "*", "")), invoke, "resource: " + prefix + "function:fn with an explicit deny in an identity-based policy"},
		"Tag":            {document(statement("Allow", "lambda:*", "*", `,"Condition":{"StringEquals":{"aws:ResourceTag/team":"a"}}`)), invoke, ""},
		"TagOther":       {document(statement("Allow", "lambda:*", "*", `,"Condition":{"StringEquals":{"aws:ResourceTag/team":"a"}}`)), other, "resource: " + prefix + "function:other" + because + "lambda:InvokeFunction action"},
		"SourceIP":       {document(statement("Allow", "lambda:*", "*", `,"Condition":{"IpAddress":{"aws:SourceIp":"127.0.0.0/8"}}`)), invoke, ""},
		"SourceIPOther":  {document(statement("Allow", "lambda:*", "*", `,"Condition":{"IpAddress":{"aws:SourceIp":"10.0.0.0/8"}}`)), invoke, because + "lambda:InvokeFunction action"},
		"PlainTransport": {document(statement("Allow", "lambda:*", "*", ""), statement("Deny", "lambda:*", "*", `,"Condition":{"Bool":{"aws:SecureTransport":"false"}}`)), invoke, "with an explicit deny in an identity-based policy"},
	} {
		t.Run(name, func(t *testing.T) {
			err := tc.do(g.as(g.issue(t, name, tc.policy)))
			if tc.denied == "" {
				if err != nil {
					t.Errorf("refused: %v", err)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), "AccessDeniedException: User: arn:aws:iam::"+account+":user/"+name+" is not authorized to ") ||
				!strings.HasSuffix(err.Error(), tc.denied) {
				t.Errorf("got %v, want %q at its end", err, tc.denied)
			}
		})
	}
}

// TestDeletedKey holds that a key ends with its deletion.
func TestDeletedKey(t *testing.T) {
	g := newGuarded(t)
	full, _ := access.Named(access.PolicyFull)
	k := g.issue(t, "short", full)
	if _, err := g.as(k).ListFunctions(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	if err := g.keys.Delete(k.ID); err != nil {
		t.Fatal(err)
	}
	_, err := g.as(k).ListFunctions(t.Context(), nil)
	if err == nil || !strings.Contains(err.Error(), "UnrecognizedClientException: The security token included in the request is invalid.") {
		t.Errorf("a deleted key: %v", err)
	}
	k = g.admin
	k.Secret = strings.Repeat("x", 40)
	if _, err = g.as(k).ListFunctions(t.Context(), nil); err == nil || !strings.Contains(err.Error(), "InvalidSignatureException: The request signature we calculated") {
		t.Errorf("a wrong secret: %v", err)
	}
}

// TestReplay holds that a request that changes something cannot be sent again later, but at once as clients do that lost
// the answer, and that others can.
func TestReplay(t *testing.T) {
	g := newGuarded(t)
	g.create("fn")
	again := func(method, path string, after time.Duration) int {
		t.Helper()
		g.now = g.now.Add(time.Hour)
		r := g.signed(t, g.admin, method, path, "")
		first := g.send(r).status
		g.now = g.now.Add(after)
		if second := g.send(r).status; second != first {
			return second
		}
		return first
	}
	for name, tc := range map[string]struct {
		method, path string
		after        time.Duration
		status       int
	}{
		"Retry":  {http.MethodPost, functions + "/fn/versions", time.Second, http.StatusCreated},
		"Replay": {http.MethodPost, functions + "/fn/versions", time.Minute, http.StatusForbidden},
		"Read":   {http.MethodGet, functions + "/fn", time.Minute, http.StatusOK},
		"Invoke": {http.MethodPost, functions + "/fn/invocations", time.Minute, http.StatusOK},
	} {
		if got := again(tc.method, tc.path, tc.after); got != tc.status {
			t.Errorf("%s: %d, want %d", name, got, tc.status)
		}
	}
}

// TestAudit holds that each operation leaves a line that says who did what, and no secret.
func TestAudit(t *testing.T) {
	g := newGuarded(t)
	g.create("fn")
	if _, err := g.client.Invoke(t.Context(), &sdk.InvokeInput{FunctionName: aws.String("fn"), Payload: []byte(`"payload"`)}); err != nil {
		t.Fatal(err)
	}
	read, _ := access.Named(access.PolicyRead)
	reader := g.issue(t, "reader", read)
	_ = g.send(g.signed(t, reader, http.MethodDelete, functions+"/fn", ""))
	lines := strings.Split(strings.TrimSpace(g.audit.String()), "\n")
	want := []string{
		"operation=CreateFunction principal=arn:aws:iam::" + account + ":user/admin key=" + g.admin.ID + " resource=" + prefix + "function:fn source=127.0.0.1 decision=allow status=201 requestId=",
		"operation=DeleteFunction principal=arn:aws:iam::" + account + ":user/reader key=" + reader.ID + " resource=" + prefix + "function:fn source=127.0.0.1 decision=deny status=403 requestId=",
	}
	if len(lines) != len(want) {
		t.Fatalf("got %d lines: %s", len(lines), g.audit)
	}
	for i := range want {
		if !strings.Contains(lines[i], want[i]) {
			t.Errorf("line %d is %s\nwant %s", i, lines[i], want[i])
		}
	}
	for _, secret := range []string{g.admin.Secret, reader.Secret, "payload", "Signature="} {
		if strings.Contains(g.audit.String(), secret) {
			t.Errorf("%q is in the log", secret)
		}
	}
}

// TestSignedURL holds that a function URL for IAM callers takes those that a policy lets in.
func TestSignedURL(t *testing.T) {
	front := func(c *gateway.Config) {
		c.FrontDoor = func(gateway.URLTarget) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = w.Write([]byte("called " + r.URL.Path)) })
		}
	}
	g := newGuarded(t, front)
	g.create("fn")
	open := func(auth v1alpha1.AuthType) string {
		t.Helper()
		out, err := g.client.CreateFunctionUrlConfig(t.Context(), &sdk.CreateFunctionUrlConfigInput{FunctionName: aws.String("fn"), AuthType: types.FunctionUrlAuthType(auth)})
		if err != nil {
			t.Fatal(err)
		}
		return strings.TrimPrefix(aws.ToString(out.FunctionUrl), g.url) + "a/b"
	}
	path := open(v1alpha1.AuthTypeIAM)
	invoke, _ := access.Named(access.PolicyInvoke)
	read, _ := access.Named(access.PolicyRead)
	caller, reader := g.issue(t, "caller", invoke), g.issue(t, "reader", read)
	for name, tc := range map[string]struct {
		request *http.Request
		status  int
	}{
		"Unsigned": {httptest.NewRequest(http.MethodPost, path, nil), http.StatusForbidden},
		"Signed":   {g.signed(t, caller, http.MethodPost, path, "{}"), http.StatusOK},
		"Reader":   {g.signed(t, reader, http.MethodPost, path, "{}"), http.StatusForbidden},
	} {
		w := httptest.NewRecorder()
		tc.request.RequestURI = path
		g.handler.ServeHTTP(w, tc.request)
		if w.Code != tc.status || tc.status == http.StatusOK && w.Body.String() != "called /a/b" {
			t.Errorf("%s: %d %s, want %d", name, w.Code, w.Body, tc.status)
		}
	}
}

// TestDownloadsProveThemselves holds that the address of a download needs no signature.
func TestDownloadsProveThemselves(t *testing.T) {
	g := newGuarded(t)
	g.create("fn")
	got, err := g.client.GetFunction(t.Context(), &sdk.GetFunctionInput{FunctionName: aws.String("fn")})
	if err != nil {
		t.Fatal(err)
	}
	if r := g.request(http.MethodGet, strings.TrimPrefix(aws.ToString(got.Code.Location), g.url), ""); r.status != http.StatusOK {
		t.Errorf("a download: %d %s", r.status, r.body)
	}
}
