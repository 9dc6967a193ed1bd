package image_test

import (
	"bytes"
	"encoding/json"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/lambkin-dev/lambkin/buildtemplates/image"
)

// hub is a registry in memory, as strict as the ones people run: blobs belong to repositories, can be mounted from one
// to another, and must be there before the manifest that names them. It remembers what was asked of it.
type hub struct {
	*httptest.Server
	inner http.Handler

	// noMounts makes the hub ignore what could be mounted.
	noMounts bool

	mu      sync.Mutex
	trouble trouble
	asked   []string
	owned   map[string]map[string]bool // repository to digests of its blobs
}

func newHub(t testing.TB) *hub {
	h := unstartedHub()
	h.Server = httptest.NewServer(h)
	t.Cleanup(h.Close)
	return h
}

func newTLSHub(t testing.TB) *hub {
	h := unstartedHub()
	h.Server = httptest.NewUnstartedServer(h)
	h.Server.Config.ErrorLog = log.New(io.Discard, "", 0)
	h.StartTLS()
	t.Cleanup(h.Close)
	return h
}

func unstartedHub() *hub {
	return &hub{
		inner: registry.New(registry.Logger(log.New(io.Discard, "", 0)), registry.WithReferrersSupport(true)),
		owned: map[string]map[string]bool{},
	}
}

// ref names something in the hub: "repository:tag", "repository@digest", "repository".
func (h *hub) ref(rest string) string { return h.Listener.Addr().String() + "/" + rest }

// registry is a client that does not wait long between attempts.
func (h *hub) registry() *image.Registry {
	return &image.Registry{Backoff: 1, Credentials: image.FirstOf()}
}

// counts gives how many requests of each kind there were since the last call, such as "GET blobs"; uploads are "POST",
// "PATCH" and "PUT uploads", mounts are "mount".
func (h *hub) counts() map[string]int {
	h.mu.Lock()
	defer h.mu.Unlock()
	counts := map[string]int{}
	for _, a := range h.asked {
		counts[a]++
	}
	h.asked = nil
	return counts
}

var pathForm = regexp.MustCompile(`^/v2/(.+)/(blobs/uploads|blobs|manifests)/([^/]*)$`)

func (h *hub) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	parts := pathForm.FindStringSubmatch(r.URL.Path)
	if parts == nil {
		parts = []string{"", "", r.URL.Path, ""}
	}
	repository, what, name := parts[1], strings.TrimPrefix(parts[2], "blobs/"), parts[3]
	mount := r.URL.Query().Get("mount")
	if trouble := h.note(r.Method, what, mount); trouble != nil && trouble(w, r) {
		return
	}
	switch {
	case what == "blobs" && !h.has(repository, name):
		refuse(w, http.StatusNotFound, "BLOB_UNKNOWN")
	case mount != "" && !h.noMounts && h.has(r.URL.Query().Get("from"), mount):
		h.own(repository, mount)
		w.WriteHeader(http.StatusCreated)
	case what == "uploads" && r.Method == http.MethodPut:
		answer := httptest.NewRecorder()
		h.inner.ServeHTTP(answer, r)
		if answer.Code == http.StatusCreated {
			h.own(repository, r.URL.Query().Get("digest"))
		}
		w.WriteHeader(answer.Code)
		w.Write(answer.Body.Bytes())
	case what == "manifests" && r.Method == http.MethodPut && !h.complete(repository, r):
		refuse(w, http.StatusBadRequest, "MANIFEST_BLOB_UNKNOWN")
	default:
		h.inner.ServeHTTP(w, r)
	}
}

// trouble answers in the hub's place if it returns true.
type trouble func(w http.ResponseWriter, r *http.Request) bool

// disturb puts trouble, or nil for none, before the hub.
func (h *hub) disturb(t trouble) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.trouble = t
}

func (h *hub) note(method, what, mount string) trouble {
	h.mu.Lock()
	defer h.mu.Unlock()
	if mount != "" {
		what = "mount"
	}
	h.asked = append(h.asked, method+" "+what)
	return h.trouble
}

func (h *hub) has(repository, digest string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.owned[repository][digest]
}

func (h *hub) own(repository, digest string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.owned[repository] == nil {
		h.owned[repository] = map[string]bool{}
	}
	h.owned[repository][digest] = true
}

// complete reports whether all blobs of the manifest in the request are there, and gives the request its body back.
func (h *hub) complete(repository string, r *http.Request) bool {
	body, _ := io.ReadAll(r.Body)
	r.Body = io.NopCloser(bytes.NewReader(body))
	var manifest struct {
		Config *v1.Descriptor
		Layers []v1.Descriptor
	}
	if json.Unmarshal(body, &manifest) != nil {
		return false
	}
	if manifest.Config == nil {
		return true // an index
	}
	return !slices.ContainsFunc(append(manifest.Layers, *manifest.Config), func(d v1.Descriptor) bool {
		return !h.has(repository, d.Digest.String())
	})
}

// refuse answers as registries do.
func refuse(w http.ResponseWriter, status int, code string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(map[string]any{"errors": []map[string]string{{"code": code, "message": "the hub says so"}}})
}
