package image_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/lambkin-dev/lambkin/buildtemplates/image"
	"github.com/lambkin-dev/lambkin/internal/lambda"
)

func newStore(t testing.TB) (*hub, *image.Store) {
	h := newHub(t)
	return h, &image.Store{Registry: h.registry(), Prefix: h.ref("functions/team-a"), TempDir: t.TempDir()}
}

func hexSum(data string) string {
	sum := sha256.Sum256([]byte(data))
	return hex.EncodeToString(sum[:])
}

func TestStore(t *testing.T) {
	h, s := newStore(t)
	const body = "any bytes are code here"
	digest, size, err := s.Put(t.Context(), strings.NewReader(body), 100)
	if err != nil || digest != hexSum(body) || size != int64(len(body)) {
		t.Fatalf("Put = %q, %d, %v", digest, size, err)
	}
	r, err := s.Open(t.Context(), digest, size)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if got, err := io.ReadAll(r); err != nil || string(got) != body {
		t.Errorf("read back %q, %v", got, err)
	}
	img, err := remote.Image(mustRef(t, h.ref("functions/team-a/code:sha256-"+digest)))
	if err != nil {
		t.Fatal(err)
	}
	manifest, err := img.Manifest()
	if err != nil || len(manifest.Layers) != 1 || manifest.Layers[0].MediaType != image.MediaTypeZip ||
		manifest.Layers[0].Digest.Hex != digest || manifest.Config.MediaType != image.MediaTypeCode {
		t.Errorf("the artifact is %+v, %v", manifest, err)
	}
	if left, err := os.ReadDir(s.TempDir); err != nil || len(left) > 0 {
		t.Errorf("uploads left %v behind, %v", left, err)
	}
}

func TestStorePutTwiceIsOnce(t *testing.T) {
	h, s := newStore(t)
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			if _, _, err := s.Put(t.Context(), strings.NewReader("code"), 100); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	h.counts()
	if _, _, err := s.Put(t.Context(), strings.NewReader("code"), 100); err != nil {
		t.Error(err)
	}
	for request, n := range h.counts() {
		if request[0] == 'P' {
			t.Errorf("what is there was sent again: %d × %s", n, request)
		}
	}
}

func TestStoreRefuses(t *testing.T) {
	h, s := newStore(t)
	cases := map[string]struct {
		reason, body string
		code         lambda.Code
	}{
		"Fits":     {"the limit is allowed", "0123456789", ""},
		"TooLarge": {"one byte more is not", "0123456789+", lambda.CodeRequestEntityTooLarge},
		"Empty":    {"nothing is no code", "", lambda.CodeInvalidParameterValue},
	}
	for name, tc := range cases {
		h.counts()
		if _, _, err := s.Put(t.Context(), strings.NewReader(tc.body), 10); lambda.CodeOf(err) != tc.code {
			t.Errorf("%s: %s: got %v", name, tc.reason, err)
		}
		if asked := h.counts(); tc.code != "" && len(asked) > 0 {
			t.Errorf("%s: the registry was asked %v for nothing", name, asked)
		}
	}
	gone := errors.New("client is gone")
	if _, _, err := s.Put(t.Context(), io.MultiReader(strings.NewReader("x"), failing{gone}), 10); !errors.Is(err, gone) {
		t.Errorf("an upload that breaks off: %v", err)
	}
	if left, err := os.ReadDir(s.TempDir); err != nil || len(left) > 0 {
		t.Errorf("uploads left %v behind, %v", left, err)
	}
}

// failing is a reader that fails.
type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

func TestStoreOpenRefuses(t *testing.T) {
	_, s := newStore(t)
	if _, _, err := s.Put(t.Context(), strings.NewReader("there"), 10); err != nil {
		t.Fatal(err)
	}
	for name, digest := range map[string]string{
		"Unknown": hexSum("other"), "NoDigest": "latest", "Empty": "", "Path": "../../" + hexSum("there"), "Upper": strings.ToUpper(hexSum("there")),
	} {
		if _, err := s.Open(t.Context(), digest, 5); lambda.CodeOf(err) != lambda.CodeResourceNotFound {
			t.Errorf("%s: got %v, want ResourceNotFoundException", name, err)
		}
	}
	other := &image.Store{Registry: s.Registry, Prefix: strings.Replace(s.Prefix, "team-a", "team-b", 1)}
	if _, err := other.Open(t.Context(), hexSum("there"), 5); lambda.CodeOf(err) != lambda.CodeResourceNotFound {
		t.Errorf("another team's code: got %v", err)
	}
}

func TestStoreReadsWhatWasStored(t *testing.T) {
	h, s := newStore(t)
	body := strings.Repeat("0123456789", 10000)
	digest, size, err := s.Put(t.Context(), strings.NewReader(body), 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	answer := func(change func([]byte) []byte, declared int) func(http.ResponseWriter, *http.Request) bool {
		return func(w http.ResponseWriter, r *http.Request) bool {
			if r.Method != http.MethodGet || !strings.Contains(r.URL.Path, "/blobs/") {
				return false
			}
			w.Header().Set("Content-Length", strconv.Itoa(declared))
			w.Write(change([]byte(body)))
			return true
		}
	}
	cases := map[string]struct {
		reason  string
		size    int64
		trouble trouble
		kind    image.Kind
	}{
		"Other":    {"bytes have a digest", size, answer(func(b []byte) []byte { return bytes.ToUpper(append([]byte("x"), b[1:]...)) }, len(body)), image.KindCorrupt},
		"Short":    {"bytes have a size", size, answer(func(b []byte) []byte { return b[:10] }, 10), image.KindCorrupt},
		"Cut":      {"a connection may break", size, answer(func(b []byte) []byte { return b[:10] }, len(body)), image.KindUnreachable},
		"Smaller":  {"who expects less gets no more", size - 1, nil, image.KindCorrupt},
		"Larger":   {"who expects more is told", size + 1, nil, image.KindCorrupt},
		"AllRight": {"and else all is well", size, nil, ""},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			h.disturb(tc.trouble)
			defer h.disturb(nil)
			r, err := s.Open(t.Context(), digest, tc.size)
			if err != nil {
				t.Fatal(err)
			}
			defer r.Close()
			_, err = io.ReadAll(r)
			if image.KindOf(err) != tc.kind || (tc.kind == "") != (err == nil) {
				t.Errorf("%s: got %v (%s)", tc.reason, err, image.KindOf(err))
			}
		})
	}
}

func TestStoreAndBake(t *testing.T) {
	s := newShelf(t)
	store := &image.Store{Registry: s.registry(), Prefix: s.ref("team"), TempDir: t.TempDir()}
	zip := pack(t, item{name: "bootstrap", body: "#!", mode: 0o755})
	digest, size, err := store.Put(t.Context(), bytes.NewReader(zip), lambda.MaxZip)
	if err != nil {
		t.Fatal(err)
	}
	stored := image.Archive{SHA256: digest, Size: size, Open: func(ctx context.Context) (io.ReadCloser, error) {
		return store.Open(ctx, digest, size)
	}}
	result := s.bake(t, image.Spec{Base: s.base, Code: &stored, Architecture: "amd64"}, "team/fn")
	direct := image.BytesArchive(zip)
	if again := s.bake(t, image.Spec{Base: s.base, Code: &direct, Architecture: "amd64"}, "team/fn"); !again.Reused || again.Digest != result.Digest {
		t.Errorf("code from the store gives %+v, code at hand %+v", result, again)
	}
}

func TestStoreUnreachable(t *testing.T) {
	h, s := newStore(t)
	h.disturb(func(w http.ResponseWriter, r *http.Request) bool {
		return no(w, http.StatusServiceUnavailable, "UNAVAILABLE")
	})
	if _, _, err := s.Put(t.Context(), strings.NewReader("code"), 10); !image.Temporary(err) {
		t.Errorf("Put: %v", err)
	}
	if _, err := s.Open(t.Context(), hexSum("code"), 4); !image.Temporary(err) {
		t.Errorf("Open: %v", err)
	}
	s.Prefix = "not a prefix"
	if _, _, err := s.Put(t.Context(), strings.NewReader("code"), 10); image.KindOf(err) != image.KindBadReference {
		t.Errorf("Put: %v", err)
	}
	if _, err := s.Open(t.Context(), hexSum("code"), 4); image.KindOf(err) != image.KindBadReference {
		t.Errorf("Open: %v", err)
	}
}
