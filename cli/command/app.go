package command

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/lambkin-dev/lambkin/api/v1alpha1"
	"github.com/lambkin-dev/lambkin/cli/cluster"
	"github.com/lambkin-dev/lambkin/cli/source"
	"github.com/lambkin-dev/lambkin/cli/terminal"
	"github.com/lambkin-dev/lambkin/internal/engine"
	"github.com/lambkin-dev/lambkin/internal/engine/remote"
	"github.com/lambkin-dev/lambkin/internal/lambda"
)

// App is what all commands share. The zero value of everything but IO works.
type App struct {
	// IO are the streams.
	IO *terminal.Streams
	// Getenv reads an environment variable; os.Getenv if nil.
	Getenv func(string) string
	// Now gives the time; time.Now if nil.
	Now func() time.Time
	// Tools runs compilers and package managers; the machine's if nil.
	Tools source.Tools
	// Name is what the program was called by; lambkin if empty. As kn-lambkin or kubectl-lambkin it is a plugin.
	Name string
	// OnCluster connects to a cluster; with the user's kubeconfig if nil.
	OnCluster func(cluster.Options) (*Connection, error)

	flags           globalFlags
	credentialsFile string      // of a server of the command's own
	clusterVerb     bool        // the command is about a cluster, whatever is kept
	connected       *Connection // nil until the cluster is needed
}

// globalFlags are the flags of every command.
type globalFlags struct {
	endpoint   string
	kubeconfig string
	context    string
	namespace  string
	output     string
	dry        dryRun
	debug      bool
	// tm's flags about clusters and registries, refused with a reason where there are none.
	oldConfig      string
	registryHost   string
	registrySecret string
	registryTLS    bool
}

func (a *App) getenv(name string) string {
	if a.Getenv == nil {
		return os.Getenv(name)
	}
	return a.Getenv(name)
}

func (a *App) now() time.Time {
	if a.Now == nil {
		return time.Now()
	}
	return a.Now()
}

// function reads a function by its Lambda name.
func (a *App) function(ctx context.Context, e engine.Objects, name string) (*v1alpha1.Function, error) {
	fn := new(v1alpha1.Function)
	err := e.Get(ctx, v1alpha1.ObjectName(name), fn)
	if lambda.CodeOf(err) == lambda.CodeResourceNotFound {
		return nil, noFunction(name, err)
	}
	if err != nil {
		return nil, fmt.Errorf("get function %q: %w", name, err)
	}
	return fn, nil
}

// reference reads NAME or NAME:QUALIFIER, with a separate qualifier from a flag.
func reference(name, qualifier string) (lambda.Reference, error) {
	ref, err := lambda.ParseReference(name)
	if err != nil {
		return ref, usagef("%q does not name a function", name)
	}
	ref, err = ref.WithQualifier(qualifier)
	if err != nil {
		return ref, usagef("qualifier %q: %s", qualifier, lambda.AsError(err).Message)
	}
	return ref, nil
}

// outputs are the values of --output.
func outputs() []string { return []string{"json", "yaml", "name", "wide"} }

// outputsOf are those of a command.
func outputsOf(cmd *cobra.Command) []string {
	if strings.HasSuffix(cmd.CommandPath(), " keys create") {
		return append(outputs(), "env", "credentials")
	}
	return outputs()
}

// check refuses global flags that have no meaning, before any command runs.
func (a *App) check(cmd *cobra.Command, _ []string) error {
	f := a.flags
	a.clusterVerb = cmd.Annotations[clusterVerb] != ""
	if f.dry != dryNone && !slices.Contains([]string{"deploy", "apply", "delete", "install"}, cmd.Name()) {
		return usagef("--dry has no meaning for %q", cmd.CommandPath())
	}
	if f.output != "" && slices.Contains([]string{"logs", "dev", "serve"}, cmd.Name()) {
		return usagef("--output has no meaning for %q", cmd.CommandPath())
	}
	if known := outputsOf(cmd); f.output != "" && !slices.Contains(known, f.output) {
		return usagef("--output %q: want one of %s", f.output, strings.Join(known, ", "))
	}
	if err := a.checkRegistryFlags(cmd); err != nil {
		return err
	}
	if f.namespace == "" || f.namespace == remote.Namespace || cmd.CommandPath() == cmd.Root().CommandPath()+" config use" {
		return nil
	}
	p, err := a.place()
	if err == nil && !p.cluster {
		return usagef("--namespace %q: this server has only the namespace %q", f.namespace, remote.Namespace)
	}
	return err
}

// clusterVerb is the annotation of commands that are about a cluster, whatever is kept.
const clusterVerb = "cluster"

// checkRegistryFlags lets tm's flags about clusters and registries pass where they mean something.
func (a *App) checkRegistryFlags(cmd *cobra.Command) error {
	f := a.flags
	registry := f.registryHost != "" || f.registrySecret != "" || f.registryTLS
	if f.oldConfig == "" && !registry {
		return nil
	}
	p, err := a.place()
	if err != nil {
		return err
	}
	if !p.cluster {
		return fmt.Errorf("--config and --registry-…: %w", errClusterOnly)
	}
	if registry && !slices.Contains([]string{"deploy", "install"}, cmd.Name()) {
		return usagef("--registry-… has no meaning for %q: a registry is chosen when Lambkin is installed, and its credentials when a function is deployed", cmd.CommandPath())
	}
	return nil
}

// errClusterOnly says that a command makes sense on a cluster only.
var errClusterOnly = errors.New("this is about a cluster and its registry, and nothing of that exists here: " +
	"functions run from their code, without images; \"lambkin config use cluster\" goes to a cluster")
