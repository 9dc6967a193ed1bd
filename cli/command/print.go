package command

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"

	"sigs.k8s.io/yaml"

	"github.com/lambkin-dev/lambkin/api/v1alpha1"
	"github.com/lambkin-dev/lambkin/cli/terminal"
)

// kindOf is an object's kind: the name of its Go type.
func kindOf(obj v1alpha1.Object) string { return reflect.TypeOf(obj).Elem().Name() }

// path names an object with its kind, such as function/hello.
func path(obj v1alpha1.Object) string { return strings.ToLower(kindOf(obj)) + "/" + obj.GetName() }

// typed puts apiVersion and kind into an object.
func typed(obj v1alpha1.Object) v1alpha1.Object {
	obj.GetObjectKind().SetGroupVersionKind(v1alpha1.GroupVersion().WithKind(kindOf(obj)))
	return obj
}

// list is several objects as one document.
type list struct {
	APIVersion string            `json:"apiVersion"`
	Kind       string            `json:"kind"`
	Items      []v1alpha1.Object `json:"items"`
}

// printOne prints one object for machines, or by table for people.
func (a *App) printOne(obj v1alpha1.Object, table func() terminal.Table) error {
	return a.print(typed(obj), []v1alpha1.Object{obj}, table)
}

// printAll prints objects for machines, or by table for people.
func (a *App) printAll(objects []v1alpha1.Object, table func() terminal.Table) error {
	doc := list{APIVersion: "v1", Kind: "List", Items: []v1alpha1.Object{}}
	for _, obj := range objects {
		doc.Items = append(doc.Items, typed(obj))
	}
	return a.print(doc, objects, table)
}

func (a *App) print(doc any, objects []v1alpha1.Object, table func() terminal.Table) error {
	switch a.flags.output {
	case "json", "yaml":
		return a.printDocument(doc)
	case "name":
		for _, obj := range objects {
			a.IO.Printf("%s\n", path(obj))
		}
		return nil
	default:
		a.IO.Print(table())
		return nil
	}
}

// printDocument prints any value as JSON or, by choice, YAML.
func (a *App) printDocument(doc any) error {
	if a.flags.output == "yaml" {
		text, err := yaml.Marshal(doc)
		if err != nil {
			return fmt.Errorf("write YAML: %w", err)
		}
		a.IO.Printf("%s", text)
		return nil
	}
	text, err := json.MarshalIndent(doc, "", "  ")
	if err != nil {
		return fmt.Errorf("write JSON: %w", err)
	}
	a.IO.Printf("%s\n", text)
	return nil
}

// forMachines reports whether the output is a document or names rather than text for people.
func (a *App) forMachines() bool { return a.flags.output != "" && a.flags.output != "wide" }
