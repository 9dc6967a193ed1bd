package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lambkin-dev/lambkin/buildtemplates/image"
	"github.com/lambkin-dev/lambkin/internal/lambda"
)

func TestTemporary(t *testing.T) {
	refused := &net.OpError{Op: "dial", Err: errors.New("connection refused")}
	cases := map[string]struct {
		reason string
		err    error
		want   bool
	}{
		"Registry":  {"A registry that is down comes back.", fmt.Errorf("cannot: %w", &image.Error{Kind: image.KindUnreachable}), true},
		"Forbidden": {"One that refuses us refuses us again, whatever lies beneath.", &image.Error{Kind: image.KindForbidden, Err: refused}, false},
		"Refused":   {"So does a server of archives.", fmt.Errorf("cannot: %w", refused), true},
		"BreaksOff": {"And one that stops in the middle.", fmt.Errorf("cannot: %w", io.ErrUnexpectedEOF), true},
		"NoName":    {"A name that nobody has is wrong.", &net.OpError{Op: "dial", Err: &net.DNSError{IsNotFound: true}}, false},
		"NoDNS":     {"A name that cannot be looked up just now may be right.", &net.OpError{Op: "dial", Err: &net.DNSError{IsTemporary: true}}, true},
		"Archive":   {"What is no zip stays none.", lambda.Errorf(lambda.CodeInvalidParameterValue, "x"), false},
		"URL":       {"A URL's error is as its cause.", &url.Error{Op: "Get", Err: errors.New("redirect")}, false},
		"Other":     {"Of what nobody knows nothing is hoped for.", errors.New("x"), false},
		"Usage":     {"Nor of a call that is wrong.", usageError{errors.New("x")}, false},
	}
	for name, tc := range cases {
		if got := temporary(tc.err); got != tc.want {
			t.Errorf("%s: %s got %v", name, tc.reason, got)
		}
	}
}

// TestStatusOfTrouble holds what the controller builds on: a step that met trouble which may pass ends with a status of
// its own.
func TestStatusOfTrouble(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case strings.HasPrefix(r.URL.Path, "/busy"):
			w.WriteHeader(http.StatusServiceUnavailable)
		case strings.HasPrefix(r.URL.Path, "/short"):
			w.Header().Set("Content-Length", "100")
			_, _ = w.Write([]byte("x"))
		default:
			w.WriteHeader(http.StatusNotFound)
		}
	}))
	defer srv.Close()
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	cases := map[string]struct {
		reason string
		args   []string
		want   int
	}{
		"ArchiveBusy":    {"It may be there later.", []string{"--archive-url=" + srv.URL + "/busy.zip"}, 75},
		"ArchiveShort":   {"It may be whole later.", []string{"--archive-url=" + srv.URL + "/short.zip"}, 75},
		"ArchiveGone":    {"The server may be there later.", []string{"--archive-url=" + gone.URL + "/a.zip"}, 75},
		"ArchiveMissing": {"It is not there.", []string{"--archive-url=" + srv.URL + "/a.zip"}, 1},
		"GitBusy":        {"The same holds for repositories.", []string{"--git-url=" + srv.URL + "/busy.git"}, 75},
		"GitGone":        {"And for their servers.", []string{"--git-url=" + gone.URL + "/a.git"}, 75},
		"GitMissing":     {"It is not there.", []string{"--git-url=" + srv.URL + "/a.git"}, 1},
		"UploadGone":     {"And for the registry.", []string{"--store=" + strings.TrimPrefix(gone.URL, "http://") + "/s/n", "--upload=" + sumOf(nil) + ":1"}, 75},
		"Usage":          {"A call that is wrong stays so.", []string{"--archive-url=x", "--git-url=y"}, 2},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			if err := os.Mkdir(filepath.Join(dir, "into"), 0o755); err != nil {
				t.Fatal(err)
			}
			var said strings.Builder
			args := append([]string{"fetch", "--into=" + filepath.Join(dir, "into"), "--result=COMMIT=" + filepath.Join(dir, "commit")}, tc.args...)
			if got := run(context.Background(), args, &said, &said); got != tc.want {
				t.Errorf("%s status %d, want %d: %s", tc.reason, got, tc.want, said.String())
			}
		})
	}
}
