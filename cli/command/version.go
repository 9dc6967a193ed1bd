package command

import (
	"cmp"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
)

func newVersionCommand(app *App) *cobra.Command {
	return &cobra.Command{
		Use: "version", Short: "Print the version", Example: "  lambkin version -o json", Args: exactly(0),
		RunE: func(*cobra.Command, []string) error {
			v := builtVersion()
			if app.forMachines() && app.flags.output != "name" {
				return app.printDocument(v)
			}
			app.IO.Printf("lambkin %s (%s, %s)\n", v.Version, v.Go, v.Platform)
			return nil
		},
	}
}

type version struct {
	Version  string `json:"version"`
	Commit   string `json:"commit,omitempty"`
	Go       string `json:"go"`
	Platform string `json:"platform"`
}

// builtVersion is what the toolchain wrote into the program.
func builtVersion() version {
	v := version{Version: "unknown", Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return v
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			v.Commit = s.Value
		}
	}
	v.Version = cmp.Or(info.Main.Version, v.Version)
	return v
}
