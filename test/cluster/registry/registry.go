// Package registry is a container registry that survives being stopped: go-containerregistry's, whose blobs can lie on
// disk, with a journal of the manifests, which it keeps in memory only.
package registry

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/google/go-containerregistry/pkg/registry"
)

// maxManifest is what the registry takes as one manifest.
const maxManifest = 8 << 20

// entry is one change of a manifest: it was put or deleted.
type entry struct {
	Method      string `json:"method"`
	Path        string `json:"path"`
	ContentType string `json:"contentType,omitempty"`
	Body        []byte `json:"body,omitempty"`
}

// Registry serves one folder. Make it with Open.
type Registry struct {
	next http.Handler

	mu      sync.Mutex // changes of manifests happen one by one, in the order of the journal
	journal *os.File
}

// Open gives the registry of a folder with everything that was ever pushed to it.
func Open(dir string, logger *slog.Logger) (*Registry, error) {
	if err := os.MkdirAll(filepath.Join(dir, "blobs"), 0o755); err != nil {
		return nil, err
	}
	r := &Registry{next: registry.New(
		registry.WithBlobHandler(registry.NewDiskBlobHandler(filepath.Join(dir, "blobs"))),
		registry.WithReferrersSupport(true),
		registry.Logger(slog.NewLogLogger(logger.Handler(), slog.LevelInfo)),
	)}
	name := filepath.Join(dir, "manifests.jsonl")
	if err := r.replay(name); err != nil {
		return nil, fmt.Errorf("manifests of the registry in %q: %w", dir, err)
	}
	journal, err := os.OpenFile(name, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, err
	}
	r.journal = journal
	return r, nil
}

// Close closes the journal.
func (r *Registry) Close() error { return r.journal.Close() }

// replay does everything in the journal again. A last line without its end was never answered and counts for nothing.
func (r *Registry) replay(name string) error {
	f, err := os.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer f.Close()
	var whole int64
	for dec := json.NewDecoder(f); ; whole = dec.InputOffset() {
		var e entry
		err := dec.Decode(&e)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if errors.Is(err, io.ErrUnexpectedEOF) {
			return os.Truncate(name, whole)
		}
		if err != nil {
			return fmt.Errorf("journal %q: %w", name, err)
		}
		if err := r.redo(e); err != nil {
			return err
		}
	}
}

func (r *Registry) redo(e entry) error {
	req, err := http.NewRequestWithContext(context.Background(), e.Method, e.Path, bytes.NewReader(e.Body))
	if err != nil {
		return fmt.Errorf("%s %q: %w", e.Method, e.Path, err)
	}
	req.Header.Set("Content-Type", e.ContentType)
	answer := &status{header: http.Header{}}
	r.next.ServeHTTP(answer, req)
	if answer.code >= http.StatusBadRequest {
		return fmt.Errorf("%s %q again: status %d", e.Method, e.Path, answer.code)
	}
	return nil
}

// ServeHTTP implements http.Handler.
func (r *Registry) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	if !changesManifest(req) {
		r.next.ServeHTTP(w, req)
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, req.Body, maxManifest))
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	req.Body = io.NopCloser(bytes.NewReader(body))
	r.mu.Lock()
	defer r.mu.Unlock()
	answer := &status{header: http.Header{}}
	r.next.ServeHTTP(answer, req)
	if answer.code < http.StatusBadRequest {
		if err := r.record(entry{req.Method, req.URL.Path, req.Header.Get("Content-Type"), body}); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
	}
	answer.copyTo(w)
}

func (r *Registry) record(e entry) error {
	line, err := json.Marshal(e)
	if err != nil {
		return fmt.Errorf("manifest %q: %w", e.Path, err)
	}
	_, err = r.journal.Write(append(line, '\n'))
	return err
}

func changesManifest(req *http.Request) bool {
	return (req.Method == http.MethodPut || req.Method == http.MethodDelete) && strings.Contains(req.URL.Path, "/manifests/")
}

// status keeps an answer until it may be given.
type status struct {
	header http.Header
	code   int
	body   bytes.Buffer
}

func (s *status) Header() http.Header { return s.header }

func (s *status) WriteHeader(code int) {
	if s.code == 0 {
		s.code = code
	}
}

func (s *status) Write(p []byte) (int, error) {
	s.WriteHeader(http.StatusOK)
	return s.body.Write(p)
}

func (s *status) copyTo(w http.ResponseWriter) {
	maps.Copy(w.Header(), s.header)
	w.WriteHeader(max(s.code, http.StatusOK))
	_, _ = s.body.WriteTo(w) // the client may be gone
}
