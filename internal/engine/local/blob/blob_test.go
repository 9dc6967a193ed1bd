package blob_test

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"time"

	"github.com/lambkin-dev/lambkin/internal/engine/local/blob"
	"github.com/lambkin-dev/lambkin/internal/lambda"
)

func open(t *testing.T) (*blob.Store, string) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "blobs")
	s, err := blob.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	return s, dir
}

func put(t *testing.T, s *blob.Store, text string) string {
	t.Helper()
	digest, size, err := s.Put(strings.NewReader(text), 1<<20)
	if err != nil || size != int64(len(text)) {
		t.Fatalf("Put = %d, %v", size, err)
	}
	return digest
}

func TestPutAndOpen(t *testing.T) {
	s, dir := open(t)
	digest := put(t, s, "some code")
	sum := sha256.Sum256([]byte("some code"))
	if digest != hex.EncodeToString(sum[:]) {
		t.Errorf("Put gives digest %q", digest)
	}
	put(t, s, "some code")
	f, err := s.Open(digest)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if got, err := io.ReadAll(f); err != nil || string(got) != "some code" {
		t.Errorf("Open gives %q, %v", got, err)
	}
	if size, err := s.Size(digest); err != nil || size != 9 {
		t.Errorf("Size = %d, %v; want 9", size, err)
	}
	if files, _ := os.ReadDir(dir); len(files) != 1 {
		t.Errorf("two Puts of the same bytes leave %d files, want 1", len(files))
	}
}

func TestPutRefuses(t *testing.T) {
	broken := errors.New("connection lost")
	cases := map[string]struct {
		reason string
		r      io.Reader
		code   lambda.Code
		cause  error
	}{
		"AtLimit":   {reason: "The limit is inclusive.", r: strings.NewReader("12345")},
		"OverLimit": {reason: "One byte more is too many.", r: strings.NewReader("123456"), code: lambda.CodeRequestEntityTooLarge},
		"Endless":   {reason: "No more is read than needed to know.", r: endless{}, code: lambda.CodeRequestEntityTooLarge},
		"Empty":     {reason: "Nothing is no code.", r: strings.NewReader(""), code: lambda.CodeInvalidParameterValue},
		"Broken":    {reason: "An upload that ends early is not kept.", r: iotest.ErrReader(broken), code: lambda.CodeService, cause: broken},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			s, dir := open(t)
			_, _, err := s.Put(tc.r, 5)
			if lambda.CodeOf(err) != tc.code || (tc.cause != nil && !errors.Is(err, tc.cause)) {
				t.Errorf("%s\nPut: %v, want %q", tc.reason, err, tc.code)
			}
			files, _ := os.ReadDir(dir)
			if want := map[bool]int{true: 1}[tc.code == ""]; len(files) != want {
				t.Errorf("%s\n%d files are left, want %d", tc.reason, len(files), want)
			}
		})
	}
}

type endless struct{}

func (endless) Read(p []byte) (int, error) { return len(p), nil }

func TestOpenUnknown(t *testing.T) {
	s, dir := open(t)
	if err := os.WriteFile(filepath.Join(filepath.Dir(dir), "secret"), []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, digest := range []string{"", "../secret", strings.Repeat("0", 64), strings.Repeat("A", 64), strings.Repeat("z", 64)} {
		if _, err := s.Open(digest); lambda.CodeOf(err) != lambda.CodeResourceNotFound {
			t.Errorf("Open(%q) = %v, want ResourceNotFoundException", digest, err)
		}
		if _, err := s.Size(digest); lambda.CodeOf(err) != lambda.CodeResourceNotFound {
			t.Errorf("Size(%q) = %v, want ResourceNotFoundException", digest, err)
		}
	}
}

func TestSweep(t *testing.T) {
	s, dir := open(t)
	used, unused, recent := put(t, s, "used"), put(t, s, "unused"), put(t, s, "recent")
	stale := filepath.Join(dir, ".put-123")
	foreign := filepath.Join(dir, "README")
	for _, p := range []string{stale, foreign} {
		if err := os.WriteFile(p, []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	old := time.Now().Add(-2 * time.Hour)
	for _, p := range []string{used, unused, recent, filepath.Base(stale), filepath.Base(foreign)} {
		if err := os.Chtimes(filepath.Join(dir, p), old, old); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.Size(recent); err != nil {
		t.Fatal(err)
	}
	n, err := s.Sweep(time.Now().Add(-time.Hour), func(d string) bool { return d == used })
	if err != nil || n != 2 {
		t.Errorf("Sweep = %d, %v; want the unused blob and the unfinished file", n, err)
	}
	for name, want := range map[string]bool{used: true, unused: false, recent: true, ".put-123": false, "README": true} {
		if _, err := os.Stat(filepath.Join(dir, name)); (err == nil) != want {
			t.Errorf("after Sweep %q is there: %v, want %v", name, err == nil, want)
		}
	}
}

// TestSweepDuringPuts has every Put followed by a look, while sweeps that use nothing go on: the grace must protect.
func TestSweepDuringPuts(t *testing.T) {
	s, _ := open(t)
	var wg sync.WaitGroup
	done := make(chan struct{})
	wg.Go(func() {
		for {
			select {
			case <-done:
				return
			default:
				if _, err := s.Sweep(time.Now().Add(-time.Hour), func(string) bool { return false }); err != nil {
					t.Error(err)
				}
			}
		}
	})
	for range 50 {
		digest := put(t, s, "same bytes")
		if _, err := s.Size(digest); err != nil {
			t.Errorf("a blob that was just put is gone: %v", err)
		}
	}
	close(done)
	wg.Wait()
}
