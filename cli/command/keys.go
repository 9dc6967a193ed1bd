package command

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/lambkin-dev/lambkin/cli/terminal"
	"github.com/lambkin-dev/lambkin/internal/access"
	"github.com/lambkin-dev/lambkin/internal/engine/remote"
)

// keys is where access keys are kept: a server, the data of one that does not run, or a cluster.
type keys interface {
	// List gives all keys without their secrets, oldest first.
	List(ctx context.Context) ([]access.Key, error)
	// Create makes a key with a name, namespace and policy, and gives it with its secret.
	Create(ctx context.Context, wanted access.Key) (access.Key, error)
	// Delete withdraws a key.
	Delete(ctx context.Context, id string) error
}

type keysOptions struct {
	app *App

	name       string
	everywhere bool
	policy     string
}

func newKeysCommand(app *App) *cobra.Command {
	o := &keysOptions{app: app}
	create := &cobra.Command{
		Use:   "create",
		Short: "Make an access key for AWS's tools and show its secret, this once",
		Long: "The key is that of a principal with a policy: full, read or invoke, or a file in AWS's policy language. Nothing is\n" +
			"allowed that the policy does not allow. On a cluster a key is for the namespace that commands work in, or for all.\n\n" +
			"-o env prints lines for a shell, -o credentials a profile for ~/.aws/credentials, -o json and -o yaml the key.",
		Example: "  lambkin keys create --name ci --policy invoke\n  eval \"$(lambkin keys create --policy read -o env)\"\n  lambkin keys create --name ci --policy ci.json -o credentials >> ~/.aws/credentials",
		Args:    exactly(0),
		RunE:    func(cmd *cobra.Command, _ []string) error { return o.create(cmd.Context()) },
	}
	f := create.Flags()
	f.StringVar(&o.name, "name", "user", "name of the principal, which is what audit logs and policies call it")
	f.BoolVarP(&o.everywhere, "all-namespaces", "A", false, "make a key for all namespaces instead of that of --namespace")
	f.StringVar(&o.policy, "policy", access.PolicyFull, "what the key may do: full, read, invoke or a file with an identity policy")
	list := &cobra.Command{
		Use: "list", Short: "List access keys, without their secrets", Args: exactly(0),
		Example: "  lambkin keys list\n  lambkin keys list -o json",
		RunE:    func(cmd *cobra.Command, _ []string) error { return o.list(cmd.Context()) },
	}
	remove := &cobra.Command{
		Use: "delete ID", Short: "Withdraw an access key; requests with it are refused within seconds", Args: exactly(1),
		Example: "  lambkin keys delete LKIAIOSFODNN7EXAMPLE",
		RunE:    func(cmd *cobra.Command, args []string) error { return o.remove(cmd.Context(), args[0]) },
	}
	return only(&cobra.Command{Use: "keys", Short: "Make, list and withdraw access keys"}, create, list, remove)
}

// keys finds where the keys are.
func (a *App) keys() (keys, error) {
	p, err := a.place()
	if err != nil {
		return nil, err
	}
	if p.cluster {
		c, err := a.cluster()
		if err != nil {
			return nil, err
		}
		return c.AccessKeys(), nil
	}
	endpoint, err := a.endpoint()
	if err != nil {
		return nil, err
	}
	client, err := a.signingClient(endpoint.value)
	if err != nil {
		return nil, err
	}
	return serverKeys{remote.NewKeys(client, endpoint.value), access.Open(a.dataDir()), endpoint.value == defaultEndpoint}, nil
}

// serverKeys are those of a server on one machine. If the one that is meant by default does not run, its data can be changed
// without it, by who owns them.
type serverKeys struct {
	server remote.Keys
	file   *access.File
	own    bool // the file is the server's
}

func (k serverKeys) idle(err error) bool { return k.own && errors.Is(err, remote.ErrUnreachable) }

// List implements keys.
func (k serverKeys) List(ctx context.Context) ([]access.Key, error) {
	all, err := k.server.List(ctx)
	if k.idle(err) {
		all, err = k.file.List()
	}
	return all, err
}

// Create implements keys.
func (k serverKeys) Create(ctx context.Context, wanted access.Key) (access.Key, error) {
	made, err := k.server.Create(ctx, wanted)
	if !k.idle(err) {
		return made, err
	}
	made, err = access.New(wanted.Name, wanted.Namespace, wanted.Policy, time.Now())
	if err != nil {
		return made, err
	}
	return made, k.file.Add(made)
}

// Delete implements keys.
func (k serverKeys) Delete(ctx context.Context, id string) error {
	err := k.server.Delete(ctx, id)
	if k.idle(err) {
		err = k.file.Delete(id)
	}
	return err
}

func (o *keysOptions) create(ctx context.Context) error {
	text, err := policyText(o.policy)
	if err != nil {
		return err
	}
	k, err := o.app.keys()
	if err != nil {
		return err
	}
	made, err := k.Create(ctx, access.Key{Name: o.name, Namespace: o.namespace(), Policy: text})
	if err != nil {
		return fmt.Errorf("make an access key: %w", err)
	}
	switch o.app.flags.output {
	case "json", "yaml":
		return o.app.printDocument(made)
	case "env":
		o.app.IO.Printf("export AWS_ACCESS_KEY_ID=%s\nexport AWS_SECRET_ACCESS_KEY=%s\n", made.ID, made.Secret)
	case "credentials":
		o.app.IO.Printf("%s", access.Credentials{ID: made.ID, Secret: made.Secret}.Format(made.Name))
	case "name":
		o.app.IO.Printf("%s\n", made.ID)
	default:
		o.app.IO.Printf("access key %s for %s in namespace %s\nsecret %s\n", made.ID, made.Name, made.Namespace, made.Secret)
		o.app.IO.Notef("The secret is not shown again.")
	}
	return nil
}

// namespace is what the key is for. A server on one machine has but one.
func (o *keysOptions) namespace() string {
	if o.everywhere || !o.app.onCluster() {
		return access.AnyNamespace
	}
	if c, err := o.app.cluster(); err == nil {
		return c.Namespace
	}
	return remote.Namespace
}

// policyText is a policy by its name or out of a file.
func policyText(named string) (string, error) {
	if text, ok := access.Named(named); ok {
		return text, nil
	}
	text, err := os.ReadFile(named)
	if err != nil {
		return "", usagef("--policy %q is none of %s, %s and %s, and no file: %v", named, access.PolicyFull, access.PolicyRead, access.PolicyInvoke, err)
	}
	return string(text), nil
}

func (o *keysOptions) list(ctx context.Context) error {
	k, err := o.app.keys()
	if err != nil {
		return err
	}
	all, err := k.List(ctx)
	if err != nil {
		return fmt.Errorf("list access keys: %w", err)
	}
	slices.SortStableFunc(all, func(x, y access.Key) int { return x.Created.Compare(y.Created) })
	switch {
	case o.app.flags.output == "name":
		for _, key := range all {
			o.app.IO.Printf("%s\n", key.ID)
		}
		return nil
	case o.app.forMachines():
		return o.app.printDocument(remote.KeyList{Keys: all})
	}
	table := terminal.Table{Head: []string{"ID", "NAME", "NAMESPACE", "POLICY", "AGE"}}
	for _, key := range all {
		table.Add(key.ID, key.Name, key.Namespace, policyName(key.Policy), terminal.Age(o.app.now(), key.Created))
	}
	o.app.IO.Print(table)
	return nil
}

// policyName is the name of a policy; custom for one without.
func policyName(text string) string {
	for _, name := range []string{access.PolicyFull, access.PolicyRead, access.PolicyInvoke} {
		if known, _ := access.Named(name); known == text {
			return name
		}
	}
	return "custom"
}

func (o *keysOptions) remove(ctx context.Context, id string) error {
	k, err := o.app.keys()
	if err != nil {
		return err
	}
	if err := k.Delete(ctx, id); err != nil {
		return fmt.Errorf("delete access key %q: %w", id, err)
	}
	o.app.IO.Printf("access key %s deleted\n", id)
	return nil
}
