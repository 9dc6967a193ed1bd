// Package blob keeps byte strings in files that are named by their content. What Put acknowledged is on the disk.
package blob

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/lambkin-dev/lambkin/internal/lambda"
)

// unfinished begins the names of files that are being written.
const unfinished = ".put-"

// Store is a folder of blobs. It is safe for concurrent use by one process.
type Store struct {
	dir string
	// mu lets a sweep decide and delete without a Put of the same bytes in between.
	mu sync.Mutex
}

// Open uses dir, which is made if it is not there.
func Open(dir string) (*Store, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("cannot make folder for code: %w", err)
	}
	return &Store{dir: dir}, nil
}

// Put stores what r gives and returns its digest in lower-case hex and its size. More than limit bytes fail with
// RequestEntityTooLargeException, and none with InvalidParameterValueException.
func (s *Store) Put(r io.Reader, limit int64) (digest string, size int64, err error) {
	f, err := os.CreateTemp(s.dir, unfinished+"*")
	if err != nil {
		return "", 0, fmt.Errorf("cannot store code: %w", err)
	}
	defer os.Remove(f.Name()) //nolint:errcheck // gone already if all went well; swept otherwise
	digest, size, err = fill(f, r, limit)
	if err = errors.Join(err, f.Close()); err != nil {
		return "", 0, err
	}
	return digest, size, s.keep(f.Name(), digest)
}

// fill copies r to f, and f to the disk.
func fill(f *os.File, r io.Reader, limit int64) (digest string, size int64, err error) {
	hash := sha256.New()
	size, err = io.Copy(io.MultiWriter(f, hash), io.LimitReader(r, limit+1))
	if err != nil {
		return "", 0, fmt.Errorf("cannot store code: %w", err)
	}
	if size > limit {
		return "", 0, lambda.Errorf(lambda.CodeRequestEntityTooLarge, "Zipped size must be smaller than %d bytes", limit)
	}
	if size == 0 {
		return "", 0, lambda.Errorf(lambda.CodeInvalidParameterValue, "Uploaded file must be a non-empty zip")
	}
	if err := f.Sync(); err != nil {
		return "", 0, fmt.Errorf("cannot store code: %w", err)
	}
	return hex.EncodeToString(hash.Sum(nil)), size, nil
}

// keep gives the finished file its name. Bytes that are there already count as new again for Sweep.
func (s *Store) keep(finished, digest string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := os.Rename(finished, s.path(digest)); err != nil {
		return fmt.Errorf("cannot store code: %w", err)
	}
	if err := SyncDir(s.dir); err != nil {
		return fmt.Errorf("cannot store code: %w", err)
	}
	return nil
}

// Open reads a blob. An unknown digest, or text that is none, fails with ResourceNotFoundException.
func (s *Store) Open(digest string) (*os.File, error) {
	if !isDigest(digest) {
		return nil, lambda.Errorf(lambda.CodeResourceNotFound, "No code with digest %.80q", digest)
	}
	f, err := os.Open(s.path(digest))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, lambda.Errorf(lambda.CodeResourceNotFound, "No code with digest %q", digest)
	}
	if err != nil {
		return nil, fmt.Errorf("cannot read code: %w", err)
	}
	return f, nil
}

// Size gives the size of a blob, and makes it count as new for Sweep. It fails like Open.
func (s *Store) Size(digest string) (int64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f, err := s.Open(digest)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	fi, err := f.Stat()
	if err != nil {
		return 0, fmt.Errorf("cannot read code: %w", err)
	}
	now := time.Now()
	if err := os.Chtimes(s.path(digest), now, now); err != nil {
		return 0, fmt.Errorf("cannot read code: %w", err)
	}
	return fi.Size(), nil
}

// Sweep deletes the blobs and unfinished files that were last put before the given time, except blobs whose digest
// used reports, and gives how many it deleted.
func (s *Store) Sweep(before time.Time, used func(digest string) bool) (int, error) {
	entries, err := os.ReadDir(s.dir)
	if err != nil {
		return 0, fmt.Errorf("cannot list code: %w", err)
	}
	swept := 0
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), unfinished) && (!isDigest(e.Name()) || used(e.Name())) {
			continue
		}
		gone, err := s.drop(e.Name(), before)
		if err != nil {
			return swept, err
		}
		if gone {
			swept++
		}
	}
	return swept, nil
}

func (s *Store) drop(name string, before time.Time) (bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	path := filepath.Join(s.dir, name)
	fi, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("cannot sweep code: %w", err)
	}
	if !fi.ModTime().Before(before) {
		return false, nil
	}
	if err := os.Remove(path); err != nil {
		return false, fmt.Errorf("cannot sweep code: %w", err)
	}
	return true, nil
}

func (s *Store) path(digest string) string { return filepath.Join(s.dir, digest) }

func isDigest(s string) bool {
	if len(s) != 2*sha256.Size {
		return false
	}
	for _, c := range []byte(s) {
		if (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}

// SyncDir makes the names in a folder durable.
func SyncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
