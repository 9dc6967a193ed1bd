// Package command holds the verbs of the test cluster's command line.
package command

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"os/signal"
	"slices"
	"strings"
	"syscall"

	"github.com/lambkin-dev/lambkin/test/cluster/layout"
	"github.com/lambkin-dev/lambkin/test/cluster/node"
)

const usage = `A Kubernetes cluster with Knative and Tekton on this machine, without a network outside.

  cluster [-name NAME] [-state DIR] VERB

  up            build what is missing, start the cluster, print how to reach it
  status        show components, versions and memory
  down          end the cluster and remove its state
  exec CMD...   run a command inside the cluster's network, with KUBECONFIG set
  kubeconfig    print the path of the kubeconfig for this machine
  env           print what a script needs to know, as KEY=value lines
  stop DAEMON   end a daemon of the node and keep it down, such as registry or kubelet
  start DAEMON  let a stopped daemon run again

`

// cli is what verbs are given.
type cli struct {
	cluster     layout.Cluster
	source      string
	idle        string // namespace whose Deployments get no pods; empty if there is none
	out, errOut io.Writer
}

// verb does one thing. args are what follows it.
type verb func(ctx context.Context, c cli, args []string) error

func verbs() map[string]verb {
	return map[string]verb{
		"up": up, "status": status, "down": down, "exec": execute, "kubeconfig": kubeconfig, "env": env,
		"stop": stopDaemon, "start": startDaemon,
		// What the cluster's own processes are started with.
		node.InitVerb: nodeInit, node.RegistryVerb: serveRegistry, node.FilesVerb: serveFiles,
	}
}

// Main runs the command line and gives its exit code.
func Main(args []string) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	err := Run(ctx, args, os.Stdout, os.Stderr)
	if code, ok := errors.AsType[exitCode](err); ok {
		return int(code)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "cluster:", err)
		return 1
	}
	return 0
}

// exitCode is the end of a verb that has said everything already.
type exitCode int

func (e exitCode) Error() string { return fmt.Sprintf("exit code %d", int(e)) }

// Run runs one verb.
func Run(ctx context.Context, args []string, out, errOut io.Writer) error {
	flags := flag.NewFlagSet("cluster", flag.ContinueOnError)
	flags.SetOutput(errOut)
	flags.Usage = func() { fmt.Fprint(errOut, usage); flags.PrintDefaults() }
	name := flags.String("name", "main", "which cluster of this machine")
	state := flags.String("state", "", "folder of its state; /var/tmp/lambkin-cluster-NAME if empty")
	source := flags.String("source", "", "folder of the module that it is built from; found from here if empty")
	idle := flags.String("idle", "", "up: namespace of a component, such as knative-eventing, that is installed but gets no pods")
	if err := flags.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return nil
		}
		return exitCode(2)
	}
	run, ok := verbs()[flags.Arg(0)]
	if !ok {
		flags.Usage()
		return exitCode(2)
	}
	cluster, err := layout.New(*name, *state)
	if err != nil {
		return err
	}
	return run(ctx, cli{cluster: cluster, source: *source, idle: *idle, out: out, errOut: errOut}, flags.Args()[1:])
}

func kubeconfig(_ context.Context, c cli, _ []string) error {
	fmt.Fprintln(c.out, c.cluster.Kubeconfig())
	return nil
}

func env(_ context.Context, c cli, _ []string) error {
	state, err := running(c.cluster)
	if err != nil {
		return err
	}
	fmt.Fprint(c.out, c.cluster.Env(state.Ports))
	return nil
}

// running gives the state of a cluster that runs.
func running(cluster layout.Cluster) (layout.State, error) {
	state, err := cluster.LoadState()
	if err != nil {
		return layout.State{}, err
	}
	if !state.Running() {
		return layout.State{}, fmt.Errorf("cluster %q is down; start it with `cluster up`", cluster.Name)
	}
	return state, nil
}

// execute becomes the command, in the node's namespaces. The folder there is /.
func execute(_ context.Context, c cli, args []string) error {
	state, err := running(c.cluster)
	if err != nil {
		return err
	}
	if len(args) == 0 {
		return errors.New("exec: which command?")
	}
	argv := slices.Concat([]string{"nsenter", "-t", fmt.Sprint(state.Init), "-n", "-m", "-p", "-u", "-i", "--"}, args)
	environment := slices.DeleteFunc(os.Environ(), func(kv string) bool { return strings.HasPrefix(kv, "KUBECONFIG=") })
	nsenter, err := exec.LookPath(argv[0])
	if err != nil {
		return fmt.Errorf("exec: %w", err)
	}
	return syscall.Exec(nsenter, argv, append(environment, "KUBECONFIG="+c.cluster.NodeKubeconfig()))
}

func stopDaemon(ctx context.Context, c cli, args []string) error {
	state, err := running(c.cluster)
	if err != nil {
		return err
	}
	return each(args, func(name string) error { return node.StopDaemon(ctx, c.cluster.Dir, state.Init, name) })
}

func startDaemon(_ context.Context, c cli, args []string) error {
	if _, err := running(c.cluster); err != nil {
		return err
	}
	return each(args, func(name string) error { return node.StartDaemon(c.cluster.Dir, name) })
}

func each(names []string, do func(string) error) error {
	if len(names) == 0 {
		return fmt.Errorf("which daemon? There are %s", strings.Join(node.Daemons(), ", "))
	}
	for _, name := range names {
		if err := do(name); err != nil {
			return err
		}
	}
	return nil
}

func nodeInit(ctx context.Context, c cli, args []string) error {
	if len(args) != 1 {
		return fmt.Errorf("%s: want the folder of shared programs", node.InitVerb)
	}
	return node.Init(ctx, c.cluster, args[0], slog.New(slog.NewTextHandler(c.errOut, nil)))
}
