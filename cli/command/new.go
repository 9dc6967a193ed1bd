package command

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"

	"github.com/spf13/cobra"

	"github.com/lambkin-dev/lambkin/cli/manifest"
	"github.com/lambkin-dev/lambkin/cli/terminal"
	"github.com/lambkin-dev/lambkin/functions"
	"github.com/lambkin-dev/lambkin/internal/lambda"
)

type newOptions struct {
	app *App

	path     string
	runtime  string
	template string
	list     bool
}

func newNewCommand(app *App) *cobra.Command {
	o := &newOptions{app: app}
	c := &cobra.Command{
		Use:     "new PATH",
		Aliases: []string{"generate", "init"},
		Short:   "Make a folder with a sample function",
		Long:    "Copies a sample to PATH, whose last part names the function. tm's \"generate python [PATH]\" works too.",
		Example: "  lambkin new hello --runtime nodejs22.x\n  lambkin new orders --runtime python3.13 --template sqs\n  lambkin new --list",
		Args:    between(0, 2),
		RunE: func(_ *cobra.Command, args []string) error {
			if o.list {
				return o.printList()
			}
			if err := o.parse(args); err != nil {
				return err
			}
			return o.run()
		},
	}
	f := c.Flags()
	f.StringVar(&o.runtime, "runtime", "nodejs22.x", "runtime or language: nodejs, python, go, ruby, shell or exec")
	f.StringVar(&o.template, "template", "hello", "which sample")
	_ = c.RegisterFlagCompletionFunc("runtime", completeRuntimes)   // it fails only for flags that are not declared
	_ = c.RegisterFlagCompletionFunc("template", completeTemplates) // as above
	f.BoolVar(&o.list, "list", false, "list the samples")
	return c
}

// parse takes PATH, or tm's LANGUAGE [PATH].
func (o *newOptions) parse(args []string) error {
	switch len(args) {
	case 1:
		o.path = args[0]
	case 2:
		o.runtime, o.path = args[0], args[1]
	default:
		return usagef("where to? usage: new PATH")
	}
	return nil
}

func (o *newOptions) printList() error {
	t := terminal.Table{Head: []string{"RUNTIME", "TEMPLATE"}}
	listed := []map[string]string{}
	for _, s := range functions.All() {
		t.Add(s.Family, s.Template)
		listed = append(listed, map[string]string{"runtime": s.Family, "template": s.Template})
	}
	if o.app.forMachines() && o.app.flags.output != "name" {
		return o.app.printDocument(listed)
	}
	o.app.IO.Print(t)
	return nil
}

func (o *newOptions) run() error {
	sample, err := functions.Find(functions.FamilyOf(o.runtime), o.template)
	if err != nil {
		return &usageError{err}
	}
	abs, err := filepath.Abs(o.path)
	if err != nil {
		return fmt.Errorf("place the folder: %w", err)
	}
	name := filepath.Base(abs)
	if !lambda.Name(name).Valid() {
		return usagef("%q is no name for a function: letters, digits, hyphens and underscores, at most 64", name)
	}
	if entries, err := os.ReadDir(o.path); err == nil && len(entries) > 0 {
		return fmt.Errorf("%q is not empty: choose another folder", o.path)
	}
	if err := o.copy(sample, name); err != nil {
		return fmt.Errorf("make %q: %w", o.path, err)
	}
	if o.app.forMachines() {
		o.app.IO.Printf("%s\n", o.path)
		return nil
	}
	o.app.IO.Printf("Made %s from the sample %s. Go on with\n\n  lambkin deploy %s\n  lambkin invoke %s -d @%s\n",
		o.path, sample, deployArgument(o.path), name, filepath.Join(o.path, "event.json"))
	return nil
}

// deployArgument names a folder so that deploy takes it for one.
func deployArgument(path string) string {
	if looksLikePath(path) {
		return path
	}
	return "./" + path
}

var runtimeLine = regexp.MustCompile(`(?m)^  runtime: .*$`)

func (o *newOptions) copy(sample functions.Sample, name string) error {
	files, err := sample.Files()
	if err != nil {
		return err
	}
	err = fs.WalkDir(files, ".", func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := fs.ReadFile(files, p)
		if err != nil {
			return err
		}
		text = bytes.ReplaceAll(text, []byte(sample.Name()), []byte(name))
		if p == manifest.Name && sample.Family != "go" && o.runtime != sample.Family && functions.FamilyOf(o.runtime) == sample.Family && o.runtime != "node" {
			text = runtimeLine.ReplaceAll(text, []byte("  runtime: "+o.runtime))
		}
		return writeNew(filepath.Join(o.path, filepath.FromSlash(p)), text)
	})
	if err != nil || sample.Family != "go" {
		return err
	}
	mod, sum, err := functions.Module(name)
	if err != nil {
		return err
	}
	return cmp.Or(writeNew(filepath.Join(o.path, "go.mod"), mod), writeNew(filepath.Join(o.path, "go.sum"), sum))
}

// writeNew writes a file that must not be there. Scripts are made executable: embedded files have no mode.
func writeNew(name string, text []byte) (err error) {
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return err
	}
	mode := fs.FileMode(0o644)
	if bytes.HasPrefix(text, []byte("#!")) {
		mode = 0o755
	}
	f, err := os.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, mode)
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	return errors.Join(err, f.Close())
}
