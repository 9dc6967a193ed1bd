package archive

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"
)

// Item is what [Walk] meets.
type Item struct {
	// Name is relative and clean, with slashes.
	Name string
	// Kind is fs.ModeDir, fs.ModeSymlink or 0 for a file.
	Kind fs.FileMode
	// Executable says that a file is a program.
	Executable bool
	// Size is how many bytes a file holds.
	Size int64
	// Target is where a link leads, as it is written in the archive.
	Target string
}

// Walk visits what the size bytes of zip in r hold without writing it anywhere: every name once, in the order of the
// names, and every folder before what is in it, whether it has an entry or not. Two archives with the same content
// give the same walk. It refuses what [Extract] refuses. For a file visit gets its content, which fails when it turns
// out not to be what the archive declares. An error of visit ends the walk and is given back as it is.
func Walk(r io.ReaderAt, size int64, l Limits, visit func(Item, io.Reader) error) error {
	entries, err := plan(r, size, l)
	if err != nil {
		return err
	}
	tree, err := plant(entries)
	if err != nil {
		return err
	}
	for _, leaf := range tree.sorted() {
		if err := leaf.show(visit); err != nil {
			return err
		}
	}
	return nil
}

// leaf is an item with the entry that it came from; implied folders have none.
type leaf struct {
	Item
	entry entry
}

// tree is an archive as it will lie on a disk, by name.
type tree map[string]leaf

// plant lays the entries out, with the folders that they imply, and proves every link by following it.
func plant(entries []entry) (tree, error) {
	t := make(tree, len(entries))
	for _, e := range entries {
		item := Item{Name: e.name, Kind: e.kind, Executable: e.exec}
		switch e.kind {
		case fs.ModeSymlink:
			target, err := linkTarget(e)
			if err != nil {
				return nil, err
			}
			item.Target = target
		case 0:
			item.Size = int64(e.file.UncompressedSize64) //nolint:gosec // plan has bounded it
		}
		t[e.name] = leaf{item, e}
		for dir := path.Dir(e.name); dir != "."; dir = path.Dir(dir) {
			if _, known := t[dir]; known {
				break
			}
			t[dir] = leaf{Item: Item{Name: dir, Kind: fs.ModeDir}}
		}
	}
	for _, l := range t {
		if l.Kind != fs.ModeSymlink {
			continue
		}
		if fault := t.follow(l.Name); fault != "" {
			return nil, badEntry(l.Name, fault)
		}
	}
	return t, nil
}

func (t tree) sorted() []leaf {
	leaves := make([]leaf, 0, len(t))
	for _, l := range t {
		leaves = append(leaves, l)
	}
	slices.SortFunc(leaves, func(a, b leaf) int { return strings.Compare(a.Name, b.Name) })
	return leaves
}

// maxLinks is how many links may follow one another; os.Root, with which Extract follows them, goes as far.
const maxLinks = 8

// follow walks to name as the kernel would and says why it cannot, if the reason is not that something is missing.
func (t tree) follow(name string) (fault string) {
	at, rest, links := "", strings.Split(name, "/"), 0
	for len(rest) > 0 {
		segment := rest[0]
		rest = rest[1:]
		switch {
		case segment == "" || segment == ".":
			continue
		case segment == ".." && at == "":
			return "is a link that leads out of the archive"
		case segment == "..":
			at = strings.TrimPrefix(path.Dir("/"+at), "/")
			continue
		case len(segment) > maxSegment:
			return "is a link to a name that is too long"
		}
		next, known := t[path.Join(at, segment)]
		switch {
		case !known:
			return ""
		case next.Kind == fs.ModeSymlink:
			if links++; links > maxLinks {
				return "is a link that leads in a circle"
			}
			rest = append(strings.Split(next.Target, "/"), rest...)
		case next.Kind == 0 && len(rest) > 0:
			return "is a link that leads through a file"
		default:
			at = next.Name
		}
	}
	return ""
}

// show gives the item to visit, and its content if it is a file.
func (l leaf) show(visit func(Item, io.Reader) error) error {
	if l.Kind != 0 {
		return visit(l.Item, nil)
	}
	src, err := l.entry.file.Open()
	if err != nil {
		return unreadable(fmt.Errorf("entry %.200q: %w", l.Name, err))
	}
	defer src.Close()
	return visit(l.Item, &content{item: l.Item, src: src})
}

// content reads a file and fails where it is not what the archive's directory says.
type content struct {
	item Item
	src  io.Reader
	n    int64
}

// Read reads on.
func (c *content) Read(p []byte) (int, error) {
	n, err := c.src.Read(p)
	c.n += int64(n)
	switch {
	case c.n > c.item.Size, errors.Is(err, io.EOF) && c.n < c.item.Size:
		return 0, badEntry(c.item.Name, "does not have the size it declares")
	case err != nil && !errors.Is(err, io.EOF):
		return 0, unreadable(fmt.Errorf("entry %.200q: %w", c.item.Name, err))
	default:
		return n, err
	}
}
