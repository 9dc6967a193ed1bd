package command

import (
	"context"
	"slices"

	"github.com/spf13/cobra"

	"github.com/lambkin-dev/lambkin/api/v1alpha1"
	"github.com/lambkin-dev/lambkin/bootstrap"
	"github.com/lambkin-dev/lambkin/functions"
	"github.com/lambkin-dev/lambkin/internal/engine"
)

// What the shell is offered. A server that does not answer offers nothing: completion must never fail or ask.

// completeFunctions offers the names of functions as the first argument.
func (a *App) completeFunctions(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return a.functionNames(cmd.Context()), cobra.ShellCompDirectiveNoFileComp
}

// completeKinds offers kinds and functions, and after a kind functions.
func (a *App) completeKinds(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	names := a.functionNames(cmd.Context())
	if len(args) == 0 {
		for _, k := range kinds() {
			names = append(names, k.names[0])
		}
		names = append(names, everything)
	}
	if len(args) > 1 {
		names = nil
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}

// completeReleases offers NAME ALIAS VERSION.
func (a *App) completeReleases(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	var names []string
	switch len(args) {
	case 0:
		names = a.functionNames(cmd.Context())
	case 1:
		names = a.columnOf(cmd.Context(), aliasKind(), args[0])
	case 2:
		names = append(a.columnOf(cmd.Context(), versionKind(), args[0]), "$LATEST")
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}

func completeRuntimes(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	var ids []string
	for _, r := range bootstrap.All() {
		ids = append(ids, r.ID)
	}
	return ids, cobra.ShellCompDirectiveNoFileComp
}

func completeTemplates(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	var names []string
	for _, s := range functions.All() {
		names = append(names, s.Template)
	}
	return distinct(names), cobra.ShellCompDirectiveNoFileComp
}

func (a *App) functionNames(ctx context.Context) []string {
	return a.ask(func(e engine.Objects) ([]string, error) {
		l := new(v1alpha1.FunctionList)
		err := e.List(ctx, l, nil)
		names := make([]string, 0, len(l.Items))
		for i := range l.Items {
			names = append(names, lambdaName(&l.Items[i]))
		}
		return names, err
	})
}

// columnOf gives the second column, which is the name, of what belongs to a function.
func (a *App) columnOf(ctx context.Context, k kind, function string) []string {
	return a.ask(func(e engine.Objects) ([]string, error) {
		objects, err := k.list(ctx, e, ofFunction(function))
		var names []string
		for _, obj := range objects {
			names = append(names, k.row(obj, a.now())[1])
		}
		return names, err
	})
}

// ask gives what the server knows, and nothing if it does not answer.
func (a *App) ask(question func(e engine.Objects) ([]string, error)) []string {
	e, err := a.client()
	if err != nil {
		return nil
	}
	names, err := question(e)
	if err != nil {
		return nil
	}
	return names
}

// without gives the names that are not among the given ones.
func without(names, given []string) []string {
	return slices.DeleteFunc(names, func(name string) bool { return slices.Contains(given, name) })
}
