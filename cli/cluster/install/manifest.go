package install

import (
	"bufio"
	"bytes"
	"embed"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/yaml"

	"github.com/lambkin-dev/lambkin/internal/platform"
)

//go:embed release
var release embed.FS

// ErrNone says that this build carries no manifest.
var ErrNone = errors.New("this build of lambkin carries no install manifest: name one with -f FILE or -f URL")

// Embedded are the manifests of the release that this program belongs to. The release puts them into the folder before
// it builds the program.
func Embedded() (io.Reader, error) {
	names, err := fs.Glob(release, "release/*.yaml")
	if err != nil || len(names) == 0 {
		return nil, ErrNone
	}
	var all []io.Reader
	for _, name := range names {
		text, err := release.ReadFile(name)
		if err != nil {
			return nil, fmt.Errorf("read the manifest %s: %w", name, err)
		}
		all = append(all, bytes.NewReader(text), strings.NewReader("\n---\n"))
	}
	return io.MultiReader(all...), nil
}

// maxManifest bounds what is read of a manifest, in bytes.
const maxManifest = 16 << 20

// Object is one object of a manifest, as it stands there.
type Object = unstructured.Unstructured

// Read reads a manifest of YAML documents. Every fault of every document is named.
func Read(r io.Reader) ([]*Object, error) {
	text, err := io.ReadAll(io.LimitReader(r, maxManifest+1))
	if err != nil {
		return nil, fmt.Errorf("read the manifest: %w", err)
	}
	if len(text) > maxManifest {
		return nil, fmt.Errorf("the manifest has more than %d bytes", maxManifest)
	}
	var objects []*Object
	var faults []error
	documents := utilyaml.NewYAMLReader(bufio.NewReader(bytes.NewReader(text)))
	for n := 1; ; n++ {
		part, err := documents.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("document %d of the manifest: %w", n, err)
		}
		found, err := decode(part)
		if err != nil {
			faults = append(faults, fmt.Errorf("document %d of the manifest: %w", n, err))
		}
		objects = append(objects, found...)
	}
	if len(objects) == 0 && len(faults) == 0 {
		return nil, errors.New("the manifest holds no object")
	}
	return objects, errors.Join(faults...)
}

// decode gives the objects of one document: one, those of a List, or none if it is empty.
func decode(part []byte) ([]*Object, error) {
	var content map[string]any
	if err := yaml.Unmarshal(part, &content); err != nil {
		return nil, fmt.Errorf("not YAML: %w", err)
	}
	if len(content) == 0 {
		return nil, nil
	}
	obj := &Object{Object: content}
	if obj.IsList() {
		return items(obj)
	}
	if obj.GetKind() == "" || obj.GetAPIVersion() == "" || obj.GetName() == "" {
		return nil, errors.New("no object: apiVersion, kind and metadata.name are needed")
	}
	return []*Object{obj}, nil
}

func items(list *Object) ([]*Object, error) {
	var all []*Object
	err := list.EachListItem(func(item runtime.Object) error {
		obj, ok := item.(*Object)
		if !ok || obj.GetKind() == "" || obj.GetAPIVersion() == "" || obj.GetName() == "" {
			return errors.New("an item of a List is no object")
		}
		all = append(all, obj)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("a List: %w", err)
	}
	return all, nil
}

// Write gives objects as YAML documents.
func Write(w io.Writer, objects []*Object) error {
	for i, obj := range objects {
		text, err := yaml.Marshal(obj.Object)
		if err != nil {
			return fmt.Errorf("write %s as YAML: %w", Name(obj), err)
		}
		if i > 0 {
			text = append([]byte("---\n"), text...)
		}
		if _, err := w.Write(text); err != nil {
			return fmt.Errorf("write %s: %w", Name(obj), err)
		}
	}
	return nil
}

// configMap finds the operator's configuration among the objects; nil if it is not there.
func configMap(objects []*Object) *Object {
	i := slices.IndexFunc(objects, func(o *Object) bool {
		return o.GetKind() == "ConfigMap" && o.GetNamespace() == platform.Namespace && o.GetName() == platform.ConfigMap
	})
	if i < 0 {
		return nil
	}
	return objects[i]
}
