package command

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/lambkin-dev/lambkin/api/v1alpha1"
	"github.com/lambkin-dev/lambkin/cli/terminal"
	"github.com/lambkin-dev/lambkin/internal/engine"
	"github.com/lambkin-dev/lambkin/internal/lambda"
)

type getOptions struct {
	app  *App
	kind string
	name string
}

func newGetCommand(app *App) *cobra.Command {
	o := &getOptions{app: app}
	return &cobra.Command{
		Use:     "get [KIND|all] [NAME]",
		Aliases: []string{"list", "ls"},
		Short:   "List functions, versions, aliases, layers, URLs or builds",
		Long: "KIND is functions (default), versions, aliases, layers, urls or policies, or all of them; on a cluster also builds. tm's words\n" +
			"service, revision, configuration, route and taskrun work too. NAME selects one function, or what belongs to one.",
		Example:           "  lambkin get\n  lambkin get hello -o yaml\n  lambkin get versions hello\n  lambkin get builds hello\n  lambkin get all",
		Args:              between(0, 2),
		ValidArgsFunction: app.completeKinds,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := o.parse(args); err != nil {
				return err
			}
			return o.run(cmd.Context())
		},
	}
}

// parse takes a lone word that is no kind for a function's name.
func (o *getOptions) parse(args []string) error {
	o.kind, o.name = "functions", ""
	if len(args) == 0 {
		return nil
	}
	if slices.Contains(clusterKinds(), args[0]) {
		return fmt.Errorf("%s: %w", args[0], o.app.noSuchKind())
	}
	_, known := kindNamed(args[0])
	known = known || args[0] == everything || isBuildWord(args[0])
	switch {
	case known && len(args) == 2:
		o.kind, o.name = args[0], args[1]
	case known:
		o.kind = args[0]
	case len(args) == 1:
		o.name = args[0]
	default:
		return usagef("%q is no kind: want functions, versions, aliases, layers, urls, policies or all; on a cluster also builds", args[0])
	}
	return nil
}

func (o *getOptions) run(ctx context.Context) error {
	if isBuildWord(o.kind) {
		return o.app.getBuilds(ctx, o.name)
	}
	e, err := o.app.client()
	if err != nil {
		return err
	}
	if o.kind == everything {
		return o.all(ctx, e)
	}
	k, _ := kindNamed(o.kind)
	if o.name != "" && k.names[0] == "functions" {
		fn, err := o.app.function(ctx, e, o.name)
		if err != nil {
			return err
		}
		return o.app.printOne(fn, func() terminal.Table { return o.table(k, []v1alpha1.Object{fn}) })
	}
	objects, single, err := o.pick(ctx, e, k)
	if err != nil {
		return fmt.Errorf("get %s: %w", o.kind, err)
	}
	if single {
		return o.app.printOne(objects[0], func() terminal.Table { return o.table(k, objects) })
	}
	if len(objects) == 0 && !o.app.forMachines() {
		o.app.IO.Notef("There are no %s%s.", k.names[0], o.whose())
		return nil
	}
	return o.app.printAll(objects, func() terminal.Table { return o.table(k, objects) })
}

// everything stands for all kinds.
const everything = "all"

// all prints the objects of all kinds, or all that belong to one function: one document for machines, one table per kind
// for people.
func (o *getOptions) all(ctx context.Context, e engine.Objects) error {
	var labels map[string]string
	var found []v1alpha1.Object
	if o.name != "" {
		fn, err := o.app.function(ctx, e, o.name)
		if err != nil {
			return err
		}
		labels, found = ofFunction(o.name), []v1alpha1.Object{fn}
	}
	for _, k := range kinds() {
		objects, err := k.list(ctx, e, labels)
		if err != nil {
			return fmt.Errorf("get %s: %w", k.names[0], err)
		}
		if o.name != "" && k.names[0] == "functions" {
			objects = found // it has no label of its own
		}
		if len(objects) > 0 && !o.app.forMachines() {
			o.app.IO.Print(o.table(k, objects))
			o.app.IO.Printf("\n")
		}
		if k.names[0] != "functions" || o.name == "" {
			found = append(found, objects...)
		}
	}
	if o.app.forMachines() {
		return o.app.printAll(found, nil)
	}
	if len(found) == 0 {
		o.app.IO.Notef("There is nothing yet: \"lambkin new\" makes a function, \"lambkin deploy\" brings it here.")
	}
	return nil
}

// pick gives one object if the name is an object's own, such as hello.3, else what belongs to the name.
func (o *getOptions) pick(ctx context.Context, e engine.Objects, k kind) ([]v1alpha1.Object, bool, error) {
	if strings.Contains(o.name, ".") {
		obj := k.object()
		err := e.Get(ctx, o.name, obj)
		return []v1alpha1.Object{obj}, true, err
	}
	var labels map[string]string
	if o.name != "" {
		labels = ofFunction(o.name)
	}
	if o.name != "" && k.names[0] == "layers" {
		labels = map[string]string{v1alpha1.LabelLayer: v1alpha1.ObjectName(o.name)}
	}
	objects, err := k.list(ctx, e, labels)
	return objects, false, err
}

func (o *getOptions) whose() string {
	if o.name == "" {
		return ""
	}
	return " of " + o.name
}

func (o *getOptions) table(k kind, objects []v1alpha1.Object) terminal.Table {
	return k.table(objects, o.app.now(), o.app.flags.output == "wide")
}

// isNotFound reports whether an engine says that an object is not there.
func isNotFound(err error) bool { return lambda.CodeOf(err) == lambda.CodeResourceNotFound }
