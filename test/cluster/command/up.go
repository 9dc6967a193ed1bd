package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/lambkin-dev/lambkin/test/cluster/component"
	"github.com/lambkin-dev/lambkin/test/cluster/image"
	"github.com/lambkin-dev/lambkin/test/cluster/layout"
	"github.com/lambkin-dev/lambkin/test/cluster/manifest"
	"github.com/lambkin-dev/lambkin/test/cluster/needs"
	"github.com/lambkin-dev/lambkin/test/cluster/node"
	"github.com/lambkin-dev/lambkin/test/cluster/packages"
)

// startTimeout bounds the start of everything once it is built: twenty seconds on two idle processors.
const startTimeout = 5 * time.Minute

// up starts the cluster if it does not run, or does not run well.
func up(ctx context.Context, c cli, _ []string) error {
	unlock, err := lock(c.cluster)
	if err != nil {
		return err
	}
	defer unlock()
	old, err := c.cluster.LoadState()
	if err != nil {
		return err
	}
	if old.Running() {
		problem := health(ctx, c.cluster, old)
		if problem == nil {
			fmt.Fprintf(c.out, "cluster %q is up\n\n%s", c.cluster.Name, c.cluster.Env(old.Ports))
			return nil
		}
		fmt.Fprintf(c.out, "cluster %q is not healthy and starts again: %v\n", c.cluster.Name, problem)
	}
	if err := remove(ctx, c.cluster, old); err != nil {
		return err
	}
	if err := start(ctx, c, old.Ports); err != nil {
		return errors.Join(err, abandon(ctx, c))
	}
	return nil
}

// abandon removes what a start that failed, or was interrupted, has left. Logs are kept beside for whoever looks for the cause.
func abandon(ctx context.Context, c cli) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
	defer cancel()
	state, err := c.cluster.LoadState()
	if err != nil {
		return err
	}
	if _, err := os.Stat(c.cluster.Path("log")); err == nil && ctx.Err() == nil {
		kept := c.cluster.CachePath("failed-" + c.cluster.Name)
		err := errors.Join(os.RemoveAll(kept), os.CopyFS(kept, os.DirFS(c.cluster.Path("log"))))
		fmt.Fprintf(c.errOut, "logs of the node are in %s\n", kept)
		if err != nil {
			return errors.Join(err, remove(ctx, c.cluster, state))
		}
	}
	return remove(ctx, c.cluster, state)
}

// progress prints what is done, with the time since the start.
type progress struct {
	w     io.Writer
	start time.Time
}

func (p progress) done(format string, args ...any) {
	fmt.Fprintf(p.w, "%6.1f s  %s\n", time.Since(p.start).Seconds(), fmt.Sprintf(format, args...))
}

// start makes a cluster from nothing.
func start(ctx context.Context, c cli, ports layout.Ports) error {
	p := progress{c.out, time.Now()}
	if err := needs.Check(ctx, c.cluster.Dir, c.out); err != nil {
		return err
	}
	built, err := build(ctx, c)
	if err != nil {
		return err
	}
	p.done("programs are built")
	if err := packages.Write(c.cluster.Path("packages"), packages.URLs{NPM: layout.NPMURL}); err != nil {
		return err
	}
	n, err := node.Start(c.cluster, built.shared, ports)
	if err != nil {
		return err
	}
	state := n.State
	if err := c.cluster.SaveState(state); err != nil {
		return err
	}
	p.done("node is started")
	if err := fill(ctx, c, built, state, p); err != nil {
		return err
	}
	state.Ready = true
	err = errors.Join(c.cluster.SaveEnv(state.Ports), n.Keep(), c.cluster.SaveState(state))
	if err != nil {
		return err
	}
	p.done("cluster %q is up\n", c.cluster.Name)
	fmt.Fprint(c.out, c.cluster.Env(state.Ports))
	return nil
}

// programs are what was built, and the modules with the manifests.
type programs struct {
	shared  string
	modules map[string]component.Module
	golang  map[string]string // settings of Go
}

func build(ctx context.Context, c cli) (programs, error) {
	source := c.source
	if source == "" {
		wd, err := os.Getwd()
		if err != nil {
			return programs{}, err
		}
		source, err = component.FindSource(wd)
		if err != nil {
			return programs{}, err
		}
	}
	for _, dir := range []string{c.cluster.Path("bin"), c.cluster.CachePath("bin")} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return programs{}, err
		}
	}
	b := component.Builder{Source: source, Shared: c.cluster.CachePath("bin"), Own: c.cluster.Path("bin"), Log: c.out}
	shared, err := b.Build(ctx)
	if err != nil {
		return programs{}, err
	}
	modules, err := b.Modules(ctx, manifest.Modules()...)
	if err != nil {
		return programs{}, err
	}
	golang, err := b.GoEnv(ctx, "GOMODCACHE", "GOROOT", "GOVERSION")
	if err != nil {
		return programs{}, err
	}
	// Served to pods as a module proxy.
	download := filepath.Join(golang["GOMODCACHE"], "cache", "download")
	if err := os.WriteFile(c.cluster.Path("modules"), []byte(download), 0o644); err != nil {
		return programs{}, err
	}
	return programs{shared, modules, golang}, copySelf(c.cluster.Tool())
}

// copySelf copies this program to where the cluster's processes run it.
func copySelf(to string) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	data, err := os.ReadFile(self)
	if err != nil {
		return err
	}
	return os.WriteFile(to, data, 0o755)
}

// fill brings images and objects into a node that was just started, and waits until all is ready.
func fill(ctx context.Context, c cli, built programs, state layout.State, p progress) error {
	images, err := image.System(ctx, built.shared, c.cluster.Path("bin"))
	if err != nil {
		return err
	}
	objects, err := manifest.Render(built.modules)
	if err != nil {
		return err
	}
	if c.idle != "" {
		if err := manifest.Idle(objects, c.idle); err != nil {
			return err
		}
	}
	client, err := manifest.NewClient(c.cluster.Kubeconfig())
	if err != nil {
		return err
	}
	registry := fmt.Sprintf("127.0.0.1:%d", state.Ports.Registry)
	blobs := c.cluster.Path("registry", "blobs")
	work, ctx := errgroup.WithContext(ctx)
	starting, cancel := context.WithTimeoutCause(ctx, startTimeout, fmt.Errorf("the cluster was not ready after %s", startTimeout))
	defer cancel()
	work.Go(func() error {
		if err := image.Await(starting, registry); err != nil {
			return err
		}
		if err := image.Push(starting, registry, blobs, images); err != nil {
			return err
		}
		p.done("%d images of the cluster are in the registry", len(images))
		images, err := functionImages(ctx, c, built)
		if err != nil {
			return err
		}
		p.done("%d images for functions are made", len(images))
		return image.Push(ctx, registry, blobs, images)
	})
	work.Go(func() error {
		if err := client.AwaitAPI(starting); err != nil {
			return err
		}
		p.done("API server is ready")
		if err := client.Apply(starting, objects); err != nil {
			return err
		}
		p.done("%d objects are applied", len(objects))
		return client.Await(starting, func(namespace string) { p.done("%s is ready", namespace) })
	})
	return work.Wait()
}

// functionImages gives what can be made of the images for functions. A cluster is of use without the others. The first time
// packages are fetched for them, which takes as long as it takes.
func functionImages(ctx context.Context, c cli, built programs) ([]image.Image, error) {
	images, err := image.Functions{
		Store:  image.Store{Dir: c.cluster.CachePath("rootfs")},
		GoRoot: built.golang["GOROOT"], GoVersion: built.golang["GOVERSION"],
	}.Images(ctx)
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	if err != nil {
		fmt.Fprintf(c.errOut, "images for functions that are left out, and all that lie on them: %v\n", err)
	}
	return images, nil
}

// health says what is wrong with a cluster whose node runs.
func health(ctx context.Context, cluster layout.Cluster, state layout.State) error {
	if !state.Ready {
		return errors.New("its start was not completed")
	}
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	client, err := manifest.NewClient(cluster.Kubeconfig())
	if err != nil {
		return err
	}
	if err := client.AwaitAPI(ctx); err != nil {
		return err
	}
	return client.Await(ctx, func(string) {})
}

// down ends the cluster.
func down(ctx context.Context, c cli, _ []string) error {
	unlock, err := lock(c.cluster)
	if err != nil {
		return err
	}
	defer unlock()
	state, err := c.cluster.LoadState()
	if err != nil {
		return err
	}
	start := time.Now()
	if err := remove(ctx, c.cluster, state); err != nil {
		return err
	}
	fmt.Fprintf(c.out, "cluster %q is down after %.1f s\n", c.cluster.Name, time.Since(start).Seconds())
	return nil
}

// remove ends the node and removes the cluster's state.
func remove(ctx context.Context, cluster layout.Cluster, state layout.State) error {
	if err := node.Stop(ctx, cluster, state); err != nil {
		return err
	}
	if err := os.RemoveAll(cluster.Dir); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("state of cluster %q: %w", cluster.Name, err)
	}
	return nil
}
