// Package bootstrap knows how every Lambda runtime is started, and carries our own clients of the Runtime API.
//
// The clients for Node.js, Python and Ruby are embedded; [Extract] puts them on disk. They need a plain interpreter and
// nothing else, so functions run in any image and on any host. Go handlers of the go1.x era and arbitrary executables
// have no client of their own: our programs speak for them (packages runner, gorpc and stdio).
//
// [Lookup] finds a runtime by the id that the Lambda API uses, [Runtime.Command] says how its process is started and
// with which environment.
package bootstrap

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

//go:embed node/*.mjs python/*.py python/lambkin_runtime/*.py ruby/*.rb ruby/lambkin_runtime/*.rb
var clients embed.FS

// Extract writes the embedded clients below dir and returns the folder that holds them, for [Host.RuntimeDir].
//
// The folder's name is a hash of its content: a newer binary never changes the files that a running function uses, and
// a folder that exists is complete, since it got its name in one rename. Concurrent calls are safe.
func Extract(dir string) (string, error) {
	sum, err := contentHash(clients)
	if err != nil {
		return "", fmt.Errorf("hash the embedded runtime clients: %w", err)
	}
	target := filepath.Join(dir, sum)
	if info, err := os.Stat(target); err == nil && info.IsDir() {
		return target, nil
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", fmt.Errorf("extract the runtime clients: %w", err)
	}
	draft, err := os.MkdirTemp(dir, ".draft-")
	if err != nil {
		return "", fmt.Errorf("extract the runtime clients: %w", err)
	}
	defer func() { _ = os.RemoveAll(draft) }() // is gone after the rename
	if err := writeAll(clients, draft); err != nil {
		return "", fmt.Errorf("extract the runtime clients to %q: %w", dir, err)
	}
	return target, publish(draft, target)
}

// publish renames draft to target; somebody else's target of the same content is as good.
func publish(draft, target string) error {
	err := os.Rename(draft, target)
	if err != nil && !errors.Is(err, fs.ErrExist) {
		if info, statErr := os.Stat(target); statErr != nil || !info.IsDir() {
			return fmt.Errorf("publish the runtime clients: %w", err)
		}
	}
	return nil
}

// contentHash names a tree by its paths and contents.
func contentHash(tree fs.FS) (string, error) {
	sum := sha256.New()
	err := fs.WalkDir(tree, ".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		data, err := fs.ReadFile(tree, path)
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(sum, "%s %d\n%s", path, len(data), data)
		return err
	})
	return hex.EncodeToString(sum.Sum(nil))[:16], err
}

// writeAll copies a tree to a folder that exists. Functions run as other users, so everybody may read.
func writeAll(tree fs.FS, dir string) error {
	if err := os.Chmod(dir, 0o755); err != nil {
		return err
	}
	return os.CopyFS(dir, tree)
}
