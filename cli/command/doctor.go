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
	"github.com/lambkin-dev/lambkin/cli/terminal"
	"github.com/lambkin-dev/lambkin/internal/engine/remote"
	"github.com/lambkin-dev/lambkin/runtime-api/process"
)

type doctorOptions struct {
	app *App

	dataDir string
	addr    string
}

// finding is what a check found.
type finding struct {
	What   string `json:"what"`
	State  state  `json:"state"`
	Detail string `json:"detail"`
	WayOut string `json:"wayOut,omitempty"`
}

// state says how good a finding is. Only faulty makes the command fail.
type state string

const (
	fine   state = "ok"
	absent state = "missing" // something works less well, or not at all, without it
	other  state = "differs" // something works, but not as its name says
	faulty state = "broken"
)

func newDoctorCommand(app *App) *cobra.Command {
	o := &doctorOptions{app: app}
	c := &cobra.Command{
		Use:     "doctor",
		Short:   "Check what this machine has and lacks",
		Long:    "Looks for interpreters, compilers and what the kernel allows, and says how to get what is missing.",
		Example: "  lambkin doctor\n  lambkin doctor --data-dir /srv/lambkin -o json",
		Args:    exactly(0),
		RunE:    func(cmd *cobra.Command, _ []string) error { return o.run(cmd.Context()) },
	}
	c.Flags().StringVar(&o.dataDir, "data-dir", "", "folder that \"serve\" would use")
	c.Flags().StringVar(&o.addr, "addr", "127.0.0.1:9000", "address that \"serve\" would use")
	return c
}

func (o *doctorOptions) run(ctx context.Context) error {
	t := terminal.Table{Head: []string{"CHECK", "STATE", "DETAIL"}}
	var broken bool
	findings := o.examine(ctx)
	for _, f := range findings {
		styles := map[state]terminal.Style{fine: terminal.Good, absent: terminal.Warn, other: terminal.Warn, faulty: terminal.Bad}
		t.Add(f.What, o.app.IO.Paint(styles[f.State], string(f.State)), f.Detail)
		if f.WayOut != "" {
			t.Add("", "", "→ "+f.WayOut)
		}
		broken = broken || f.State == faulty
	}
	switch {
	case o.app.flags.output == "name":
		return usagef("--output name has no meaning for \"lambkin doctor\"")
	case o.app.forMachines():
		if err := o.app.printDocument(findings); err != nil {
			return err
		}
	default:
		o.app.IO.Print(t)
	}
	if broken {
		return errTold
	}
	return nil
}

func (o *doctorOptions) examine(ctx context.Context) []finding {
	server := o.server(ctx)
	findings := []finding{
		interpreter(ctx, "nodejs22.x", "Node.js"), interpreter(ctx, "python3.13", "Python"), interpreter(ctx, "ruby3.4", "Ruby"),
		tool(ctx, "go", "version", finding{"Go", absent, "Go functions cannot be compiled", "install it from your distribution or go.dev"}),
		tool(ctx, "bash", "--version", finding{"bash", absent, "most shell functions need it", "apt-get install bash"}),
	}
	findings = append(findings, kernel()...)
	findings = append(findings, server, o.data())
	if server.State != fine {
		findings = append(findings, o.port())
	}
	return findings
}

func interpreter(ctx context.Context, id, name string) finding {
	r, _ := bootstrap.Lookup(id)
	interpreters := new(bootstrap.Interpreters)
	path, err := interpreters.Find(r)
	if err != nil {
		return finding{name, absent, "functions in this language cannot run", err.Error()}
	}
	detail := versionOf(ctx, path, "--version")
	if version, err := interpreters.Version(r); err != nil || !r.Matches(version) {
		return finding{name, other, detail, fmt.Sprintf("runtime %s runs on it all the same; install version %s to have exactly that", id, r.Version)}
	}
	return finding{name, fine, detail, ""}
}

// tool looks for a program. missing is what to say if there is none.
func tool(ctx context.Context, program, flag string, missing finding) finding {
	path, err := exec.LookPath(program)
	if err != nil {
		return missing
	}
	return finding{missing.What, fine, versionOf(ctx, path, flag), ""}
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

func kernel() []finding {
	s := process.Supports()
	sandbox := finding{"namespaces", fine, "functions see /var/task, /opt and a /tmp of their own", ""}
	if s.Sandbox != nil {
		sandbox = finding{"namespaces", absent, "functions see this machine's own files: " + s.Sandbox.Error(),
			"allow user namespaces (sysctl kernel.unprivileged_userns_clone=1, or kernel.apparmor_restrict_unprivileged_userns=0)"}
	}
	cgroup := finding{"cgroup", fine, "the kernel enforces functions' memory", ""}
	if s.Cgroup != nil {
		cgroup = finding{"cgroup", absent, "memory is watched instead of enforced: " + s.Cgroup.Error(),
			"start the server with \"systemd-run --user --scope -p Delegate=yes lambkin serve\""}
	}
	return []finding{sandbox, cgroup}
}

func (o *doctorOptions) server(ctx context.Context) finding {
	endpoint, err := o.app.endpoint()
	if err != nil {
		return finding{"server", faulty, err.Error(), "repair or delete the file"}
	}
	e, err := o.app.client()
	if err != nil {
		return finding{"server", faulty, err.Error(), "name an address such as " + defaultEndpoint}
	}
	l := new(v1alpha1.FunctionList)
	switch err := e.List(ctx, l, nil); {
	case err == nil:
		return finding{"server", fine, fmt.Sprintf("%s, %s", endpoint.value, count(len(l.Items), "function")), ""}
	case errors.Is(err, remote.ErrUnreachable):
		return finding{"server", absent, "none at " + endpoint.value + " (from " + endpoint.from + ")", "lambkin serve"}
	default:
		return finding{"server", faulty, err.Error(), "another program may have the address: choose one with --addr and --endpoint"}
	}
}

// data tries whether the data folder, or the nearest folder above it that exists, takes files.
func (o *doctorOptions) data() finding {
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
		return finding{"data", faulty, err.Error(), "choose another folder with --data-dir"}
	}
	_ = f.Close()
	_ = os.Remove(f.Name())
	return finding{"data", fine, dir, ""}
}

func (o *doctorOptions) port() finding {
	ln, err := net.Listen("tcp", o.addr)
	if err != nil {
		return finding{"address", faulty, err.Error(), "choose another with --addr"}
	}
	_ = ln.Close()
	return finding{"address", fine, o.addr + " is free", ""}
}
