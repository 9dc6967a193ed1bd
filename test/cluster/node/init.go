package node

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/lambkin-dev/lambkin/test/cluster/layout"
)

// Init is the first process of the node. It returns only if the node cannot be made or its lease ends.
func Init(ctx context.Context, c layout.Cluster, shared string, log *slog.Logger) error {
	if os.Getpid() != 1 {
		return fmt.Errorf("%s is what `up` starts; it must be the first process of its namespaces", InitVerb)
	}
	steps := []struct {
		name string
		run  func(layout.Cluster) error
	}{
		{"mounts", mounts},
		{"network", func(layout.Cluster) error { return network(ctx) }},
		{"names", names},
		{"control groups", func(c layout.Cluster) error { return makeCgroups(c.Cgroup()) }},
	}
	for _, step := range steps {
		if err := step.run(c); err != nil {
			return fmt.Errorf("%s of the node: %w", step.name, err)
		}
	}
	for fd, target := range map[uintptr]string{
		apiFD:      net.JoinHostPort("127.0.0.1", layout.APIPort),
		ingressFD:  net.JoinHostPort(layout.IngressIP, "80"),
		registryFD: net.JoinHostPort(layout.NodeIP, layout.RegistryPort),
	} {
		if err := forward(ctx, fd, target, log); err != nil {
			return fmt.Errorf("door to %s: %w", target, err)
		}
	}
	s := newSupervisor(c.Dir, log)
	go s.reap()
	go startDaemons(ctx, s, c, shared)
	return awaitLease(ctx)
}

// awaitLease waits for the word that the node may live on. Without it the process that started us has ended, and so do we.
func awaitLease(ctx context.Context) error {
	lease := os.NewFile(leaseFD, "lease")
	defer lease.Close()
	if _, err := io.ReadFull(lease, make([]byte, 1)); err != nil {
		return fmt.Errorf("whoever started the node ended before it was ready: %w", err)
	}
	<-ctx.Done()
	return nil
}

// mounts makes the node's view of the file system. All of it vanishes with the namespace.
func mounts(c layout.Cluster) error {
	// First of all: nothing that is mounted here may be seen outside. Then shared among what starts here, as the kubelet wants.
	if err := mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE); err != nil {
		return err
	}
	if err := mount("proc", "/proc", "proc", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC); err != nil {
		return err
	}
	if err := mount("", "/", "", unix.MS_REC|unix.MS_SHARED); err != nil {
		return err
	}
	// containerd's socket and state, crun's, handles of network namespaces and the addresses given out.
	if err := mount("tmpfs", "/run", "tmpfs", 0); err != nil {
		return err
	}
	if err := errors.Join(os.MkdirAll("/run/lock", 0o755), os.MkdirAll("/run/netns", 0o755)); err != nil {
		return err
	}
	// Without a hugetlb controller the kubelet would set limits in a control group that is not there.
	if _, err := os.Stat("/sys/kernel/mm/hugepages"); err == nil {
		if err := mount("tmpfs", "/sys/kernel/mm/hugepages", "tmpfs", unix.MS_RDONLY); err != nil {
			return err
		}
	}
	if err := mount(c.Path("varlog"), "/var/log", "", unix.MS_BIND); err != nil {
		return err
	}
	// crun refuses to work where control groups of version 2, with controllers, are beside those of version 1.
	if err := unix.Unmount(filepath.Join(cgroupRoot, "unified"), 0); err != nil && !errors.Is(err, unix.ENOENT) && !errors.Is(err, unix.EINVAL) {
		return fmt.Errorf("unmount control groups of version 2: %w", err)
	}
	// The kubelet and the network plugins make folders in these places, whatever one tells them.
	for _, dir := range []string{"/etc", "/usr/libexec", "/var/lib"} {
		if err := ownWrites(dir); err != nil {
			return err
		}
	}
	return ownKernelSettings()
}

// ownWrites lets the node see a folder of the machine and keeps what it writes there to itself.
func ownWrites(dir string) error {
	own := filepath.Join("/run/writes", strings.ReplaceAll(dir, "/", "_"))
	upper, work := filepath.Join(own, "upper"), filepath.Join(own, "work")
	if err := errors.Join(os.MkdirAll(upper, 0o755), os.MkdirAll(work, 0o755)); err != nil {
		return err
	}
	options := "lowerdir=" + dir + ",upperdir=" + upper + ",workdir=" + work
	if err := unix.Mount("overlay", dir, "overlay", 0, options); err != nil {
		return fmt.Errorf("mount over %q: %w", dir, err)
	}
	return nil
}

// ownKernelSettings gives the node private copies of settings that belong to the whole machine: the kubelet changes them,
// panic_on_oops among them.
func ownKernelSettings() error {
	for name, value := range map[string]string{
		"vm/overcommit_memory": "1", "vm/panic_on_oom": "0", "kernel/panic": "10", "kernel/panic_on_oops": "1",
		"kernel/keys/root_maxkeys": "1000000", "kernel/keys/root_maxbytes": "25000000",
	} {
		own := filepath.Join("/run/sysctl", strings.ReplaceAll(name, "/", "_"))
		if err := errors.Join(os.MkdirAll("/run/sysctl", 0o755), os.WriteFile(own, []byte(value+"\n"), 0o644)); err != nil {
			return err
		}
		if err := mount(own, "/proc/sys/"+name, "", unix.MS_BIND); err != nil {
			return err
		}
	}
	return nil
}

func mount(source, target, kind string, flags uintptr) error {
	if err := unix.Mount(source, target, kind, flags, ""); err != nil {
		return fmt.Errorf("mount %q: %w", target, err)
	}
	return nil
}

// network makes the node's own network. The bridge has no ports: the node's address is local and whatever has no route is
// dropped by it. The default route is there so that connecting to a Service's address gets past routing before nftables
// rewrites it. (Dummy devices would say more clearly what is meant, but some kernels have none.)
func network(ctx context.Context) error {
	for _, args := range []string{
		"link set lo up",
		"link add node0 type bridge",
		"addr add " + layout.NodeIP + "/24 dev node0",
		"link set node0 up",
		"route add default dev node0",
	} {
		if out, err := exec.CommandContext(ctx, "ip", strings.Fields(args)...).CombinedOutput(); err != nil {
			return fmt.Errorf("ip %s: %w: %s", args, err, strings.TrimSpace(string(out)))
		}
	}
	return os.WriteFile("/proc/sys/net/ipv4/ip_forward", []byte("1"), 0o644)
}

// names gives the node its own host name and name files; the machine's resolv.conf names a server outside.
func names(c layout.Cluster) error {
	if err := unix.Sethostname([]byte(layout.NodeName)); err != nil {
		return fmt.Errorf("host name: %w", err)
	}
	registry, _, _ := net.SplitHostPort(layout.Registry)
	for target, content := range map[string]string{
		"/etc/resolv.conf": "nameserver " + layout.DNSIP + "\nsearch svc.cluster.local cluster.local\noptions ndots:3 timeout:1 attempts:1\n",
		"/etc/hosts":       "127.0.0.1 localhost\n" + layout.NodeIP + " " + layout.NodeName + " " + registry + "\n",
	} {
		own := filepath.Join("/run", filepath.Base(target))
		if err := os.WriteFile(own, []byte(content), 0o644); err != nil {
			return err
		}
		if err := mount(own, target, "", unix.MS_BIND); err != nil {
			return err
		}
	}
	return nil
}
