package command

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"github.com/lambkin-dev/lambkin/cli/cluster"
	"github.com/lambkin-dev/lambkin/internal/engine"
	"github.com/lambkin-dev/lambkin/internal/engine/knative"
	"github.com/lambkin-dev/lambkin/internal/engine/remote"
)

// The engines, as people name them.
const (
	engineLocal   = "local"
	engineCluster = "cluster"
)

// place is which engine verbs talk to, and what decided that.
type place struct {
	cluster bool
	from    string
}

// Connection is a cluster and the engine on it.
type Connection struct {
	*cluster.Cluster
	Engine engine.Engine
}

// connect is what App.OnCluster is by default.
func connect(o cluster.Options) (*Connection, error) {
	c, err := cluster.Connect(o)
	if err != nil {
		return nil, err
	}
	e, err := knative.NewForConfig(c.Config, c.Namespace)
	if err != nil {
		return nil, err
	}
	return &Connection{Cluster: c, Engine: e}, nil
}

// place finds the engine: what flags name, else the environment, else what is kept, else a plugin's cluster, else this
// machine.
func (a *App) place() (place, error) {
	f := a.flags
	named := f.kubeconfig != "" || f.context != ""
	switch {
	case f.endpoint != "" && (named || a.clusterVerb):
		return place{}, usagef("--endpoint is for a server on a machine; a cluster is named with --kubeconfig and --context")
	case f.endpoint != "":
		return place{from: "--endpoint"}, nil
	case named:
		return place{true, "--kubeconfig or --context"}, nil
	case a.clusterVerb:
		return place{true, "the command"}, nil
	case a.getenv("LAMBKIN_ENDPOINT") != "":
		return place{from: "LAMBKIN_ENDPOINT"}, nil
	}
	kept, err := a.settings()
	if err != nil {
		return place{}, err
	}
	switch {
	case kept.Engine != "":
		return place{kept.Engine == engineCluster, a.settingsPath()}, nil
	case a.isPlugin():
		return place{true, "the name " + a.Name}, nil
	default:
		return place{from: "the default"}, nil
	}
}

// onCluster reports whether verbs talk to a cluster. Where that cannot be told they do not.
func (a *App) onCluster() bool {
	p, err := a.place()
	return err == nil && p.cluster
}

// clusterOptions say which cluster: what flags name, else what is kept, else what kubectl would take. Files of KUBECONFIG
// go before those that are kept, and what is kept of them.
func (a *App) clusterOptions() (cluster.Options, error) {
	f := a.flags
	o := cluster.Options{
		Kubeconfig: cmp.Or(f.kubeconfig, f.oldConfig), Context: f.context, Namespace: f.namespace, Getenv: a.getenv,
		Warn: func(text string) { a.IO.Notef("warning: %s", text) },
	}
	kept, err := a.settings()
	if err != nil || o.Kubeconfig != "" {
		return o, err
	}
	k := kept.Cluster
	o.Namespace = cmp.Or(o.Namespace, k.Namespace)
	if k.Kubeconfig != "" && a.getenv("KUBECONFIG") != "" {
		return o, nil
	}
	o.Kubeconfig, o.Context = k.Kubeconfig, cmp.Or(o.Context, k.Context)
	return o, nil
}

// cluster connects to the cluster, once. It fails if verbs talk to a server on a machine.
func (a *App) cluster() (*Connection, error) {
	p, err := a.place()
	if err != nil {
		return nil, err
	}
	if !p.cluster {
		return nil, errClusterOnly
	}
	if a.connected != nil {
		return a.connected, nil
	}
	o, err := a.clusterOptions()
	if err != nil {
		return nil, err
	}
	open := a.OnCluster
	if open == nil {
		open = connect
	}
	a.connected, err = open(o)
	return a.connected, err
}

// client gives the engine that verbs talk to.
func (a *App) client() (engine.Engine, error) {
	p, err := a.place()
	if err != nil {
		return nil, err
	}
	if p.cluster {
		c, err := a.cluster()
		if err != nil {
			return nil, err
		}
		return c.Engine, nil
	}
	endpoint, err := a.endpoint()
	if err != nil {
		return nil, err
	}
	client, err := a.signingClient(endpoint.value)
	if err != nil {
		return nil, err
	}
	e, err := remote.NewClient(client, endpoint.value)
	if err != nil {
		return nil, fmt.Errorf("%w (from %s)", err, endpoint.from)
	}
	return e, nil
}

// builds reads what an engine builds and built.
type builds interface {
	// Builds gives those of a function by its object name, oldest first; all if it is empty.
	Builds(ctx context.Context, function string) ([]cluster.Build, error)
	// Build gives one by its name.
	Build(ctx context.Context, name string) (cluster.Build, error)
	// DeleteBuild ends and forgets one.
	DeleteBuild(ctx context.Context, name string) error
	// FollowBuild gives each line that the steps print until the build has ended.
	FollowBuild(ctx context.Context, name string, tell func(step, line string)) (cluster.Build, error)
}

var (
	_ builds = (*cluster.Cluster)(nil)
	_ builds = noBuilds{}
)

// errNoBuilds says that there is nothing to look at.
var errNoBuilds = errors.New("nothing is built on one machine: \"lambkin deploy\" compiles and installs where it runs; on a cluster there are builds")

// noBuilds are the builds of an engine that builds nothing.
type noBuilds struct{}

// Builds gives none.
func (noBuilds) Builds(context.Context, string) ([]cluster.Build, error) { return nil, errNoBuilds }

// Build finds none.
func (noBuilds) Build(context.Context, string) (cluster.Build, error) {
	return cluster.Build{}, errNoBuilds
}

// DeleteBuild finds none.
func (noBuilds) DeleteBuild(context.Context, string) error { return errNoBuilds }

// FollowBuild finds none.
func (noBuilds) FollowBuild(context.Context, string, func(step, line string)) (cluster.Build, error) {
	return cluster.Build{}, errNoBuilds
}

// builds gives what the engine builds.
func (a *App) builds() (builds, error) {
	p, err := a.place()
	if err != nil {
		return nil, err
	}
	if !p.cluster {
		return noBuilds{}, nil
	}
	return a.cluster()
}
