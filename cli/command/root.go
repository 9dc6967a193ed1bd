package command

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/lambkin-dev/lambkin/cli/terminal"
)

const rootHelp = `Lambkin runs AWS Lambda functions on this machine, and on any Kubernetes cluster with Knative.

  lambkin serve &                           start a server
  lambkin new hello --runtime nodejs22.x    make a function from a sample
  lambkin deploy hello                      upload it
  lambkin invoke hello -d '{"name":"you"}'  run it

The AWS CLI and SDKs work against the same server, with the credentials that it prints when it starts.

On a cluster, after "lambkin install" and "lambkin config use cluster", the same commands work there.

Exit codes: 0 success; 1 failure; 2 the command line is wrong; 3 the function ran and failed; 4 no server or cluster
answers; 130 interrupted.`

// Main runs the program for a process: it handles signals and gives the exit code.
func Main() int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	return Run(ctx, &App{IO: terminal.System(), Name: os.Args[0]}, os.Args[1:])
}

// Run runs one command line and gives its exit code. Errors have been printed.
func Run(ctx context.Context, app *App, args []string) int {
	root := New(app)
	root.SetArgs(args)
	cmd, err := root.ExecuteContextC(ctx)
	if err != nil && isSyntax(err) {
		err = &usageError{err}
	}
	app.tell(err, cmd.CommandPath())
	return exitCode(err)
}

// isSyntax finds cobra's own errors about flags that are required or groups that clash, which have no type.
func isSyntax(err error) bool {
	var usage *usageError
	return !errors.As(err, &usage) && (strings.HasPrefix(err.Error(), "required flag(s)") || strings.HasPrefix(err.Error(), "if any flags in the group"))
}

// typingErrors is how many letters may be wrong in a word that was meant to be a command.
const typingErrors = 2

// New makes the command tree.
func New(app *App) *cobra.Command {
	root := &cobra.Command{
		Use:               program,
		Short:             "Run AWS Lambda functions anywhere",
		Long:              rootHelp,
		SilenceErrors:     true,
		SilenceUsage:      true,
		PersistentPreRunE: app.check,
		Args:              unknownCommand,
		RunE:              func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.SuggestionsMinimumDistance = typingErrors
	root.SetIn(app.IO.In)
	root.SetOut(app.IO.Out)
	root.SetErr(app.IO.Err)
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return &usageError{err} })
	app.addGlobalFlags(root)
	root.AddGroup(
		&cobra.Group{ID: "functions", Title: "Functions:"},
		&cobra.Group{ID: "releases", Title: "Versions, aliases and layers:"},
		&cobra.Group{ID: "server", Title: "Server and tools:"},
		&cobra.Group{ID: "cluster", Title: "Clusters:"},
	)
	add := func(group string, commands ...*cobra.Command) {
		for _, c := range commands {
			c.GroupID = group
			root.AddCommand(c)
		}
	}
	add("functions", newNewCommand(app), newDeployCommand(app), newApplyCommand(app), newInvokeCommand(app), newLogsCommand(app),
		newGetCommand(app), newDescribeCommand(app), newDeleteCommand(app), newDevCommand(app))
	add("releases", newVersionsCommand(app), newAliasCommand(app), newTrafficCommand(app), newRolloutCommand(app), newLayerCommand(app))
	add("server", newServeCommand(app), newKeysCommand(app), newDoctorCommand(app), newConfigCommand(app), newVersionCommand(app))
	add("cluster", newInstallCommand(app), newSetCommand(app))
	root.AddCommand(newPushCommand())
	app.rename(root)
	return root
}

func (a *App) addGlobalFlags(root *cobra.Command) {
	f := root.PersistentFlags()
	f.StringVar(&a.flags.endpoint, "endpoint", "", "address of the server (or LAMBKIN_ENDPOINT)")
	f.StringVarP(&a.flags.output, "output", "o", "", "output for machines: json, yaml or name; wide: more columns")
	_ = root.RegisterFlagCompletionFunc("output", cobra.FixedCompletions(outputs(), cobra.ShellCompDirectiveNoFileComp)) // as below
	f.StringVar(&a.flags.kubeconfig, "kubeconfig", "", "kubeconfig of a cluster (or KUBECONFIG)")
	f.StringVar(&a.flags.context, "context", "", "context of the kubeconfig")
	f.StringVarP(&a.flags.namespace, "namespace", "n", "", "namespace; a local server has only \"default\"")
	f.Var(&a.flags.dry, "dry-run", "print the objects instead of writing them")
	f.Lookup("dry-run").NoOptDefVal = string(dryClient)
	f.Var(&a.flags.dry, "dry", "tm's --dry-run")
	f.Lookup("dry").NoOptDefVal = string(dryClient)
	f.BoolVar(&a.flags.debug, "debug", false, "show errors with all their causes")
	f.StringVar(&a.flags.oldConfig, "config", "", "tm's --kubeconfig")
	f.StringVar(&a.flags.registryHost, "registry-host", "", "tm's registry")
	f.StringVar(&a.flags.registrySecret, "registry-secret", "", "tm's registry secret")
	f.BoolVar(&a.flags.registryTLS, "registry-skip-tls", false, "tm's registry setting")
	for _, name := range []string{"dry", "config", "registry-host", "registry-secret", "registry-skip-tls"} {
		f.Lookup(name).Hidden = true
	}
}

func unknownCommand(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	hint := ""
	if near := cmd.SuggestionsFor(args[0]); len(near) > 0 {
		hint = fmt.Sprintf("; did you mean %q?", near[0])
	}
	return usagef("there is no command %q%s", args[0], hint)
}

// exactly, between: how many arguments a command takes, told in words of its usage line.
func exactly(n int) cobra.PositionalArgs { return between(n, n) }

func between(least, most int) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) >= least && len(args) <= most {
			return nil
		}
		return usagef("got %s, usage: %s", count(len(args), "argument"), cmd.UseLine())
	}
}

// only makes a command that just groups others.
func only(c *cobra.Command, commands ...*cobra.Command) *cobra.Command {
	c.Args, c.SuggestionsMinimumDistance = unknownCommand, typingErrors
	c.RunE = func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
	c.AddCommand(commands...)
	return c
}
