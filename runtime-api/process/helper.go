//go:build linux

package process

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// MaybeHelper must be the first call of main, and of TestMain, in every program
// that calls [Start] with a [Sandbox]. Go can run nothing between fork and exec,
// so Start executes our own binary again, in the new namespaces. There MaybeHelper
// mounts what the sandbox shows, executes the program in its place, with the same
// pid, and does not return. Everywhere else it returns at once.
func MaybeHelper() {
	armed.Store(true)
	if len(os.Args) < 3 || os.Args[0] != helperName {
		return
	}
	runtime.LockOSThread() // what follows sets attributes of the thread that will be the program
	keepFilesFromProgram()
	report(help(os.Args[1], os.Args[2:]))
	os.Exit(1)
}

// keepFilesFromProgram closes all but the standard streams when the program is
// executed: the report to our parent, and what our parent was given by its own.
func keepFilesFromProgram() {
	if unix.CloseRange(reportFD, math.MaxUint32, unix.CLOSE_RANGE_CLOEXEC) != nil { // before Linux 5.11
		unix.CloseOnExec(reportFD)
	}
}

// stepError says which step of building the sandbox failed.
type stepError struct {
	step string
	err  error
}

func (e *stepError) Error() string { return e.step + ": " + e.err.Error() }
func (e *stepError) Unwrap() error { return e.err }

// step wraps an error with what was being done; nil stays nil.
func step(err error, format string, args ...any) error {
	if err == nil {
		return nil
	}
	return &stepError{step: fmt.Sprintf(format, args...), err: err}
}

// report tells our parent what failed.
func report(err error) {
	f := failure{Errno: unix.EINVAL}
	var failed *stepError
	if errors.As(err, &failed) {
		f.Step = failed.step
	}
	errors.As(err, &f.Errno)
	text, _ := json.Marshal(f) // a string and a number
	_, _ = unix.Write(reportFD, text)
}

// help builds the sandbox and becomes the program. It returns only on failure.
func help(told string, argv []string) error {
	var p plan
	if err := json.Unmarshal([]byte(told), &p); err != nil {
		return step(err, "read the plan")
	}
	if err := dieWith(p.Parent); err != nil {
		return err
	}
	if err := build(p.Sandbox); err != nil {
		return err
	}
	if argv[0] == "" { // a trial, see Supports
		os.Exit(0)
	}
	if p.Dir != "" {
		if err := unix.Chdir(p.Dir); err != nil {
			return err // as Go's own fork does: in the name of the program
		}
	}
	if err := dropRights(); err != nil {
		return step(err, "drop the right to mount")
	}
	return syscall.Exec(argv[0], argv, os.Environ())
}

// dropRights makes sure that the program does not inherit the right to mount,
// which only a user namespace gave us. What root has anyway is untouched.
func dropRights() error {
	if err := unix.Prctl(unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0); err != nil {
		return err
	}
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	if err := unix.Capget(&header, &data[0]); err != nil {
		return err
	}
	data[0].Inheritable &^= 1 << unix.CAP_SYS_ADMIN
	return unix.Capset(&header, &data[0])
}

// dieWith asks for SIGKILL when our parent ends. The request made before our
// own execution may be lost: it belongs to a thread, and ends with new rights.
func dieWith(parent int) error {
	if err := unix.Prctl(unix.PR_SET_PDEATHSIG, uintptr(unix.SIGKILL), 0, 0, 0); err != nil {
		return step(err, "bind to the parent")
	}
	if os.Getppid() != parent {
		return step(unix.ESRCH, "bind to the parent")
	}
	return nil
}

// showing is one directory of the sandbox on its way.
type showing struct {
	source, target string
	readOnly       bool
}

// build mounts everything. All sources are opened first, since they may lie
// below a place that is mounted over, and are then named by their descriptors.
func build(s Sandbox) error {
	var show []showing
	for _, m := range []showing{
		{s.Task, "/var/task", true},
		{s.Opt, "/opt", true},
		{s.Runtime, "/var/runtime", false},
		{s.Tmp, "/tmp", false},
	} {
		if m.source == "" {
			continue
		}
		handle, err := open(m.source)
		if err != nil {
			return err
		}
		m.source = handle
		show = append(show, m)
	}
	// Changes of the host's mounts still reach us, ours never reach the host.
	if err := unix.Mount("", "/", "", unix.MS_SLAVE|unix.MS_REC, ""); err != nil {
		return step(err, "make mounts private")
	}
	nameSandbox()
	if err := place(show); err != nil {
		return err
	}
	for _, m := range show {
		if err := bind(m.source, m.target, m.readOnly); err != nil {
			return err
		}
	}
	return nil
}

// open returns a path that stays valid whatever is mounted over dir.
func open(dir string) (string, error) {
	fd, err := unix.Open(dir, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return "", step(err, "open %q", dir)
	}
	return fmt.Sprintf("/proc/self/fd/%d", fd), nil
}

// bind shows source, with what is mounted below it, at target.
func bind(source, target string, readOnly bool) error {
	if err := unix.Mount(source, target, "", unix.MS_BIND|unix.MS_REC, ""); err != nil {
		return step(err, "mount on %q", target)
	}
	if !readOnly {
		return nil
	}
	return freeze(target)
}

// freeze makes the mount at target read-only.
func freeze(target string) error {
	flags, err := keep(target)
	if err != nil {
		return err
	}
	return step(unix.Mount("", target, "", unix.MS_BIND|unix.MS_REMOUNT|unix.MS_RDONLY|flags, ""), "make %q read-only", target)
}

// keep returns the flags of the mount at target which a remount must repeat: in
// a user namespace the kernel refuses to lift them.
func keep(target string) (uintptr, error) {
	var fs unix.Statfs_t
	if err := unix.Statfs(target, &fs); err != nil {
		return 0, step(err, "look at %q", target)
	}
	var flags uintptr
	for stat, mount := range map[int64]uintptr{
		unix.ST_NOSUID:     unix.MS_NOSUID,
		unix.ST_NODEV:      unix.MS_NODEV,
		unix.ST_NOEXEC:     unix.MS_NOEXEC,
		unix.ST_NOATIME:    unix.MS_NOATIME,
		unix.ST_NODIRATIME: unix.MS_NODIRATIME,
		unix.ST_RELATIME:   unix.MS_RELATIME,
	} {
		if fs.Flags&stat != 0 {
			flags |= mount
		}
	}
	return flags, nil
}

// place makes sure that all targets exist in our namespace. Missing ones are
// made on a tmpfs over their parent, which shows all that was in there.
func place(show []showing) error {
	missing := map[string][]string{} // by parent
	for _, m := range show {
		var st unix.Stat_t
		err := unix.Stat(m.target, &st)
		if err == nil {
			continue
		}
		parent := filepath.Dir(m.target)
		if err != unix.ENOENT || parent == "/" {
			return step(err, "find %q", m.target)
		}
		missing[parent] = append(missing[parent], m.target)
	}
	for parent, targets := range missing {
		if err := add(parent, targets); err != nil {
			return err
		}
	}
	return nil
}

// add shows further directories, empty ones, in parent.
func add(parent string, targets []string) error {
	if err := copyOver(parent); err != nil {
		return err
	}
	for _, target := range targets {
		if err := unix.Mkdir(target, 0o755); err != nil {
			return step(err, "make %q", target)
		}
	}
	return freeze(parent)
}

// copyOver mounts a tmpfs over dir and binds all entries of dir into it.
func copyOver(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return step(err, "list %q", dir)
	}
	below, err := open(dir)
	if err != nil {
		return err
	}
	if err := scratch(dir); err != nil {
		return err
	}
	for _, entry := range entries {
		from, to := filepath.Join(below, entry.Name()), filepath.Join(dir, entry.Name())
		if err := mirror(from, to, entry.Type()); err != nil {
			return err
		}
	}
	return nil
}

// mirror makes the entry from visible as to: links are copied, all else is bound.
func mirror(from, to string, kind os.FileMode) error {
	switch {
	case kind&os.ModeSymlink != 0:
		link, err := os.Readlink(from)
		if err != nil {
			return step(err, "read %q", to)
		}
		return step(unix.Symlink(link, to), "link %q", to)
	case kind.IsDir():
		if err := unix.Mkdir(to, 0o755); err != nil {
			return step(err, "make %q", to)
		}
	default:
		if err := os.WriteFile(to, nil, 0o600); err != nil {
			return step(err, "make %q", to)
		}
	}
	return bind(from, to, false)
}

// scratch mounts an empty tmpfs on dir.
func scratch(dir string) error {
	err := unix.Mount("tmpfs", dir, "tmpfs", unix.MS_NOSUID|unix.MS_NODEV, "mode=755,size=64k")
	return step(err, "mount on %q", dir)
}

const hostsFile = "/etc/hosts"

// nameSandbox adds the names sandbox and sandbox.localdomain to /etc/hosts. Most
// programs never ask for them, so a host where it fails still has a sandbox.
func nameSandbox() {
	hosts, err := os.ReadFile(hostsFile)
	if err != nil || scratch("/tmp") != nil {
		return
	}
	defer unix.Unmount("/tmp", unix.MNT_DETACH) //nolint:errcheck // at worst Tmp is mounted on top of it
	const file = "/tmp/hosts"
	if os.WriteFile(file, withSandbox(hosts), 0o644) == nil {
		_ = bind(file, hostsFile, true) // see above
	}
}

// withSandbox returns a hosts file with our names in it.
func withSandbox(hosts []byte) []byte {
	text := strings.TrimRight(string(hosts), "\n")
	if text != "" {
		text += "\n"
	}
	return []byte(text + "127.0.0.1 sandbox sandbox.localdomain\n")
}
