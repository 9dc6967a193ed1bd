package source

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// mostNames is how many names an error shows of what is there instead.
const mostNames = 10

// Folder checks that name is a folder below dir, reached without leaving it, and gives its path. The error of one that is
// missing says what there is.
func Folder(dir, name string) (string, error) {
	if name == "" {
		return dir, nil
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return "", fmt.Errorf("cannot look into the source: %w", err)
	}
	defer root.Close()
	info, err := root.Stat(filepath.FromSlash(name))
	if err != nil {
		return "", fmt.Errorf("source has no folder %q; at the top there are %s: %w", name, listing(dir), err)
	}
	if !info.IsDir() {
		return "", fmt.Errorf("%q is a file of the source and no folder: set path to the folder that holds the function", name)
	}
	return filepath.Join(dir, filepath.FromSlash(name)), nil
}

// listing names what is in a folder, for a person who got a name wrong.
func listing(dir string) string {
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) == 0 {
		return "no files"
	}
	names := make([]string, 0, mostNames+1)
	for _, e := range entries {
		names = append(names, fmt.Sprintf("%.100q", e.Name()))
	}
	if len(names) > mostNames {
		names = append(slices.Clone(names[:mostNames]), fmt.Sprintf("%d more", len(names)-mostNames))
	}
	return strings.Join(names, ", ")
}
