package gateway_test

import (
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/lambkin-dev/lambkin/api/v1alpha1"
	"github.com/lambkin-dev/lambkin/internal/gateway"
)

// doors is a front door that says what it was made for and what it was asked.
func doors(c *gateway.Config) {
	c.FrontDoor = func(target gateway.URLTarget) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_, _ = fmt.Fprintf(w, "%s stream=%v cors=%v %s %s", target.Function, target.Stream, target.CORS != nil, r.Method, r.RequestURI)
		})
	}
}

func TestURLConfig(t *testing.T) {
	f := newFixture(t, doors)
	ctx := t.Context()
	f.create("fn")
	f.publish("fn")
	name := aws.String("fn")
	if _, err := f.client.CreateAlias(ctx, &sdk.CreateAliasInput{FunctionName: name, Name: aws.String("live"), FunctionVersion: aws.String("1")}); err != nil {
		t.Fatal(err)
	}
	made, err := f.client.CreateFunctionUrlConfig(ctx, &sdk.CreateFunctionUrlConfigInput{
		FunctionName: name, Qualifier: aws.String("live"), AuthType: types.FunctionUrlAuthTypeNone,
		Cors: &types.Cors{AllowOrigins: []string{"https://example.com"}, AllowMethods: []string{"GET"}, MaxAge: aws.Int32(5)},
	})
	if err != nil || aws.ToString(made.FunctionArn) != prefix+"function:fn:live" || made.InvokeMode != types.InvokeModeBuffered {
		t.Fatalf("CreateFunctionUrlConfig = %+v, %v", made, err)
	}
	again := f.request(http.MethodPost, "/2021-10-31/functions/fn/url?Qualifier=live", `{"AuthType":"NONE"}`)
	if want := "Failed to create function url config for [functionArn = " + prefix + "function:fn:live]. Error message:  FunctionUrlConfig exists for this Lambda function"; again.status != http.StatusConflict || again.message(t) != want {
		t.Errorf("the same again: %d %s", again.status, again.body)
	}
	updated, err := f.client.UpdateFunctionUrlConfig(ctx, &sdk.UpdateFunctionUrlConfigInput{FunctionName: name, Qualifier: aws.String("live"), InvokeMode: types.InvokeModeResponseStream})
	if err != nil || updated.InvokeMode != types.InvokeModeResponseStream || updated.Cors == nil || aws.ToInt32(updated.Cors.MaxAge) != 5 || aws.ToString(updated.LastModifiedTime) == "" {
		t.Errorf("UpdateFunctionUrlConfig = %+v, %v", updated, err)
	}
	got, err := f.client.GetFunctionUrlConfig(ctx, &sdk.GetFunctionUrlConfigInput{FunctionName: name, Qualifier: aws.String("live")})
	if err != nil || aws.ToString(got.FunctionUrl) != aws.ToString(made.FunctionUrl) {
		t.Errorf("GetFunctionUrlConfig = %+v, %v", got, err)
	}
	listed, err := f.client.ListFunctionUrlConfigs(ctx, &sdk.ListFunctionUrlConfigsInput{FunctionName: name})
	if err != nil || len(listed.FunctionUrlConfigs) != 1 {
		t.Errorf("ListFunctionUrlConfigs = %+v, %v", listed, err)
	}
	path := strings.TrimPrefix(aws.ToString(made.FunctionUrl), f.url)
	if !regexp.MustCompile(`^/_url/[0-9a-z]{32}/$`).MatchString(path) {
		t.Errorf("the address is %q", path)
	}
	if r := f.request(http.MethodPut, path+"a%2Fb/c?d=e", ""); r.status != http.StatusOK || r.body != "fn:live stream=true cors=true PUT /a%2Fb/c?d=e" {
		t.Errorf("%d %q", r.status, r.body)
	}
	if _, err := f.client.DeleteFunctionUrlConfig(ctx, &sdk.DeleteFunctionUrlConfigInput{FunctionName: name, Qualifier: aws.String("live")}); err != nil {
		t.Fatal(err)
	}
	if r := f.request(http.MethodGet, path, ""); r.status != http.StatusForbidden || r.body != `{"Message":"Forbidden"}` {
		t.Errorf("a URL that was deleted: %d %s", r.status, r.body)
	}
}

func TestURLHosts(t *testing.T) {
	f := newGuarded(t, doors, func(c *gateway.Config) { c.URLDomain = "localhost:9000" })
	f.create("fn")
	made, err := f.client.CreateFunctionUrlConfig(t.Context(), &sdk.CreateFunctionUrlConfigInput{FunctionName: aws.String("fn"), AuthType: types.FunctionUrlAuthTypeAwsIam})
	if err != nil {
		t.Fatal(err)
	}
	host, ok := strings.CutPrefix(aws.ToString(made.FunctionUrl), "http://")
	if !ok || !strings.HasSuffix(host, ".lambda-url.us-east-1.localhost:9000/") {
		t.Fatalf("the address is %q", aws.ToString(made.FunctionUrl))
	}
	call := func(host string, signed bool) reply {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, f.url+"/x", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Host = host
		if signed {
			f.sign(t, f.admin, r, "")
		}
		return f.send(r)
	}
	host = strings.TrimSuffix(host, "/")
	if r := call(host, true); r.status != http.StatusOK || r.body != "fn stream=false cors=false GET /x" {
		t.Errorf("signed: %d %q", r.status, r.body)
	}
	if r := call(host, false); r.status != http.StatusForbidden {
		t.Errorf("an unsigned call of a URL for IAM callers: %d, want 403", r.status)
	}
	if r := call("0"+host[1:], true); r.status != http.StatusForbidden && host[0] != '0' {
		t.Errorf("an unknown URL: %d, want 403", r.status)
	}
	if r := call("short.lambda-url.us-east-1.localhost", true); r.status != http.StatusForbidden {
		t.Errorf("a short id: %d, want 403", r.status)
	}
}

// TestURLsForSignedRequests holds that a gateway which verifies nobody promises no protection: it makes no such URL, and
// one that came another way is closed, whatever the request looks like.
func TestURLsForSignedRequests(t *testing.T) {
	f := newFixture(t, doors)
	f.create("fn")
	name := aws.String("fn")
	_, err := f.client.CreateFunctionUrlConfig(t.Context(), &sdk.CreateFunctionUrlConfigInput{FunctionName: name, AuthType: types.FunctionUrlAuthTypeAwsIam})
	if err == nil || !strings.Contains(err.Error(), "InvalidParameterValueException: AuthType AWS_IAM is not supported here") {
		t.Errorf("making one: %v", err)
	}
	made, err := f.client.CreateFunctionUrlConfig(t.Context(), &sdk.CreateFunctionUrlConfigInput{FunctionName: name, AuthType: types.FunctionUrlAuthTypeNone})
	if err != nil {
		t.Fatal(err)
	}
	_, err = f.client.UpdateFunctionUrlConfig(t.Context(), &sdk.UpdateFunctionUrlConfigInput{FunctionName: name, AuthType: types.FunctionUrlAuthTypeAwsIam})
	if err == nil || !strings.Contains(err.Error(), "AuthType AWS_IAM is not supported here") {
		t.Errorf("changing one: %v", err)
	}
	path := strings.TrimPrefix(aws.ToString(made.FunctionUrl), f.url)
	call := func() int {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, f.url+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=x, SignedHeaders=host, Signature=y")
		return f.send(r).status
	}
	if got := call(); got != http.StatusOK {
		t.Errorf("a URL for everybody: %d", got)
	}
	u := new(v1alpha1.FunctionURLConfig)
	if err := f.objects.Get("fn", u); err != nil {
		t.Fatal(err)
	}
	u.Spec.AuthType = v1alpha1.AuthTypeIAM
	if err := f.objects.Update(u); err != nil {
		t.Fatal(err)
	}
	if got := call(); got != http.StatusForbidden {
		t.Errorf("a URL for signed requests that came in a manifest: %d, want 403", got)
	}
}

func TestURLPreflight(t *testing.T) {
	f := newGuarded(t, doors)
	f.create("fn")
	made, err := f.client.CreateFunctionUrlConfig(t.Context(), &sdk.CreateFunctionUrlConfigInput{
		FunctionName: aws.String("fn"), AuthType: types.FunctionUrlAuthTypeAwsIam, Cors: &types.Cors{AllowOrigins: []string{"*"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodOptions, aws.ToString(made.FunctionUrl), nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Origin", "https://example.com")
	if got := f.send(r); got.status != http.StatusForbidden {
		t.Errorf("a plain OPTIONS request needs a signature: %d", got.status)
	}
	r.Header.Set("Access-Control-Request-Method", "GET")
	if got := f.send(r); got.status != http.StatusOK {
		t.Errorf("browsers cannot sign a preflight request: %d", got.status)
	}
}

func TestURLsWithoutFrontDoor(t *testing.T) {
	f := newFixture(t)
	f.create("fn")
	made, err := f.client.CreateFunctionUrlConfig(t.Context(), &sdk.CreateFunctionUrlConfigInput{FunctionName: aws.String("fn"), AuthType: types.FunctionUrlAuthTypeNone})
	if err != nil {
		t.Fatal(err)
	}
	if r := f.request(http.MethodGet, strings.TrimPrefix(aws.ToString(made.FunctionUrl), f.url), ""); r.status != http.StatusForbidden {
		t.Errorf("%d %s", r.status, r.body)
	}
}

// TestURLAddress waits for the address that an engine gives a function URL, as a cluster does.
func TestURLAddress(t *testing.T) {
	cases := map[string]struct {
		reason string
		looks  int32
		await  time.Duration
		given  bool
	}{
		"InTime":  {"the reply has the address that stays", 2, time.Minute, true},
		"TooLate": {"nobody waits longer than that: the gateway's own address works as well", 1 << 20, 250 * time.Millisecond, false},
		"None":    {"engines without addresses of their own are not waited for", 1, 0, false},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t, doors, func(c *gateway.Config) { c.AwaitURL = tc.await })
			f.create("fn")
			f.looks.Store(tc.looks)
			made, err := f.client.CreateFunctionUrlConfig(t.Context(), &sdk.CreateFunctionUrlConfigInput{FunctionName: aws.String("fn"), AuthType: types.FunctionUrlAuthTypeNone})
			if err != nil || (aws.ToString(made.FunctionUrl) == "https://given/") != tc.given {
				t.Errorf("%s: %+v, %v", tc.reason, made, err)
			}
		})
	}
}
