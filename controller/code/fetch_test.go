package code

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/lambkin-dev/lambkin/api/v1alpha1"
)

// site is a web server at https://site.test.
type site struct {
	mu    sync.Mutex
	body  []byte
	asked int
}

func (s *site) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked++
	switch r.URL.Path {
	case "/code.zip":
		_, _ = w.Write(s.body)
	case "/large.zip":
		_, _ = io.CopyN(w, zeros{}, 1<<20)
	case "/away":
		http.Redirect(w, r, "http://site.test/code.zip", http.StatusFound)
	default:
		http.NotFound(w, r)
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

func newSite(w *world, body []byte) *site {
	s := &site{body: body}
	w.hosts.all["site.test"] = s
	return s
}

func at(location, digest string) func(*v1alpha1.FunctionSpec) {
	return func(s *v1alpha1.FunctionSpec) {
		s.Code.URL = &v1alpha1.RemoteArchive{Location: location, SHA256: digest}
	}
}

// serve notes in the status that the function serves what it has got, as its reconciler does.
func serve(fn *v1alpha1.Function, got Result) {
	fn.Status.Image, fn.Status.CodeSHA256, fn.Status.CodeSize, fn.Status.Protocol = got.Image, got.CodeSHA256, got.CodeSize, got.Protocol
	fn.Status.MarkReady(fn.Generation)
}

// TestFetchedOncePerGeneration has the archive change behind its URL.
func TestFetchedOncePerGeneration(t *testing.T) {
	w := newWorld(t)
	data := zipOf(t, map[string]string{"bootstrap*": "first"})
	s := newSite(w, data)
	fn := newFunction("f", at("https://site.test/code.zip?key=hidden", ""))
	first := w.image(fn)
	sum := sha256.Sum256(data)
	if first.CodeSHA256 != base64.StdEncoding.EncodeToString(sum[:]) || first.CodeSize != int64(len(data)) {
		t.Errorf("code %q of %d bytes", first.CodeSHA256, first.CodeSize)
	}
	serve(fn, first)
	s.body = zipOf(t, map[string]string{"bootstrap*": "second"})
	w.advance(time.Hour)
	w.resolver = w.start()
	w.platform.Images.Runtime = ourRuntime + "0"
	w.push(ourRuntime+"0", v1Config(), map[string]string{"lambkin/runtime-api": "upgraded"})
	upgraded := w.image(fn)
	if s.asked != 1 || upgraded.CodeSHA256 != first.CodeSHA256 || w.pull(upgraded.Image).files["lambkin/runtime-api"] != "upgraded" {
		t.Errorf("after an upgrade of the runtime the URL was asked %d times and gives %s", s.asked, upgraded.CodeSHA256)
	}
	fn.Generation++
	if second := w.image(fn); s.asked != 2 || second.CodeSHA256 == first.CodeSHA256 {
		t.Errorf("a changed function asked the URL %d times", s.asked)
	}
	serve(fn, first) // of the new generation, with code that the store does not have any more
	fn.Status.CodeSHA256 = base64.StdEncoding.EncodeToString(make([]byte, 32))
	w.resolver = w.start()
	if w.image(fn); s.asked != 3 {
		t.Errorf("code that the store has lost was fetched %d times", s.asked-2)
	}
}

func TestFetchFailures(t *testing.T) {
	w := newWorld(t)
	data := zipOf(t, map[string]string{"bootstrap*": "x"})
	newSite(w, data)
	sum := sha256.Sum256(data)
	digest := hex.EncodeToString(sum[:])
	w.resolver.limit = 1<<20 - 1
	w.image(newFunction("right", at("https://site.test/code.zip", digest)))
	cases := map[string]struct {
		reason string
		change func(*v1alpha1.FunctionSpec)
		want   v1alpha1.Reason
		part   string
	}{
		"Digest":   {"The digest holds.", at("https://site.test/code.zip?key=hidden", strings.Repeat("0", 64)), v1alpha1.ReasonCodeInvalid, "has digest " + digest},
		"Missing":  {"An answer but 200 is none.", at("https://site.test/none?key=hidden", ""), v1alpha1.ReasonCodeUnavailable, "404"},
		"TooLarge": {"Nobody has so much code.", at("https://site.test/large.zip?key=hidden", ""), v1alpha1.ReasonCodeInvalid, "must be smaller than"},
		"File":     {"Files of the controller are not given away.", at("file:///etc/passwd", ""), v1alpha1.ReasonCodeUnavailable, `scheme is "file"`},
		"Redirect": {"Nor does a redirect lead to plain HTTP.", at("https://site.test/away?key=hidden", ""), v1alpha1.ReasonCodeUnavailable, "redirect from https to http"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			w.t = t
			fn := newFunction(strings.ToLower(name), tc.change)
			w.wantFailure(fn, tc.reason, tc.want, tc.part)
			if _, err := w.resolver.Image(t.Context(), requestFor(fn)); strings.Contains(err.Error(), "hidden") {
				t.Errorf("the failure tells a secret: %v", err)
			}
		})
	}
}

// TestFetchBreaksOff tells trouble with the source from trouble with the store.
func TestFetchBreaksOff(t *testing.T) {
	w := newWorld(t)
	newSite(w, zipOf(t, map[string]string{"bootstrap*": "x"}))
	w.hosts.disturb(func(r *http.Request) int {
		if r.URL.Host == ours && r.Method == http.MethodPost {
			return 403
		}
		return 0
	})
	w.wantFailure(newFunction("f", at("https://site.test/code.zip", "")), "The store is the registry.", v1alpha1.ReasonRegistryForbidden, "403")
	w.hosts.disturb(nil)
	broken := &attentive{r: io.MultiReader(strings.NewReader("begin"), failing{})}
	if _, err := io.ReadAll(broken); err == nil || broken.err == nil {
		t.Errorf("a broken source gives %v, noted %v", err, broken.err)
	}
	whole := &attentive{r: strings.NewReader("all")}
	if _, err := io.ReadAll(whole); err != nil || whole.err != nil {
		t.Errorf("a whole source gives %v, noted %v", err, whole.err)
	}
}

type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }
