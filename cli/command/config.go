package command

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"
	"sigs.k8s.io/yaml"

	"github.com/lambkin-dev/lambkin/internal/engine/remote"
)

// defaultEndpoint is where "lambkin serve" listens.
const defaultEndpoint = "http://127.0.0.1:9000"

// settings is the configuration file.
type settings struct {
	// Engine is local or cluster; empty where nothing was chosen.
	Engine   string          `json:"engine,omitempty"`
	Endpoint string          `json:"endpoint,omitempty"`
	Cluster  clusterSettings `json:"cluster,omitzero"`
}

// clusterSettings say which cluster. What is empty is what kubectl would take.
type clusterSettings struct {
	Kubeconfig string `json:"kubeconfig,omitempty"`
	Context    string `json:"context,omitempty"`
	Namespace  string `json:"namespace,omitempty"`
}

// setting is a value and where it came from.
type setting struct{ value, from string }

// endpoint finds the server: the flag, else the environment, else the file, else the default.
func (a *App) endpoint() (setting, error) {
	if a.flags.endpoint != "" {
		return setting{a.flags.endpoint, "--endpoint"}, nil
	}
	if v := a.getenv("LAMBKIN_ENDPOINT"); v != "" {
		return setting{v, "LAMBKIN_ENDPOINT"}, nil
	}
	kept, err := a.settings()
	if err != nil {
		return setting{}, err
	}
	if kept.Endpoint != "" {
		return setting{kept.Endpoint, a.settingsPath()}, nil
	}
	return setting{defaultEndpoint, "the default"}, nil
}

// settingsPath follows the XDG base directory specification.
func (a *App) settingsPath() string {
	dir := a.getenv("XDG_CONFIG_HOME")
	if !filepath.IsAbs(dir) {
		dir = filepath.Join(a.getenv("HOME"), ".config")
	}
	return filepath.Join(dir, "lambkin", "config.yaml")
}

func (a *App) settings() (settings, error) {
	var s settings
	text, err := os.ReadFile(a.settingsPath())
	if errors.Is(err, fs.ErrNotExist) {
		return s, nil
	}
	if err != nil {
		return s, fmt.Errorf("read settings: %w", err)
	}
	if err := yaml.UnmarshalStrict(text, &s); err != nil {
		return s, fmt.Errorf("settings in %s: %w", a.settingsPath(), err)
	}
	if s.Engine != "" && s.Engine != engineLocal && s.Engine != engineCluster {
		return s, fmt.Errorf("settings in %s: engine is %q, want %s or %s", a.settingsPath(), s.Engine, engineLocal, engineCluster)
	}
	return s, nil
}

func (a *App) keepSettings(s settings) error {
	text, err := yaml.Marshal(s)
	if err != nil {
		return fmt.Errorf("write settings: %w", err)
	}
	path := a.settingsPath()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return fmt.Errorf("write settings: %w", err)
	}
	if err := os.WriteFile(path, text, 0o600); err != nil {
		return fmt.Errorf("write settings: %w", err)
	}
	return nil
}

func newConfigCommand(app *App) *cobra.Command {
	endpoint := &cobra.Command{
		Use:   "endpoint [URL]",
		Short: "Show or keep the address of the server",
		Long: "Without an argument it shows the address in use and where it comes from. With one it keeps the address for later;\n" +
			"\"\" forgets it. --endpoint and LAMBKIN_ENDPOINT go before what is kept.",
		Example: "  lambkin config endpoint\n  lambkin config endpoint http://127.0.0.1:9001",
		Args:    between(0, 1),
		RunE:    func(_ *cobra.Command, args []string) error { return runEndpoint(app, args) },
	}
	return only(&cobra.Command{Use: "config", Short: "Show and keep settings"},
		newConfigUseCommand(app), newConfigViewCommand(app), newConfigCurrentCommand(app), endpoint)
}

func runEndpoint(app *App, args []string) error {
	if len(args) == 0 {
		e, err := app.endpoint()
		if err != nil {
			return err
		}
		if app.forMachines() && app.flags.output != "name" {
			return app.printDocument(map[string]string{"endpoint": e.value, "from": e.from})
		}
		app.IO.Printf("%s\n", e.value)
		app.IO.Notef("from %s", e.from)
		return nil
	}
	if args[0] != "" {
		if _, err := remote.New(args[0]); err != nil {
			return &usageError{err}
		}
	}
	s, err := app.settings()
	if err != nil {
		return err
	}
	s.Endpoint = args[0]
	return app.keepSettings(s)
}
