package gateway_test

import (
	"encoding/base64"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/google/go-cmp/cmp"

	"github.com/lambkin-dev/lambkin/api/v1alpha1"
)

func TestVersions(t *testing.T) {
	f := newFixture(t)
	ctx := t.Context()
	f.create("fn")
	one := f.publish("fn")
	if aws.ToString(one.Version) != "1" || aws.ToString(one.FunctionArn) != prefix+"function:fn:1" || one.State != types.StatePending {
		t.Errorf("PublishVersion: %q %q %q", aws.ToString(one.Version), aws.ToString(one.FunctionArn), one.State)
	}
	if again := f.publish("fn"); aws.ToString(again.Version) != "1" {
		t.Errorf("nothing changed, and a new version %q was made", aws.ToString(again.Version))
	}
	waiter := sdk.NewPublishedVersionActiveWaiter(f.client, func(o *sdk.PublishedVersionActiveWaiterOptions) { o.MinDelay = time.Millisecond })
	if err := waiter.Wait(ctx, &sdk.GetFunctionConfigurationInput{FunctionName: aws.String("fn"), Qualifier: aws.String("1")}, time.Minute); err != nil {
		t.Fatal(err)
	}
	updated, err := f.client.UpdateFunctionCode(ctx, &sdk.UpdateFunctionCodeInput{FunctionName: aws.String("fn"), ZipFile: zipOf("index.js", "2"), Publish: true})
	if err != nil || aws.ToString(updated.Version) != "2" || aws.ToString(updated.FunctionArn) != prefix+"function:fn:2" {
		t.Fatalf("UpdateFunctionCode with Publish: %+v, %v", updated, err)
	}
	described, err := f.client.PublishVersion(ctx, &sdk.PublishVersionInput{FunctionName: aws.String("fn"), Description: aws.String("other words")})
	if err != nil || aws.ToString(described.Version) != "2" {
		t.Errorf("another description alone makes no version: %q, %v", aws.ToString(described.Version), err)
	}
	old, err := f.client.GetFunction(ctx, &sdk.GetFunctionInput{FunctionName: aws.String("fn"), Qualifier: aws.String("1")})
	if err != nil || aws.ToString(old.Configuration.CodeSha256) == aws.ToString(updated.CodeSha256) {
		t.Errorf("version 1 changed with $LATEST: %v", err)
	}
	if got, want := f.listVersions("fn", 1), []string{"$LATEST", "1", "2"}; !slices.Equal(got, want) {
		t.Errorf("ListVersionsByFunction = %v, want %v", got, want)
	}
	if _, err := f.client.DeleteFunction(ctx, &sdk.DeleteFunctionInput{FunctionName: aws.String("fn"), Qualifier: aws.String("2")}); err != nil {
		t.Fatal(err)
	}
	if three := f.publish("fn"); aws.ToString(three.Version) != "3" {
		t.Errorf("after version 2 was deleted came %q, want 3", aws.ToString(three.Version))
	}
}

// listVersions pages through the versions of a function.
func (f *fixture) listVersions(name string, pageSize int32) []string {
	f.t.Helper()
	var found []string
	pages := sdk.NewListVersionsByFunctionPaginator(f.client, &sdk.ListVersionsByFunctionInput{FunctionName: aws.String(name), MaxItems: aws.Int32(pageSize)})
	for pages.HasMorePages() {
		page, err := pages.NextPage(f.t.Context())
		if err != nil {
			f.t.Fatal(err)
		}
		for _, v := range page.Versions {
			found = append(found, aws.ToString(v.Version))
			if want := prefix + "function:" + name + ":" + aws.ToString(v.Version); aws.ToString(v.FunctionArn) != want || v.State != "" {
				f.t.Errorf("listed as %q in state %q, want %q and none", aws.ToString(v.FunctionArn), v.State, want)
			}
		}
	}
	return found
}

func TestPublishAtOnce(t *testing.T) {
	f := newFixture(t)
	made := f.create("fn", func(in *sdk.CreateFunctionInput) { in.Publish = true })
	if aws.ToString(made.Version) != "1" || aws.ToString(made.FunctionArn) != prefix+"function:fn" {
		t.Errorf("CreateFunction with Publish: version %q, ARN %q; want 1 and the unqualified ARN", aws.ToString(made.Version), aws.ToString(made.FunctionArn))
	}
	if got, want := f.listVersions("fn", 50), []string{"$LATEST", "1"}; !slices.Equal(got, want) {
		t.Errorf("versions %v, want %v", got, want)
	}
}

func TestRevisions(t *testing.T) {
	f := newFixture(t)
	ctx := t.Context()
	f.create("fn")
	before, err := f.client.GetFunctionConfiguration(ctx, &sdk.GetFunctionConfigurationInput{FunctionName: aws.String("fn")})
	if err != nil {
		t.Fatal(err)
	}
	update := func() error {
		_, err := f.client.UpdateFunctionConfiguration(ctx, &sdk.UpdateFunctionConfigurationInput{FunctionName: aws.String("fn"), Timeout: aws.Int32(9), RevisionId: before.RevisionId})
		return err
	}
	if err := update(); err != nil {
		t.Fatalf("update at the latest revision: %v", err)
	}
	var stale *types.PreconditionFailedException
	if err := update(); !errors.As(err, &stale) {
		t.Errorf("update at an old revision: %v, want PreconditionFailedException", err)
	}
}

// TestRevisionsOfOthersChanges holds what a RevisionId is about: what the API calls the configuration, and its state.
func TestRevisionsOfOthersChanges(t *testing.T) {
	f := newFixture(t)
	f.create("fn")
	f.publish("fn")
	alias := functions + "/fn/aliases/live"
	f.request(http.MethodPost, functions+"/fn/aliases", `{"Name":"live","FunctionVersion":"1"}`)
	revision := func(path string) any { return f.request(http.MethodGet, path, "").members(t)["RevisionId"] }
	function := functions + "/fn/configuration"
	cases := []struct {
		reason, method, path, body string
		function, alias            bool // whether they change
	}{
		{"tags", http.MethodPost, tags + url.PathEscape(prefix+"function:fn"), `{"Tags":{"a":"b"}}`, false, false},
		{"concurrency", http.MethodPut, "/2017-10-31/functions/fn/concurrency", `{"ReservedConcurrentExecutions":1}`, false, false},
		{"events", http.MethodPut, "/2019-09-25/functions/fn/event-invoke-config", `{"MaximumRetryAttempts":1}`, false, false},
		{"configuration", http.MethodPut, function, `{"Timeout":9}`, true, false},
		{"code", http.MethodPut, functions + "/fn/code", `{"ZipFile":"` + base64.StdEncoding.EncodeToString(zipOf("index.js", "2")) + `"}`, true, false},
		{"alias", http.MethodPut, alias, `{"Description":"x"}`, false, true},
	}
	for _, tc := range cases {
		fn, a := revision(function), revision(alias)
		if r := f.request(tc.method, tc.path, tc.body); r.status/100 != 2 {
			t.Fatalf("%s: %d %s", tc.reason, r.status, r.body)
		}
		if (revision(function) != fn) != tc.function || (revision(alias) != a) != tc.alias {
			t.Errorf("%s: function changes: %v, alias changes: %v", tc.reason, revision(function) != fn, revision(alias) != a)
		}
	}
	f.hold.Store(true)
	during := f.request(http.MethodPut, function, `{"Timeout":10}`).members(t)["RevisionId"]
	f.hold.Store(false)
	var fn v1alpha1.Function
	f.get("fn", &fn)
	if err := f.reconcile(&fn); err != nil {
		t.Fatal(err)
	}
	if during == revision(function) {
		t.Error("the revision is the same while the update goes on and after it")
	}
}

func TestAliases(t *testing.T) {
	f := newFixture(t)
	ctx := t.Context()
	f.create("fn")
	f.publish("fn")
	if _, err := f.client.UpdateFunctionCode(ctx, &sdk.UpdateFunctionCodeInput{FunctionName: aws.String("fn"), ZipFile: zipOf("index.js", "2"), Publish: true}); err != nil {
		t.Fatal(err)
	}
	made, err := f.client.CreateAlias(ctx, &sdk.CreateAliasInput{
		FunctionName: aws.String("fn"), Name: aws.String("Live"), FunctionVersion: aws.String("1"), Description: aws.String("d"),
		RoutingConfig: &types.AliasRoutingConfiguration{AdditionalVersionWeights: map[string]float64{"2": 0.25}},
	})
	if err != nil || aws.ToString(made.AliasArn) != prefix+"function:fn:Live" {
		t.Fatalf("CreateAlias = %+v, %v", made, err)
	}
	got, err := f.client.GetAlias(ctx, &sdk.GetAliasInput{FunctionName: aws.String("fn"), Name: aws.String("Live")})
	if err != nil || aws.ToString(got.Description) != "d" || aws.ToString(got.RevisionId) != aws.ToString(made.RevisionId) {
		t.Errorf("GetAlias = %+v, %v", got, err)
	}
	if diff := cmp.Diff(map[string]float64{"2": 0.25}, got.RoutingConfig.AdditionalVersionWeights); diff != "" {
		t.Error(diff)
	}
	through, err := f.client.GetFunctionConfiguration(ctx, &sdk.GetFunctionConfigurationInput{FunctionName: aws.String("fn"), Qualifier: aws.String("Live")})
	if err != nil || aws.ToString(through.Version) != "1" || aws.ToString(through.FunctionArn) != prefix+"function:fn:Live" {
		t.Errorf("the function through the alias: %+v, %v", through, err)
	}
	var conflict *types.ResourceConflictException
	if _, err := f.client.CreateAlias(ctx, &sdk.CreateAliasInput{FunctionName: aws.String("fn"), Name: aws.String("Live"), FunctionVersion: aws.String("1")}); !errors.As(err, &conflict) || aws.ToString(conflict.Message) != "Alias already exists: "+prefix+"function:fn:Live" {
		t.Errorf("the same alias again: %v", err)
	}
	if _, err := f.client.DeleteFunction(ctx, &sdk.DeleteFunctionInput{FunctionName: aws.String("fn"), Qualifier: aws.String("2")}); !errors.As(err, &conflict) {
		t.Errorf("deleting a version that an alias points to: %v", err)
	}
	moved, err := f.client.UpdateAlias(ctx, &sdk.UpdateAliasInput{
		FunctionName: aws.String("fn"), Name: aws.String("Live"), FunctionVersion: aws.String("2"),
		RoutingConfig: &types.AliasRoutingConfiguration{AdditionalVersionWeights: map[string]float64{}}, RevisionId: made.RevisionId,
	})
	if err != nil || aws.ToString(moved.FunctionVersion) != "2" || moved.RoutingConfig != nil || aws.ToString(moved.Description) != "d" {
		t.Errorf("UpdateAlias = %+v, %v", moved, err)
	}
	var stale *types.PreconditionFailedException
	if _, err := f.client.UpdateAlias(ctx, &sdk.UpdateAliasInput{FunctionName: aws.String("fn"), Name: aws.String("Live"), RevisionId: made.RevisionId}); !errors.As(err, &stale) {
		t.Errorf("UpdateAlias at an old revision: %v", err)
	}
	if got, want := f.listAliases(nil), []string{"Live"}; !slices.Equal(got, want) {
		t.Errorf("ListAliases = %v, want %v", got, want)
	}
	if got := f.listAliases(aws.String("1")); len(got) != 0 {
		t.Errorf("ListAliases of version 1 = %v, want none", got)
	}
	for range 2 { // deleting what is gone is no error
		if _, err := f.client.DeleteAlias(ctx, &sdk.DeleteAliasInput{FunctionName: aws.String("fn"), Name: aws.String("Live")}); err != nil {
			t.Errorf("DeleteAlias: %v", err)
		}
	}
}

func (f *fixture) listAliases(version *string) []string {
	f.t.Helper()
	var names []string
	pages := sdk.NewListAliasesPaginator(f.client, &sdk.ListAliasesInput{FunctionName: aws.String("fn"), FunctionVersion: version, MaxItems: aws.Int32(1)})
	for pages.HasMorePages() {
		page, err := pages.NextPage(f.t.Context())
		if err != nil {
			f.t.Fatal(err)
		}
		for _, a := range page.Aliases {
			names = append(names, aws.ToString(a.Name))
		}
	}
	return names
}

func TestEncodedNames(t *testing.T) {
	f := newFixture(t)
	f.create("fn")
	f.publish("fn")
	for _, name := range []string{
		"fn", "fn:1", "function:fn", account + ":fn", account + ":function:fn:1",
		"arn%3Aaws%3Alambda%3Aus-east-1%3A123456789012%3Afunction%3Afn", "arn:aws:lambda:us-east-1:123456789012:function:fn:1",
		"arn%3aaws%3alambda%3aus-east-1%3a123456789012%3afunction%3afn%3a%24LATEST", "fn/",
	} {
		r := f.request(http.MethodGet, functions+"/"+name, "")
		if r.status != http.StatusOK {
			t.Errorf("GET %s: %d %s", name, r.status, r.body)
		}
	}
}
