package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
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

	from      []string
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
	f.StringArrayVarP(&o.from, "filename", "f", nil, "manifest: a file, an https URL, or - for standard input")
	f.StringVar(&o.registry, "registry", "", "where code and images of functions are kept: HOST[:PORT]/PATH")
	f.StringArrayVar(&o.plainHTTP, "plain-http", nil, "registry, as HOST[:PORT], that is spoken to without TLS")
	f.DurationVar(&o.patience, "timeout", 5*time.Minute, "how long to wait until it works")
	return c
}

func (o *installOptions) run(ctx context.Context) error {
	if _, err := o.app.place(); err != nil {
		return err
	}
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
	if !errors.Is(err, install.ErrNoRegistry) || !o.app.IO.InTerminal || slices.Contains(o.from, "-") {
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
	o.app.IO.Notef("Installing on %s.", c.Place)
	progress := o.app.IO.Begin("install")
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

// read reads the manifests.
func (o *installOptions) read(ctx context.Context) ([]*install.Object, error) {
	if len(o.from) == 0 {
		r, err := install.Embedded()
		if err != nil {
			return nil, err
		}
		return install.Read(r)
	}
	var all []*install.Object
	for _, from := range o.from {
		r, err := o.open(ctx, from)
		if err != nil {
			return nil, err
		}
		objects, err := install.Read(r)
		_ = r.Close() // it was only read
		if err != nil {
			return nil, fmt.Errorf("%s: %w", from, err)
		}
		all = append(all, objects...)
	}
	return all, nil
}

func (o *installOptions) open(ctx context.Context, from string) (io.ReadCloser, error) {
	switch {
	case from == "-":
		return io.NopCloser(o.app.IO.In), nil
	case strings.HasPrefix(from, "https://") || strings.HasPrefix(from, "http://"):
		return fetch(ctx, from)
	}
	f, err := os.Open(from)
	if err != nil {
		return nil, fmt.Errorf("open the manifest: %w", err)
	}
	return f, nil
}

// fetchPatience is how long a server may take to give a manifest.
const fetchPatience = time.Minute

func fetch(ctx context.Context, from string) (io.ReadCloser, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, from, http.NoBody)
	if err != nil {
		return nil, usagef("%q is no URL: %w", from, err)
	}
	res, err := (&http.Client{Timeout: fetchPatience}).Do(req)
	if err != nil {
		return nil, fmt.Errorf("fetch the manifest: %v", err) //nolint:errorlint // an error of that server is none of the cluster's
	}
	if res.StatusCode != http.StatusOK {
		_ = res.Body.Close()
		return nil, fmt.Errorf("fetch the manifest from %s: the server says %s", from, res.Status)
	}
	return res.Body, nil
}
