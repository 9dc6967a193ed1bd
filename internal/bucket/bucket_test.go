package bucket_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"github.com/lambkin-dev/lambkin/internal/bucket"
)

var creds = aws.Credentials{AccessKeyID: "AKID", SecretAccessKey: "secret", SessionToken: "token"}

// signedStore has objects by path and query, and takes only requests that the SDK's signer would sign just so.
func signedStore(t *testing.T, objects map[string]string) *httptest.Server {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if got := r.Header.Get("Authorization"); got != resigned(t, r) {
			w.WriteHeader(http.StatusForbidden)
			_, _ = io.WriteString(w, "<Error><Code>SignatureDoesNotMatch</Code><Message>The signature does not match.</Message></Error>")
			return
		}
		body, ok := objects[r.URL.RequestURI()]
		if !ok {
			w.WriteHeader(http.StatusNotFound)
			_, _ = io.WriteString(w, `<?xml version="1.0"?><Error><Code>NoSuchKey</Code><Message>The specified key does not exist.</Message><Key>k</Key></Error>`)
			return
		}
		_, _ = io.WriteString(w, body)
	}))
	t.Cleanup(server.Close)
	return server
}

// resigned is the signature that the SDK's signer gives a request like r.
func resigned(t *testing.T, r *http.Request) string {
	t.Helper()
	at, err := time.Parse("20060102T150405Z", r.Header.Get("X-Amz-Date"))
	if err != nil {
		return "no date"
	}
	again, err := http.NewRequestWithContext(context.Background(), r.Method, "http://"+r.Host+r.URL.RequestURI(), nil)
	if err != nil {
		t.Error(err)
		return ""
	}
	digest := r.Header.Get("X-Amz-Content-Sha256")
	again.Header.Set("X-Amz-Content-Sha256", digest)
	signer := v4.NewSigner(func(o *v4.SignerOptions) { o.DisableURIPathEscaping = true })
	if err := signer.SignHTTP(t.Context(), creds, again, digest, "s3", "eu-west-1", at); err != nil {
		t.Error(err)
	}
	return again.Header.Get("Authorization")
}

func TestOpen(t *testing.T) {
	server := signedStore(t, map[string]string{
		"/base/code/a.zip":                       "one",
		"/base/code/a.zip?versionId=v%2F1":       "old",
		"/base/code/dir/%C3%BC%20%2B%3D%3F.zip":  "odd",
		"/base/code/dir/..%252F/x~-_.!'.zip":     "never", // what a careless escape would ask for
		"/base/code/dir/..%252F/x~-_.%21%27.zip": "percent",
	})
	s := &bucket.Store{Endpoint: server.URL + "/base", Region: "eu-west-1", Credentials: creds}
	cases := map[string]struct {
		reason string
		object bucket.Object
		want   string
	}{
		"Plain":   {"the plain case", bucket.Object{Bucket: "code", Key: "a.zip"}, "one"},
		"Version": {"a version of an object", bucket.Object{Bucket: "code", Key: "a.zip", Version: "v/1"}, "old"},
		"Odd":     {"any character may be in a key", bucket.Object{Bucket: "code", Key: "dir/ü +=?.zip"}, "odd"},
		"Percent": {"percents in a key are no escapes", bucket.Object{Bucket: "code", Key: "dir/..%2F/x~-_.!'.zip"}, "percent"},
	}
	for name, tc := range cases {
		r, err := s.Open(t.Context(), tc.object)
		if err != nil {
			t.Errorf("%s: %s: %v", name, tc.reason, err)
			continue
		}
		got, err := io.ReadAll(r)
		_ = r.Close()
		if err != nil || string(got) != tc.want {
			t.Errorf("%s: %s: %q, %v", name, tc.reason, got, err)
		}
	}
}

func TestOpenRefused(t *testing.T) {
	server := signedStore(t, nil)
	elsewhere := httptest.NewServer(http.RedirectHandler(server.URL, http.StatusTemporaryRedirect))
	defer elsewhere.Close()
	broken := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusBadGateway)
		_, _ = io.WriteString(w, strings.Repeat("<html>", 100000))
	}))
	defer broken.Close()
	cases := map[string]struct {
		reason, endpoint, secret, want string
	}{
		"Missing":  {"what is not there", server.URL, "secret", "NoSuchKey: The specified key does not exist."},
		"Secret":   {"another secret", server.URL, "other", "SignatureDoesNotMatch: The signature does not match."},
		"Redirect": {"signed requests are sent nowhere else", elsewhere.URL, "secret", "HTTP307: Temporary Redirect"},
		"Broken":   {"what is no answer of a store", broken.URL, "secret", "HTTP502: Bad Gateway"},
	}
	for name, tc := range cases {
		c := creds
		c.SecretAccessKey = tc.secret
		s := &bucket.Store{Endpoint: tc.endpoint, Region: "eu-west-1", Credentials: c}
		_, err := s.Open(t.Context(), bucket.Object{Bucket: "code", Key: "none"})
		if refused := new(bucket.Error); !errors.As(err, &refused) || err.Error() != tc.want {
			t.Errorf("%s: %s: %v, want %s", name, tc.reason, err, tc.want)
		}
	}
	server.Close()
	s := &bucket.Store{Endpoint: server.URL}
	if _, err := s.Open(t.Context(), bucket.Object{Bucket: "code", Key: "none"}); err == nil || errors.As(err, new(*bucket.Error)) {
		t.Errorf("a store that is not there: %v", err)
	}
}

func TestFromEnvironment(t *testing.T) {
	env := map[string]string{}
	get := func(name string) string { return env[name] }
	if s, err := bucket.FromEnvironment(get); s != nil || err != nil {
		t.Errorf("without an endpoint: %v, %v", s, err)
	}
	env["AWS_ENDPOINT_URL_S3"] = "user:pass@s3"
	if _, err := bucket.FromEnvironment(get); err == nil || strings.Contains(err.Error(), "pass") {
		t.Errorf("without a scheme: %v", err)
	}
	env = map[string]string{
		"AWS_ENDPOINT_URL_S3": "https://s3.example.com/", "AWS_DEFAULT_REGION": "r", "AWS_ACCESS_KEY_ID": "i",
		"AWS_SECRET_ACCESS_KEY": "k", "AWS_SESSION_TOKEN": "t",
	}
	s, err := bucket.FromEnvironment(get)
	if err != nil || s.Endpoint != "https://s3.example.com" || s.Region != "r" ||
		s.Credentials.AccessKeyID+s.Credentials.SecretAccessKey+s.Credentials.SessionToken != "ikt" {
		t.Errorf("%+v, %v", s, err)
	}
}

// FuzzOpen has stores that answer anything: it becomes an error of one line, or the object.
func FuzzOpen(f *testing.F) {
	f.Add(404, "<Error><Code>NoSuchKey</Code><Message>m</Message></Error>")
	f.Add(500, "<html>")
	f.Add(200, "x")
	f.Fuzz(func(t *testing.T, status int, body string) {
		if status < 200 || status > 599 {
			return
		}
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(status)
			_, _ = io.WriteString(w, body)
		}))
		defer server.Close()
		s := &bucket.Store{Endpoint: server.URL}
		r, err := s.Open(t.Context(), bucket.Object{Bucket: "b", Key: "k"})
		if (err == nil) != (status == http.StatusOK) {
			t.Fatalf("%d %q: %v", status, body, err)
		}
		if err == nil {
			_ = r.Close()
		}
	})
}
