package code

import (
	"context"
	"fmt"
	"io"
	"path/filepath"

	"github.com/lambkin-dev/lambkin/buildtemplates/image"
	"github.com/lambkin-dev/lambkin/internal/archive"
)

// programs are the executable files of archives, and the links that may lead to them, by their paths in the image.
type programs struct {
	files map[string]bool
	links map[string]string
}

func newPrograms() *programs {
	return &programs{files: make(map[string]bool), links: make(map[string]string)}
}

// add lays an archive over what there is.
func (p *programs) add(ctx context.Context, a image.Archive, root string) error {
	f, err := a.Open(ctx)
	if err != nil {
		return fmt.Errorf("cannot read code: %w", err)
	}
	defer f.Close()
	content, ok := f.(io.ReaderAt)
	if !ok {
		return fmt.Errorf("cannot read code: %T gives no access to its middle", f)
	}
	return archive.Walk(content, a.Size, archive.Lambda(), func(item archive.Item, _ io.Reader) error {
		path := filepath.Join(root, item.Name)
		delete(p.links, path)
		p.files[path] = item.Executable && item.Kind == 0
		if item.Target != "" {
			p.links[path] = item.Target
		}
		return nil
	})
}

// maxLinks is how many links are followed to a program.
const maxLinks = 16

// executable reports whether a path leads to an executable file.
func (p *programs) executable(path string) bool {
	for range maxLinks {
		if p.files[path] {
			return true
		}
		next, ok := p.follow(path)
		if !ok {
			return false
		}
		path = next
	}
	return false
}

// follow takes the nearest link to the root out of a path.
func (p *programs) follow(path string) (string, bool) {
	for i := 1; i <= len(path); i++ {
		if i < len(path) && path[i] != '/' {
			continue
		}
		if target, ok := p.links[path[:i]]; ok {
			return filepath.Join(filepath.Dir(path[:i]), target, path[i:]), true
		}
	}
	return "", false
}
