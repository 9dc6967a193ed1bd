package access

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/lambkin-dev/lambkin/internal/lambda"
	"github.com/lambkin-dev/lambkin/internal/policy"
)

const (
	// keysFile is the name of the file with all keys, in a data directory.
	keysFile = "keys.json"
	// CredentialsFile is the name of the file with the first key in the form that AWS's tools read, in a data directory.
	CredentialsFile = "credentials"
	// maxKeys bounds what one server issues.
	maxKeys = 10_000
)

// ErrNoKey says that there is no such key.
var ErrNoKey = errors.New("there is no such access key")

// File keeps keys in a file that only its owner can read. A change by another process is seen with the next lookup.
type File struct {
	path string

	mu    sync.Mutex
	state fs.FileInfo // of the file as it was read; nil before that
	keys  []Key
	byID  map[string]*Issued
}

// Open gives the keys of a data directory. There need be none yet.
func Open(dir string) *File { return &File{path: filepath.Join(dir, keysFile)} }

// document is the form of the file.
type document struct {
	Keys []Key `json:"keys"`
}

// Lookup implements [Keys].
func (f *File) Lookup(_ context.Context, id string) (*Issued, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.refresh(); err != nil {
		return nil, &lambda.Error{Code: lambda.CodeService, Message: "The access keys cannot be read.", Err: err}
	}
	if k, ok := f.byID[id]; ok {
		return k, nil
	}
	return nil, Unrecognized()
}

// List gives all keys, oldest first.
func (f *File) List() ([]Key, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	err := f.refresh()
	return slices.Clone(f.keys), err
}

// Add keeps a key.
func (f *File) Add(k Key) error {
	if _, err := k.Check(); err != nil {
		return err
	}
	return f.change(func(keys []Key) ([]Key, error) {
		if len(keys) >= maxKeys {
			return nil, fmt.Errorf("there are %d access keys already, which is the most: delete some", len(keys))
		}
		return append(keys, k), nil
	})
}

// Delete forgets a key. It fails with ErrNoKey if there is none.
func (f *File) Delete(id string) error {
	return f.change(func(keys []Key) ([]Key, error) {
		left := slices.DeleteFunc(slices.Clone(keys), func(k Key) bool { return k.ID == id })
		if len(left) == len(keys) {
			return nil, fmt.Errorf("%w: %q", ErrNoKey, id)
		}
		return left, nil
	})
}

func (f *File) change(to func([]Key) ([]Key, error)) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.refresh(); err != nil {
		return err
	}
	keys, err := to(slices.Clone(f.keys))
	if err != nil {
		return err
	}
	text, err := json.MarshalIndent(document{keys}, "", "  ")
	if err != nil {
		return fmt.Errorf("write access keys: %w", err)
	}
	if err := writePrivate(f.path, append(text, '\n')); err != nil {
		return fmt.Errorf("write access keys: %w", err)
	}
	f.state = nil
	return f.refresh()
}

// refresh reads the file if it has changed. The caller holds mu.
func (f *File) refresh() error {
	state, err := os.Stat(f.path)
	if errors.Is(err, fs.ErrNotExist) {
		f.state, f.keys, f.byID = nil, nil, nil
		return nil
	}
	if err != nil {
		return fmt.Errorf("read access keys: %w", err)
	}
	if old := f.state; old != nil && os.SameFile(old, state) && old.ModTime().Equal(state.ModTime()) && old.Size() == state.Size() {
		return nil
	}
	text, err := os.ReadFile(f.path)
	if err != nil {
		return fmt.Errorf("read access keys: %w", err)
	}
	keys, byID, err := parseKeys(text)
	if err != nil {
		return fmt.Errorf("access keys in %s: %w", f.path, err)
	}
	f.state, f.keys, f.byID = state, keys, byID
	return nil
}

func parseKeys(text []byte) ([]Key, map[string]*Issued, error) {
	var doc document
	if err := json.Unmarshal(text, &doc); err != nil {
		return nil, nil, fmt.Errorf("not the JSON of access keys: %w", err)
	}
	byID := make(map[string]*Issued, len(doc.Keys))
	read := map[string]*policy.Document{} // most keys share few policies
	for _, k := range doc.Keys {
		parsed, err := k.Check()
		if err != nil {
			return nil, nil, fmt.Errorf("key %q: %w", k.ID, err)
		}
		if read[k.Policy] == nil {
			read[k.Policy] = parsed
		}
		byID[k.ID] = &Issued{Key: k, Document: read[k.Policy]}
	}
	return doc.Keys, byID, nil
}

// writePrivate replaces a file as a whole, readable by its owner alone.
func writePrivate(path string, text []byte) (err error) {
	draft, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"-*") // 0600
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, draft.Close(), os.Remove(draft.Name()))
		}
	}()
	if _, err = draft.Write(text); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	if err = draft.Sync(); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	if err = os.Rename(draft.Name(), path); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return draft.Close()
}

// Admin makes sure that whoever owns a data directory can use its server: a key that may do everything, in a file as AWS's
// tools read it. It gives the path of that file. A key that is there and still holds is kept.
func Admin(dir string, issue func() (Key, error)) (string, error) {
	path := filepath.Join(dir, CredentialsFile)
	f := Open(dir)
	if c, err := ReadCredentials(path, DefaultProfile); err == nil {
		if _, err := f.Lookup(context.Background(), c.ID); err == nil {
			return path, nil
		}
	}
	k, err := issue()
	if err != nil {
		return "", err
	}
	if err := f.Add(k); err != nil {
		return "", err
	}
	return path, writePrivate(path, []byte(Credentials{ID: k.ID, Secret: k.Secret}.Format(DefaultProfile)))
}

// DefaultProfile is the profile that AWS's tools take where none is named.
const DefaultProfile = "default"

// Credentials are the part of a key that its user needs.
type Credentials struct{ ID, Secret string }

// Format gives credentials as a profile of AWS's shared credentials file.
func (c Credentials) Format(profile string) string {
	return fmt.Sprintf("[%s]\naws_access_key_id = %s\naws_secret_access_key = %s\n", profile, c.ID, c.Secret)
}

// ReadCredentials reads a profile of a file in the form of AWS's shared credentials file:
// https://docs.aws.amazon.com/sdkref/latest/guide/file-format.html.
func ReadCredentials(path, profile string) (Credentials, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return Credentials{}, fmt.Errorf("read credentials: %w", err)
	}
	var c Credentials
	section := ""
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSpace(line)
		if name, ok := strings.CutPrefix(line, "["); ok {
			section = strings.TrimSpace(strings.TrimSuffix(name, "]"))
			continue
		}
		name, value, _ := strings.Cut(line, "=")
		if section != profile {
			continue
		}
		switch strings.ToLower(strings.TrimSpace(name)) {
		case "aws_access_key_id":
			c.ID = strings.TrimSpace(value)
		case "aws_secret_access_key":
			c.Secret = strings.TrimSpace(value)
		}
	}
	if c.ID == "" || c.Secret == "" {
		return c, fmt.Errorf("credentials in %s: profile %q has no aws_access_key_id and aws_secret_access_key", path, profile)
	}
	return c, nil
}
