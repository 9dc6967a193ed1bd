package source

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/lambkin-dev/lambkin/api/v1alpha1"
)

// Options say what the person has decided already.
type Options struct {
	// Runtime and Handler, if not empty, are taken as they are.
	Runtime, Handler string
	// Architecture is what Go programs are compiled for.
	Architecture v1alpha1.Architecture
	// Install installs dependencies into a copy of the folder.
	Install bool
	// Tools runs compilers and package managers; nil runs them on this machine.
	Tools Tools
}

// Package is code that is ready to be uploaded.
type Package struct {
	Runtime, Handler string
	// Zip is the archive, SHA256 its digest in lower-case hex, and Unzipped its size once extracted, in bytes.
	Zip      []byte
	SHA256   string
	Unzipped int64
}

// Pack makes a package of the folder or file at name.
func Pack(ctx context.Context, name string, o Options) (*Package, error) {
	info, err := os.Stat(name)
	if err != nil {
		return nil, fmt.Errorf("find the code: %w", err)
	}
	if o.Tools == nil {
		o.Tools = Machine
	}
	o.Runtime = RuntimeID(o.Runtime)
	if info.IsDir() {
		return packFolder(ctx, name, o)
	}
	switch strings.ToLower(filepath.Ext(name)) {
	case ".zip", ".jar":
		return packZip(name, o)
	case ".go":
		return compile(ctx, filepath.Dir(name), filepath.Base(name), o)
	default:
		return packFile(name, info, o)
	}
}

func packFolder(ctx context.Context, dir string, o Options) (*Package, error) {
	files := os.DirFS(dir)
	guess, err := complete(files, o)
	if err != nil {
		return nil, fmt.Errorf("%q: %w", dir, err)
	}
	if guess.GoProgram {
		return compile(ctx, dir, ".", o)
	}
	dir, cleanup, err := dependencies(ctx, dir, guess.Runtime, o)
	if err != nil {
		return nil, err
	}
	defer cleanup()
	entries, err := walk(dir)
	if err != nil {
		return nil, err
	}
	return finish(entries, guess)
}

// complete guesses what the person has not said. A handler that was given spares the search for one.
func complete(files fs.FS, o Options) (Guess, error) {
	if o.Handler == "" {
		return GuessFrom(files, o.Runtime)
	}
	names, err := topFiles(files)
	if err != nil {
		return Guess{}, err
	}
	c, err := language(names, o.Runtime)
	if err != nil {
		return Guess{}, fmt.Errorf("%w (or give --runtime)", err)
	}
	return Guess{Runtime: or(o.Runtime, c.runtime), Handler: o.Handler, GoProgram: c.compiled}, nil
}

func finish(entries []entry, guess Guess) (*Package, error) {
	if len(entries) == 0 {
		return nil, errors.New("there is no file to deploy: is everything in " + IgnoreFile + "?")
	}
	data, unzipped, err := pack(entries, awsSizes())
	if err != nil {
		return nil, err
	}
	return packageOf(data, unzipped, guess), nil
}

func packageOf(data []byte, unzipped int64, guess Guess) *Package {
	sum := sha256.Sum256(data)
	return &Package{Runtime: guess.Runtime, Handler: guess.Handler, Zip: data, SHA256: hex.EncodeToString(sum[:]), Unzipped: unzipped}
}

// packZip takes an archive as it is.
func packZip(name string, o Options) (*Package, error) {
	data, zr, unzipped, err := readZip(name)
	if err != nil {
		return nil, err
	}
	guess, err := complete(zr, o)
	if err != nil {
		return nil, fmt.Errorf("%q: %w", name, err)
	}
	if guess.GoProgram {
		return nil, fmt.Errorf("%q holds Go source and no program: deploy the folder instead", name)
	}
	return packageOf(data, unzipped, guess), nil
}

// readZip reads an archive within the limits.
func readZip(name string) (data []byte, zr *zip.Reader, unzipped int64, err error) {
	data, err = os.ReadFile(name)
	if err != nil {
		return nil, nil, 0, fmt.Errorf("read the archive: %w", err)
	}
	zr, err = zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		return nil, nil, 0, fmt.Errorf("%q is not a zip archive: %w", name, err)
	}
	entries := make([]entry, 0, len(zr.File))
	for _, f := range zr.File {
		size := int64(min(f.UncompressedSize64, 1<<40))
		entries = append(entries, entry{name: f.Name, size: size})
		unzipped += size
	}
	limit := awsSizes()
	if int64(len(data)) > limit.zipped {
		return nil, nil, 0, tooLarge("zipped", int64(len(data)), limit.zipped, entries)
	}
	if unzipped > limit.unzipped {
		return nil, nil, 0, tooLarge("unzipped", unzipped, limit.unzipped, entries)
	}
	return data, zr, unzipped, nil
}

// packFile makes a package of one file: a script in a known language, or a program.
func packFile(name string, info fs.FileInfo, o Options) (*Package, error) {
	base := filepath.Base(name)
	e := entry{name: base, path: name, size: info.Size(), exec: info.Mode()&0o111 != 0}
	if slices.Contains([]string{".mjs", ".js", ".cjs", ".py", ".rb"}, filepath.Ext(base)) && o.Runtime != runtimeExec {
		guess, err := complete(oneFile{os.DirFS(filepath.Dir(name)), base}, o)
		if err != nil {
			return nil, fmt.Errorf("%q: %w", name, err)
		}
		return finish([]entry{e}, guess)
	}
	program, err := isProgram(name)
	if err != nil {
		return nil, err
	}
	if o.Runtime == runtimeExec || (o.Runtime == "" && !program && base != "bootstrap" && e.exec) {
		e.exec = true
		return finish([]entry{e}, Guess{Runtime: runtimeExec, Handler: or(o.Handler, base)})
	}
	if !program && base != "bootstrap" && o.Runtime == "" {
		return nil, fmt.Errorf("%q: %w", name, ErrNothing)
	}
	e.name, e.exec = "bootstrap", true
	return finish([]entry{e}, Guess{Runtime: or(o.Runtime, defaultProvided), Handler: or(o.Handler, "bootstrap")})
}

// isProgram reports whether a file is a compiled Linux program.
func isProgram(name string) (bool, error) {
	f, err := os.Open(name)
	if err != nil {
		return false, fmt.Errorf("read the program: %w", err)
	}
	defer func() { _ = f.Close() }()
	head := make([]byte, 4)
	n, _ := f.Read(head) // a file of fewer bytes is no program
	return string(head[:n]) == "\x7fELF", nil
}

// oneFile is a folder in which there is only one file.
type oneFile struct {
	fs.FS
	name string
}

// ReadDir lists the one file.
func (o oneFile) ReadDir(string) ([]fs.DirEntry, error) {
	info, err := fs.Stat(o.FS, o.name)
	if err != nil {
		return nil, err
	}
	return []fs.DirEntry{fs.FileInfoToDirEntry(info)}, nil
}

// PackLayer makes a package of a folder or zip as it is: a layer has neither runtime nor handler.
func PackLayer(name string) (*Package, error) {
	info, err := os.Stat(name)
	if err != nil {
		return nil, fmt.Errorf("find the content: %w", err)
	}
	if !info.IsDir() {
		data, _, unzipped, err := readZip(name)
		if err != nil {
			return nil, err
		}
		return packageOf(data, unzipped, Guess{}), nil
	}
	entries, err := walk(name)
	if err != nil {
		return nil, err
	}
	return finish(entries, Guess{})
}
