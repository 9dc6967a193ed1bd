package command

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/lambkin-dev/lambkin/api/v1alpha1"
	"github.com/lambkin-dev/lambkin/cli/rollout"
	"github.com/lambkin-dev/lambkin/cli/terminal"
	"github.com/lambkin-dev/lambkin/internal/engine"
	"github.com/lambkin-dev/lambkin/internal/lambda"
)

const rolloutHelp = `Moves an alias of the function NAME to a version, step by step: each of --steps is the share of calls that the version gets,
in per cent, and is watched for --interval. If more than --max-error-rate of its calls fail, the alias goes back to where
it was, and the exit code is 1. The last step may be less than 100; another rollout goes on from there.

Calls are counted in the function's log. A version that nobody calls in a step passes it. With --probe the version is
called by this command instead, --probes times in each step; containers that answer HTTP themselves need that, because
they write no such log.

Without ALIAS it is the only one that the function has. "rollout undo" goes back to where the alias was before it was moved
last, by this or any other command.`

// Bounds of what is taken as a probe.
const (
	leastProbes = 1
	mostProbes  = 1000
)

type rolloutOptions struct {
	app *App

	name, alias  string
	to           string
	steps        []string
	interval     time.Duration
	maxErrorRate string
	probe        string
	probes       int
}

func newRolloutCommand(app *App) *cobra.Command {
	o := &rolloutOptions{app: app}
	c := &cobra.Command{
		Use:     "rollout NAME [ALIAS] --to VERSION",
		Short:   "Move an alias to a version in steps, and back if calls fail",
		Long:    rolloutHelp,
		Example: "  lambkin rollout orders --to 4\n  lambkin rollout orders live --to 4 --steps 5,25,100 --interval 5m --max-error-rate 0.5%\n  lambkin rollout orders --to 4 --probe @event.json --interval 10s",
		Args:    between(1, 2), ValidArgsFunction: app.completeReleases,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := o.parse(args); err != nil {
				return err
			}
			return o.run(cmd.Context())
		},
	}
	f := c.Flags()
	f.StringVar(&o.to, "to", "", "version that gets the calls: a number or $LATEST")
	f.StringSliceVar(&o.steps, "steps", []string{"10", "50", "100"}, "shares of calls in per cent, rising")
	f.DurationVar(&o.interval, "interval", time.Minute, "how long each step is watched")
	f.StringVar(&o.maxErrorRate, "max-error-rate", "1%", "share of failing calls above which it goes back")
	f.StringVar(&o.probe, "probe", "", "event, or @FILE, to call the version with")
	f.IntVar(&o.probes, "probes", 10, "calls in each step, with --probe")
	verb := func(use, short, example string, run func(ctx context.Context) error) *cobra.Command {
		return &cobra.Command{
			Use: use, Short: short, Example: "  lambkin rollout " + example, Args: between(1, 2), ValidArgsFunction: app.completeReleases,
			RunE: func(cmd *cobra.Command, args []string) error {
				if err := o.parse(args); err != nil {
					return err
				}
				return run(cmd.Context())
			},
		}
	}
	c.AddCommand(
		verb("undo NAME [ALIAS]", "Go back to where the alias was before it was moved last", "undo orders live", o.undo),
		verb("status NAME [ALIAS]", "Show where the alias is on its way, and how its versions do", "status orders -o json", o.status))
	return c
}

// parse reads NAME, NAME:ALIAS or NAME ALIAS.
func (o *rolloutOptions) parse(args []string) error {
	name, alias, both := strings.Cut(args[0], ":")
	if len(args) == 2 {
		if both {
			return usagef("the alias is named twice: %q and %q", alias, args[1])
		}
		alias = args[1]
	}
	o.name, o.alias = name, alias
	return nil
}

func (o *rolloutOptions) run(ctx context.Context) error {
	plan, err := o.plan()
	if err != nil {
		return err
	}
	e, err := o.app.client()
	if err != nil {
		return err
	}
	a, err := o.find(ctx, e)
	if err != nil {
		return err
	}
	if err := needVersion(ctx, e, o.name, o.to); err != nil {
		return err
	}
	r := &rollout.Rollout{Engine: e, Function: o.name, Alias: a.Spec.Name, Plan: plan, Tell: o.app.IO.Notef}
	if err := r.Run(ctx); err != nil {
		return fmt.Errorf("rollout of %s:%s to version %s: %w", o.name, a.Spec.Name, o.to, err)
	}
	a, err = getAlias(ctx, e, o.name, a.Spec.Name)
	if err != nil {
		return err
	}
	return o.app.reportAlias(a, configured)
}

// plan reads the flags.
func (o *rolloutOptions) plan() (rollout.Plan, error) {
	p := rollout.Plan{To: o.to, Interval: o.interval, Probes: o.probes}
	if o.to == "" {
		return p, usagef("to which version? Say it with --to; \"lambkin versions list %s\" lists what there is", o.name)
	}
	if err := numberOrLatest(o.to); err != nil {
		return p, err
	}
	last := 0.0
	for _, text := range o.steps {
		share, err := strconv.ParseFloat(strings.TrimSuffix(strings.TrimSpace(text), "%"), 64)
		if err != nil || !(share > last && share <= 100) {
			return p, usagef("--steps %s: want rising shares up to 100, such as 10,50,100", strings.Join(o.steps, ","))
		}
		last = share
		p.Steps = append(p.Steps, share)
	}
	text, percent := strings.CutSuffix(o.maxErrorRate, "%")
	rate, err := strconv.ParseFloat(text, 64)
	if err != nil || !percent || !(rate >= 0 && rate <= 100) {
		return p, usagef("--max-error-rate %q: want per cent, such as 1%%", o.maxErrorRate)
	}
	p.MaxErrorRate = rate / 100
	if o.interval < 0 || o.probes < leastProbes || o.probes > mostProbes {
		return p, usagef("--interval must not be negative, and --probes must be from %d to %d", leastProbes, mostProbes)
	}
	p.Probe, err = readProbe(o.probe)
	return p, err
}

func readProbe(text string) ([]byte, error) {
	probe := []byte(text)
	if name, ok := strings.CutPrefix(text, "@"); ok {
		content, err := os.ReadFile(name)
		if err != nil {
			return nil, fmt.Errorf("read the probe: %w", err)
		}
		probe = bytes.TrimSpace(content)
	}
	if len(probe) > 0 && !json.Valid(probe) {
		return nil, usagef("--probe is not JSON; a plain text must be quoted, as in --probe '\"text\"'")
	}
	return probe, nil
}

// find is the alias that is named, or the only one.
func (o *rolloutOptions) find(ctx context.Context, e engine.Objects) (*v1alpha1.Alias, error) {
	if o.alias != "" {
		return getAlias(ctx, e, o.name, o.alias)
	}
	if _, err := o.app.function(ctx, e, o.name); err != nil {
		return nil, err
	}
	all := new(v1alpha1.AliasList)
	if err := e.List(ctx, all, ofFunction(o.name)); err != nil {
		return nil, fmt.Errorf("list aliases of %q: %w", o.name, err)
	}
	switch len(all.Items) {
	case 0:
		return nil, fmt.Errorf("function %q has no alias, and a rollout moves one: make it with \"lambkin alias create %s live VERSION\"", o.name, o.name)
	case 1:
		return &all.Items[0], nil
	}
	names := make([]string, 0, len(all.Items))
	for _, a := range all.Items {
		names = append(names, o.name+":"+a.Spec.Name)
	}
	return nil, usagef("which alias? Function %q has %s", o.name, strings.Join(names, ", "))
}

func (o *rolloutOptions) undo(ctx context.Context) error {
	e, err := o.app.client()
	if err != nil {
		return err
	}
	a, err := o.find(ctx, e)
	if err != nil {
		return err
	}
	a, _, err = changeAlias(ctx, e, o.name, a.Spec.Name, func(a *v1alpha1.Alias) error {
		_, undone := rollout.Undo(a, "undone")
		return undone
	})
	if err != nil {
		return err
	}
	if err := rollout.Await(ctx, e, a); err != nil {
		return err
	}
	return o.app.reportAlias(a, configured)
}

// rolloutStatus is how far a rollout is, for machines.
type rolloutStatus struct {
	Function string                 `json:"function"`
	Alias    string                 `json:"alias"`
	Traffic  string                 `json:"traffic"`
	Rollout  *rollout.Record        `json:"rollout,omitempty"`
	Calls    map[string]versionCall `json:"calls,omitempty"`
}

// versionCall is how one version did.
type versionCall struct {
	Calls  int `json:"calls"`
	Failed int `json:"failed"`
}

// seenLines is how far back calls are counted for "rollout status".
const seenLines = 10_000

func (o *rolloutOptions) status(ctx context.Context) error {
	e, err := o.app.client()
	if err != nil {
		return err
	}
	a, err := o.find(ctx, e)
	if err != nil {
		return err
	}
	tally := new(rollout.Tally)
	if err := e.Logs(ctx, lambda.Name(o.name), engine.LogOptions{Tail: seenLines}, tally); err != nil && !errors.Is(err, context.Canceled) {
		return fmt.Errorf("count calls in the log of %q: %w", o.name, err)
	}
	st := rolloutStatus{Function: o.name, Alias: a.Spec.Name, Traffic: trafficOf(a.Spec), Rollout: rollout.RecordOf(a), Calls: map[string]versionCall{}}
	for version, c := range tally.All() {
		st.Calls[version] = versionCall(c)
	}
	switch {
	case o.app.flags.output == "name":
		o.app.IO.Printf("%s\n", path(a))
		return nil
	case o.app.forMachines():
		return o.app.printDocument(st)
	}
	o.tellStatus(st)
	return nil
}

func (o *rolloutOptions) tellStatus(st rolloutStatus) {
	facts := []fact{{"Alias", st.Function + ":" + st.Alias}, {"Traffic", st.Traffic}}
	if r := st.Rollout; r != nil {
		facts = append(facts, fact{"Rollout", fmt.Sprintf("%s, from version %s to %s", r.State, r.From, r.To)}, fact{"Reason", r.Reason})
	}
	o.app.printFacts(facts)
	if len(st.Calls) == 0 {
		return
	}
	t := terminal.Table{Head: []string{"VERSION", "CALLS", "FAILED"}}
	for _, version := range slices.Sorted(maps.Keys(st.Calls)) {
		c := st.Calls[version]
		t.Add(version, strconv.Itoa(c.Calls), strconv.Itoa(c.Failed))
	}
	o.app.IO.Printf("\n")
	o.app.IO.Print(t)
}
