package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/lambkin-dev/lambkin/cli/cluster/install"
)

const installHelp = `Brings Lambkin to the cluster, or another release of it: applies the manifest that belongs to this program, or that of -f,
and waits until controller and gateway work. It needs the rights of a cluster administrator, and Knative Serving on the
cluster. What the cluster's configuration says already stays, but for what flags say.

--registry is a place in a container registry, HOST[:PORT]/PATH, where code and images of functions will be kept. It has to
be reachable from the cluster; its credentials are given with "lambkin -n lambkin-system set registry-auth".`

type installOptions struct {
	app *App

	from      string
	registry  string
	plainHTTP []string
	patience  time.Duration
}

func newInstallCommand(app *App) *cobra.Command {
	o := &installOptions{app: app}
	c := &cobra.Command{
		Use:         "install",
		Short:       "Bring Lambkin to a cluster, or a newer release of it",
		Long:        installHelp,
		Example:     "  lambkin install --registry registry.example/functions\n  lambkin install -f lambkin.yaml --context test --registry localhost:5000/functions --plain-http localhost:5000\n  lambkin install --registry registry.example/functions --dry-run > lambkin.yaml",
		Args:        exactly(0),
		Annotations: map[string]string{clusterVerb: "true"},
		RunE:        func(cmd *cobra.Command, _ []string) error { return o.run(cmd.Context()) },
	}
	f := c.Flags()
	f.StringVarP(&o.from, "filename", "f", "", "manifest: a file, an https URL, or - for standard input")
	f.StringVar(&o.registry, "registry", "", "where code and images of functions are kept: HOST[:PORT]/PATH")
	f.StringArrayVar(&o.plainHTTP, "plain-http", nil, "registry, as HOST[:PORT], that is spoken to without TLS")
	f.DurationVar(&o.patience, "timeout", 5*time.Minute, "how long to wait until it works")
	return c
}

func (o *installOptions) run(ctx context.Context) error {
	if o.app.flags.output != "" && !o.app.dry() {
		return usagef("--output has no meaning for \"lambkin install\" without --dry-run")
	}
	if o.app.dry() && o.app.flags.output != "" && o.app.flags.output != "yaml" {
		return usagef("--output %q: a manifest is YAML", o.app.flags.output)
	}
	o.oldFlags()
	objects, err := o.read(ctx)
	if err != nil {
		return err
	}
	settings := install.Settings{Registry: o.registry, PlainHTTP: o.plainHTTP}
	if o.app.dry() {
		return o.printDry(settings, objects)
	}
	err = o.install(ctx, settings, objects)
	if !errors.Is(err, install.ErrNoRegistry) || !o.app.IO.InTerminal || o.from == "-" {
		return err
	}
	if settings.Registry, err = o.app.IO.AskOpenly("Registry for code and images of functions (HOST/PATH)"); err != nil {
		return err
	}
	return o.install(ctx, settings, objects)
}

// oldFlags takes tm's flags about the registry.
func (o *installOptions) oldFlags() {
	f := o.app.flags
	if o.registry == "" {
		o.registry = f.registryHost
	}
	if f.registryTLS && o.registry != "" {
		host, _, _ := strings.Cut(o.registry, "/")
		o.plainHTTP = append(o.plainHTTP, host)
	}
}

func (o *installOptions) install(ctx context.Context, s install.Settings, objects []*install.Object) error {
	c, err := o.app.cluster()
	if err != nil {
		return err
	}
	progress := o.app.IO.Begin("install on " + c.Place.String())
	defer progress.Done()
	in := &install.Installer{Client: c.Client, Settings: s, Tell: o.app.IO.Notef, Doing: progress.Say, Patience: o.patience}
	if err := in.Run(ctx, objects); err != nil {
		return fmt.Errorf("install: %w", err)
	}
	o.app.IO.Printf("Lambkin is installed. Go on with\n\n  %[1]s doctor --context %[2]s\n  %[1]s config use cluster --context %[2]s\n", o.app.called(), orText(c.Context, `""`))
	return nil
}

// printDry prints what would be applied to a cluster that has no configuration yet.
func (o *installOptions) printDry(s install.Settings, objects []*install.Object) error {
	if err := s.Complete(objects, ""); err != nil {
		return err
	}
	return install.Write(o.app.IO.Out, objects)
}

// read finds the manifest.
func (o *installOptions) read(ctx context.Context) ([]*install.Object, error) {
	switch {
	case o.from == "":
		r, err := install.Embedded()
		if err != nil {
			return nil, err
		}
		return install.Read(r)
	case o.from == "-":
		return install.Read(o.app.IO.In)
	case strings.HasPrefix(o.from, "https://") || strings.HasPrefix(o.from, "http://"):
		return o.fetch(ctx)
	}
	f, err := os.Open(o.from)
	if err != nil {
		return nil, fmt.Errorf("open the manifest: %w", err)
	}
	defer func() { _ = f.Close() }()
	return o.named(install.Read(f))
}

func (o *installOptions) named(objects []*install.Object, err error) ([]*install.Object, error) {
	if err != nil {
		return nil, fmt.Errorf("%s: %w", o.from, err)
	}
	return objects, nil
}

// fetchPatience is how long a server may take to give a manifest.
const fetchPatience = time.Minute

func (o *installOptions) fetch(ctx context.Context) ([]*install.Object, error) {
	ctx, cancel := context.WithTimeout(ctx, fetchPatience)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, o.from, http.NoBody)
	if err != nil {
		return nil, usagef("%q is no URL: %w", o.from, err)
	}
	res, err := new(http.Client).Do(req)
	if err != nil {
		return nil, fmt.Errorf("fetch the manifest: %v", err) //nolint:errorlint // an error of that server is none of the cluster's
	}
	defer func() { _, _ = io.Copy(io.Discard, io.LimitReader(res.Body, 1<<10)); _ = res.Body.Close() }()
	if res.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("fetch the manifest from %s: the server says %s", o.from, res.Status)
	}
	return o.named(install.Read(res.Body))
}
