package command

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/lambkin-dev/lambkin/api/v1alpha1"
	"github.com/lambkin-dev/lambkin/bootstrap"
	"github.com/lambkin-dev/lambkin/cli/cluster/examine"
	"github.com/lambkin-dev/lambkin/cli/terminal"
	"github.com/lambkin-dev/lambkin/internal/engine/remote"
	"github.com/lambkin-dev/lambkin/runtime-api/process"
)

type doctorOptions struct {
	app *App

	dataDir string
	addr    string
}

func newDoctorCommand(app *App) *cobra.Command {
	o := &doctorOptions{app: app}
	c := &cobra.Command{
		Use:   "doctor",
		Short: "Check what this machine, or the cluster, has and lacks",
		Long: "On one machine it looks for interpreters, compilers and what the kernel allows. On a cluster it looks for Knative and\n" +
			"Tekton, their settings, the ingress and the domain, Lambkin itself, the registry (it stores a few bytes there and reads\n" +
			"them back) and your rights. It says how to get what is missing; the exit code is 1 if something cannot work.",
		Example: "  lambkin doctor\n  lambkin doctor --data-dir /srv/lambkin -o json\n  lambkin doctor --context prod -n shop",
		Args:    exactly(0),
		RunE:    func(cmd *cobra.Command, _ []string) error { return o.run(cmd.Context()) },
	}
	c.Flags().StringVar(&o.dataDir, "data-dir", "", "folder that \"serve\" would use")
	c.Flags().StringVar(&o.addr, "addr", "127.0.0.1:9000", "address that \"serve\" would use")
	return c
}

func (o *doctorOptions) run(ctx context.Context) error {
	if o.app.flags.output == "name" {
		return usagef("--output name has no meaning for \"lambkin doctor\"")
	}
	p, err := o.app.place()
	if err != nil {
		return err
	}
	if p.cluster {
		return o.cluster(ctx)
	}
	styles := map[examine.State]terminal.Style{examine.Fine: terminal.Good, examine.Broken: terminal.Bad}
	return o.tell(o.examine(ctx), func(s examine.State) string {
		return o.app.IO.Paint(orStyle(styles[s]), string(s))
	})
}

// cluster examines a cluster.
func (o *doctorOptions) cluster(ctx context.Context) error {
	c, err := o.app.cluster()
	if err != nil {
		return err
	}
	progress := o.app.IO.Begin("examine " + c.Place.String())
	findings := (&examine.Examiner{Cluster: c.Cluster, Code: c.Engine}).Run(ctx)
	progress.Done()
	styles := map[examine.State]terminal.Style{examine.Fine: terminal.Good, examine.Broken: terminal.Bad}
	return o.tell(findings, func(s examine.State) string {
		return o.app.IO.Paint(orStyle(styles[s]), s.Mark())
	})
}

func orStyle(s terminal.Style) terminal.Style {
	if s == "" {
		return terminal.Warn
	}
	return s
}

// tell prints findings, and fails if one of them is a failure.
func (o *doctorOptions) tell(findings []examine.Finding, mark func(examine.State) string) error {
	t := terminal.Table{Head: []string{"CHECK", "STATE", "DETAIL"}}
	for _, f := range findings {
		t.Add(f.What, mark(f.State), f.Detail)
		if f.WayOut != "" {
			t.Add("", "", "→ "+o.app.renamed(f.WayOut))
		}
	}
	if o.app.forMachines() {
		if err := o.app.printDocument(findings); err != nil {
			return err
		}
	}
	if !o.app.forMachines() {
		o.app.IO.Print(t)
	}
	if examine.Failed(findings) {
		return errTold
	}
	return nil
}

func (o *doctorOptions) examine(ctx context.Context) []examine.Finding {
	server := o.server(ctx)
	findings := []examine.Finding{
		interpreter(ctx, "nodejs22.x", "Node.js"), interpreter(ctx, "python3.13", "Python"), interpreter(ctx, "ruby3.4", "Ruby"),
		tool(ctx, "go", "version", examine.Found("Go", examine.Missing, "Go functions cannot be compiled", "install it from your distribution or go.dev")),
		tool(ctx, "bash", "--version", examine.Found("bash", examine.Missing, "most shell functions need it", "apt-get install bash")),
	}
	findings = append(findings, kernel()...)
	findings = append(findings, server, o.data())
	if server.State != examine.Fine {
		findings = append(findings, o.port())
	}
	return findings
}

func interpreter(ctx context.Context, id, name string) examine.Finding {
	r, _ := bootstrap.Lookup(id)
	interpreters := new(bootstrap.Interpreters)
	path, err := interpreters.Find(r)
	if err != nil {
		return examine.Found(name, examine.Missing, "functions in this language cannot run", err.Error())
	}
	detail := versionOf(ctx, path, "--version")
	if version, err := interpreters.Version(r); err != nil || !r.Matches(version) {
		return examine.Found(name, examine.Differs, detail, fmt.Sprintf("runtime %s runs on it all the same; install version %s to have exactly that", id, r.Version))
	}
	return examine.Found(name, examine.Fine, detail, "")
}

// tool looks for a program. missing is what to say if there is none.
func tool(ctx context.Context, program, flag string, missing examine.Finding) examine.Finding {
	path, err := exec.LookPath(program)
	if err != nil {
		return missing
	}
	return examine.Found(missing.What, examine.Fine, versionOf(ctx, path, flag), "")
}

// versionOf is the first line that a program prints about itself, and where it is.
func versionOf(ctx context.Context, path, flag string) string {
	out, err := exec.CommandContext(ctx, path, flag).CombinedOutput()
	if err != nil {
		return path
	}
	first, _, _ := strings.Cut(string(out), "\n")
	return fmt.Sprintf("%s (%s)", strings.TrimSpace(first), path)
}

func kernel() []examine.Finding {
	s := process.Supports()
	sandbox := examine.Found("namespaces", examine.Fine, "functions see /var/task, /opt and a /tmp of their own", "")
	if s.Sandbox != nil {
		sandbox = examine.Found("namespaces", examine.Missing, "functions see this machine's own files: "+s.Sandbox.Error(),
			"allow user namespaces (sysctl kernel.unprivileged_userns_clone=1, or kernel.apparmor_restrict_unprivileged_userns=0)")
	}
	cgroup := examine.Found("cgroup", examine.Fine, "the kernel enforces functions' memory", "")
	if s.Cgroup != nil {
		cgroup = examine.Found("cgroup", examine.Missing, "memory is watched instead of enforced: "+s.Cgroup.Error(),
			"start the server with \"systemd-run --user --scope -p Delegate=yes lambkin serve\"")
	}
	return []examine.Finding{sandbox, cgroup}
}

func (o *doctorOptions) server(ctx context.Context) examine.Finding {
	endpoint, err := o.app.endpoint()
	if err != nil {
		return examine.Found("server", examine.Broken, err.Error(), "repair or delete the file")
	}
	e, err := o.app.client()
	if err != nil {
		return examine.Found("server", examine.Broken, err.Error(), "name an address such as "+defaultEndpoint)
	}
	l := new(v1alpha1.FunctionList)
	switch err := e.List(ctx, l, nil); {
	case err == nil:
		return examine.Found("server", examine.Fine, fmt.Sprintf("%s, %s", endpoint.value, count(len(l.Items), "function")), "")
	case errors.Is(err, remote.ErrUnreachable):
		return examine.Found("server", examine.Missing, "none at "+endpoint.value+" (from "+endpoint.from+")", "lambkin serve")
	default:
		return examine.Found("server", examine.Broken, err.Error(), "another program may have the address: choose one with --addr and --endpoint")
	}
}

// data tries whether the data folder, or the nearest folder above it that exists, takes files.
func (o *doctorOptions) data() examine.Finding {
	dir := orText(o.dataDir, o.app.dataDir())
	at := dir
	for at != filepath.Dir(at) {
		if _, err := os.Stat(at); err == nil {
			break
		}
		at = filepath.Dir(at)
	}
	f, err := os.CreateTemp(at, ".lambkin-doctor-")
	if err != nil {
		return examine.Found("data", examine.Broken, err.Error(), "choose another folder with --data-dir")
	}
	_ = f.Close()
	_ = os.Remove(f.Name())
	return examine.Found("data", examine.Fine, dir, "")
}

func (o *doctorOptions) port() examine.Finding {
	ln, err := net.Listen("tcp", o.addr)
	if err != nil {
		return examine.Found("address", examine.Broken, err.Error(), "choose another with --addr")
	}
	_ = ln.Close()
	return examine.Found("address", examine.Fine, o.addr+" is free", "")
}
