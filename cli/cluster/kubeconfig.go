package cluster

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
)

// Options say which cluster and namespace, as kubectl's flags of the same names do.
type Options struct {
	// Kubeconfig is a file; if empty, the files of KUBECONFIG, else ~/.kube/config, else the account of the pod we are in.
	Kubeconfig string
	// Context is a context of the kubeconfig; its current one if empty.
	Context string
	// Namespace goes before the context's.
	Namespace string
	// Getenv reads an environment variable; os.Getenv if nil.
	Getenv func(string) string
	// Warn takes what the API server warns of; nil drops it.
	Warn func(string)
}

// Place is where a kubeconfig leads.
type Place struct {
	// Context is the name of the context; empty inside a pod without a kubeconfig.
	Context string
	// Server is the address of the API server.
	Server string
	// Namespace is where functions are.
	Namespace string
	// From says which files were read.
	From string
}

// String names the place for people.
func (p Place) String() string {
	if p.Context == "" {
		return p.Server
	}
	return fmt.Sprintf("%s (context %q of %s)", p.Server, p.Context, p.From)
}

// How fast one command line may ask an API server; client-go's own defaults are for daemons.
const (
	requestsPerSecond = 50
	burst             = 100
)

// Find finds out where a kubeconfig leads, without going there.
func Find(o Options) (Place, error) {
	place, _, err := o.find()
	return place, err
}

// find follows the kubeconfig as kubectl does.
func (o Options) find() (Place, *rest.Config, error) {
	rules := o.rules()
	from := rules.ExplicitPath
	if from == "" {
		from = strings.Join(rules.Precedence, string(filepath.ListSeparator))
	}
	overrides := &clientcmd.ConfigOverrides{CurrentContext: o.Context}
	overrides.Context.Namespace = o.Namespace
	loader := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(rules, overrides)
	config, err := loader.ClientConfig()
	if clientcmd.IsEmptyConfig(err) || errors.Is(err, rest.ErrNotInCluster) {
		return Place{}, nil, fmt.Errorf("no cluster is known (looked at %s): name a kubeconfig with --kubeconfig or KUBECONFIG", from)
	}
	if err != nil {
		return Place{}, nil, fmt.Errorf("read the kubeconfig (%s): %w", from, err)
	}
	namespace, _, err := loader.Namespace()
	if err != nil {
		return Place{}, nil, fmt.Errorf("find the namespace (%s): %w", from, err)
	}
	raw, err := loader.RawConfig()
	if err != nil {
		return Place{}, nil, fmt.Errorf("read the kubeconfig (%s): %w", from, err)
	}
	context := o.Context
	if context == "" {
		context = raw.CurrentContext
	}
	config.QPS, config.Burst = requestsPerSecond, burst
	config.WarningHandler = warnings{o.Warn}
	return Place{Context: context, Server: config.Host, Namespace: namespace, From: from}, config, nil
}

// rules are kubectl's, with the environment as it is given.
func (o Options) rules() *clientcmd.ClientConfigLoadingRules {
	getenv := o.Getenv
	if getenv == nil {
		getenv = os.Getenv
	}
	files := []string{filepath.Join(getenv("HOME"), ".kube", "config")}
	if list := getenv("KUBECONFIG"); list != "" {
		files = filepath.SplitList(list)
	}
	return &clientcmd.ClientConfigLoadingRules{ExplicitPath: o.Kubeconfig, Precedence: files}
}

// warnings hands on what the API server warns of.
type warnings struct{ tell func(string) }

// HandleWarningHeader takes one Warning header; 299 is the only code that Kubernetes gives.
func (w warnings) HandleWarningHeader(code int, _, text string) {
	if w.tell != nil && code == 299 && text != "" {
		w.tell(text)
	}
}
