package signature_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/lambkin-dev/lambkin/internal/lambda"
	"github.com/lambkin-dev/lambkin/internal/signature"
)

// refused fails unless a request, which nobody with the secret has signed, was refused with one of AWS's errors.
func refused(t *testing.T, r *http.Request) {
	t.Helper()
	got, err := verifier(t, moment).Verify(httptest.NewRecorder(), r)
	if err == nil {
		t.Fatalf("%+v was taken: %+v", r, got)
	}
	if lambda.CodeOf(err).Status() != http.StatusForbidden {
		t.Errorf("got %v, want one of the errors about signatures", err)
	}
}

func FuzzAuthorization(f *testing.F) {
	good := signed(f, build(f, http.MethodGet, "/x", "", nil), sha("")).Header.Get("Authorization")
	for _, seed := range []string{
		good, "", "AWS4-HMAC-SHA256", good + ",Signature=", strings.ReplaceAll(good, "/", "//"), strings.ReplaceAll(good, ";", ";;"),
		"AWS4-HMAC-SHA256 Credential=a/b/c/d/e, SignedHeaders=host, Signature=00", "Bearer x", good[:len(good)-2],
	} {
		f.Add(seed, "20260301T120000Z", "/x?a=b")
	}
	f.Fuzz(func(t *testing.T, header, date, target string) {
		if header == good && date == "20260301T120000Z" && target == "/x" {
			t.Skip("it is signed")
		}
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil)
		r.Host, r.RequestURI = "127.0.0.1:9001", target
		r.Header["Authorization"], r.Header["X-Amz-Date"] = []string{header}, []string{date}
		refused(t, r)
	})
}

func FuzzPresigned(f *testing.F) {
	good := presigned(f, build(f, http.MethodGet, "/x", "", nil), sha(""), 60).URL.RawQuery
	for _, seed := range []string{
		good, "", "X-Amz-Signature=1", good + "&X-Amz-Expires=60", strings.Replace(good, "60", "-1", 1), strings.Replace(good, "60", "9223372036854775807", 1),
		strings.ReplaceAll(good, "%2F", "/"), good + "&%zz", good + ";a=b",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, query string) {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil)
		r.Host, r.RequestURI, r.URL = "127.0.0.1:9001", "/x?"+query, &url.URL{Path: "/x", RawQuery: query}
		refused(t, r)
	})
}

func FuzzChunks(f *testing.F) {
	transport := &signature.Transport{Credentials: signature.Credentials{KeyID: keyID, Secret: secret}, Region: "us-east-1", Service: "lambda", Clock: func() time.Time { return moment }}
	const text = "what was signed"
	sign := func(t testing.TB) *http.Request {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://127.0.0.1:9000/x", struct{ io.Reader }{strings.NewReader(text)})
		if err != nil {
			t.Fatal(err)
		}
		made, err := transport.Sign(r)
		if err != nil {
			t.Fatal(err)
		}
		return made
	}
	good, err := io.ReadAll(sign(f).Body)
	if err != nil {
		f.Fatal(err)
	}
	for _, seed := range []string{string(good), "", "0;chunk-signature=" + sha("") + "\r\n\r\n", string(good[1:]), string(good) + string(good), "\r\n", "f;chunk-signature=\r\n"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, wire string) {
		made := sign(t)
		made.Body = io.NopCloser(strings.NewReader(wire))
		got, err := verify(t, sent(t, made), moment)
		if !strings.HasPrefix(text, got) || err == nil && got != text {
			t.Errorf("%q gives %q, %v", wire, got, err)
		}
	})
}
