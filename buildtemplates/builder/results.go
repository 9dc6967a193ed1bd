package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
)

// results are the files that results are written to, by the names of results. A result without a file is not wanted.
type results map[string]string

// String is nothing: there is no default.
func (r results) String() string { return "" }

// Set reads NAME=FILE.
func (r results) Set(text string) error {
	name, file, ok := strings.Cut(text, "=")
	if !ok || name == "" || file == "" {
		return fmt.Errorf("%q is not NAME=FILE", text)
	}
	r[name] = file
	return nil
}

// write writes one result. What is there already was left by the steps of other people, and may be a link.
func (r results) write(name, value string) error {
	file, ok := r[name]
	if !ok {
		return nil
	}
	if err := os.Remove(file); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("cannot write result %s: %w", name, err)
	}
	if err := os.WriteFile(file, []byte(value), 0o644); err != nil {
		return fmt.Errorf("cannot write result %s: %w", name, err)
	}
	return nil
}
