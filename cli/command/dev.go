package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/lambkin-dev/lambkin/api/v1alpha1"
	"github.com/lambkin-dev/lambkin/cli/host"
	"github.com/lambkin-dev/lambkin/cli/source"
	"github.com/lambkin-dev/lambkin/cli/terminal"
	"github.com/lambkin-dev/lambkin/internal/engine"
	"github.com/lambkin-dev/lambkin/internal/engine/remote"
	"github.com/lambkin-dev/lambkin/internal/lambda"
)

type devOptions struct {
	app    *App
	deploy *deployOptions
}

func newDevCommand(app *App) *cobra.Command {
	o := &devOptions{app: app, deploy: &deployOptions{app: app, wait: true}}
	c := &cobra.Command{
		Use:   "dev [NAME] [PATH]",
		Short: "Deploy code again whenever it is saved",
		Long: "Deploys the code at PATH (default: this folder), prints its URL and its log, and deploys again on every change. A\n" +
			"change that does not compile or parse is told and the code before it goes on. It uses the running server, or one of\n" +
			"its own with data that is gone afterwards.",
		Example: "  lambkin dev\n  lambkin dev hello ./src --env STAGE=dev",
		Args:    between(0, 2),
		RunE: func(cmd *cobra.Command, args []string) error {
			name, path, err := nameAndPath(args)
			if err != nil {
				return err
			}
			return o.run(cmd.Context(), name, path)
		},
	}
	o.deploy.settings.declare(c.Flags())
	_ = c.RegisterFlagCompletionFunc("runtime", completeRuntimes) // it fails only for flags that are not declared
	c.Flags().BoolVar(&o.deploy.build, "build", false, "install dependencies with npm, pip or bundle")
	c.Flags().BoolVar(&o.deploy.localBuild, "local-build", false, "compile and install on this machine, for a cluster too")
	return c
}

func (o *devOptions) run(ctx context.Context, name, path string) error {
	o.deploy.patience = o.app.patience()
	o.deploy.settings.splitSecrets()
	t, err := o.deploy.folderTarget(name, path)
	if err != nil {
		return err
	}
	e, stop, err := o.server(ctx)
	if err != nil {
		return err
	}
	defer stop()
	changes, err := watch(ctx, path)
	if err != nil {
		return err
	}
	o.bring(ctx, e, t, nil)
	var following sync.WaitGroup
	defer following.Wait()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	following.Go(func() { o.follow(ctx, e, lambda.Name(t.name)) })
	for files := range changes {
		fresh, err := o.deploy.folderTarget(name, path) // function.yaml may have changed
		if err != nil {
			o.refuse(err)
			continue
		}
		t = fresh
		o.bring(ctx, e, t, files)
	}
	return nil
}

// server finds the running server, or starts one that is gone afterwards.
func (o *devOptions) server(ctx context.Context) (engine.Engine, func(), error) {
	e, err := o.app.client()
	if err != nil {
		return nil, nil, err
	}
	err = e.List(ctx, new(v1alpha1.FunctionList), nil)
	if err == nil {
		return e, func() {}, nil
	}
	endpoint, _ := o.app.endpoint() // client has read it already
	if o.app.onCluster() || !errors.Is(err, remote.ErrUnreachable) || endpoint.value != defaultEndpoint {
		return nil, nil, err
	}
	messages, err := o.app.messages()
	if err != nil {
		return nil, nil, err
	}
	dir, err := os.MkdirTemp("", "lambkin-dev-")
	if err != nil {
		return nil, nil, fmt.Errorf("make a folder for a server: %w", err)
	}
	s, err := host.Start(ctx, host.Config{
		Addr: "127.0.0.1:0", DataDir: dir, Identity: Identity(), Environ: o.app.awsEnvironment(), Messages: messages,
		Log: slog.New(slog.NewTextHandler(o.app.IO.Err, &slog.HandlerOptions{Level: slog.LevelWarn})),
	})
	if err != nil {
		return nil, nil, errors.Join(err, os.RemoveAll(dir))
	}
	o.app.flags.endpoint, o.app.credentialsFile = s.URL, s.Credentials
	o.app.IO.Notef("No server runs, so this is one for as long as it takes: export LAMBKIN_ENDPOINT=%s LAMBKIN_CREDENTIALS=%s", s.URL, s.Credentials)
	client, err := o.app.client()
	return client, func() { o.close(s, dir) }, err
}

// closeGrace is how long what runs may go on after an interrupt.
const closeGrace = 3 * time.Second

func (o *devOptions) close(s *host.Server, dir string) {
	ctx, cancel := context.WithTimeout(context.Background(), closeGrace)
	defer cancel()
	if err := errors.Join(s.Close(ctx), os.RemoveAll(dir)); err != nil {
		o.app.IO.Notef("%v", err)
	}
}

// bring deploys, unless the changed files cannot even be parsed. What goes wrong is told, and the code before goes on.
func (o *devOptions) bring(ctx context.Context, e engine.Engine, t target, changed []string) {
	began := time.Now()
	err := source.Check(ctx, ".", changed, o.app.Tools)
	var fn *v1alpha1.Function
	did := unchanged
	if err == nil {
		fn, did, err = o.deployOnce(ctx, e, t)
	}
	if ctx.Err() != nil {
		return
	}
	if err != nil {
		o.refuse(err)
		return
	}
	if did == unchanged && changed != nil {
		return
	}
	o.app.IO.Notef("%s %s in %s  %s", lambdaName(fn), o.app.IO.Paint(terminal.Good, "ready"), terminal.Took(time.Since(began)), o.app.functionURL(fn))
}

// refuse tells why a change was not deployed.
func (o *devOptions) refuse(err error) {
	o.app.tell(err, "lambkin dev")
	o.app.IO.Notef("%s", o.app.IO.Paint(terminal.Warn, "Not deployed; what was there before goes on. Waiting for the next change."))
}

func (o *devOptions) deployOnce(ctx context.Context, e engine.Engine, t target) (*v1alpha1.Function, change, error) {
	fn, pkg, err := o.deploy.prepare(ctx, e, t)
	if err != nil {
		return nil, "", err
	}
	did, err := o.deploy.bring(ctx, e, fn, pkg)
	return fn, did, err
}

// follow prints the function's log. Until the function is there, it asks again.
func (o *devOptions) follow(ctx context.Context, e engine.Logs, fn lambda.Name) {
	since := time.Now()
	for ctx.Err() == nil {
		err := e.Logs(ctx, fn, engine.LogOptions{Since: since, Follow: true}, o.app.IO.Out)
		if err != nil && !isNotFound(err) && ctx.Err() == nil && !errors.Is(err, io.ErrUnexpectedEOF) {
			o.app.IO.Notef("log: %v", err)
		}
		select {
		case <-time.After(slowLook):
		case <-ctx.Done():
		}
	}
}

// distinct sorts and drops repetitions.
func distinct(names []string) []string {
	slices.Sort(names)
	return slices.Compact(names)
}
