// Docs writes the pages of this folder that are made of tables in the code. `make generate` runs it.
package main

import (
	"fmt"
	"os"
	"path/filepath"
)

//go:generate go run . ..

// page is a page that is made.
type page struct {
	name string
	make func(root string) (string, error)
}

func pages() []page {
	return []page{
		{"operations.md", operations},
		{"function-reference.md", reference},
		{"runtimes.md", runtimes},
	}
}

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: docs ROOT")
		os.Exit(2)
	}
	if err := write(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "docs:", err)
		os.Exit(1)
	}
}

// write writes all pages below the root of a checkout.
func write(root string) error {
	for _, p := range pages() {
		text, err := p.make(root)
		if err != nil {
			return fmt.Errorf("make %s: %w", p.name, err)
		}
		if err := os.WriteFile(filepath.Join(root, "docs", p.name), []byte(text), 0o644); err != nil { //nolint:gosec // a page of the repository
			return err
		}
	}
	return nil
}
