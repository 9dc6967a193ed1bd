package main

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"sigs.k8s.io/yaml"
)

const aboutReference = `# Objects

Made by ` + "`make generate`" + ` from the types in ` + "`api/v1alpha1`" + `. ` + "`kubectl explain function.spec`" + ` tells the same on a cluster.
Fields in bold must be set. All objects are in the API ` + "`lambkin.dev/v1alpha1`" + `.

`

// kinds are the kinds in the order in which one meets them.
func kinds() []string {
	return []string{"functions", "versions", "aliases", "functionurlconfigs", "layerversions", "resourcepolicies", "codesigningconfigs", "asyncinvocations"}
}

// definition is what the page needs of a CustomResourceDefinition.
type definition struct {
	Spec struct {
		Names struct {
			Kind       string   `json:"kind"`
			ShortNames []string `json:"shortNames"`
			Plural     string   `json:"plural"`
		} `json:"names"`
		Versions []struct {
			Schema struct {
				Object schema `json:"openAPIV3Schema"`
			} `json:"schema"`
		} `json:"versions"`
	} `json:"spec"`
}

// schema is a part of a definition's schema.
type schema struct {
	Type        string            `json:"type"`
	Format      string            `json:"format"`
	Description string            `json:"description"`
	Properties  map[string]schema `json:"properties"`
	Required    []string          `json:"required"`
	Items       *schema           `json:"items"`
	Additional  *schema           `json:"additionalProperties"`
	Enum        []any             `json:"enum"`
	Default     any               `json:"default"`
	Pattern     string            `json:"pattern"`
	Minimum     *float64          `json:"minimum"`
	Maximum     *float64          `json:"maximum"`
	MinLength   *int              `json:"minLength"`
	MaxLength   *int              `json:"maxLength"`
	MaxItems    *int              `json:"maxItems"`
	MaxProps    *int              `json:"maxProperties"`
	Rules       []struct {
		Message string `json:"message"`
	} `json:"x-kubernetes-validations"`
}

// reference is the page of all kinds and their fields.
func reference(root string) (string, error) {
	var page strings.Builder
	page.WriteString(aboutReference)
	for _, kind := range kinds() {
		text, err := os.ReadFile(filepath.Join(root, "config", "crd", "lambkin.dev_"+kind+".yaml"))
		if err != nil {
			return "", err
		}
		var d definition
		if err := yaml.Unmarshal(text, &d); err != nil {
			return "", fmt.Errorf("read the definition of %s: %w", kind, err)
		}
		if len(d.Spec.Versions) != 1 {
			return "", fmt.Errorf("the definition of %s has %d versions, and the page shows one", kind, len(d.Spec.Versions))
		}
		d.write(&page)
	}
	return strings.TrimRight(page.String(), "\n") + "\n", nil
}

// write writes the part of one kind.
func (d *definition) write(page *strings.Builder) {
	names, object := d.Spec.Names, d.Spec.Versions[0].Schema.Object
	fmt.Fprintf(page, "## %s\n\n%s For `kubectl`: `%s`.\n\n", names.Kind, cell(object.Description),
		strings.Join(append([]string{names.Plural}, names.ShortNames...), "`, `"))
	for _, part := range []string{"spec", "status"} {
		s := object.Properties[part]
		fmt.Fprintf(page, "%s%s\n\n| field | type | |\n|---|---|---|\n", cell(s.Description), rules(s))
		for _, name := range slices.Sorted(maps.Keys(s.Properties)) {
			field{path: part + "." + name, schema: s.Properties[name], required: slices.Contains(s.Required, name)}.write(page)
		}
		page.WriteString("\n")
	}
}

// field is a field and those below it.
type field struct {
	path     string
	schema   schema
	required bool
}

// write writes the field's row and those of the fields below it.
func (f field) write(page *strings.Builder) {
	name := "`" + f.path + "`"
	if f.required {
		name = "**" + name + "**"
	}
	fmt.Fprintf(page, "| %s | %s | %s%s |\n", name, typeOf(f.schema), cell(f.schema.Description), limits(f.schema))
	if isElsewhere(f.path) {
		return
	}
	below := f.schema
	path := f.path
	switch {
	case below.Items != nil:
		below, path = *below.Items, path+"[]"
	case below.Additional != nil:
		below, path = *below.Additional, path+"{}"
	}
	for _, name := range slices.Sorted(maps.Keys(below.Properties)) {
		field{path: path + "." + name, schema: below.Properties[name], required: slices.Contains(below.Required, name)}.write(page)
	}
}

// isElsewhere says whether the fields below one are told in another place: conditions are alike for all of Kubernetes,
// and a version holds a function's spec.
func isElsewhere(path string) bool { return path == "status.conditions" || path == "spec.function" }

// typeOf is the type in words.
func typeOf(s schema) string {
	switch {
	case s.Items != nil:
		return "list of " + plural(typeOf(*s.Items))
	case s.Additional != nil:
		return "map of " + plural(typeOf(*s.Additional))
	case s.Format == "date-time":
		return "time"
	case s.Format == "byte":
		return "bytes"
	case s.Type == "":
		return "any"
	default:
		return s.Type
	}
}

func plural(name string) string {
	if name == "any" || name == "bytes" || strings.Contains(name, " of ") {
		return name
	}
	return name + "s"
}

// limits are what a field's value is held to, as sentences.
func limits(s schema) string {
	var told []string
	tell := func(format string, args ...any) { told = append(told, fmt.Sprintf(format, args...)) }
	if len(s.Enum) > 0 {
		values := make([]string, len(s.Enum))
		for i, v := range s.Enum {
			values[i] = fmt.Sprintf("`%v`", v)
		}
		tell("One of %s.", strings.Join(values, ", "))
	}
	if s.Default != nil {
		tell("Default: `%v`.", s.Default)
	}
	if text := between(number(s.Minimum), number(s.Maximum)); text != "" {
		tell("%s.", text)
	}
	if text := length(s); text != "" {
		tell("%s.", text)
	}
	if s.MaxItems != nil {
		tell("At most %d.", *s.MaxItems)
	}
	if s.MaxProps != nil {
		tell("At most %d.", *s.MaxProps)
	}
	if s.Pattern != "" {
		tell("Matches `%s`.", cell(s.Pattern))
	}
	text := strings.Join(told, " ") + rules(s)
	if text == "" {
		return ""
	}
	return " " + strings.TrimSpace(text)
}

// rules are the sentences of the rules that the API server checks.
func rules(s schema) string {
	var text strings.Builder
	for _, r := range s.Rules {
		text.WriteString(" Rule: " + cell(r.Message) + ".")
	}
	return text.String()
}

func length(s schema) string {
	if s.MaxLength == nil && s.MinLength != nil && *s.MinLength == 1 {
		return "Not empty"
	}
	if text := between(count(s.MinLength), count(s.MaxLength)); text != "" {
		return text + " characters"
	}
	return ""
}

func between(least, most string) string {
	switch {
	case least != "" && most != "":
		return least + " to " + most
	case least != "":
		return "At least " + least
	case most != "":
		return "At most " + most
	default:
		return ""
	}
}

func number(n *float64) string {
	if n == nil {
		return ""
	}
	return strconv.FormatFloat(*n, 'f', -1, 64)
}

func count(n *int) string {
	if n == nil {
		return ""
	}
	return strconv.Itoa(*n)
}
