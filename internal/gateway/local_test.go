package gateway_test

import (
	"context"
	"net/http/httptest"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	sdk "github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/lambkin-dev/lambkin/internal/engine/local"
	"github.com/lambkin-dev/lambkin/internal/gateway"
	"github.com/lambkin-dev/lambkin/internal/lambda"
)

// TestLocalEngine runs a function on the real local engine by the real SDK, from its creation to its deletion.
func TestLocalEngine(t *testing.T) {
	if _, err := exec.LookPath("node"); err != nil {
		t.Skip("needs node: install Node.js 18 or later")
	}
	ctx := t.Context()
	client := newLocal(t)
	in := createInput("fn")
	in.Code.ZipFile = zipOf("index.js", answering("one"))
	if _, err := client.CreateFunction(ctx, in); err != nil {
		t.Fatal(err)
	}
	active := sdk.NewFunctionActiveV2Waiter(client, func(o *sdk.FunctionActiveV2WaiterOptions) { o.MinDelay = 10 * time.Millisecond })
	if err := active.Wait(ctx, &sdk.GetFunctionInput{FunctionName: in.FunctionName}, time.Minute); err != nil {
		t.Fatal(err)
	}
	invoke := func(qualifier string) string {
		t.Helper()
		call := &sdk.InvokeInput{FunctionName: in.FunctionName, Payload: []byte(`{"n":1}`), LogType: types.LogTypeTail}
		if qualifier != "" {
			call.Qualifier = aws.String(qualifier)
		}
		out, err := client.Invoke(ctx, call)
		if err != nil || out.FunctionError != nil {
			t.Fatalf("Invoke(%q) = %q, %v", qualifier, out.Payload, err)
		}
		return aws.ToString(out.ExecutedVersion) + " " + string(out.Payload)
	}
	if got, want := invoke(""), `$LATEST {"code":"one","n":1}`; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	if _, err := client.PublishVersion(ctx, &sdk.PublishVersionInput{FunctionName: in.FunctionName}); err != nil {
		t.Fatal(err)
	}
	if _, err := client.UpdateFunctionCode(ctx, &sdk.UpdateFunctionCodeInput{FunctionName: in.FunctionName, ZipFile: zipOf("index.js", answering("two"))}); err != nil {
		t.Fatal(err)
	}
	updated := sdk.NewFunctionUpdatedV2Waiter(client, func(o *sdk.FunctionUpdatedV2WaiterOptions) { o.MinDelay = 10 * time.Millisecond })
	if err := updated.Wait(ctx, &sdk.GetFunctionInput{FunctionName: in.FunctionName}, time.Minute); err != nil {
		t.Fatal(err)
	}
	if _, err := client.CreateAlias(ctx, &sdk.CreateAliasInput{FunctionName: in.FunctionName, Name: aws.String("live"), FunctionVersion: aws.String("1")}); err != nil {
		t.Fatal(err)
	}
	for qualifier, want := range map[string]string{"": `$LATEST {"code":"two","n":1}`, "1": `1 {"code":"one","n":1}`, "live": `1 {"code":"one","n":1}`} {
		if got := invoke(qualifier); got != want {
			t.Errorf("%q: %s, want %s", qualifier, got, want)
		}
	}
	if _, err := client.DeleteFunction(ctx, &sdk.DeleteFunctionInput{FunctionName: in.FunctionName}); err != nil {
		t.Fatal(err)
	}
	_, err := client.Invoke(ctx, &sdk.InvokeInput{FunctionName: in.FunctionName})
	if want := "Function not found: " + prefix + "function:fn:$LATEST"; err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("after deletion: %v, want %q", err, want)
	}
}

// answering is a handler that adds a word to its event.
func answering(word string) string {
	return `exports.handler = async (event) => ({ code: "` + word + `", ...event })`
}

func newLocal(t *testing.T) *sdk.Client {
	t.Helper()
	identity := lambda.Identity{Region: region, Account: account}
	e, err := local.Open(t.Context(), local.Config{DataDir: t.TempDir(), Identity: identity})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(gateway.New(e, gateway.Config{Identity: identity}))
	t.Cleanup(func() {
		server.Close()
		if err := e.Close(context.Background()); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return sdk.New(sdk.Options{
		BaseEndpoint: aws.String(server.URL), Region: region, RetryMaxAttempts: 1,
		Credentials: credentials.NewStaticCredentialsProvider("AKID", "secret", ""),
	})
}
