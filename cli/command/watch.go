package command

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/fsnotify/fsnotify"

	"github.com/lambkin-dev/lambkin/cli/source"
)

// quiet is how long nothing must change before a change counts as whole: editors write several files, and one in parts.
const quiet = 30 * time.Millisecond

// watch tells which files below path changed, each burst once, until ctx ends; then it closes the channel.
func watch(ctx context.Context, path string) (<-chan []string, error) {
	w, err := fsnotify.NewWatcher()
	if err != nil {
		return nil, fmt.Errorf("watch %q: %w", path, err)
	}
	ignored, err := source.Ignored(path)
	if err != nil {
		return nil, fmt.Errorf("watch %q: %w", path, err)
	}
	t := &tree{root: path, watcher: w, ignored: ignored}
	if err := t.add(path); err != nil {
		return nil, fmt.Errorf("watch %q: %w", path, err)
	}
	out := make(chan []string)
	go t.run(ctx, out)
	return out, nil
}

// tree watches a folder with all folders in it, or one file.
type tree struct {
	root    string
	watcher *fsnotify.Watcher
	ignored func(name string, folder bool) bool
}

// add watches what is at a path. A single file is watched through its folder, since editors replace files.
func (t *tree) add(path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	if !info.IsDir() {
		return t.watchFolder(filepath.Dir(path))
	}
	return filepath.WalkDir(path, func(p string, d fs.DirEntry, err error) error {
		if err != nil || !d.IsDir() {
			return nil //nolint:nilerr // what has gone again need not be watched
		}
		if p != t.root && t.drops(p, true) {
			return fs.SkipDir
		}
		return t.watchFolder(p)
	})
}

func (t *tree) watchFolder(dir string) error {
	if err := t.watcher.Add(dir); err != nil {
		return fmt.Errorf("watch %q: %w", dir, err)
	}
	return nil
}

// drops reports whether changes at a path do not matter.
func (t *tree) drops(path string, folder bool) bool {
	rel, err := filepath.Rel(t.root, path)
	if err != nil || rel == "." {
		return false
	}
	if info, err := os.Stat(t.root); err == nil && !info.IsDir() {
		return filepath.Clean(path) != filepath.Clean(t.root)
	}
	return filepath.Base(path) != "function.yaml" && t.ignored(filepath.ToSlash(rel), folder)
}

// run gathers events into bursts.
func (t *tree) run(ctx context.Context, out chan<- []string) {
	defer close(out)
	defer func() { _ = t.watcher.Close() }()
	var burst []string
	calm := time.NewTimer(quiet)
	calm.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case event, ok := <-t.watcher.Events:
			if !ok {
				return
			}
			if t.matters(event) {
				burst = append(burst, event.Name)
				calm.Reset(quiet)
			}
		case <-t.watcher.Errors: // an overflow: what was lost is in the next burst, or saved again
			calm.Reset(quiet)
		case <-calm.C:
			files := existing(distinct(burst))
			burst = nil
			select {
			case out <- files:
			case <-ctx.Done():
				return
			}
		}
	}
}

// matters reports whether an event changes what is deployed, and watches folders that are new.
func (t *tree) matters(event fsnotify.Event) bool {
	if event.Op == fsnotify.Chmod {
		return false
	}
	info, err := os.Stat(event.Name)
	folder := err == nil && info.IsDir()
	if t.drops(event.Name, folder) {
		return false
	}
	if folder && event.Has(fsnotify.Create) {
		_ = t.add(event.Name) // if it has gone again, there is nothing to watch
	}
	return true
}

// existing drops files that are not there any more, and gives absolute paths.
func existing(names []string) []string {
	files := []string{}
	for _, name := range names {
		info, err := os.Stat(name)
		abs, absErr := filepath.Abs(name)
		if err == nil && absErr == nil && info.Mode().IsRegular() {
			files = append(files, abs)
		}
	}
	return files
}
