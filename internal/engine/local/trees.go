package local

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/lambkin-dev/lambkin/internal/archive"
)

// unfinishedTree begins the names of folders that are being filled.
const unfinishedTree = ".extract-"

// bootID tells one run of the kernel from another.
const bootID = "/proc/sys/kernel/random/boot_id"

// trees are folders of extracted archives, named by what is in them. A folder that has its name is complete. They can
// be made again at any time, so they are not synced; after a power failure, which could have left holes, all are dropped.
type trees struct {
	code, opt string
}

// openTrees uses code and opt below dir.
func openTrees(dir string) (trees, error) {
	t := trees{code: filepath.Join(dir, "code"), opt: filepath.Join(dir, "opt")}
	mark := filepath.Join(dir, "boot_id")
	boot, err := os.ReadFile(bootID)
	if err != nil {
		return t, fmt.Errorf("cannot tell whether the machine was restarted: %w", err)
	}
	if before, err := os.ReadFile(mark); err != nil || !bytes.Equal(before, boot) {
		if err := errors.Join(archive.Remove(t.code), archive.Remove(t.opt)); err != nil {
			return t, fmt.Errorf("cannot drop extracted code: %w", err)
		}
	}
	for _, d := range []string{t.code, t.opt} {
		if err := os.MkdirAll(d, 0o755); err != nil { //nolint:gosec // functions may run as another user
			return t, fmt.Errorf("cannot make folder for extracted code: %w", err)
		}
	}
	return t, os.WriteFile(mark, boot, 0o600)
}

// extract gives the folder below parent that holds the archives, later ones over earlier ones, and makes it if it is
// not there.
func (t trees) extract(parent string, digests []string, open func(digest string) (*os.File, error)) (string, error) {
	target := filepath.Join(parent, treeName(digests))
	if _, err := os.Stat(target); err == nil {
		return target, nil
	}
	draft, err := os.MkdirTemp(parent, unfinishedTree)
	if err != nil {
		return "", fmt.Errorf("cannot extract code: %w", err)
	}
	defer archive.Remove(draft) //nolint:errcheck // gone already if all went well; swept otherwise
	for _, digest := range digests {
		if err := extractBlob(draft, digest, open); err != nil {
			return "", err
		}
	}
	if err := archive.Seal(draft); err != nil {
		return "", fmt.Errorf("cannot extract code: %w", err)
	}
	err = os.Rename(draft, target)
	if err != nil && !errors.Is(err, fs.ErrExist) {
		return "", fmt.Errorf("cannot extract code: %w", err)
	}
	return target, nil
}

func extractBlob(dir, digest string, open func(digest string) (*os.File, error)) error {
	f, err := open(digest)
	if err != nil {
		return err
	}
	defer f.Close()
	fi, err := f.Stat()
	if err != nil {
		return fmt.Errorf("cannot extract code: %w", err)
	}
	_, err = archive.Extract(f, fi.Size(), dir, archive.Lambda())
	return err
}

// treeName is the digest itself of one archive, and a digest of the list of several.
func treeName(digests []string) string {
	if len(digests) == 1 {
		return digests[0]
	}
	sum := sha256.Sum256([]byte(strings.Join(digests, "\n")))
	return hex.EncodeToString(sum[:])
}

// sweep removes every folder but those in use.
func (t trees) sweep(used map[string]bool) error {
	for _, parent := range []string{t.code, t.opt} {
		entries, err := os.ReadDir(parent)
		if err != nil {
			return fmt.Errorf("cannot list extracted code: %w", err)
		}
		for _, e := range entries {
			path := filepath.Join(parent, e.Name())
			if used[path] {
				continue
			}
			if err := archive.Remove(path); err != nil {
				return fmt.Errorf("cannot remove extracted code: %w", err)
			}
		}
	}
	return nil
}
