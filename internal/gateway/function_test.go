package gateway_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
)

func createInput(name string) *sdk.CreateFunctionInput {
	return &sdk.CreateFunctionInput{
		FunctionName: aws.String(name), Role: aws.String(role), Runtime: types.RuntimeNodejs22x,
		Handler: aws.String("index.handler"), Code: &types.FunctionCode{ZipFile: zipOf("index.js", "exports.handler=async e=>e")},
	}
}

func TestFunctionLife(t *testing.T) {
	f := newFixture(t)
	ctx := t.Context()
	code := zipOf("index.js", "exports.handler=async e=>e")
	made := f.create("orders")
	if made.State != types.StatePending || aws.ToString(made.StateReason) != "The function is being created." || made.LastUpdateStatus != "" {
		t.Errorf("reply to CreateFunction: state %q %q, last update %q; want Pending and none", made.State, aws.ToString(made.StateReason), made.LastUpdateStatus)
	}
	sum := sha256.Sum256(code)
	if got, want := aws.ToString(made.CodeSha256), base64.StdEncoding.EncodeToString(sum[:]); got != want {
		t.Errorf("CodeSha256 = %q, want %q", got, want)
	}
	waiter := sdk.NewFunctionActiveV2Waiter(f.client, func(o *sdk.FunctionActiveV2WaiterOptions) { o.MinDelay = time.Millisecond })
	if err := waiter.Wait(ctx, &sdk.GetFunctionInput{FunctionName: aws.String("orders")}, time.Minute); err != nil {
		t.Fatalf("function_active: %v", err)
	}
	got, err := f.client.GetFunction(ctx, &sdk.GetFunctionInput{FunctionName: aws.String("orders")})
	if err != nil {
		t.Fatal(err)
	}
	if c := got.Configuration; c.State != types.StateActive || c.LastUpdateStatus != types.LastUpdateStatusSuccessful || aws.ToString(c.FunctionArn) != prefix+"function:orders" {
		t.Errorf("GetFunction: %q %q %q", c.State, c.LastUpdateStatus, aws.ToString(c.FunctionArn))
	}
	if downloaded := fetch(t, aws.ToString(got.Code.Location)); !bytes.Equal(downloaded, code) {
		t.Errorf("the download has %d bytes, want the %d uploaded", len(downloaded), len(code))
	}
	out, err := f.client.Invoke(ctx, &sdk.InvokeInput{FunctionName: aws.String("orders"), Payload: []byte(`{"a":1}`)})
	if err != nil || string(out.Payload) != `{"a":1}` || out.FunctionError != nil {
		t.Errorf("Invoke = %q, %v, %v", out.Payload, out.FunctionError, err)
	}
	gone, err := f.client.DeleteFunction(ctx, &sdk.DeleteFunctionInput{FunctionName: aws.String("orders")})
	if err != nil || gone.StatusCode != http.StatusNoContent {
		t.Errorf("DeleteFunction = %+v, %v; want 204", gone, err)
	}
	if _, err := f.client.GetFunction(ctx, &sdk.GetFunctionInput{FunctionName: aws.String("orders")}); err == nil {
		t.Error("the function is still there")
	}
}

func fetch(t *testing.T, location string) []byte {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, location, nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusOK {
		t.Fatalf("GET %s = %d, %v", location, res.StatusCode, err)
	}
	return body
}
