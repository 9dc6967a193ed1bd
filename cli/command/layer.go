package command

import (
	"cmp"
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/lambkin-dev/lambkin/api/v1alpha1"
	"github.com/lambkin-dev/lambkin/cli/source"
	"github.com/lambkin-dev/lambkin/cli/terminal"
	"github.com/lambkin-dev/lambkin/internal/engine"
	"github.com/lambkin-dev/lambkin/internal/lambda"
)

// Identity is the account and region in whose name functions run on this machine.
func Identity() lambda.Identity { return lambda.Identity{Region: "us-east-1", Account: "000000000000"} }

// layerARN is the ARN of a layer version on this machine.
func layerARN(name string, version int64) string {
	id := Identity()
	return fmt.Sprintf("arn:aws:lambda:%s:%s:layer:%s:%d", id.Region, id.Account, name, version)
}

// layerARNs completes NAME:VERSION to ARNs.
func layerARNs(given []string) []string {
	arns := make([]string, len(given))
	for i, s := range given {
		arns[i] = s
		name, version, ok := strings.Cut(s, ":")
		if n, err := strconv.ParseInt(version, 10, 64); ok && err == nil {
			arns[i] = layerARN(name, n)
		}
	}
	return arns
}

type layerOptions struct {
	app *App

	name, path  string
	description string
	runtimes    []string
}

func newLayerCommand(app *App) *cobra.Command {
	o := &layerOptions{app: app}
	publish := &cobra.Command{
		Use:     "publish NAME PATH",
		Short:   "Publish a folder or zip as the next version of a layer",
		Long:    "The content appears below /opt: put Node packages into nodejs/node_modules, Python packages into python/, programs into bin/.",
		Example: "  lambkin layer publish tools ./tools\n  lambkin layer publish pandas pandas.zip --compatible-runtime python3.13",
		Args:    exactly(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			o.name, o.path = args[0], args[1]
			return o.publish(cmd.Context())
		},
	}
	publish.Flags().StringVar(&o.description, "description", "", "a sentence about the version")
	publish.Flags().StringArrayVar(&o.runtimes, "compatible-runtime", nil, "a runtime that it is meant for")
	list := &cobra.Command{
		Use: "list [NAME]", Short: "List layers, or the versions of one", Args: between(0, 1), Example: "  lambkin layer list tools",
		RunE: func(cmd *cobra.Command, args []string) error {
			return (&getOptions{app: app, kind: "layers", name: strings.Join(args, "")}).run(cmd.Context())
		},
	}
	remove := &cobra.Command{
		Use: "delete NAME:VERSION", Short: "Delete a layer version; functions that use it keep it", Args: exactly(1), Example: "  lambkin layer delete tools:1",
		RunE: func(cmd *cobra.Command, args []string) error { return o.remove(cmd.Context(), args[0]) },
	}
	return only(&cobra.Command{Use: "layer", Short: "Publish, list and delete layers"}, publish, list, remove)
}

func (o *layerOptions) publish(ctx context.Context) error {
	pkg, err := source.PackLayer(o.path)
	if err != nil {
		return fmt.Errorf("layer %q: %w", o.name, err)
	}
	e, err := o.app.client()
	if err != nil {
		return err
	}
	if err := uploadZip(ctx, e, pkg); err != nil {
		return fmt.Errorf("layer %q: %w", o.name, err)
	}
	blob := blobOf(pkg)
	l, err := engine.PublishLayerVersion(ctx, e, v1alpha1.LayerVersionSpec{
		LayerName: o.name, Description: o.description, CompatibleRuntimes: o.runtimes, Content: *blob,
	})
	if err != nil {
		return fmt.Errorf("layer %q: %w", o.name, err)
	}
	if o.app.forMachines() {
		return o.app.printOne(l, nil)
	}
	o.app.IO.Printf("layer %s:%d %s (%s)\n%s\n", o.name, l.Spec.Version, o.app.IO.Paint(terminal.Good, string(created)),
		terminal.Bytes(blob.Size), layerARN(o.name, l.Spec.Version))
	return nil
}

func (o *layerOptions) remove(ctx context.Context, arg string) error {
	name, version, _ := strings.Cut(arg, ":")
	n, err := strconv.ParseInt(cmp.Or(version, "none"), 10, 64)
	if err != nil {
		return usagef("%q is no layer version: want NAME:VERSION", arg)
	}
	e, err := o.app.client()
	if err != nil {
		return err
	}
	if err := e.Get(ctx, v1alpha1.LayerVersionObjectName(name, n), new(v1alpha1.LayerVersion)); err != nil {
		return fmt.Errorf("delete layer version %q: %w", arg, err)
	}
	if err := engine.DeleteLayerVersion(ctx, e, name, n); err != nil {
		return fmt.Errorf("delete layer version %q: %w", arg, err)
	}
	l := new(v1alpha1.LayerVersion)
	l.Name = v1alpha1.LayerVersionObjectName(name, n)
	return o.app.printDeleted(l, "layer "+arg)
}
