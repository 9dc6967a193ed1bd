package command

import (
	"fmt"
	"path/filepath"
	"slices"

	"github.com/spf13/cobra"

	"github.com/lambkin-dev/lambkin/cli/cluster"
)

const configUseHelp = `Keeps which engine all commands talk to: the server on a machine, or a cluster.

A cluster is found as kubectl finds it: --kubeconfig, or the files of KUBECONFIG, or ~/.kube/config; --context or the current
context; -n or the namespace of the context. What is given here is kept, until it is given again; "" forgets it.

For one command, --endpoint and LAMBKIN_ENDPOINT choose a server, --kubeconfig and --context a cluster, whatever is kept.`

func newConfigUseCommand(app *App) *cobra.Command {
	return &cobra.Command{
		Use:     "use cluster|local",
		Short:   "Choose the engine: a cluster, or this machine",
		Long:    configUseHelp,
		Example: "  lambkin config use cluster\n  lambkin config use cluster --context prod -n shop\n  lambkin config use local",
		Args:    exactly(1),
		ValidArgs: []string{
			engineCluster, engineLocal,
		},
		RunE: func(cmd *cobra.Command, args []string) error { return runUse(app, cmd, args[0]) },
	}
}

func runUse(app *App, cmd *cobra.Command, name string) error {
	if !slices.Contains([]string{engineCluster, engineLocal}, name) {
		return usagef("%q is no engine: want %s or %s", name, engineCluster, engineLocal)
	}
	s, err := app.settings()
	if err != nil {
		return err
	}
	given := map[string]*string{"kubeconfig": &s.Cluster.Kubeconfig, "context": &s.Cluster.Context, "namespace": &s.Cluster.Namespace}
	for flag, kept := range given {
		f := cmd.Flag(flag)
		if f.Changed && name == engineLocal {
			return usagef("--%s is for clusters", flag)
		}
		if f.Changed {
			*kept = f.Value.String()
		}
	}
	if s.Cluster.Kubeconfig != "" {
		if s.Cluster.Kubeconfig, err = filepath.Abs(s.Cluster.Kubeconfig); err != nil {
			return fmt.Errorf("keep the kubeconfig: %w", err)
		}
	}
	s.Engine = name
	if name == engineCluster {
		if err := app.tryCluster(s.Cluster); err != nil {
			return err
		}
	}
	if err := app.keepSettings(s); err != nil {
		return err
	}
	app.flags.kubeconfig, app.flags.context, app.flags.namespace = "", "", ""
	w, err := app.whereabouts()
	if err != nil {
		return err
	}
	if w.Engine != name {
		app.IO.Notef("Kept; but %s goes before it, so commands still talk to %s.", w.From, w.Engine)
		return nil
	}
	return app.printWhereabouts(w)
}

// tryCluster finds out whether settings lead to a cluster, without talking to it.
func (a *App) tryCluster(s clusterSettings) error {
	_, err := cluster.Find(cluster.Options{Kubeconfig: s.Kubeconfig, Context: s.Context, Namespace: s.Namespace, Getenv: a.getenv})
	return err
}

// whereabouts are what all commands talk to, as it is found out.
type whereabouts struct {
	Engine     string `json:"engine"`
	From       string `json:"from"`
	Endpoint   string `json:"endpoint,omitempty"`
	Server     string `json:"server,omitempty"`
	Context    string `json:"context,omitempty"`
	Namespace  string `json:"namespace,omitempty"`
	Kubeconfig string `json:"kubeconfig,omitempty"`
	Settings   string `json:"settings"`
}

func (a *App) whereabouts() (whereabouts, error) {
	w := whereabouts{Engine: engineLocal, Settings: a.settingsPath()}
	p, err := a.place()
	if err != nil {
		return w, err
	}
	w.From = p.from
	if !p.cluster {
		e, err := a.endpoint()
		w.Endpoint = e.value
		return w, err
	}
	w.Engine = engineCluster
	o, err := a.clusterOptions()
	if err != nil {
		return w, err
	}
	found, err := cluster.Find(o)
	w.Server, w.Context, w.Namespace, w.Kubeconfig = found.Server, found.Context, found.Namespace, found.From
	return w, err
}

func (a *App) printWhereabouts(w whereabouts) error {
	switch {
	case a.forMachines() && a.flags.output != "name":
		return a.printDocument(w)
	case w.Engine == engineLocal || a.flags.output == "name":
		a.IO.Printf("%s\n", w.Engine)
	default:
		a.IO.Printf("%s, context %s, namespace %s\n", w.Engine, orText(w.Context, "none"), w.Namespace)
	}
	return nil
}

func newConfigCurrentCommand(app *App) *cobra.Command {
	return &cobra.Command{
		Use: "current", Short: "Show which engine commands talk to", Example: "  lambkin config current -o name", Args: exactly(0),
		RunE: func(*cobra.Command, []string) error {
			w, err := app.whereabouts()
			if err != nil {
				return err
			}
			app.IO.Notef("from %s", w.From)
			return app.printWhereabouts(w)
		},
	}
}

func newConfigViewCommand(app *App) *cobra.Command {
	return &cobra.Command{
		Use: "view", Short: "Show everything that says which engine commands talk to", Example: "  lambkin config view -o json", Args: exactly(0),
		RunE: func(*cobra.Command, []string) error {
			w, err := app.whereabouts()
			if err != nil {
				return err
			}
			if app.forMachines() && app.flags.output != "name" {
				return app.printDocument(w)
			}
			app.printFacts([]fact{
				{"Engine", w.Engine}, {"From", w.From}, {"Endpoint", w.Endpoint}, {"Server", w.Server}, {"Context", w.Context},
				{"Namespace", w.Namespace}, {"Kubeconfig", w.Kubeconfig}, {"Settings", w.Settings},
			})
			return nil
		},
	}
}
