package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// machine is `lambkin serve` on this machine.
type machine struct {
	settings
	dir, addr string
	chance    *rand.Rand
	collector *httptest.Server

	mu     sync.Mutex
	server *exec.Cmd
}

func newMachine(s settings) (*machine, error) {
	dir, err := os.MkdirTemp("", "lambkin-faults-")
	if err != nil {
		return nil, err
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	defer ln.Close()
	return &machine{settings: s, dir: dir, addr: ln.Addr().String(), chance: rand.New(rand.NewPCG(s.seed, 1))}, nil //nolint:gosec // not a secret
}

func (m *machine) open(ctx context.Context) (scene, error) {
	if err := m.collect(); err != nil {
		return scene{}, err
	}
	if err := m.start(ctx); err != nil {
		return scene{}, err
	}
	code, err := packSelf(m.dir, m.collector.URL)
	if err != nil {
		return scene{}, err
	}
	at := scene{
		function: "http://" + m.addr + functionPath, tell: m.collector.URL, journal: m.collector.URL + "/journal",
	}
	return at, m.run(ctx, nil, "deploy", functionName, "--endpoint", "http://"+m.addr, code)
}

// collect starts the collector in this program.
func (m *machine) collect() error {
	c, err := openCollector(filepath.Join(m.dir, "journal"))
	if err != nil {
		return err
	}
	m.collector = httptest.NewServer(c.handler())
	return nil
}

// start starts the server, and waits until it answers.
func (m *machine) start(ctx context.Context) error {
	log, err := os.OpenFile(filepath.Join(m.dir, "server.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	server := exec.Command(m.lambkin, "serve", "--no-auth", "--addr", m.addr, "--data-dir", filepath.Join(m.dir, "data"))
	server.Stderr = log
	server.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := server.Start(); err != nil {
		return err
	}
	m.mu.Lock()
	m.server = server
	m.mu.Unlock()
	for end := time.Now().Add(30 * time.Second); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+m.addr+"/2015-03-31/functions/", http.NoBody)
		if err != nil {
			return err
		}
		if resp, err := client().Do(req); err == nil {
			return resp.Body.Close()
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
	return fmt.Errorf("the server does not answer; %s says more", log.Name())
}

// kill ends the server or a process below it. The server is started again.
func (m *machine) kill(ctx context.Context) (string, error) {
	if m.chance.IntN(3) > 0 {
		return m.killFunction()
	}
	if err := m.server.Process.Kill(); err != nil {
		return "", err
	}
	_ = m.server.Wait() // it was killed
	return "gateway and engine (`lambkin serve`)", m.start(context.WithoutCancel(ctx))
}

// killFunction ends one of the processes that the server has started, or that those have.
func (m *machine) killFunction() (string, error) {
	below, err := descendants(m.server.Process.Pid)
	if err != nil || len(below) == 0 {
		return "", errors.Join(err, errors.New("the function has no processes now"))
	}
	err = syscall.Kill(below[m.chance.IntN(len(below))], syscall.SIGKILL)
	if errors.Is(err, syscall.ESRCH) {
		err = nil
	}
	return "a process of the function", err
}

// descendants are the processes below one. Threads have children too, so all processes are looked at.
func descendants(pid int) ([]int, error) {
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return nil, err
	}
	below := map[int][]int{}
	for _, name := range stats {
		raw, err := os.ReadFile(name)
		if err != nil {
			continue // it has gone
		}
		fields := strings.Fields(string(raw[bytes.LastIndexByte(raw, ')')+1:]))
		child, errChild := strconv.Atoi(strings.Split(name, "/")[2])
		parent, errParent := strconv.Atoi(fields[1])
		if errChild == nil && errParent == nil {
			below[parent] = append(below[parent], child)
		}
	}
	var all []int
	for next := below[pid]; len(next) > 0; next = next[1:] {
		all = append(all, next[0])
		next = append(next, below[next[0]]...)
	}
	return all, nil
}

// close ends server and collector.
func (m *machine) close() {
	if m.server != nil {
		_ = m.server.Process.Signal(syscall.SIGTERM)
		_ = m.server.Wait() // how it ends is no matter
	}
	if m.collector != nil {
		m.collector.Close()
	}
	_ = os.RemoveAll(m.dir) // a rest in the temporary directory does no harm
}
