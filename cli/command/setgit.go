package command

import (
	"context"
	"encoding/pem"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/lambkin-dev/lambkin/cli/cluster"
)

const gitAuthHelp = `Keeps the credentials of a git server in a Secret of the namespace (NAME, by default git-auth), which "lambkin deploy
--git URL --git-secret NAME" names. Standard input holds a private key, or with --username a password or token. What else
is in the Secret stays. Doing it again changes nothing.`

type gitAuthOptions struct {
	app *App

	secret, host, username string
	password               string
	stdin                  bool
	knownHosts             string
}

func newGitAuthCommand(app *App) *cobra.Command {
	o := &gitAuthOptions{app: app}
	c := &cobra.Command{
		Use:     "git-auth [NAME]",
		Short:   "Keep the credentials of a git server",
		Long:    gitAuthHelp,
		Example: "  lambkin set git-auth --host git.example < ~/.ssh/deploy_key\n  lambkin set git-auth --host git.example --username ci < token",
		Args:    between(0, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			o.secret = "git-auth"
			if len(args) == 1 {
				o.secret = args[0]
			}
			return o.run(cmd.Context())
		},
	}
	f := c.Flags()
	f.StringVar(&o.host, "host", "github.com", "git server")
	f.StringVar(&o.username, "username", "", "user name, for https; without one it is an SSH key")
	f.BoolVar(&o.stdin, "password-stdin", false, "read the password from standard input, which is what happens anyway")
	f.StringVar(&o.password, "password", "", "password on the command line")
	f.StringVar(&o.knownHosts, "known-hosts", "", "file with the SSH keys of the server")
	f.Lookup("password").Hidden = true
	return c
}

func (o *gitAuthOptions) run(ctx context.Context) error {
	c, err := o.app.cluster()
	if err != nil {
		return fmt.Errorf("set git-auth: %w", err)
	}
	login, err := o.login()
	if err != nil {
		return err
	}
	did, err := c.SetGitLogin(ctx, login)
	if err != nil {
		return err
	}
	return o.app.tellWritten([]cluster.Written{did})
}

func (o *gitAuthOptions) login() (cluster.GitLogin, error) {
	host, err := cluster.RegistryHost(o.host) // hosts are of the same form
	if err != nil {
		return cluster.GitLogin{}, usagef("--host %q: want a host such as github.com", o.host)
	}
	login := cluster.GitLogin{Secret: o.secret, Host: host, Username: o.username}
	if o.username != "" {
		login.Password, err = o.app.password(o.password, o.stdin)
		return login, err
	}
	if o.password != "" {
		return login, usagef("--password needs --username")
	}
	key, err := o.app.readSecret("private key")
	if err != nil {
		return login, err
	}
	if block, _ := pem.Decode([]byte(key + "\n")); block == nil {
		return login, usagef("what is on standard input is no private key in PEM form; for a password say --username too")
	}
	login.PrivateKey = []byte(key + "\n") // git's ssh refuses keys without the last line's end
	if o.knownHosts == "" {
		return login, nil
	}
	if login.KnownHosts, err = os.ReadFile(o.knownHosts); err != nil {
		return login, fmt.Errorf("read the known hosts: %w", err)
	}
	return login, nil
}
