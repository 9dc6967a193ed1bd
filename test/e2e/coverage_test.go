package e2e

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// notCalled are operations of the compatibility table that are served, but that no client in a script calls by name, each
// with the reason.
func notCalled() map[string]string {
	return map[string]string{}
}

var (
	servedRow = regexp.MustCompile(`(?m)^\| ([A-Z][A-Za-z]+) \| (?:implemented|partial) \|`)
	humps     = regexp.MustCompile(`([a-z0-9])([A-Z])`)
)

// served are the operations that the compatibility table promises. The table is a page of docs that is made from the
// routes, which a test there holds.
func served(t *testing.T) []string {
	t.Helper()
	page, err := os.ReadFile("../../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, row := range servedRow.FindAllStringSubmatch(string(page), -1) {
		names = append(names, row[1])
	}
	if len(names) < 40 {
		t.Fatalf("found only the operations %v", names)
	}
	return names
}

// callsOf is what a call of an operation looks like in the words of the clients.
func callsOf(operation string) *regexp.Regexp {
	kebab := strings.ToLower(humps.ReplaceAllString(operation, "$1-$2"))
	snake := strings.ReplaceAll(kebab, "-", "_")
	return regexp.MustCompile(strings.Join([]string{
		`aws lambda ` + kebab + `(\s|$)`, // the AWS CLI
		`client\.` + snake + `[(,\]]`,    // boto3
		`get_paginator\("` + snake + `"\)`,
		`send\('` + operation + `'`, // the SDK for JavaScript
		`paginate` + operation + `\(`,
		`client\.` + operation + `\(s\.ctx`, // aws-sdk-go-v2
		`lambda\.New` + operation + `Paginator\(`,
	}, "|"))
}

// TestEveryOperationIsCalled wants each operation that is served to be called by a real client in at least one script.
func TestEveryOperationIsCalled(t *testing.T) {
	scripts, err := filepath.Glob("testdata/*.txtar")
	if err != nil {
		t.Fatal(err)
	}
	clients, err := filepath.Glob("sdk*_test.go")
	if err != nil {
		t.Fatal(err)
	}
	var all strings.Builder
	for _, file := range append(scripts, clients...) {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		all.Write(text)
	}
	exceptions := notCalled()
	for _, operation := range served(t) {
		called := callsOf(operation).MatchString(all.String())
		reason, excepted := exceptions[operation]
		switch {
		case !called && !excepted:
			t.Errorf("no script calls %s: add a line to one, or the reason why none can to notCalled", operation)
		case called && excepted:
			t.Errorf("%s is called, but notCalled says %q", operation, reason)
		}
		delete(exceptions, operation)
	}
	for operation := range exceptions {
		t.Errorf("notCalled has a reason for %s, which is not served", operation)
	}
}

func TestCallsOf(t *testing.T) {
	cases := []struct {
		reason, operation, text string
		want                    bool
	}{
		{"the AWS CLI", "GetLayerVersionByArn", "exec aws lambda get-layer-version-by-arn --arn $ARN", true},
		{"another operation begins the same", "GetLayerVersion", "exec aws lambda get-layer-version-by-arn --arn $ARN", false},
		{"a command without arguments", "ListFunctions", "exec aws lambda list-functions\n", true},
		{"boto3", "CreateFunctionUrlConfig", `url = client.create_function_url_config(FunctionName="py")`, true},
		{"boto3, handed to a function that expects a refusal", "GetAlias", `refused(client.get_alias, Name="live")`, true},
		{"a paginator of boto3", "ListVersionsByFunction", `client.get_paginator("list_versions_by_function")`, true},
		{"the SDK for JavaScript", "InvokeWithResponseStream", `await send('InvokeWithResponseStream', {`, true},
		{"aws-sdk-go-v2", "Invoke", "out, err := s.client.Invoke(s.ctx, &lambda.InvokeInput{", true},
		{"the name in a comment is no call", "Invoke", "# Invoke is tried later", false},
	}
	for _, tc := range cases {
		if got := callsOf(tc.operation).MatchString(tc.text); got != tc.want {
			t.Errorf("%s: %s in %q = %t, want %t", tc.reason, tc.operation, tc.text, got, tc.want)
		}
	}
}
