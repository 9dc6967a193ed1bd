package command

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/lambkin-dev/lambkin/internal/engine"
	"github.com/lambkin-dev/lambkin/internal/lambda"
)

type logsOptions struct {
	app *App

	name   string
	follow bool
	since  string
	tail   int
}

func newLogsCommand(app *App) *cobra.Command {
	o := &logsOptions{app: app}
	c := &cobra.Command{
		Use:   "logs [build] NAME",
		Short: "Print a function's log, or that of a build",
		Long: "Prints the log of all versions, pods and environments of a function together, oldest line first. \"logs build NAME\"\n" +
			"prints what the steps of a build have printed, and what they still print; NAME is a build, or a function whose last one is meant.",
		Example:           "  lambkin logs hello -f --since 10m\n  lambkin logs hello --tail 20\n  lambkin logs build hello",
		Args:              between(1, 2),
		ValidArgsFunction: app.completeFunctions,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 2 && isBuildWord(args[0]) {
				return app.logsOfBuild(cmd.Context(), args[1])
			}
			name, err := app.functionArgument(args)
			if err != nil {
				return err
			}
			o.name = name
			return o.run(cmd.Context())
		},
	}
	f := c.Flags()
	f.BoolVarP(&o.follow, "follow", "f", false, "go on until interrupted")
	f.StringVar(&o.since, "since", "", "only newer lines: an age such as 10m, or a time such as 2026-01-31T00:00:00Z")
	f.IntVar(&o.tail, "tail", 0, "only the last lines of what is there (0: all)")
	return c
}

func (o *logsOptions) run(ctx context.Context) error {
	ref, err := reference(o.name, "")
	if err != nil {
		return err
	}
	opts := engine.LogOptions{Follow: o.follow, Tail: o.tail}
	if o.tail < 0 {
		return usagef("--tail %d: want a number of lines", o.tail)
	}
	if o.since != "" {
		if opts.Since, err = sinceTime(o.since, o.app.now()); err != nil {
			return err
		}
	}
	e, err := o.app.client()
	if err != nil {
		return err
	}
	err = e.Logs(ctx, ref.Name, opts, o.app.IO.Out)
	if o.follow && errors.Is(err, context.Canceled) {
		return nil // that is how following ends
	}
	if lambda.CodeOf(err) == lambda.CodeResourceNotFound {
		_, err = o.app.function(ctx, e, string(ref.Name))
	}
	if err != nil {
		return fmt.Errorf("logs of %s: %w", o.name, err)
	}
	return nil
}

func sinceTime(s string, now time.Time) (time.Time, error) {
	if d, err := time.ParseDuration(s); err == nil && d >= 0 {
		return now.Add(-d), nil
	}
	t, err := time.Parse(time.RFC3339, s)
	if err != nil {
		return t, usagef("--since %q: want an age such as 10m, or a time such as 2026-01-31T00:00:00Z", s)
	}
	return t, nil
}
