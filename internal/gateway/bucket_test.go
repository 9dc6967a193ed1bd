package gateway_test

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/lambkin-dev/lambkin/internal/bucket"
	"github.com/lambkin-dev/lambkin/internal/gateway"
)

// buckets is a store with these objects by bucket/key?version; it speaks like stores other than AWS's.
func buckets(t *testing.T, objects map[string][]byte) func(*gateway.Config) {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name := strings.TrimPrefix(r.URL.Path, "/")
		if v := r.URL.Query().Get("versionId"); v != "" {
			name += "?" + v
		}
		if object, ok := objects[name]; ok {
			_, _ = w.Write(object)
			return
		}
		code := "NoSuchKey"
		if !strings.HasPrefix(name, "code/") {
			code = "NoSuchBucket"
		}
		w.WriteHeader(http.StatusNotFound)
		_, _ = io.WriteString(w, "<Error><Code>"+code+"</Code><Message>not here</Message></Error>")
	}))
	t.Cleanup(server.Close)
	return func(c *gateway.Config) { c.Buckets = &bucket.Store{Endpoint: server.URL} }
}

// TestCodeInBuckets has functions and layers whose code is in a bucket.
func TestCodeInBuckets(t *testing.T) {
	objects := map[string][]byte{"code/a.zip": zipOf("index.js", "1"), "code/a.zip?v0": zipOf("index.js", "0"), "code/text": []byte("hello")}
	f := newFixture(t, buckets(t, objects))
	name := aws.String("fn")
	f.create("fn", func(in *sdk.CreateFunctionInput) {
		in.Code = &types.FunctionCode{S3Bucket: aws.String("code"), S3Key: aws.String("a.zip"), S3ObjectStorageMode: types.S3ObjectStorageModeCopy}
	})
	content := func() []byte {
		t.Helper()
		got, err := f.client.GetFunction(t.Context(), &sdk.GetFunctionInput{FunctionName: name})
		if err != nil {
			t.Fatal(err)
		}
		return fetch(t, aws.ToString(got.Code.Location))
	}
	if !bytes.Equal(content(), objects["code/a.zip"]) {
		t.Error("the function has other code")
	}
	update := &sdk.UpdateFunctionCodeInput{FunctionName: name, S3Bucket: aws.String("code"), S3Key: aws.String("a.zip"), S3ObjectVersion: aws.String("v0")}
	if _, err := f.client.UpdateFunctionCode(t.Context(), update); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(content(), objects["code/a.zip?v0"]) {
		t.Error("the version of the object is ignored")
	}
	layer, err := f.client.PublishLayerVersion(t.Context(), &sdk.PublishLayerVersionInput{
		LayerName: aws.String("lib"), Content: &types.LayerVersionContentInput{S3Bucket: aws.String("code"), S3Key: aws.String("a.zip")},
	})
	if err != nil || layer.Content.CodeSize != int64(len(objects["code/a.zip"])) {
		t.Errorf("a layer: %+v, %v", layer, err)
	}
	all := recordings(t)
	all[15].compare(t, f.request(http.MethodPut, functions+"/fn/code", `{"S3Bucket":"none","S3Key":"a.zip"}`))
	all[16].compare(t, f.request(http.MethodPut, functions+"/fn/code", `{"S3Bucket":"code","S3Key":"none"}`))
	refusals := map[string]struct{ reason, body, want string }{
		"Text":      {"an object that is no archive", `{"S3Bucket":"code","S3Key":"text"}`, "Could not unzip uploaded file. Please check your file, then try to upload again."},
		"DryRun":    {"a dry run looks at it too", `{"S3Bucket":"code","S3Key":"text","DryRun":true}`, "Could not unzip uploaded file. Please check your file, then try to upload again."},
		"Half":      {"a bucket alone is no object", `{"S3Bucket":"code"}`, "Please provide both S3Bucket and S3Key, or neither."},
		"Both":      {"one source of code", `{"S3Bucket":"code","S3Key":"a.zip","ZipFile":"aGk="}`, "Please do not provide other FunctionCode parameters when providing a ZipFile."},
		"Reference": {"code is always copied", `{"S3Bucket":"code","S3Key":"a.zip","S3ObjectStorageMode":"REFERENCE"}`, "S3ObjectStorageMode REFERENCE is not supported here: code is always copied. Leave it out or set it to COPY."},
		"Form":      {"what cannot be a bucket", `{"S3Bucket":"../x","S3Key":"a.zip"}`, `1 validation error detected: Value '../x' at 's3Bucket' failed to satisfy constraint: Member must satisfy regular expression pattern: [0-9A-Za-z\.\-_]*(?<!\.)`},
	}
	for name, tc := range refusals {
		if r := f.request(http.MethodPut, functions+"/fn/code", tc.body); r.status != http.StatusBadRequest || r.message(t) != tc.want {
			t.Errorf("%s: %s: %d %s", name, tc.reason, r.status, r.body)
		}
	}
}

// TestBucketsThatFail has stores that stop in the middle, and that are not there.
func TestBucketsThatFail(t *testing.T) {
	cut := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "1000")
		_, _ = w.Write([]byte("half"))
	}))
	defer cut.Close()
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	for reason, endpoint := range map[string]string{"cut off": cut.URL, "not there": gone.URL} {
		f := newFixture(t, func(c *gateway.Config) {
			c.Buckets = &bucket.Store{Endpoint: endpoint, Client: &http.Client{Timeout: time.Minute}}
		})
		r := f.request(http.MethodPost, functions, body(`Code={"S3Bucket":"code","S3Key":"a.zip"}`))
		if r.status != http.StatusServiceUnavailable || strings.Contains(r.body, endpoint) {
			t.Errorf("%s: %d %s", reason, r.status, r.body)
		}
	}
}
