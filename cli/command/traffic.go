package command

import (
	"context"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/lambkin-dev/lambkin/api/v1alpha1"
	"github.com/lambkin-dev/lambkin/cli/rollout"
)

type trafficOptions struct {
	app *App

	function, alias string
	to              string
}

func newTrafficCommand(app *App) *cobra.Command {
	o := &trafficOptions{app: app}
	c := &cobra.Command{
		Use:   "traffic NAME ALIAS",
		Short: "Show or shift how an alias shares its calls between two versions",
		Long: "--to 3=10% sends a tenth of the calls to version 3 and leaves the rest where it is; --to 3=100% moves the alias;\n" +
			"--to 3=0% takes version 3 out again. \"lambkin rollout\" does it step by step, \"lambkin rollout undo\" goes back.",
		Example:           "  lambkin traffic orders live --to 3=10%\n  lambkin traffic orders live --to 3=100%",
		Args:              exactly(2),
		ValidArgsFunction: app.completeReleases,
		RunE: func(cmd *cobra.Command, args []string) error {
			o.function, o.alias = args[0], args[1]
			return o.run(cmd.Context())
		},
	}
	c.Flags().StringVar(&o.to, "to", "", "VERSION=SHARE%")
	return c
}

func (o *trafficOptions) run(ctx context.Context) error {
	var version string
	var share float64
	var err error
	if o.to != "" {
		if version, share, err = parseShare(o.to); err != nil {
			return err
		}
	}
	e, err := o.app.client()
	if err != nil {
		return err
	}
	a, err := getAlias(ctx, e, o.function, o.alias)
	if err != nil {
		return err
	}
	if o.to == "" {
		if o.app.forMachines() {
			return o.app.printOne(a, nil)
		}
		o.app.IO.Printf("%s\n", trafficOf(a.Spec))
		return nil
	}
	if err := needVersion(ctx, e, o.function, version); err != nil {
		return err
	}
	a, did, err := changeAlias(ctx, e, o.function, o.alias, func(a *v1alpha1.Alias) error {
		from := a.Spec.FunctionVersion
		if err := rollout.Shift(&a.Spec, version, share); err != nil {
			return &usageError{err}
		}
		return rollout.Note(a, from, version, share)
	})
	if err != nil {
		return err
	}
	return o.app.reportAlias(a, did)
}

// parseShare reads VERSION=SHARE%.
func parseShare(s string) (version string, share float64, err error) {
	version, text, ok := strings.Cut(s, "=")
	number, percent := strings.CutSuffix(text, "%")
	share, parse := strconv.ParseFloat(number, 64)
	if !ok || !percent || parse != nil || !(share >= 0 && share <= 100) {
		return "", 0, usagef("--to %q: want VERSION=SHARE%%, such as 3=10%%", s)
	}
	return version, share, numberOrLatest(version)
}
