// Package manifest reads the files that describe functions: manifests of Kubernetes objects (function.yaml) and the
// serverless.yaml dialect of TriggerMesh's tm.
//
// A manifest is the same on a laptop and on a cluster. Code that lies beside it cannot be part of an object, so a Function
// without spec.code names its folder in the annotation lambkin.dev/source (relative to the manifest; the manifest's own
// folder by default): lambkin uploads it and completes the object, for whichever engine it talks to.
package manifest

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer/json"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/yaml"

	"github.com/lambkin-dev/lambkin/api/v1alpha1"
)

// SourceAnnotation names the folder or file with a function's code, relative to the manifest.
const SourceAnnotation = v1alpha1.Group + "/source"

// Name is the file that is looked for in a function's folder.
const Name = "function.yaml"

// maxManifest bounds what is read of one file.
const maxManifest = 8 << 20

// Document is one object and where its code is.
type Document struct {
	Object v1alpha1.Object
	// Source is the path of a Function's code; empty for other kinds, and for Functions whose object says where the code is.
	Source string
	// Secrets are Secrets of which each key is to be a variable. Objects name keys one by one, so whoever knows the keys
	// has to put them in.
	Secrets []string
	// Notes tell what of an old dialect could not be taken over.
	Notes []string
}

// Read reads all documents of one file. dir is what paths in it are relative to. Every fault of every document is named.
func Read(r io.Reader, dir string) ([]Document, error) {
	text, err := io.ReadAll(io.LimitReader(r, maxManifest+1))
	if err != nil {
		return nil, fmt.Errorf("read: %w", err)
	}
	if len(text) > maxManifest {
		return nil, fmt.Errorf("more than %d bytes", maxManifest)
	}
	if isTM(text) {
		return readTM(text, dir)
	}
	dec, err := decoder()
	if err != nil {
		return nil, err
	}
	var docs []Document
	var faults []error
	reader := utilyaml.NewYAMLReader(bufio.NewReader(bytes.NewReader(text)))
	for n := 1; ; n++ {
		part, err := reader.Read()
		if errors.Is(err, io.EOF) {
			return docs, errors.Join(faults...)
		}
		if err != nil {
			return nil, fmt.Errorf("document %d: %w", n, err)
		}
		if len(bytes.TrimSpace(part)) == 0 || onlyComments(part) {
			continue
		}
		doc, err := decode(dec, part, dir)
		if err != nil {
			faults = append(faults, fmt.Errorf("document %d: %w", n, err))
			continue
		}
		docs = append(docs, doc)
	}
}

func decoder() (runtime.Decoder, error) {
	scheme := runtime.NewScheme()
	if err := v1alpha1.AddToScheme(scheme); err != nil {
		return nil, fmt.Errorf("register kinds: %w", err)
	}
	return json.NewSerializerWithOptions(json.DefaultMetaFactory, scheme, scheme, json.SerializerOptions{Yaml: true, Strict: true}), nil
}

func onlyComments(part []byte) bool {
	for line := range bytes.Lines(part) {
		if line = bytes.TrimSpace(line); len(line) > 0 && line[0] != '#' && !bytes.Equal(line, []byte("---")) {
			return false
		}
	}
	return true
}

func decode(dec runtime.Decoder, part []byte, dir string) (Document, error) {
	got, _, err := dec.Decode(part, nil, nil)
	if err != nil {
		return Document{}, fmt.Errorf("not an object of %s: %w", v1alpha1.GroupVersion(), err)
	}
	obj, ok := got.(v1alpha1.Object)
	if !ok {
		return Document{}, fmt.Errorf("%T cannot be applied", got)
	}
	return Document{Object: obj, Source: sourceOf(obj, dir)}, nil
}

// sourceOf gives where a function's code is, if the object does not say it.
func sourceOf(obj v1alpha1.Object, dir string) string {
	fn, ok := obj.(*v1alpha1.Function)
	if !ok || fn.Spec.Code != (v1alpha1.Code{}) {
		return ""
	}
	named := fn.Annotations[SourceAnnotation]
	if filepath.IsAbs(named) {
		return named
	}
	return filepath.Join(dir, named)
}

// ReadPath reads a file, all YAML and JSON files of a folder (not of those below), or, for "-", in.
func ReadPath(name string, in io.Reader) ([]Document, error) {
	if name == "-" {
		docs, err := Read(in, ".")
		return docs, named("standard input", err)
	}
	info, err := os.Stat(name)
	if err != nil {
		return nil, fmt.Errorf("find the manifest: %w", err)
	}
	if !info.IsDir() {
		return readFile(name)
	}
	entries, err := os.ReadDir(name)
	if err != nil {
		return nil, fmt.Errorf("read folder: %w", err)
	}
	var docs []Document
	var faults []error
	for _, e := range entries {
		if e.IsDir() || !slices.Contains([]string{".yaml", ".yml", ".json"}, filepath.Ext(e.Name())) {
			continue
		}
		more, err := readFile(filepath.Join(name, e.Name()))
		docs, faults = append(docs, more...), append(faults, err)
	}
	if err := errors.Join(faults...); err != nil {
		return nil, err
	}
	if len(docs) == 0 {
		return nil, fmt.Errorf("%q holds no manifest (*.yaml, *.yml, *.json)", name)
	}
	return docs, nil
}

func readFile(name string) ([]Document, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, fmt.Errorf("open the manifest: %w", err)
	}
	defer func() { _ = f.Close() }()
	docs, err := Read(f, filepath.Dir(name))
	return docs, named(name, err)
}

func named(name string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", name, err)
}

// InFolder reads the function that a folder's own manifest describes; nil if it has none. It takes one Function only.
func InFolder(dir string) (*Document, error) {
	name := filepath.Join(dir, Name)
	if _, err := os.Stat(name); errors.Is(err, fs.ErrNotExist) {
		return nil, nil //nolint:nilnil // no manifest is no fault
	}
	docs, err := readFile(name)
	if err != nil {
		return nil, err
	}
	if len(docs) != 1 {
		return nil, fmt.Errorf("%s has %d documents, want one Function: use \"lambkin apply -f\" for more", name, len(docs))
	}
	if _, ok := docs[0].Object.(*v1alpha1.Function); !ok {
		return nil, fmt.Errorf("%s holds a %T, want a Function", name, docs[0].Object)
	}
	return &docs[0], nil
}

// Write gives objects as YAML documents.
func Write(w io.Writer, objects ...v1alpha1.Object) error {
	for i, obj := range objects {
		text, err := yaml.Marshal(obj)
		if err != nil {
			return fmt.Errorf("write %q as YAML: %w", obj.GetName(), err)
		}
		if i > 0 {
			text = append([]byte("---\n"), text...)
		}
		if _, err := w.Write(text); err != nil {
			return fmt.Errorf("write %q: %w", obj.GetName(), err)
		}
	}
	return nil
}
