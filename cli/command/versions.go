package command

import (
	"context"
	"fmt"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/lambkin-dev/lambkin/api/v1alpha1"
	"github.com/lambkin-dev/lambkin/cli/terminal"
	"github.com/lambkin-dev/lambkin/internal/engine"
)

func newVersionsCommand(app *App) *cobra.Command {
	list := &cobra.Command{
		Use: "list NAME", Short: "List a function's versions", Example: "  lambkin versions list orders", Args: exactly(1), ValidArgsFunction: app.completeFunctions,
		RunE: func(cmd *cobra.Command, args []string) error {
			return (&getOptions{app: app, kind: "versions", name: args[0]}).run(cmd.Context())
		},
	}
	return only(&cobra.Command{Use: "versions", Short: "List and publish versions"}, list, newPublishCommand(app))
}

type publishOptions struct {
	app *App

	name        string
	description string
}

func newPublishCommand(app *App) *cobra.Command {
	o := &publishOptions{app: app}
	c := &cobra.Command{
		Use:     "publish NAME",
		Short:   "Make an immutable version of the function as it is now",
		Long:    "Publishing again without a change gives the version there is.",
		Example: "  lambkin versions publish orders --description \"faster totals\"",
		Args:    exactly(1), ValidArgsFunction: app.completeFunctions,
		RunE: func(cmd *cobra.Command, args []string) error {
			o.name = args[0]
			return o.run(cmd.Context())
		},
	}
	c.Flags().StringVar(&o.description, "description", "", "a sentence about the version")
	return c
}

func (o *publishOptions) run(ctx context.Context) error {
	e, err := o.app.client()
	if err != nil {
		return err
	}
	fn, err := o.app.function(ctx, e, o.name)
	if err != nil {
		return err
	}
	v, did, err := publish(ctx, e, fn, o.description)
	if err != nil {
		return err
	}
	if o.app.forMachines() {
		return o.app.printOne(v, nil)
	}
	o.app.IO.Printf("version %s:%d %s\n", lambdaName(fn), v.Spec.Version, o.app.IO.Paint(terminal.Good, string(did)))
	return nil
}

// needVersion checks that a version is there before an alias is pointed to it, which would leave its callers without one.
func needVersion(ctx context.Context, e engine.Objects, function, version string) error {
	n, err := strconv.ParseInt(version, 10, 64)
	if err != nil {
		return nil //nolint:nilerr // $LATEST, which is always there
	}
	err = e.Get(ctx, v1alpha1.VersionObjectName(function, n), new(v1alpha1.Version))
	if isNotFound(err) {
		return &missingError{fmt.Sprintf("function %q has no version %s: \"lambkin versions list %s\" lists what there is", function, version, function), err}
	}
	if err != nil {
		return fmt.Errorf("look for version %s of %q: %w", version, function, err)
	}
	return nil
}

// numberOrLatest checks what an alias may point to.
func numberOrLatest(version string) error {
	if version == "$LATEST" {
		return nil
	}
	var n int64
	if _, err := fmt.Sscanf(version, "%d", &n); err != nil || n < 1 || fmt.Sprint(n) != version {
		return usagef("%q is no version: want a number or $LATEST", version)
	}
	return nil
}
