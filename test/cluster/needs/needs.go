// Package needs checks what a machine must have to run a test cluster, and installs the Debian packages that are missing.
// Every fault is one sentence that says what is missing, so that a machine that cannot do it fails at once and clearly.
package needs

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// program is something that runs on the machine, and the Debian package that has it.
type program struct{ path, pkg string }

// programs are found on PATH unless they begin with a slash.
func programs() []program {
	return []program{
		{"containerd", "containerd"},
		{"crun", "crun"},
		{"/usr/lib/cni/ptp", "containernetworking-plugins"},
		{"nft", "nftables"},
		{"ip", "iproute2"},
		{"mount", "mount"},
		{"nsenter", "util-linux"},
		{"/bin/busybox", "busybox-static"},
		{"git", "git"},
		{"mmdebstrap", "mmdebstrap"},
		{"/etc/ssl/certs/ca-certificates.crt", "ca-certificates"},
	}
}

const (
	minDisk   = 10 << 30 // the state of a running cluster takes 5 GiB, builds in it take more
	minMemory = 6 << 30  // the components alone take 2.6 GiB
)

// Check says what the machine lacks to hold a cluster whose state is kept in dir. It installs missing packages and tells w so.
func Check(ctx context.Context, dir string, w io.Writer) error {
	if os.Geteuid() != 0 {
		return errors.New("a test cluster needs root: its node mounts file systems and makes network devices")
	}
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return err
	}
	filesystems, err := os.ReadFile("/proc/filesystems")
	if err != nil {
		return err
	}
	err = errors.Join(
		checkCapabilities(string(status)), checkNamespaces(), checkFilesystems(string(filesystems)), checkCgroup(), checkRoom(dir))
	if err != nil {
		return err
	}
	if err := install(ctx, missing(), w); err != nil {
		return err
	}
	return checkNetwork(ctx)
}

// checkCapabilities looks at the effective capabilities of /proc/self/status.
func checkCapabilities(status string) error {
	want := map[string]int{"CAP_SYS_ADMIN": unix.CAP_SYS_ADMIN, "CAP_NET_ADMIN": unix.CAP_NET_ADMIN}
	_, rest, _ := strings.Cut(status, "CapEff:")
	line, _, _ := strings.Cut(rest, "\n")
	mask, err := strconv.ParseUint(strings.TrimSpace(line), 16, 64)
	if err != nil {
		return fmt.Errorf("capabilities of this process: %w", err)
	}
	var errs []error
	for _, name := range slices.Sorted(maps.Keys(want)) {
		if mask&(1<<want[name]) == 0 {
			errs = append(errs, fmt.Errorf("root has no %s here; a container must be started with it", name))
		}
	}
	return errors.Join(errs...)
}

func checkNamespaces() error {
	for _, ns := range []string{"net", "mnt", "pid", "uts", "ipc"} {
		if _, err := os.Stat("/proc/self/ns/" + ns); err != nil {
			return fmt.Errorf("the kernel has no %s namespaces: %w", ns, err)
		}
	}
	return nil
}

// checkFilesystems looks for overlayfs in the content of /proc/filesystems.
func checkFilesystems(filesystems string) error {
	if !slices.Contains(strings.Fields(filesystems), "overlay") {
		return errors.New("the kernel has no overlayfs; try `modprobe overlay`")
	}
	return nil
}

// checkCgroup wants the hierarchies that pods are limited in: one each (version 1) or one for all (version 2).
func checkCgroup() error {
	if _, err := os.Stat("/sys/fs/cgroup/cgroup.controllers"); err == nil {
		return unix.Access("/sys/fs/cgroup/cgroup.subtree_control", unix.W_OK)
	}
	for _, c := range []string{"cpu", "memory", "pids", "devices", "freezer"} {
		dir := "/sys/fs/cgroup/" + c
		if _, err := os.Stat(dir + "/tasks"); err != nil {
			return fmt.Errorf("no control groups of %s: %w", c, err)
		}
		if err := unix.Access(dir, unix.W_OK); err != nil {
			return fmt.Errorf("control groups in %q cannot be made: %w", dir, err)
		}
	}
	return nil
}

func checkRoom(dir string) error {
	var fs unix.Statfs_t
	if err := unix.Statfs(existing(dir), &fs); err != nil {
		return fmt.Errorf("room on the disk of %q: %w", dir, err)
	}
	if free := int64(fs.Bavail) * fs.Bsize; free < minDisk {
		return fmt.Errorf("%d MiB are free on the disk of %q, want %d", free>>20, dir, minDisk>>20)
	}
	var info unix.Sysinfo_t
	if err := unix.Sysinfo(&info); err != nil {
		return fmt.Errorf("memory: %w", err)
	}
	if total := int64(info.Totalram) * int64(info.Unit); total < minMemory {
		return fmt.Errorf("the machine has %d MiB of memory, want %d", total>>20, minMemory>>20)
	}
	return nil
}

// existing is dir or the nearest folder above it that is there.
func existing(dir string) string {
	for {
		if _, err := os.Stat(dir); err == nil || dir == "/" {
			return dir
		}
		dir = dir[:max(1, strings.LastIndexByte(dir, '/'))]
	}
}

// missing gives the packages whose programs are not there.
func missing() []string {
	var pkgs []string
	for _, p := range programs() {
		if _, err := os.Stat(p.path); err == nil && p.path[0] == '/' {
			continue
		}
		if _, err := exec.LookPath(p.path); err != nil || p.path[0] == '/' {
			pkgs = append(pkgs, p.pkg)
		}
	}
	return pkgs
}

func install(ctx context.Context, pkgs []string, w io.Writer) error {
	if len(pkgs) == 0 {
		return nil
	}
	list := strings.Join(pkgs, " ")
	if _, err := exec.LookPath("apt-get"); err != nil {
		return fmt.Errorf("missing programs; install what Debian calls: %s", list)
	}
	fmt.Fprintf(w, "installing %s\n", list)
	for _, args := range [][]string{{"-qq", "update"}, append([]string{"-qq", "install", "-y", "--no-install-recommends"}, pkgs...)} {
		cmd := exec.CommandContext(ctx, "apt-get", args...)
		cmd.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive")
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("apt-get %s: %w: %s", strings.Join(args, " "), err, lastLine(out))
		}
	}
	if still := missing(); len(still) > 0 {
		return fmt.Errorf("missing after installation: %s", strings.Join(still, " "))
	}
	return nil
}

// checkNetwork makes what the node will make, in a network namespace that is gone afterwards: only a try tells whether
// the kernel has bridges, pairs of virtual devices and nftables.
func checkNetwork(ctx context.Context) error {
	for _, try := range []struct {
		what string
		argv []string
	}{
		{"bridges", []string{"ip", "link", "add", "b0", "type", "bridge"}},
		{"pairs of virtual network devices", []string{"ip", "link", "add", "v0", "type", "veth", "peer", "name", "v1"}},
		{"nftables", []string{"nft", "add", "table", "inet", "lambkin"}},
	} {
		cmd := exec.CommandContext(ctx, try.argv[0], try.argv[1:]...)
		cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWNET}
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("the kernel makes no %s here: %w: %s", try.what, err, lastLine(out))
		}
	}
	return nil
}

func lastLine(out []byte) string {
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	return lines[len(lines)-1]
}
