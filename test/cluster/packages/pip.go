package packages

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strings"
)

func pipPackages() []Package {
	return []Package{
		{Name: "lambkin-words", Version: "1.0.0", Files: map[string]string{"lambkin_words.py": "hello = 'Hello'\n"}},
		{Name: "lambkin-greeting", Version: "1.2.0", Requires: []string{"lambkin-words"}, Files: map[string]string{
			"lambkin_greeting.py": "from lambkin_words import hello\n\n\ndef greet(name):\n    return f'{hello}, {name}'\n",
		}},
	}
}

// pip gives a Python package index: /simple/NAME/ names the wheels, which lie in /wheels.
func pip(pkgs []Package) (map[string][]byte, error) {
	tree := map[string][]byte{}
	for _, p := range pkgs {
		name, wheel, err := wheel(p)
		if err != nil {
			return nil, fmt.Errorf("package %q: %w", p.Name, err)
		}
		sum := sha256.Sum256(wheel)
		tree["wheels/"+name] = wheel
		tree["simple/"+p.Name+"/index.html"] = fmt.Appendf(nil,
			"<!DOCTYPE html><html><body><a href=\"../../wheels/%s#sha256=%s\">%s</a></body></html>\n", name, hex.EncodeToString(sum[:]), name)
	}
	return tree, nil
}

// wheel gives a wheel's file name and content.
func wheel(p Package) (name string, data []byte, err error) {
	stem := strings.ReplaceAll(p.Name, "-", "_") + "-" + p.Version
	files := make([]file, 0, len(p.Files)+3)
	for _, name := range slices.Sorted(maps.Keys(p.Files)) {
		files = append(files, file{name, []byte(p.Files[name])})
	}
	about := fmt.Appendf(nil, "Metadata-Version: 2.1\nName: %s\nVersion: %s\n", p.Name, p.Version)
	for _, other := range p.Requires {
		about = fmt.Appendf(about, "Requires-Dist: %s\n", other)
	}
	files = append(files,
		file{stem + ".dist-info/METADATA", about},
		file{stem + ".dist-info/WHEEL", []byte("Wheel-Version: 1.0\nGenerator: lambkin\nRoot-Is-Purelib: true\nTag: py3-none-any\n")},
	)
	var record strings.Builder
	for _, f := range files {
		sum := sha256.Sum256(f.data)
		fmt.Fprintf(&record, "%s,sha256=%s,%d\n", f.name, base64.RawURLEncoding.EncodeToString(sum[:]), len(f.data))
	}
	recordName := stem + ".dist-info/RECORD"
	fmt.Fprintf(&record, "%s,,\n", recordName)
	data, err = zipped(append(files, file{recordName, []byte(record.String())}))
	return stem + "-py3-none-any.whl", data, err
}

func zipped(files []file) ([]byte, error) {
	var buf bytes.Buffer
	z := zip.NewWriter(&buf)
	for _, f := range files {
		w, err := z.CreateHeader(&zip.FileHeader{Name: f.name, Method: zip.Store, Modified: epoch()})
		if err != nil {
			return nil, fmt.Errorf("archive: %q: %w", f.name, err)
		}
		if _, err := w.Write(f.data); err != nil {
			return nil, fmt.Errorf("archive: %q: %w", f.name, err)
		}
	}
	if err := z.Close(); err != nil {
		return nil, fmt.Errorf("archive: %w", err)
	}
	return buf.Bytes(), nil
}
