package command

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/lambkin-dev/lambkin/api/v1alpha1"
	"github.com/lambkin-dev/lambkin/cli/manifest"
	"github.com/lambkin-dev/lambkin/cli/source"
	"github.com/lambkin-dev/lambkin/cli/terminal"
	"github.com/lambkin-dev/lambkin/internal/engine"
)

type applyOptions struct {
	app *App

	files    []string
	build    bool
	wait     bool
	patience time.Duration

	localBuild bool
}

func newApplyCommand(app *App) *cobra.Command {
	o := &applyOptions{app: app}
	c := &cobra.Command{
		Use:   "apply -f FILE",
		Short: "Create or update the objects of manifests",
		Long: "FILE is a file with one or more documents, a folder with such files, or - for standard input. Everything is checked\n" +
			"before anything is written, and all faults are told at once. A Function without spec.code takes the code of the\n" +
			"folder named by its annotation " + manifest.SourceAnnotation + ", the manifest's own folder by default.",
		Example: "  lambkin apply -f function.yaml\n  lambkin apply -f manifests/ -o name\n  lambkin get orders -o yaml | lambkin apply -f -",
		Args:    exactly(0),
		RunE:    func(cmd *cobra.Command, _ []string) error { return o.run(cmd.Context()) },
	}
	f := c.Flags()
	f.StringArrayVarP(&o.files, "filename", "f", nil, "file, folder or -")
	f.BoolVar(&o.build, "build", false, "install dependencies with npm, pip or bundle")
	f.BoolVar(&o.localBuild, "local-build", false, "compile and install on this machine, for a cluster too")
	f.BoolVar(&o.wait, "wait", true, "wait until functions are ready")
	f.DurationVar(&o.patience, "timeout", 0, "how long to wait for each function (1m; 30m on a cluster)")
	_ = c.MarkFlagRequired("filename") // it fails only for flags that are not declared
	return c
}

// step is one object on its way: a document and the archive that goes with it.
type step struct {
	doc manifest.Document
	pkg *source.Package
}

func (o *applyOptions) run(ctx context.Context) error {
	o.patience = cmp.Or(o.patience, o.app.patience())
	steps, err := o.read(ctx)
	if err != nil {
		return err
	}
	if o.app.dry() {
		return o.printDry(steps)
	}
	e, err := o.app.client()
	if err != nil {
		return err
	}
	var faults []error
	var written []v1alpha1.Object
	for _, s := range steps {
		if err := o.apply(ctx, e, s); err != nil {
			faults = append(faults, fmt.Errorf("%s %q: %w", kindOf(s.doc.Object), s.doc.Object.GetName(), err))
			continue
		}
		written = append(written, s.doc.Object)
	}
	if o.app.forMachines() {
		faults = append(faults, o.app.printAll(written, nil))
	}
	return o.tellAll(faults)
}

// read reads and checks all documents before anything is written.
func (o *applyOptions) read(ctx context.Context) ([]step, error) {
	var steps []step
	for _, name := range o.files {
		docs, err := manifest.ReadPath(name, o.app.IO.In)
		if err != nil {
			return nil, err
		}
		for _, doc := range docs {
			steps = append(steps, step{doc: doc})
		}
	}
	var faults []error
	for i := range steps {
		if err := o.complete(ctx, &steps[i]); err != nil {
			faults = append(faults, fmt.Errorf("%s %q: %w", kindOf(steps[i].doc.Object), steps[i].doc.Object.GetName(), err))
		}
	}
	return steps, o.tellAll(faults)
}

// complete packs a function's code if it lies beside the manifest, and checks the object as the server will.
func (o *applyOptions) complete(ctx context.Context, s *step) error {
	if fn, ok := s.doc.Object.(*v1alpha1.Function); ok && s.doc.Source != "" {
		pkg, err := o.pack(ctx, s.doc, fn)
		if err != nil {
			return err
		}
		s.pkg = pkg
	}
	if fn, ok := s.doc.Object.(*v1alpha1.Function); ok {
		if err := o.app.takeSecrets(ctx, fn, s.doc.Secrets); err != nil {
			return err
		}
	}
	s.doc.Object.SetResourceVersion("") // a manifest says what shall be, whatever was there when "get" printed it
	whole, err := defaulted(s.doc.Object)
	if err != nil {
		return err
	}
	s.doc.Object.SetName(whole.GetName()) // which may follow from the spec
	return validate(s.doc.Object)
}

// pack makes the archive of code that lies beside a manifest.
func (o *applyOptions) pack(ctx context.Context, doc manifest.Document, fn *v1alpha1.Function) (*source.Package, error) {
	if fn.Spec.Code != (v1alpha1.Code{}) {
		return nil, nil //nolint:nilnil // the object says where its code is
	}
	name := fn.DeepCopy()
	name.Default()
	if native := o.app.native(ctx); len(fn.Spec.Architectures) == 0 && native != "" {
		fn.Spec.Architectures = []v1alpha1.Architecture{native}
	}
	d := &deployOptions{app: o.app, build: o.build, localBuild: o.localBuild}
	return d.pack(ctx, target{name: lambdaName(name), path: doc.Source, described: fn}, fn)
}

func (o *applyOptions) apply(ctx context.Context, e engine.Engine, s step) error {
	for _, note := range s.doc.Notes {
		o.app.IO.Notef("%s: %s", s.doc.Object.GetName(), o.app.IO.Paint(terminal.Warn, note))
	}
	if s.pkg != nil {
		if err := uploadZip(ctx, e, s.pkg); err != nil {
			return err
		}
	}
	did, err := write(ctx, e, s.doc.Object)
	if err != nil {
		return err
	}
	if fn, ok := s.doc.Object.(*v1alpha1.Function); ok && o.wait {
		if err := o.app.await(ctx, e, subjectOf(fn), o.patience); err != nil {
			return err
		}
	}
	if fn, ok := s.doc.Object.(*v1alpha1.Function); ok {
		o.app.noteDeviations(fn)
	}
	if !o.app.forMachines() {
		o.app.IO.Printf("%s %s\n", path(s.doc.Object), o.app.IO.Paint(terminal.Good, string(did)))
	}
	return nil
}

func (o *applyOptions) printDry(steps []step) error {
	objects := make([]v1alpha1.Object, 0, len(steps))
	for _, s := range steps {
		if !o.app.onCluster() { // there, what was asked for and what is a default are not the same
			s.doc.Object.Default()
		}
		objects = append(objects, typed(s.doc.Object))
	}
	if o.app.flags.output == "json" || o.app.flags.output == "name" {
		return o.app.printAll(objects, nil)
	}
	return manifest.Write(o.app.IO.Out, objects...)
}

// tellAll prints each error with its own faults and gives one for the exit code.
func (o *applyOptions) tellAll(faults []error) error {
	faults = slices.DeleteFunc(faults, func(err error) bool { return err == nil })
	if len(faults) == 0 {
		return nil
	}
	if len(faults) == 1 {
		return faults[0]
	}
	for _, err := range faults {
		o.app.tell(err, "lambkin apply")
	}
	return errors.Join(errTold, fmt.Errorf("%d objects were refused", len(faults)))
}
