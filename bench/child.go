package main

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// child is a server process under measurement.
type child struct {
	cmd  *exec.Cmd
	addr string
}

// start runs a server that listens on the address that {addr} in its arguments and environment stands for, and waits
// until it does.
func start(argv, env []string) (*child, time.Duration, error) {
	addr, err := freeAddress()
	if err != nil {
		return nil, 0, err
	}
	fill := strings.NewReplacer("{addr}", addr, "{port}", addr[strings.LastIndex(addr, ":")+1:])
	args := make([]string, len(argv))
	for i, a := range argv {
		args[i] = fill.Replace(a)
	}
	c := &child{cmd: exec.Command(args[0], args[1:]...), addr: addr}
	c.cmd.Stderr = os.Stderr
	for _, v := range env {
		c.cmd.Env = append(c.cmd.Env, fill.Replace(v))
	}
	c.cmd.Env = append(c.cmd.Env, "PATH="+os.Getenv("PATH"), "HOME="+os.Getenv("HOME"))
	c.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	begin := time.Now()
	if err := c.cmd.Start(); err != nil {
		return nil, 0, fmt.Errorf("start %q: %w", args[0], err)
	}
	if err := c.await(begin); err != nil {
		return nil, 0, err
	}
	return c, time.Since(begin), nil
}

func freeAddress() (string, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return ln.Addr().String(), ln.Close()
}

// await dials until the server listens.
func (c *child) await(begin time.Time) error {
	for time.Since(begin) < 20*time.Second {
		conn, err := net.Dial("tcp", c.addr)
		if err == nil {
			return conn.Close()
		}
		time.Sleep(200 * time.Microsecond)
	}
	c.stop()
	return fmt.Errorf("%s does not listen on %s", c.cmd.Path, c.addr)
}

func (c *child) stop() {
	_ = c.cmd.Process.Signal(syscall.SIGTERM)
	done := time.AfterFunc(5*time.Second, func() { _ = c.cmd.Process.Kill() })
	defer done.Stop()
	_ = c.cmd.Wait() // it was told to end; how it did is not measured
}

// ticks per second of /proc/PID/stat; fixed in Linux's interface to programs.
const ticks = 100

// cpuOf is the user and system time that the processes have used so far. Go's threads are counted with the finest
// clock that the kernel has: schedstat gives nanoseconds where stat gives hundredths of a second.
func cpuOf(children []*child) (sum time.Duration) {
	for _, c := range children {
		sum += cpuTime(c.cmd.Process.Pid)
	}
	return sum
}

func cpuTime(pid int) time.Duration {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0
	}
	fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
	user, errUser := strconv.ParseInt(fields[11], 10, 64)
	system, errSystem := strconv.ParseInt(fields[12], 10, 64)
	if errUser != nil || errSystem != nil {
		return 0
	}
	return time.Duration(user+system) * time.Second / ticks
}

// residentBytes is the memory that a process occupies.
func (c *child) residentBytes() int64 {
	statm, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", c.cmd.Process.Pid))
	if err != nil {
		return 0
	}
	pages, err := strconv.ParseInt(strings.Fields(string(statm))[1], 10, 64)
	if err != nil {
		return 0
	}
	return pages * int64(os.Getpagesize())
}
