package command

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"
)

// errNoPush says what takes the place of tm's "push".
var errNoPush = errors.New("nothing listens for git pushes yet, not on a cluster either: let your CI run \"lambkin deploy --git URL --revision COMMIT\", or apply a Function whose code.source.git names the commit")

// newPushCommand answers tm's "push".
func newPushCommand() *cobra.Command {
	return &cobra.Command{
		Use: "push", Short: "tm's deployment on every git push, on a cluster", Hidden: true, DisableFlagParsing: true,
		RunE: func(*cobra.Command, []string) error { return fmt.Errorf("push: %w", errNoPush) },
	}
}
