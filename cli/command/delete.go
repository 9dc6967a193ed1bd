package command

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/lambkin-dev/lambkin/api/v1alpha1"
	"github.com/lambkin-dev/lambkin/cli/manifest"
	"github.com/lambkin-dev/lambkin/internal/engine"
	"github.com/lambkin-dev/lambkin/internal/lambda"
)

type deleteOptions struct {
	app *App

	names    []string
	from     string
	parallel int
}

func newDeleteCommand(app *App) *cobra.Command {
	o := &deleteOptions{app: app}
	c := &cobra.Command{
		Use:     "delete NAME…",
		Aliases: []string{"rm"},
		Short:   "Delete functions with their versions, aliases and URLs",
		Long: "NAME:3 deletes one version, NAME:live one alias, \"build NAME\" a build, which is ended if it runs. -f deletes what a\n" +
			"manifest or serverless.yaml describes. tm's \"delete service NAME\" works too.",
		Example: "  lambkin delete hello\n  lambkin delete orders:3 orders:old\n  lambkin delete build hello-abc12\n  lambkin delete -f serverless.yaml",
		ValidArgsFunction: func(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
			return without(app.functionNames(cmd.Context()), args), cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			o.names = args
			if len(args) >= 2 && isBuildWord(args[0]) {
				return app.deleteBuilds(cmd.Context(), args[1:])
			}
			if len(args) == 2 && (slices.Contains(functionKind().names, args[0]) || slices.Contains(clusterKinds(), args[0])) {
				name, err := app.functionArgument(args)
				if err != nil {
					return err
				}
				o.names = []string{name}
			}
			if len(o.names) == 0 && o.from == "" {
				return usagef("which function? usage: %s", cmd.UseLine())
			}
			return o.run(cmd.Context())
		},
	}
	c.Flags().StringVarP(&o.from, "file", "f", "", "manifest or serverless.yaml whose objects are deleted")
	c.Flags().IntVarP(&o.parallel, "parallel", "c", 1, "tm's number of deletions at once")
	_ = c.Flags().MarkDeprecated("parallel", oneByOne) // it fails only for flags that are not declared
	return c
}

func (o *deleteOptions) run(ctx context.Context) error {
	e, err := o.app.client()
	if err != nil {
		return err
	}
	objects, err := o.objects()
	if err != nil {
		return err
	}
	for _, obj := range objects {
		if err := o.remove(ctx, e, obj); err != nil {
			return err
		}
	}
	return nil
}

func (o *deleteOptions) objects() ([]v1alpha1.Object, error) {
	if o.from != "" {
		return o.fromFile()
	}
	var objects []v1alpha1.Object
	for _, name := range o.names {
		ref, err := reference(name, "")
		if err != nil {
			return nil, err
		}
		objects = append(objects, objectOf(ref))
	}
	return objects, nil
}

// objectOf is the object that a reference names: a function, a version or an alias.
func objectOf(ref lambda.Reference) v1alpha1.Object {
	if ref.Qualifier == "" {
		fn := new(v1alpha1.Function)
		fn.Name = v1alpha1.ObjectName(string(ref.Name))
		return fn
	}
	if n, err := strconv.ParseInt(ref.Qualifier, 10, 64); err == nil {
		v := new(v1alpha1.Version)
		v.Name = v1alpha1.VersionObjectName(string(ref.Name), n)
		return v
	}
	a := new(v1alpha1.Alias)
	a.Name = v1alpha1.AliasObjectName(string(ref.Name), ref.Qualifier)
	return a
}

// fromFile gives the objects of a manifest, last first, so that what depends on others goes before them.
func (o *deleteOptions) fromFile() ([]v1alpha1.Object, error) {
	from := o.from
	if info, err := os.Stat(filepath.Join(from, "serverless.yaml")); err == nil && !info.IsDir() {
		from = filepath.Join(from, "serverless.yaml")
	}
	docs, err := manifest.ReadPath(from, o.app.IO.In)
	if err != nil {
		return nil, err
	}
	var objects []v1alpha1.Object
	for _, doc := range slices.Backward(docs) {
		doc.Object.Default()
		fn, ok := doc.Object.(*v1alpha1.Function)
		chosen := len(o.names) == 0 || (ok && slices.ContainsFunc(o.names, func(name string) bool {
			return name == lambdaName(fn) || fn.Labels[manifest.ServiceLabel]+"-"+name == lambdaName(fn)
		}))
		if chosen {
			objects = append(objects, doc.Object)
		}
	}
	return objects, nil
}

func (o *deleteOptions) remove(ctx context.Context, e engine.Objects, obj v1alpha1.Object) error {
	obj.SetResourceVersion("")
	if o.app.dry() {
		o.app.IO.Printf("%s would be deleted\n", path(obj))
		return nil
	}
	if v, ok := obj.(*v1alpha1.Version); ok {
		if err := unpointed(ctx, e, v.Name); err != nil {
			return err
		}
	}
	err := e.Delete(ctx, obj)
	if _, ok := obj.(*v1alpha1.Function); ok && isNotFound(err) {
		return noFunction(obj.GetName(), err)
	}
	if err != nil {
		return fmt.Errorf("delete %s %q: %w", kindOf(obj), obj.GetName(), err)
	}
	return o.app.printDeleted(obj, path(obj))
}

// unpointed checks that no alias needs a version. One that is not there is left to the deletion to tell.
func unpointed(ctx context.Context, e engine.Objects, name string) error {
	v := new(v1alpha1.Version)
	if err := e.Get(ctx, name, v); err != nil {
		return nil //nolint:nilerr // see above
	}
	aliases := new(v1alpha1.AliasList)
	if err := e.List(ctx, aliases, ofFunction(v.Spec.FunctionName)); err != nil {
		return fmt.Errorf("look for aliases of %q: %w", v.Spec.FunctionName, err)
	}
	number := strconv.FormatInt(v.Spec.Version, 10)
	for _, a := range aliases.Items {
		if _, shares := a.Spec.AdditionalVersionWeights[number]; shares || a.Spec.FunctionVersion == number {
			return fmt.Errorf("version %s of %q is what alias %q points to: move it with \"lambkin alias update %s %s VERSION\" first",
				number, v.Spec.FunctionName, a.Spec.Name, v.Spec.FunctionName, a.Spec.Name)
		}
	}
	return nil
}

// printDeleted tells that an object is gone.
func (a *App) printDeleted(obj v1alpha1.Object, what string) error {
	if a.forMachines() {
		return a.printOne(obj, nil)
	}
	a.IO.Printf("%s deleted\n", what)
	return nil
}
