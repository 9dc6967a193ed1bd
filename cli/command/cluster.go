package command

import (
	"fmt"

	"github.com/spf13/cobra"
)

// newSetCommand answers tm's "set registry-auth" and "set git-auth".
func newSetCommand() *cobra.Command {
	return clusterOnly("set", "tm's registry and git credentials")
}

// newPushCommand answers tm's "push".
func newPushCommand() *cobra.Command { return clusterOnly("push", "tm's deployment on every git push") }

func clusterOnly(name, short string) *cobra.Command {
	return &cobra.Command{
		Use: name, Short: short + " (cluster only)", Hidden: true, DisableFlagParsing: true,
		RunE: func(*cobra.Command, []string) error { return fmt.Errorf("%s: %w", name, errClusterOnly) },
	}
}
