package image_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"
	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/lambkin-dev/lambkin/buildtemplates/image"
)

// isManifest tells reads of manifests from everything else.
func isManifest(r *http.Request) bool {
	return strings.Contains(r.URL.Path, "/manifests/") && r.Method != http.MethodPut
}

func TestTroubleWithReading(t *testing.T) {
	cases := map[string]struct {
		reason    string
		trouble   trouble
		kind      image.Kind
		temporary bool
		says      string
	}{
		"Unauthorized": {
			reason:  "the way out is a login",
			trouble: func(w http.ResponseWriter, r *http.Request) bool { refuse(w, 401, "UNAUTHORIZED"); return true },
			kind:    image.KindUnauthorized, says: "give credentials for 127.0.0.1",
		},
		"Forbidden": {
			reason:  "the way out is another login",
			trouble: func(w http.ResponseWriter, r *http.Request) bool { refuse(w, 403, "DENIED"); return true },
			kind:    image.KindForbidden, says: "do not allow this",
		},
		"Missing": {
			reason: "the way out is another name",
			trouble: func(w http.ResponseWriter, r *http.Request) bool {
				return isManifest(r) && no(w, 404, "MANIFEST_UNKNOWN")
			},
			kind: image.KindNotFound, says: "MANIFEST_UNKNOWN",
		},
		"Throttled": {
			reason: "the way out is patience",
			trouble: func(w http.ResponseWriter, r *http.Request) bool {
				return isManifest(r) && no(w, 429, "TOOMANYREQUESTS")
			},
			kind: image.KindUnreachable, temporary: true, says: "try again later",
		},
		"Broken": {
			reason:  "the way out is patience",
			trouble: func(w http.ResponseWriter, r *http.Request) bool { return isManifest(r) && no(w, 500, "UNKNOWN") },
			kind:    image.KindUnreachable, temporary: true, says: "500",
		},
		"Cut": {
			reason:  "the way out is patience",
			trouble: func(w http.ResponseWriter, r *http.Request) bool { return isManifest(r) && cut(w) },
			kind:    image.KindUnreachable, temporary: true, says: "no connection to 127.0.0.1",
		},
		"Rejected": {
			reason:  "nobody knows a way out",
			trouble: func(w http.ResponseWriter, r *http.Request) bool { return isManifest(r) && no(w, 418, "UNSUPPORTED") },
			kind:    image.KindRejected, says: "418 UNSUPPORTED the hub says so",
		},
		"LongAnswer": {
			reason: "a registry cannot fill our logs and conditions",
			trouble: func(w http.ResponseWriter, r *http.Request) bool {
				return isManifest(r) && no(w, 400, strings.Repeat("x\n", 5000))
			},
			kind: image.KindRejected, says: "x x x",
		},
	}
	h := newHub(t)
	reference := push(t, h, "base:1", makeImage(t, "amd64", v1.Config{}, "a"))
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			h.disturb(tc.trouble)
			defer h.disturb(nil)
			_, err := h.registry().Inspect(t.Context(), reference, "")
			if image.KindOf(err) != tc.kind || image.Temporary(err) != tc.temporary || !errors.Is(err, &image.Error{Kind: tc.kind}) {
				t.Fatalf("%s: got %v (%s)", tc.reason, err, image.KindOf(err))
			}
			text := err.Error()
			if !strings.Contains(text, tc.says) || !strings.Contains(text, reference) || len(text) > 600 || strings.Contains(text, "\n") {
				t.Errorf("%s: got %q, want one line about %s that says %q", tc.reason, text, reference, tc.says)
			}
		})
	}
}

func no(w http.ResponseWriter, status int, code string) bool {
	refuse(w, status, code)
	return true
}

// cut ends the connection without an answer.
func cut(w http.ResponseWriter) bool {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err == nil {
		conn.Close()
	}
	return true
}

func TestTroubleWithPushing(t *testing.T) {
	is := func(method, part string) func(*http.Request) bool {
		return func(r *http.Request) bool { return r.Method == method && strings.Contains(r.URL.Path, part) }
	}
	cases := map[string]struct {
		reason string
		when   func(*http.Request) bool
		times  int32
		status int // 0: the connection is cut
		kind   image.Kind
	}{
		"BrokenOnce":       {"what may go away is tried again", is("PUT", "/manifests/"), 1, 500, ""},
		"UploadBrokenOnce": {"an upload is begun again", is("PATCH", "/uploads/"), 1, 503, ""},
		"UploadCutOnce":    {"an upload is begun again", is("PATCH", "/uploads/"), 1, 0, ""},
		"CommitCutOnce":    {"an upload is begun again", is("PUT", "/uploads/"), 1, 0, ""},
		"ReadCutOnce":      {"what may go away is tried again", is("GET", "/blobs/"), 1, 0, ""},
		"MountRefused":     {"who cannot mount gets the bytes", func(r *http.Request) bool { return r.URL.Query().Has("mount") }, 99, 400, ""},
		"AlwaysBroken":     {"there is an end to trying", is("PUT", "/manifests/"), 99, 500, image.KindUnreachable},
		"NotAllowed":       {"refusals are believed", is("POST", "/uploads/"), 99, 403, image.KindForbidden},
		"HeadForbidden":    {"some registries forbid what is not there", is("HEAD", "/manifests/"), 99, 403, ""},
		"HeadUnauthorized": {"a login is missing", is("HEAD", "/manifests/"), 99, 401, image.KindUnauthorized},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			s := newShelf(t)
			var seen atomic.Int32
			s.disturb(func(w http.ResponseWriter, r *http.Request) bool {
				switch {
				case !tc.when(r) || seen.Add(1) > tc.times:
					return false
				case tc.status == 0:
					return cut(w)
				default:
					return no(w, tc.status, "UNKNOWN")
				}
			})
			result, err := s.baker.Bake(t.Context(), image.Spec{Base: s.base, Runtime: s.runtime, Code: code(t), Architecture: "amd64"}, s.ref("fn:1"))
			if image.KindOf(err) != tc.kind || (tc.kind == "") != (err == nil) {
				t.Fatalf("%s: got %v (%s)", tc.reason, err, image.KindOf(err))
			}
			if seen.Load() == 0 {
				t.Fatal("there was no trouble")
			}
			s.disturb(nil)
			if err == nil {
				pull(t, s.hub, result.Reference)
			}
		})
	}
}

func TestNobodyThere(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	_, err = (&image.Registry{Backoff: 1}).Resolve(t.Context(), l.Addr().String()+"/base:1")
	if image.KindOf(err) != image.KindUnreachable || !image.Temporary(err) || !strings.Contains(err.Error(), "connection refused") {
		t.Errorf("got %v", err)
	}
}

func TestContextEnds(t *testing.T) {
	s := newShelf(t)
	release := make(chan struct{})
	defer close(release)
	ctx, cancel := context.WithCancel(t.Context())
	s.disturb(func(_ http.ResponseWriter, r *http.Request) bool {
		if r.Method != http.MethodPatch {
			return false
		}
		cancel()
		<-release
		return true
	})
	_, err := s.baker.Bake(ctx, image.Spec{Base: s.base, Code: code(t)}, s.ref("fn"))
	if !errors.Is(err, context.Canceled) || image.KindOf(err) != "" {
		t.Errorf("a caller who gives up gets %v", err)
	}
	expired, cancel2 := context.WithTimeout(t.Context(), 1)
	defer cancel2()
	_, err = s.registry().Resolve(expired, s.base)
	if !errors.Is(err, context.DeadlineExceeded) || image.KindOf(err) != image.KindUnreachable {
		t.Errorf("a caller without time gets %v", err)
	}
}

func TestPrivateAuthority(t *testing.T) {
	h := newTLSHub(t)
	reference := push(t, h, "base:1", makeImage(t, "amd64", v1.Config{Cmd: []string{"/a"}}, "a"))
	dir := t.TempDir()
	ca := filepath.Join(dir, "ca.pem")
	block := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: h.Certificate().Raw})
	if err := os.WriteFile(ca, block, 0o600); err != nil {
		t.Fatal(err)
	}
	empty := filepath.Join(dir, "empty.pem")
	if err := os.WriteFile(empty, []byte("hello"), 0o600); err != nil {
		t.Fatal(err)
	}
	trusting := &image.Registry{CAFiles: []string{ca}, Backoff: 1}
	if got, err := trusting.Inspect(t.Context(), reference, ""); err != nil || got.Architecture != "amd64" {
		t.Errorf("with the authority: %+v, %v", got, err)
	}
	if _, err := trusting.As(image.FirstOf()).Inspect(t.Context(), reference, ""); err != nil {
		t.Errorf("with other credentials: %v", err)
	}
	_, err := (&image.Registry{Backoff: 1}).Inspect(t.Context(), reference, "")
	if image.KindOf(err) != image.KindUntrusted || !strings.Contains(err.Error(), "configure the registry's CA") {
		t.Errorf("without the authority: %v", err)
	}
	for name, r := range map[string]*image.Registry{
		"missing file": {CAFiles: []string{filepath.Join(dir, "none")}}, "no certificate": {CAFiles: []string{empty}},
		"both": {CAFiles: []string{ca}, Transport: http.DefaultTransport},
	} {
		if _, err := r.Inspect(t.Context(), reference, ""); err == nil || image.KindOf(err) != "" {
			t.Errorf("%s: got %v, want a fault of the configuration", name, err)
		}
	}
}

// everywhere is a transport for which all hosts are one hub.
func everywhere(h *hub) http.RoundTripper {
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "tcp", h.Listener.Addr().String())
	}
	return &http.Transport{DialContext: dial}
}

func TestPlainHTTP(t *testing.T) {
	h := newHub(t)
	push(t, h, "base:1", makeImage(t, "amd64", v1.Config{}, "a"))
	cases := map[string]struct {
		reason string
		host   string
		plain  []string
		kind   image.Kind
	}{
		"Public":          {"nobody speaks plain HTTP unasked", "registry.example", nil, image.KindUntrusted},
		"PublicListed":    {"who lists a host means it", "registry.example", []string{"other", "registry.example"}, ""},
		"PortListed":      {"the port is part of the name", "registry.example:5000", []string{"registry.example:5000"}, ""},
		"OtherPort":       {"the port is part of the name", "registry.example:5000", []string{"registry.example"}, image.KindUntrusted},
		"PrivateAddress":  {"a private address is not this machine", "10.1.2.3:5000", nil, image.KindUntrusted},
		"PrivateListed":   {"who lists a host means it", "10.1.2.3:5000", []string{"10.1.2.3:5000"}, ""},
		"LocalDomain":     {"a name in .local is not this machine", "registry.local", nil, image.KindUntrusted},
		"Localhost":       {"what does not leave the machine needs no TLS", "localhost:5000", nil, ""},
		"LocalhostDomain": {"what does not leave the machine needs no TLS", "registry.localhost:5000", nil, ""},
		"Loopback":        {"what does not leave the machine needs no TLS", "127.0.0.1:5000", nil, ""},
		"LooksLikeIt":     {"a name that contains the loopback address is not it", "127.0.0.1.example:5000", nil, image.KindUntrusted},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			r := &image.Registry{Transport: everywhere(h), PlainHTTP: tc.plain, Backoff: 1, Credentials: image.FirstOf()}
			got, err := r.Resolve(t.Context(), tc.host+"/base:1")
			if image.KindOf(err) != tc.kind || (tc.kind == "") != strings.HasPrefix(got, tc.host+"/base@sha256:") {
				t.Errorf("%s: got %q, %v", tc.reason, got, err)
			}
		})
	}
}

func TestPlainHTTPOnly(t *testing.T) {
	h := newTLSHub(t)
	r := &image.Registry{Transport: h.Client().Transport, PlainHTTP: []string{h.Listener.Addr().String()}, Backoff: 1}
	if _, err := r.Resolve(t.Context(), h.ref("base:1")); err == nil || len(h.counts()) > 0 {
		t.Errorf("a host that is listed was asked by TLS: %v", err)
	}
}

// login is an entry of a docker configuration.
func login(user, password string) map[string]string {
	return map[string]string{"auth": base64.StdEncoding.EncodeToString([]byte(user + ":" + password))}
}

func dockerConfig(t testing.TB, auths map[string]map[string]string) []byte {
	t.Helper()
	data, err := json.Marshal(map[string]any{"auths": auths})
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestDockerConfig(t *testing.T) {
	first := dockerConfig(t, map[string]map[string]string{
		"https://index.docker.io/v1/":  login("hub", "1"),
		"registry.example":             login("host", "2"),
		"registry.example/team/a":      login("path", "3"),
		"*.cloud.example":              login("pattern", "4"),
		"https://port.example:5000/v2": login("port", "5"),
		"[":                            login("broken", "6"),
	})
	second := dockerConfig(t, map[string]map[string]string{"registry.example": login("second", "7"), "other.example": login("other", "8:9")})
	credentials, err := image.DockerConfig(first, second)
	if err != nil {
		t.Fatal(err)
	}
	cases := map[string]struct{ reason, repository, user, password string }{
		"Host":         {"a key may be a host", "registry.example/x", "host", "2"},
		"Path":         {"the longest key wins", "registry.example/team/a/fn", "path", "3"},
		"PathItself":   {"the longest key wins", "registry.example/team/a", "path", "3"},
		"PathOfOther":  {"a path ends at a slash", "registry.example/team/ab", "host", "2"},
		"Pattern":      {"parts of a host may be patterns", "eu.cloud.example/x", "pattern", "4"},
		"PatternShort": {"a star is one part", "cloud.example/x", "", ""},
		"PatternLong":  {"a star is one part", "a.eu.cloud.example/x", "", ""},
		"Port":         {"scheme and version are ornament, the port is not", "port.example:5000/x", "port", "5"},
		"NoPort":       {"scheme and version are ornament, the port is not", "port.example/x", "", ""},
		"DockerHub":    {"Docker Hub has an old name", "index.docker.io/library/x", "hub", "1"},
		"SecondFile":   {"later files are asked later", "other.example/x", "other", "8:9"},
		"Unknown":      {"nobody is nobody", "unknown.example/x", "", ""},
	}
	for name, tc := range cases {
		got, err := credentials(t.Context(), tc.repository)
		if diff := cmp.Diff(image.Login{Username: tc.user, Password: tc.password}, got); diff != "" || err != nil {
			t.Errorf("%s: %s: %v\n-want +got:\n%s", name, tc.reason, err, diff)
		}
	}
	for _, bad := range []string{"", "no json secret", `{"auths": {"a": {"auth": "!!secret"}}}`, `{"auths": ["secret"]}`} {
		if _, err := image.DockerConfig([]byte(bad)); err == nil || strings.Contains(err.Error(), "secret") {
			t.Errorf("DockerConfig(%q): %v", bad, err)
		}
	}
}

// guarded makes the hub want a name and a password.
func guarded(h *hub, user, password string) {
	h.disturb(func(w http.ResponseWriter, r *http.Request) bool {
		if u, p, ok := r.BasicAuth(); ok && u == user && p == password {
			return false
		}
		w.Header().Set("WWW-Authenticate", `Basic realm="hub"`)
		return no(w, http.StatusUnauthorized, "UNAUTHORIZED")
	})
}

func TestCredentials(t *testing.T) {
	h := newHub(t)
	reference := push(t, h, "base:1", makeImage(t, "amd64", v1.Config{}, "a"))
	guarded(h, "me", "secret")
	right, err := image.DockerConfig(dockerConfig(t, map[string]map[string]string{h.ref("base"): login("me", "secret")}))
	if err != nil {
		t.Fatal(err)
	}
	wrong, err := image.DockerConfig(dockerConfig(t, map[string]map[string]string{h.Listener.Addr().String(): login("me", "guess-me")}))
	if err != nil {
		t.Fatal(err)
	}
	gone := errors.New("no secret to be found")
	cases := map[string]struct {
		reason      string
		credentials image.Credentials
		kind        image.Kind
	}{
		"Right":   {"who is known comes in", right, ""},
		"Wrong":   {"who is not does not", wrong, image.KindUnauthorized},
		"Nobody":  {"nobody does not", image.FirstOf(), image.KindUnauthorized},
		"Chained": {"the first that knows a login is taken", image.FirstOf(image.FirstOf(), right, wrong), ""},
	}
	r := h.registry()
	for name, tc := range cases {
		_, err := r.As(tc.credentials).Resolve(t.Context(), reference)
		if image.KindOf(err) != tc.kind || (tc.kind == "") != (err == nil) || err != nil && strings.Contains(err.Error(), "guess-me") {
			t.Errorf("%s: %s: got %v", name, tc.reason, err)
		}
	}
	failing := func(context.Context, string) (image.Login, error) { return image.Login{}, gone }
	if _, err := r.As(failing).Resolve(t.Context(), reference); !errors.Is(err, gone) {
		t.Errorf("credentials that cannot be found: %v", err)
	}
}

func TestProcessCredentials(t *testing.T) {
	h := newHub(t)
	reference := push(t, h, "base:1", makeImage(t, "amd64", v1.Config{}, "a"))
	guarded(h, "me", "secret")
	dir := t.TempDir()
	config := dockerConfig(t, map[string]map[string]string{h.Listener.Addr().String(): login("me", "secret")})
	if err := os.WriteFile(filepath.Join(dir, "config.json"), config, 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("DOCKER_CONFIG", dir)
	if _, err := (&image.Registry{Backoff: 1}).Resolve(t.Context(), reference); err != nil {
		t.Errorf("credentials of the process are not found: %v", err)
	}
}

func TestBearerToken(t *testing.T) {
	h := newHub(t)
	s := &shelf{hub: h, baker: &image.Baker{Registry: h.registry()}}
	s.base = push(t, h, "base:1", makeImage(t, "amd64", v1.Config{}, "a"))
	var scopes atomic.Pointer[[]string]
	h.disturb(func(w http.ResponseWriter, r *http.Request) bool {
		if r.URL.Path == "/token" {
			asked := r.URL.Query()["scope"]
			if len(asked) > 1 {
				scopes.Store(&asked)
			}
			fmt.Fprint(w, `{"token": "good"}`)
			return true
		}
		if r.Header.Get("Authorization") == "Bearer good" {
			return false
		}
		w.Header().Set("WWW-Authenticate", fmt.Sprintf(`Bearer realm="%s/token",service="hub"`, strings.Replace(h.URL, "127.0.0.1", "localhost", 1)))
		return no(w, http.StatusUnauthorized, "UNAUTHORIZED")
	})
	s.bake(t, image.Spec{Base: s.base, Code: code(t)}, "fn")
	if got := scopes.Load(); got == nil || !cmp.Equal(*got, []string{"repository:fn:push,pull", "repository:base:pull"}) {
		t.Errorf("to mount, the right to read the base must be asked for as well: %v", got)
	}
}

// FuzzDockerConfig reads any bytes as a secret: a login comes only for a host that is in them, and faults do not repeat them.
func FuzzDockerConfig(f *testing.F) {
	f.Add([]byte(`{"auths": {"registry.example": {"auth": "bWU6c2VjcmV0"}}}`))
	f.Add([]byte(`{"auths": {"*.example/[": {"username": "a", "password": "b"}, "": {"registrytoken": "c"}}}`))
	f.Add([]byte(`{"auths": {"https://registry.example/v1/": {"auth": "!"}}, "credHelpers": {"registry.example": "x"}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		credentials, err := image.DockerConfig(data)
		if err != nil {
			if strings.Contains(err.Error(), "bWU6c2VjcmV0") {
				t.Errorf("the fault repeats the secret: %v", err)
			}
			return
		}
		login, err := credentials(t.Context(), "registry.example/team/app")
		if err != nil {
			t.Error(err)
		}
		if login != (image.Login{}) && !bytes.ContainsAny(data, "*?[\\") && !bytes.Contains(data, []byte("example")) {
			t.Errorf("a login from nowhere: %+v", login)
		}
	})
}
