package command

import (
	"context"
	"errors"
	"fmt"
	"text/tabwriter"

	"github.com/lambkin-dev/lambkin/test/cluster/manifest"
	"github.com/lambkin-dev/lambkin/test/cluster/node"
)

// status shows what there is and whether it is ready; it fails if something is not.
func status(ctx context.Context, c cli, _ []string) error {
	state, err := running(c.cluster)
	if err != nil {
		return err
	}
	client, err := manifest.NewClient(c.cluster.Kubeconfig())
	if err != nil {
		return err
	}
	components, err := client.Components(ctx)
	if err != nil {
		return err
	}
	usage, err := node.Measure(state.Init, c.cluster.Dir)
	if err != nil {
		return err
	}
	t := tabwriter.NewWriter(c.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "DAEMON\tMEMORY\tSTATE")
	for _, d := range usage.Daemons {
		fmt.Fprintf(t, "%s\t%d MiB\t%s\n", d.Name, d.Memory>>20, word(d.Running, "running", "stopped"))
	}
	fmt.Fprintln(t, "\nCOMPONENT\tVERSION\tSTATE")
	ready := true
	for _, m := range components {
		ready = ready && m.Ready
		fmt.Fprintf(t, "%s\t%s\t%s\n", m.FullName(), m.Version, word(m.Ready, "ready", "not ready"))
	}
	fmt.Fprintf(t, "\n%d processes\t%d MiB\n\n", usage.Processes, usage.Memory>>20)
	if err := t.Flush(); err != nil {
		return fmt.Errorf("table: %w", err)
	}
	fmt.Fprint(c.out, c.cluster.Env(state.Ports))
	if !ready {
		return errors.New("not everything is ready")
	}
	return nil
}

func word(is bool, yes, no string) string {
	if is {
		return yes
	}
	return no
}
