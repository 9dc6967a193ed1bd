package host_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/lambkin-dev/lambkin/api/v1alpha1"
	"github.com/lambkin-dev/lambkin/cli/host"
	"github.com/lambkin-dev/lambkin/internal/access"
	"github.com/lambkin-dev/lambkin/internal/engine"
	"github.com/lambkin-dev/lambkin/internal/engine/remote"
	"github.com/lambkin-dev/lambkin/internal/lambda"
	"github.com/lambkin-dev/lambkin/internal/signature"
)

// signing is a client with a key.
func signing(k access.Credentials) *http.Client {
	return &http.Client{Transport: &signature.Transport{
		Credentials: signature.Credentials{KeyID: k.ID, Secret: k.Secret}, Region: "us-east-1", Service: "lambda",
	}}
}

func admin(t *testing.T, s *host.Server) access.Credentials {
	t.Helper()
	c, err := access.ReadCredentials(s.Credentials, access.DefaultProfile)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// engineAs is the server's engine as the owner of a key with a policy has it.
func engineAs(t *testing.T, s *host.Server, policy string) engine.Engine {
	t.Helper()
	if text, ok := access.Named(policy); ok {
		policy = text
	}
	k, err := remote.NewKeys(signing(admin(t, s)), s.URL).Create(t.Context(), access.Key{Name: "someone", Namespace: access.AnyNamespace, Policy: policy})
	if err != nil {
		t.Fatal(err)
	}
	e, err := remote.NewClient(signing(access.Credentials{ID: k.ID, Secret: k.Secret}), s.URL)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func function(name string, blob *v1alpha1.Blob) *v1alpha1.Function {
	return &v1alpha1.Function{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: v1alpha1.FunctionSpec{
		Runtime: "exec", Handler: "run", Code: v1alpha1.Code{Zip: blob},
	}}
}

// TestEveryDoorIsClosed tries every way to a server without a signature: nothing can be read, changed or run.
func TestEveryDoorIsClosed(t *testing.T) {
	s := startAs(t, host.Config{})
	private := function("private", put(t, s.Engine, "#!/bin/sh\ncat\n"))
	private.Spec.HTTP = &v1alpha1.HTTP{Visibility: v1alpha1.VisibilityClusterLocal}
	for _, fn := range []*v1alpha1.Function{private, function("public", private.Spec.Code.Zip)} {
		if err := s.Engine.Create(t.Context(), fn); err != nil {
			t.Fatal(err)
		}
		ready(t, s.Engine, fn)
	}
	const objects = "/apis/lambkin.dev/v1alpha1"
	for _, tc := range []struct {
		method, path, host string
		status             int // 401 in the grammar of Kubernetes is 403 in AWS's
	}{
		{"GET", objects, "", 401},
		{"GET", objects + "/namespaces/default/functions", "", 401},
		{"GET", objects + "/namespaces/default/functions/public", "", 401},
		{"POST", objects + "/namespaces/default/functions", "", 401},
		{"PUT", objects + "/namespaces/default/functions/public", "", 401},
		{"DELETE", objects + "/namespaces/default/functions/public", "", 401},
		{"GET", objects + "/namespaces/default/versions", "", 401},
		{"POST", "/lambkin/v1/code", "", 401},
		{"GET", "/lambkin/v1/code/" + private.Spec.Code.Zip.SHA256, "", 401},
		{"GET", "/lambkin/v1/logs/public", "", 401},
		{"POST", "/lambkin/v1/functions/public/invocations", "", 401},
		{"POST", "/lambkin/v1/functions/public/response-streaming-invocations", "", 401},
		{"GET", "/lambkin/v1/keys", "", 401},
		{"POST", "/lambkin/v1/keys", "", 401},
		{"DELETE", "/lambkin/v1/keys/x", "", 401},
		{"GET", "/lambkin/nothing", "", 401},
		{"GET", "/2015-03-31/functions", "", 403},
		{"POST", "/2015-03-31/functions/public/invocations", "", 403},
		{"GET", "/anything", "", 403},
		{"GET", "/_url/private/", "", 403},
		{"GET", "/", "private.localhost", 403},
		{"GET", "/_url/public/", "", 200},
		{"GET", "/", "public.localhost", 200},
		{"GET", "/_url/" + strings.Repeat("0", 32) + "/", "", 403},
	} {
		r, err := http.NewRequestWithContext(t.Context(), tc.method, s.URL+tc.path, strings.NewReader("{}"))
		if err != nil {
			t.Fatal(err)
		}
		r.Host = tc.host
		res, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(res.Body)
		if err != nil || res.StatusCode != tc.status {
			t.Errorf("%s %s%s: %d %s, want %d", tc.method, tc.host, tc.path, res.StatusCode, body, tc.status)
		}
		_ = res.Body.Close()
	}
}

// TestOwnDoors holds that a function's door that is not public opens for those who may invoke it.
func TestOwnDoors(t *testing.T) {
	s := startAs(t, host.Config{})
	fn := function("fn", put(t, s.Engine, "#!/bin/sh\nprintf '\"ok\"'\n"))
	fn.Spec.HTTP = &v1alpha1.HTTP{Visibility: v1alpha1.VisibilityClusterLocal}
	if err := s.Engine.Create(t.Context(), fn); err != nil {
		t.Fatal(err)
	}
	ready(t, s.Engine, fn)
	for policy, want := range map[string]int{access.PolicyInvoke: http.StatusOK, access.PolicyRead: http.StatusForbidden} {
		text, _ := access.Named(policy)
		k, err := remote.NewKeys(signing(admin(t, s)), s.URL).Create(t.Context(), access.Key{Name: policy, Namespace: "*", Policy: text})
		if err != nil {
			t.Fatal(err)
		}
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URL+"/_url/fn/a?b=c", strings.NewReader("{}"))
		if err != nil {
			t.Fatal(err)
		}
		res, err := signing(access.Credentials{ID: k.ID, Secret: k.Secret}).Do(r)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(res.Body)
		_ = res.Body.Close()
		if err != nil || res.StatusCode != want {
			t.Errorf("%s: %d %s, want %d (%v)", policy, res.StatusCode, body, want, err)
			var log bytes.Buffer
			if err := s.Engine.Logs(t.Context(), "fn", engine.LogOptions{}, &log); err == nil {
				t.Log(log.String())
			}
		}
	}
}

// TestFunctionURL holds that a function URL says where it is served, with the server's signatures and domain.
func TestFunctionURL(t *testing.T) {
	for name, tc := range map[string]struct {
		config host.Config
		auth   v1alpha1.AuthType
		url    string // with ID for the id; empty: it fails
	}{
		"Open":         {host.Config{}, v1alpha1.AuthTypeNone, "/_url/ID/"},
		"Signed":       {host.Config{}, v1alpha1.AuthTypeIAM, "/_url/ID/"},
		"Domain":       {host.Config{URLDomain: "localhost:1"}, v1alpha1.AuthTypeIAM, "http://ID.lambda-url.us-east-1.localhost:1/"},
		"NobodySigned": {host.Config{NoAuth: true}, v1alpha1.AuthTypeIAM, ""},
	} {
		t.Run(name, func(t *testing.T) {
			s := startAs(t, tc.config)
			fn := function("fn", put(t, s.Engine, "#!/bin/sh\ncat\n"))
			if err := s.Engine.Create(t.Context(), fn); err != nil {
				t.Fatal(err)
			}
			u := &v1alpha1.FunctionURLConfig{Spec: v1alpha1.FunctionURLConfigSpec{FunctionName: "fn", AuthType: tc.auth}}
			if err := s.Engine.Create(t.Context(), u); err != nil {
				t.Fatal(err)
			}
			for !u.Status.Decided(u.Generation) {
				time.Sleep(10 * time.Millisecond)
				if err := s.Engine.Get(t.Context(), u.Name, u); err != nil {
					t.Fatal(err)
				}
			}
			want := strings.ReplaceAll(tc.url, "ID", u.URLID())
			if strings.HasPrefix(want, "/") {
				want = s.URL + want
			}
			if u.Status.URL != want || (want == "") != (u.Status.Conditions[0].Reason == string(v1alpha1.ReasonConfigurationUnsupported)) {
				t.Errorf("got %+v, want it at %q", u.Status, want)
			}
		})
	}
}

// TestPlanePolicies holds that lambkin's own API asks the same policies as the Lambda API.
func TestPlanePolicies(t *testing.T) {
	s := startAs(t, host.Config{})
	ctx := t.Context()
	full := engineAs(t, s, access.PolicyFull)
	blob, err := full.PutCode(ctx, strings.NewReader("no zip, and of no known length"), 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	code := put(t, full, "#!/bin/sh\ncat\n")
	for _, name := range []string{"fn", "Other_Fn"} {
		fn := &v1alpha1.Function{Spec: v1alpha1.FunctionSpec{FunctionName: name, Runtime: "exec", Handler: "run", Code: v1alpha1.Code{Zip: code}}}
		if err := full.Create(ctx, fn); err != nil {
			t.Fatal(err)
		}
		ready(t, s.Engine, fn)
	}
	other := v1alpha1.ObjectName("Other_Fn")
	ops := map[string]func(engine.Engine) error{
		"list": func(e engine.Engine) error { return e.List(ctx, new(v1alpha1.FunctionList), nil) },
		"get":  func(e engine.Engine) error { return e.Get(ctx, other, new(v1alpha1.Function)) },
		"update": func(e engine.Engine) error {
			fn := new(v1alpha1.Function)
			if err := full.Get(ctx, other, fn); err != nil {
				return err
			}
			fn.Spec.Description += "."
			fn.ResourceVersion = ""
			return e.Update(ctx, fn)
		},
		"invoke": func(e engine.Engine) error {
			_, err := e.Invoke(ctx, &lambda.Invocation{Function: lambda.Reference{Name: "Other_Fn"}, Payload: []byte("{}")})
			return err
		},
		"logs":   func(e engine.Engine) error { return e.Logs(ctx, "Other_Fn", engine.LogOptions{}, io.Discard) },
		"upload": func(e engine.Engine) error { _, err := e.PutCode(ctx, strings.NewReader("x"), 10); return err },
		"load": func(e engine.Engine) error {
			r, err := e.OpenCode(ctx, blob)
			if err == nil {
				err = r.Close()
			}
			return err
		},
		"delete": func(e engine.Engine) error {
			fn := new(v1alpha1.Function)
			fn.Name = "nobody"
			return e.Delete(ctx, fn)
		},
		"keys": func(engine.Engine) error { return nil },
	}
	denyOther := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"},` +
		`{"Effect":"Deny","Action":"lambda:*","Resource":"arn:aws:lambda:us-east-1:000000000000:function:Other_Fn"}]}`
	for name, tc := range map[string]struct{ policy, denied string }{
		"Full":   {access.PolicyFull, ""},
		"Read":   {access.PolicyRead, "update invoke upload delete"},
		"Invoke": {access.PolicyInvoke, "list get update logs upload load delete"},
		"Deny":   {denyOther, "get update invoke"},
	} {
		e := engineAs(t, s, tc.policy)
		for op, do := range ops {
			err := do(e)
			denied := lambda.CodeOf(err) == lambda.CodeAccessDenied
			if want := strings.Contains(" "+tc.denied+" ", " "+op+" "); denied != want {
				t.Errorf("%s: %s: got %v, denied: %t, want %t", name, op, err, denied, want)
			}
		}
	}
}

// TestKeys holds what becomes of keys: they are shown once, listed without secrets, and worth nothing after their deletion.
func TestKeys(t *testing.T) {
	dir := t.TempDir()
	s := startAs(t, host.Config{DataDir: dir})
	for _, name := range []string{"keys.json", "credentials"} {
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v; want 0600", name, info.Mode(), err)
		}
	}
	keys := remote.NewKeys(signing(admin(t, s)), s.URL)
	text, _ := access.Named(access.PolicyRead)
	k, err := keys.Create(t.Context(), access.Key{Name: "ci", Namespace: "default", Policy: text})
	if err != nil || len(k.ID) != 20 || len(k.Secret) != 40 {
		t.Fatalf("made %+v, %v", k, err)
	}
	all, err := keys.List(t.Context())
	if err != nil || len(all) != 2 || all[1].ID != k.ID || all[1].Secret != "" || all[0].Secret != "" {
		t.Errorf("listed %+v, %v", all, err)
	}
	own := remote.NewKeys(signing(access.Credentials{ID: k.ID, Secret: k.Secret}), s.URL)
	if _, err := own.List(t.Context()); lambda.CodeOf(err) != lambda.CodeAccessDenied {
		t.Errorf("a reader lists keys: %v", err)
	}
	if _, err := own.Create(t.Context(), access.Key{Name: "ci", Namespace: "*", Policy: text}); lambda.CodeOf(err) != lambda.CodeAccessDenied {
		t.Errorf("a reader makes keys: %v", err)
	}
	if _, err := keys.Create(t.Context(), access.Key{Name: "ci", Namespace: "*", Policy: `{"Statement":[]}`}); lambda.CodeOf(err) != lambda.CodeInvalidParameterValue {
		t.Errorf("a policy that is none: %v", err)
	}
	if err := keys.Delete(t.Context(), k.ID); err != nil {
		t.Fatal(err)
	}
	if _, err := own.List(t.Context()); lambda.CodeOf(err) != lambda.CodeUnrecognizedClient {
		t.Errorf("a deleted key: %v", err)
	}
	if err := keys.Delete(t.Context(), k.ID); lambda.CodeOf(err) != lambda.CodeResourceNotFound {
		t.Errorf("a second deletion: %v", err)
	}
}

// TestSecondStart holds that the first key stays the same as long as it holds.
func TestSecondStart(t *testing.T) {
	dir := t.TempDir()
	var first access.Credentials
	for i := range 2 {
		s, err := host.Start(t.Context(), host.Config{Addr: "127.0.0.1:0", DataDir: dir})
		if err != nil {
			t.Fatal(err)
		}
		c := admin(t, s)
		if i > 0 && c != first {
			t.Error("the key is another one")
		}
		first = c
		if err := s.Close(t.Context()); err != nil {
			t.Error(err)
		}
	}
	if err := access.Open(dir).Delete(first.ID); err != nil {
		t.Fatal(err)
	}
	if c := admin(t, startAs(t, host.Config{DataDir: dir})); c == first {
		t.Error("a key that was deleted is handed out again")
	}
}

// TestNoAuthElsewhere holds that a server for everybody is reached from this machine only.
func TestNoAuthElsewhere(t *testing.T) {
	s, err := host.Start(t.Context(), host.Config{Addr: "0.0.0.0:0", DataDir: t.TempDir(), NoAuth: true})
	if !errors.Is(err, host.ErrOpen) {
		t.Errorf("got %v, want %v", err, host.ErrOpen)
	}
	if s != nil {
		_ = s.Close(t.Context())
	}
}

// TestTLS holds that a server speaks HTTPS, and takes a certificate that was renewed.
func TestTLS(t *testing.T) {
	dir := t.TempDir()
	files := host.TLSFiles{Cert: filepath.Join(dir, "tls.crt"), Key: filepath.Join(dir, "tls.key")}
	pool := x509.NewCertPool()
	pool.AddCert(issue(t, files))
	s := startAs(t, host.Config{TLS: files})
	if !strings.HasPrefix(s.URL, "https://") {
		t.Fatalf("the address is %s", s.URL)
	}
	transport := &signature.Transport{
		Credentials: signature.Credentials{KeyID: admin(t, s).ID, Secret: admin(t, s).Secret}, Region: "us-east-1", Service: "lambda",
		Next: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}},
	}
	e, err := remote.NewClient(&http.Client{Transport: transport}, s.URL)
	if err != nil {
		t.Fatal(err)
	}
	if err := e.List(t.Context(), new(v1alpha1.FunctionList), nil); err != nil {
		t.Error(err)
	}
	if _, err := host.Start(t.Context(), host.Config{Addr: "127.0.0.1:0", DataDir: t.TempDir(), TLS: host.TLSFiles{Cert: files.Cert}}); err == nil {
		t.Error("a certificate without a key is taken")
	}
}

// TestTLSBeside holds that HTTPS has an address of its own if it is given one, and begins when there is a certificate.
func TestTLSBeside(t *testing.T) {
	dir := t.TempDir()
	files := host.TLSFiles{Cert: filepath.Join(dir, "tls.crt"), Key: filepath.Join(dir, "tls.key"), Addr: "127.0.0.1:0"}
	s := start(t, host.Config{TLS: files})
	pool := x509.NewCertPool()
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}}}
	reach := func(base string) error {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, base+"/2015-03-31/functions/", nil)
		if err != nil {
			return err
		}
		res, err := client.Do(r)
		if err != nil {
			return err
		}
		_ = res.Body.Close()
		if res.StatusCode != http.StatusOK {
			return errors.New(res.Status)
		}
		return nil
	}
	if !strings.HasPrefix(s.URL, "http://") || reach(s.URL) != nil {
		t.Errorf("there is no plain HTTP at %s: %v", s.URL, reach(s.URL))
	}
	if err := reach(s.SecureURL); err == nil {
		t.Error("HTTPS works without a certificate")
	}
	pool.AddCert(issue(t, files))
	if err := reach(s.SecureURL); err != nil {
		t.Errorf("%s: %v", s.SecureURL, err)
	}
	open, err := host.Start(t.Context(), host.Config{Addr: "127.0.0.1:0", DataDir: t.TempDir(), NoAuth: true, TLS: host.TLSFiles{Cert: files.Cert, Key: files.Key, Addr: ":0"}})
	if !errors.Is(err, host.ErrOpen) {
		t.Errorf("open to everybody with HTTPS on all interfaces: %v", err)
	}
	if open != nil {
		_ = open.Close(t.Context())
	}
}

// issue writes a certificate for the loopback address.
func issue(t *testing.T, files host.TLSFiles) *x509.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "lambkin"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	text, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for path, block := range map[string]*pem.Block{files.Cert: {Type: "CERTIFICATE", Bytes: der}, files.Key: {Type: "PRIVATE KEY", Bytes: text}} {
		if err := os.WriteFile(path, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	made, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return made
}
