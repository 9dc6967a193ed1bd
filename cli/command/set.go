package command

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/lambkin-dev/lambkin/cli/cluster"
	"github.com/lambkin-dev/lambkin/cli/terminal"
	"github.com/lambkin-dev/lambkin/internal/platform"
)

func newSetCommand(app *App) *cobra.Command {
	return only(&cobra.Command{Use: "set", Short: "Keep credentials for registries and git on a cluster"},
		newRegistryAuthCommand(app), newGitAuthCommand(app))
}

// maxSecret bounds what is read of a password or key, in bytes.
const maxSecret = 64 << 10

// readSecret reads a password or key from standard input. On a terminal it asks for it.
func (a *App) readSecret(what string) (string, error) {
	if a.IO.InTerminal {
		return a.IO.Ask(what)
	}
	text, err := io.ReadAll(io.LimitReader(a.IO.In, maxSecret+1))
	if err != nil {
		return "", fmt.Errorf("read the %s from standard input: %w", what, err)
	}
	if len(text) > maxSecret {
		return "", fmt.Errorf("the %s on standard input has more than %d bytes", what, maxSecret)
	}
	if len(bytes.TrimSpace(text)) == 0 {
		return "", usagef("there is no %s on standard input: pipe it in, as in \"lambkin set … < FILE\"", what)
	}
	return strings.TrimRight(string(text), "\r\n"), nil
}

// tellWritten prints what became of objects. What is in them is nobody's to see.
func (a *App) tellWritten(all []cluster.Written) error {
	switch {
	case a.flags.output == "name":
		for _, w := range all {
			a.IO.Printf("%s\n", w.Object)
		}
	case a.forMachines():
		return a.printDocument(all)
	default:
		for _, w := range all {
			a.IO.Printf("%s %s\n", w.Object, a.IO.Paint(terminal.Good, w.Change))
		}
	}
	return nil
}

// errPasswordTwice says that a password came in two ways.
var errPasswordTwice = errors.New("the password comes either with --password or from standard input")

// password is the one of a flag that tm had, or standard input's.
func (a *App) password(flag string, stdin bool) (string, error) {
	if flag == "" {
		return a.readSecret("password")
	}
	if stdin {
		return "", &usageError{errPasswordTwice}
	}
	a.IO.Notef("%s", a.IO.Paint(terminal.Warn, "A password on the command line can be read by others on this machine: pipe it in instead."))
	return flag, nil
}

// registryAuthOptions are credentials of a registry.
type registryAuthOptions struct {
	app *App

	secret             string
	registry, username string
	password           string
	stdin              bool
	project            string
	pull, push         bool
	accounts           []string
}

// defaultRegistrySecret is what the release calls the Secret that controller and gateway read; it does for namespaces of
// functions too.
const defaultRegistrySecret = "lambkin-registry"

const registryAuthHelp = `Keeps the credentials of a registry in a Secret of the namespace (NAME, by default ` + defaultRegistrySecret + `). The password is read
from standard input. Other registries in the same Secret stay, and so does whatever else service accounts name. Doing it
again changes nothing.

With --pull the pods of the service account can pull images with it, with --push builds in this namespace can push with
it; without either, both. In the namespace lambkin-system the Secret ` + defaultRegistrySecret + ` is that of the controller and the gateway, which
keep all code and images.`

func newRegistryAuthCommand(app *App) *cobra.Command {
	o := &registryAuthOptions{app: app}
	c := &cobra.Command{
		Use:     "registry-auth [NAME]",
		Short:   "Keep the credentials of a container registry",
		Long:    registryAuthHelp,
		Example: "  lambkin set registry-auth --registry registry.example --username ci < token\n  lambkin -n lambkin-system set registry-auth --registry registry.example --username ci < token",
		Args:    between(0, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			o.secret = defaultRegistrySecret
			if len(args) == 1 {
				o.secret = args[0]
			}
			return o.run(cmd.Context())
		},
	}
	f := c.Flags()
	f.StringVar(&o.registry, "registry", "", "host of the registry, with its port")
	f.StringVar(&o.username, "username", "", "user name")
	f.BoolVar(&o.stdin, "password-stdin", false, "read the password from standard input, which is what happens anyway")
	f.StringVar(&o.password, "password", "", "tm's password on the command line")
	f.StringVar(&o.project, "project", "", "tm's project in the registry; it is part of \"lambkin install --registry\" here")
	f.BoolVar(&o.pull, "pull", false, "for pods that pull images")
	f.BoolVar(&o.push, "push", false, "for builds that push images")
	f.StringArrayVar(&o.accounts, "service-account", []string{"default"}, "service account whose pods pull with it")
	f.Lookup("password").Hidden = true
	f.Lookup("project").Hidden = true
	return c
}

func (o *registryAuthOptions) run(ctx context.Context) error {
	c, err := o.app.cluster()
	if err != nil {
		return fmt.Errorf("set registry-auth: %w", err)
	}
	if o.registry == "" || o.username == "" {
		return usagef("which registry, and as whom? Say it with --registry and --username")
	}
	if o.project != "" {
		return usagef("--project %q: the place in the registry is the operator's choice: \"lambkin install --registry %s/%[1]s\"", o.project, o.registry)
	}
	host, err := cluster.RegistryHost(o.registry)
	if err != nil {
		return &usageError{err}
	}
	password, err := o.app.password(o.password, o.stdin)
	if err != nil {
		return err
	}
	login := cluster.Login{Secret: o.secret, Host: host, Username: o.username, Password: password}
	both := o.pull == o.push
	if both || o.pull {
		login.Pullers = o.pullers(c)
	}
	all, err := c.SetRegistryLogin(ctx, login)
	if err != nil {
		return err
	}
	if both || o.push {
		o.tellPush(ctx, c)
	}
	return o.app.tellWritten(all)
}

// pullers are the service accounts to tell of the Secret. Our own namespace mounts it where it is needed.
func (o *registryAuthOptions) pullers(c *Connection) []string {
	if c.Namespace == platform.Namespace {
		return nil
	}
	return o.accounts
}

// tellPush says what is still to be done for builds to push with the Secret; nothing if they do, or if we may not know.
func (o *registryAuthOptions) tellPush(ctx context.Context, c *Connection) {
	config, err := c.Platform(ctx)
	if err != nil || config.Registry.PushSecret == o.secret || c.Namespace == platform.Namespace {
		return
	}
	if config.Registry.PushSecret != "" {
		o.app.IO.Notef("Builds push with the Secret %q (registry.pushSecret of the operator's configuration): keep the credentials under that name too.", config.Registry.PushSecret)
		return
	}
	o.app.IO.Notef("Builds push without credentials until the operator's configuration says registry.pushSecret: %s.", o.secret)
}
