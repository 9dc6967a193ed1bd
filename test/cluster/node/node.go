// Package node makes the one node of a test cluster: a process in network, mount, process, host-name and IPC namespaces
// of its own that starts and watches everything else. Killing that one process ends every daemon, shim and container and
// drops every mount and the network; there is nothing else to clean up but empty control groups.
//
// Its network has no link to any other, so nothing leaves it. The only doors are listening sockets on this machine's
// loopback, opened before the node starts and handed to it: a socket belongs to the network it was made in, whoever accepts.
package node

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/lambkin-dev/lambkin/test/cluster/layout"
)

// InitVerb is the verb of this program that makes it a node. It expects the folder of shared programs as its argument.
const InitVerb = "node-init"

// Files that the node gets beside the standard ones, in the order of Cmd.ExtraFiles.
const (
	leaseFD    = 3
	apiFD      = 4
	ingressFD  = 5
	registryFD = 6
)

// Node is a node that was just started.
type Node struct {
	State layout.State
	lease *os.File
}

// Start makes a node. Until Keep is called its life is bound to this process: if this process ends, however, so does the node.
// Ports that are not zero are used again if they are free.
func Start(c layout.Cluster, shared string, ports layout.Ports) (*Node, error) {
	listeners, ports, err := listen(ports)
	if err != nil {
		return nil, err
	}
	defer closeAll(listeners)
	if err := prepare(c, ports); err != nil {
		return nil, err
	}
	lease, leaseEnd, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer func() { _ = lease.Close() }() // the node has its own
	cmd, err := initCommand(c, shared, append([]*os.File{lease}, listeners...))
	if err != nil {
		return nil, errors.Join(err, leaseEnd.Close())
	}
	if err := cmd.Start(); err != nil {
		return nil, errors.Join(fmt.Errorf("start of the node: %w", err), leaseEnd.Close())
	}
	go func() { _ = cmd.Wait() }() // so that it leaves no zombie if it ends while we are here
	start, err := layout.StartTime(cmd.Process.Pid)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("the node ended at once; see %q: %w", c.Path("log", "init.log"), err), leaseEnd.Close())
	}
	return &Node{
		State: layout.State{Init: cmd.Process.Pid, InitStart: start, Ports: ports, Created: time.Now()},
		lease: leaseEnd,
	}, nil
}

// Keep lets the node live when this process ends.
func (n *Node) Keep() error {
	_, err := n.lease.Write([]byte{1})
	return errors.Join(err, n.lease.Close())
}

func initCommand(c layout.Cluster, shared string, extra []*os.File) (*exec.Cmd, error) {
	log, err := os.OpenFile(c.Path("log", "init.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(context.Background(), c.Tool(), "-name", c.Name, "-state", c.Dir, InitVerb, shared)
	cmd.Dir = "/"
	cmd.Stdout, cmd.Stderr = log, log
	cmd.ExtraFiles = extra
	// Proxies of this machine cannot be reached from inside, so its environment stays outside.
	cmd.Env = []string{
		"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=" + c.Dir, "KUBECONFIG=" + c.NodeKubeconfig(),
		"GOGC=300", // processors are scarcer than memory here, and a quarter of the API server's work was to collect garbage
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Setsid:     true, // an interrupt from the terminal is not meant for it
		Cloneflags: unix.CLONE_NEWNET | unix.CLONE_NEWNS | unix.CLONE_NEWPID | unix.CLONE_NEWUTS | unix.CLONE_NEWIPC,
	}
	return cmd, nil
}

// listen opens the doors: API server, ingress, registry.
func listen(ports layout.Ports) ([]*os.File, layout.Ports, error) {
	var files []*os.File
	for _, port := range []*int{&ports.API, &ports.Ingress, &ports.Registry} {
		l, err := listenNear(*port)
		if err != nil {
			closeAll(files)
			return nil, ports, err
		}
		*port = l.Addr().(*net.TCPAddr).Port
		f, err := l.(*net.TCPListener).File()
		if err := errors.Join(err, l.Close()); err != nil {
			closeAll(files)
			return nil, ports, err
		}
		files = append(files, f)
	}
	return files, ports, nil
}

// listenNear listens on the port or, if it is taken, on any.
func listenNear(port int) (net.Listener, error) {
	l, err := net.Listen("tcp4", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
	if errors.Is(err, syscall.EADDRINUSE) {
		return net.Listen("tcp4", "127.0.0.1:0")
	}
	return l, err
}

func closeAll[C io.Closer](closers []C) {
	for _, c := range closers {
		_ = c.Close() // the node has its own
	}
}

// Stop ends the node and waits until its processes are gone. Stopping what does not run is fine.
func Stop(ctx context.Context, c layout.Cluster, s layout.State) error {
	if s.Running() {
		if err := unix.Kill(s.Init, unix.SIGKILL); err != nil && !errors.Is(err, unix.ESRCH) {
			return fmt.Errorf("end of the node (process %d): %w", s.Init, err)
		}
	}
	for s.Running() {
		if err := sleep(ctx, 20*time.Millisecond); err != nil {
			return fmt.Errorf("end of the node (process %d): %w", s.Init, err)
		}
	}
	return removeCgroups(ctx, c.Cgroup())
}

func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-time.After(d):
		return nil
	}
}
