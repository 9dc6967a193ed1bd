package gorpc

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lambkin-dev/lambkin/bootstrap/protocoltest"
)

// TestOldLibrary serves a handler built with an aws-lambda-go that knows no Runtime API: what this package is for.
func TestOldLibrary(t *testing.T) {
	platform, _ := start(t, "", oldHandler(t))
	o := invoke(t, platform, protocoltest.Event{ID: "id-1", Payload: `{"do":"tell"}`, Header: map[string]string{
		"Lambda-Runtime-Client-Context":   `{"custom":{"k":"v"}}`,
		"Lambda-Runtime-Cognito-Identity": `{"cognitoIdentityId":"who"}`,
		"Lambda-Runtime-Trace-Id":         "Root=1",
	}})
	got := map[string]any{}
	if err := json.Unmarshal(o.Body, &got); err != nil {
		t.Fatalf("ended with %s %s: %v", o.Path, o.Body, err)
	}
	want := map[string]any{
		"requestId": "id-1", "arn": protocoltest.FunctionARN, "custom": "v", "identity": "who", "trace": "Root=1",
		"inTime": true,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("what the handler knows (-want +got):\n%s", diff)
	}
	for _, how := range []string{"fail", "panic", "fail"} {
		o := invoke(t, platform, protocoltest.Event{ID: how, Payload: `{"do":"` + how + `"}`})
		if o.Path != "error" || o.ErrorDocument(t)["errorMessage"] != "boom" {
			t.Errorf("%s ended with %s %s", how, o.Path, o.Body)
		}
	}
}

func oldHandler(t *testing.T) string {
	t.Helper()
	dir := os.Getenv("LAMBKIN_AWS_CLIENTS")
	if dir == "" {
		cache, err := os.UserCacheDir()
		if err != nil {
			t.Fatal(err)
		}
		dir = filepath.Join(cache, "lambkin", "aws-clients")
	}
	path := filepath.Join(dir, "old-go-handler", "handler")
	if _, err := os.Stat(path); err != nil {
		t.Skip("install AWS's old client with bootstrap/testdata/install-aws-clients.sh")
	}
	return path
}
