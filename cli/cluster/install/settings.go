package install

import (
	"bytes"
	"errors"
	"fmt"
	"slices"

	"go.yaml.in/yaml/v3"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/lambkin-dev/lambkin/internal/platform"
)

// Settings are what the person who installs says of the operator's configuration. What is empty stays as it is.
type Settings struct {
	// Registry is host[:port]/path, below which code and images of functions are kept.
	Registry string
	// PlainHTTP are registries, as host[:port], that are spoken to without TLS.
	PlainHTTP []string
}

// ErrNoRegistry says that nobody has said where images go.
var ErrNoRegistry = errors.New("where may images of functions be kept? Name a place in a registry with --registry HOST/PATH")

// Merge gives the operator's settings to write: the cluster's own text with its comments, and in it what is said here.
// A text that says all that already comes back byte for byte.
func (s Settings) Merge(own string) (string, error) {
	doc, err := parse(own)
	if err != nil {
		return "", fmt.Errorf("the cluster's configuration: %w", err)
	}
	changed := false
	if s.Registry != "" {
		changed = setScalar(doc, s.Registry, "registry", "prefix")
	}
	for _, host := range s.PlainHTTP {
		changed = appendUnique(doc, host, "registry", "plainHTTP") || changed
	}
	if !changed {
		return own, nil
	}
	return format(doc)
}

// Complete puts the settings into the manifest's ConfigMap: own is what the cluster has. It fails if the outcome is no
// configuration, or names no registry.
func (s Settings) Complete(objects []*Object, own string) error {
	config := configMap(objects)
	if config == nil {
		return fmt.Errorf("the manifest has no ConfigMap %s/%s: is it one of Lambkin?", platform.Namespace, platform.ConfigMap)
	}
	data, _, err := unstructured.NestedStringMap(config.Object, "data")
	if err != nil {
		return fmt.Errorf("the manifest's ConfigMap %s: %w", platform.ConfigMap, err)
	}
	if data == nil {
		data = map[string]string{}
	}
	if own == "" {
		own = data[platform.Key]
	}
	if data[platform.Key], err = s.Merge(own); err != nil {
		return err
	}
	c, err := platform.Read(data)
	if err != nil {
		return fmt.Errorf("the configuration would not be taken: %w", err)
	}
	if c.Registry.Prefix == "" {
		return ErrNoRegistry
	}
	if err := unstructured.SetNestedStringMap(config.Object, data, "data"); err != nil {
		return fmt.Errorf("the manifest's ConfigMap %s: %w", platform.ConfigMap, err)
	}
	return nil
}

// parse gives the mapping at the top of a YAML document, a new one if the text is empty.
func parse(text string) (*yaml.Node, error) {
	var doc yaml.Node
	if err := yaml.Unmarshal([]byte(text), &doc); err != nil {
		return nil, fmt.Errorf("not YAML: %w", err)
	}
	if len(doc.Content) == 0 {
		return &yaml.Node{Kind: yaml.DocumentNode, HeadComment: doc.HeadComment, Content: []*yaml.Node{{Kind: yaml.MappingNode, Tag: "!!map"}}}, nil
	}
	if doc.Content[0].Kind != yaml.MappingNode {
		return nil, errors.New("not a mapping")
	}
	return &doc, nil
}

func format(doc *yaml.Node) (string, error) {
	var out bytes.Buffer
	enc := yaml.NewEncoder(&out)
	enc.SetIndent(2)
	if err := errors.Join(enc.Encode(doc), enc.Close()); err != nil {
		return "", fmt.Errorf("write the configuration: %w", err)
	}
	return out.String(), nil
}

// member is the value of a key of a mapping; nil if it has none, or is no mapping.
func member(mapping *yaml.Node, key string) *yaml.Node {
	if mapping == nil || mapping.Kind != yaml.MappingNode {
		return nil
	}
	for i := 0; i+1 < len(mapping.Content); i += 2 {
		if mapping.Content[i].Value == key {
			return mapping.Content[i+1]
		}
	}
	return nil
}

// reach gives the node at a path and makes what is missing on the way. What is there and is of no use, such as null, is
// replaced.
func reach(doc *yaml.Node, path []string, kind yaml.Kind) *yaml.Node {
	at := doc.Content[0]
	for i, key := range path {
		want := yaml.MappingNode
		if i == len(path)-1 {
			want = kind
		}
		next := member(at, key)
		if next == nil {
			next = new(yaml.Node)
			at.Content = append(at.Content, &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: key}, next)
		}
		if next.Kind != want {
			*next = yaml.Node{Kind: want, HeadComment: next.HeadComment, LineComment: next.LineComment, FootComment: next.FootComment}
		}
		if len(next.Content) == 0 {
			next.Style &^= yaml.FlowStyle // {} and [] get their members below them
		}
		at = next
	}
	return at
}

func setScalar(doc *yaml.Node, value string, path ...string) bool {
	at := reach(doc, path, yaml.ScalarNode)
	if at.Value == value && at.Tag != "!!null" {
		return false
	}
	at.SetString(value)
	return true
}

func appendUnique(doc *yaml.Node, value string, path ...string) bool {
	at := reach(doc, path, yaml.SequenceNode)
	if slices.ContainsFunc(at.Content, func(n *yaml.Node) bool { return n.Value == value }) {
		return false
	}
	at.Content = append(at.Content, &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: value})
	return true
}
