package command

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/lambkin-dev/lambkin/api/v1alpha1"
	"github.com/lambkin-dev/lambkin/cli/rollout"
	"github.com/lambkin-dev/lambkin/cli/terminal"
	"github.com/lambkin-dev/lambkin/internal/engine"
	"github.com/lambkin-dev/lambkin/internal/lambda"
)

type aliasOptions struct {
	app *App

	function, alias, version string
	description              string
}

func newAliasCommand(app *App) *cobra.Command {
	verb := func(use, example, short string, least, most int, run func(o *aliasOptions, ctx context.Context) error) *cobra.Command {
		o := &aliasOptions{app: app}
		c := &cobra.Command{
			Use: use, Short: short, Args: between(least, most), ValidArgsFunction: app.completeReleases, Example: "  lambkin alias " + example,
			RunE: func(cmd *cobra.Command, args []string) error {
				args = append(args, "", "")
				o.function, o.alias, o.version = args[0], args[1], args[2]
				return run(o, cmd.Context())
			},
		}
		if most == 3 {
			c.Flags().StringVar(&o.description, "description", "", "a sentence about the alias")
		}
		return c
	}
	return only(&cobra.Command{Use: "alias", Short: "Create, move, list and delete aliases"},
		verb("create NAME ALIAS VERSION", "create orders live 3", "Create an alias", 3, 3, (*aliasOptions).create),
		verb("update NAME ALIAS VERSION", "update orders live 4", "Point an alias to a version, alone", 3, 3, (*aliasOptions).update),
		verb("delete NAME ALIAS", "delete orders live", "Delete an alias", 2, 2, (*aliasOptions).remove),
		verb("list NAME", "list orders", "List a function's aliases", 1, 1, func(o *aliasOptions, ctx context.Context) error {
			return (&getOptions{app: o.app, kind: "aliases", name: o.function}).run(ctx)
		}))
}

func (o *aliasOptions) create(ctx context.Context) error {
	if err := numberOrLatest(o.version); err != nil {
		return err
	}
	e, err := o.app.client()
	if err != nil {
		return err
	}
	if err := needVersion(ctx, e, o.function, o.version); err != nil {
		return err
	}
	a := aliasFor(o.function, o.alias, o.version)
	a.Spec.Description = o.description
	if err := e.Create(ctx, a); err != nil {
		return fmt.Errorf("create alias %q of %q: %w", o.alias, o.function, err)
	}
	return o.report(a, created)
}

func (o *aliasOptions) update(ctx context.Context) error {
	if err := numberOrLatest(o.version); err != nil {
		return err
	}
	e, err := o.app.client()
	if err != nil {
		return err
	}
	if _, err := getAlias(ctx, e, o.function, o.alias); err != nil {
		return err
	}
	if err := needVersion(ctx, e, o.function, o.version); err != nil {
		return err
	}
	a, did, err := changeAlias(ctx, e, o.function, o.alias, func(a *v1alpha1.Alias) error {
		err := rollout.Note(a, a.Spec.FunctionVersion, o.version, everyCall)
		a.Spec.FunctionVersion, a.Spec.AdditionalVersionWeights = o.version, nil
		a.Spec.Description = cmp.Or(o.description, a.Spec.Description)
		return err
	})
	if err != nil {
		return err
	}
	return o.report(a, did)
}

// changeAlias changes an alias as it is now, and says whether that changed anything.
func changeAlias(ctx context.Context, e engine.Objects, function, alias string, how func(*v1alpha1.Alias) error) (*v1alpha1.Alias, change, error) {
	var before int64
	a, err := rollout.Change(ctx, e, function, alias, func(a *v1alpha1.Alias) error {
		before = a.Generation
		return how(a)
	})
	if err != nil {
		return nil, "", err
	}
	if a.Generation == before {
		return a, unchanged, nil
	}
	return a, configured, nil
}

func (o *aliasOptions) remove(ctx context.Context) error {
	e, err := o.app.client()
	if err != nil {
		return err
	}
	obj := objectOf(lambda.Reference{Name: lambda.Name(o.function), Qualifier: o.alias})
	if err := e.Delete(ctx, obj); err != nil {
		return fmt.Errorf("delete alias %q of %q: %w", o.alias, o.function, err)
	}
	return o.app.printDeleted(obj, fmt.Sprintf("alias %s:%s", o.function, o.alias))
}

func (o *aliasOptions) report(a *v1alpha1.Alias, did change) error { return o.app.reportAlias(a, did) }

func (a *App) reportAlias(alias *v1alpha1.Alias, did change) error {
	if a.forMachines() {
		return a.printOne(alias, nil)
	}
	a.IO.Printf("alias %s:%s %s (%s)\n", alias.Spec.FunctionName, alias.Spec.Name, a.IO.Paint(terminal.Good, string(did)), trafficOf(alias.Spec))
	return nil
}

func aliasFor(function, alias, version string) *v1alpha1.Alias {
	a := &v1alpha1.Alias{Spec: v1alpha1.AliasSpec{FunctionName: function, Name: alias, FunctionVersion: version}}
	a.Name = v1alpha1.AliasObjectName(function, alias)
	a.Default()
	return a
}

func getAlias(ctx context.Context, e engine.Objects, function, alias string) (*v1alpha1.Alias, error) {
	a := new(v1alpha1.Alias)
	err := e.Get(ctx, v1alpha1.AliasObjectName(function, alias), a)
	if isNotFound(err) {
		return nil, &missingError{fmt.Sprintf("function %q has no alias %q: make it with \"lambkin alias create %s %s VERSION\"", function, alias, function, alias), err}
	}
	if err != nil {
		return nil, fmt.Errorf("get alias %q of %q: %w", alias, function, err)
	}
	return a, nil
}

// everyCall is the share, in per cent, of the one version that an alias points to.
const everyCall = 100

// pointAlias makes an alias point to one version, creating it if need be.
func pointAlias(ctx context.Context, e engine.Objects, function, alias, version string) (*v1alpha1.Alias, error) {
	a := aliasFor(function, alias, version)
	old := new(v1alpha1.Alias)
	if err := e.Get(ctx, a.Name, old); err == nil {
		a.Spec.Description = old.Spec.Description
		a.Spec.ProvisionedConcurrency = old.Spec.ProvisionedConcurrency
		a.Labels, a.Annotations = old.Labels, old.Annotations
		if err := rollout.Note(a, old.Spec.FunctionVersion, version, everyCall); err != nil {
			return a, err
		}
	}
	if _, err := write(ctx, e, a); err != nil {
		return a, fmt.Errorf("point alias %q of %q to version %s: %w", alias, function, version, err)
	}
	return a, nil
}

// trafficOf says how calls are shared, such as "2=90% 3=10%".
func trafficOf(s v1alpha1.AliasSpec) string {
	rest := 100.0
	var parts []string
	for _, version := range slices.Sorted(maps.Keys(s.AdditionalVersionWeights)) {
		share, err := strconv.ParseFloat(string(s.AdditionalVersionWeights[version]), 64)
		if err != nil {
			continue
		}
		rest -= share * 100
		parts = append(parts, version+"="+percent(share*100))
	}
	return strings.Join(append([]string{s.FunctionVersion + "=" + percent(rest)}, parts...), " ")
}

func percent(p float64) string {
	return strings.TrimSuffix(strings.TrimRight(strconv.FormatFloat(p, 'f', 4, 64), "0"), ".") + "%"
}
