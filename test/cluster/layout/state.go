package layout

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Ports are the loopback ports through which this machine reaches into the cluster.
type Ports struct {
	API      int `json:"api"`
	Ingress  int `json:"ingress"`
	Registry int `json:"registry"`
}

// State is what is known about a cluster that was started.
type State struct {
	// Init is the process that is PID 1 of the cluster's namespaces. With it everything ends.
	Init int `json:"init"`
	// InitStart is when Init started, in clock ticks after boot: process ids are used again, pairs of both are not.
	InitStart uint64 `json:"initStart"`
	// Ready is set when every component has become ready once.
	Ready   bool      `json:"ready"`
	Ports   Ports     `json:"ports"`
	Created time.Time `json:"created"`
}

// LoadState reads the cluster's state. Of a cluster that was never started, or was taken down, it gives the zero State.
func (c Cluster) LoadState() (State, error) {
	data, err := os.ReadFile(c.Path("state.json"))
	if errors.Is(err, fs.ErrNotExist) {
		return State{}, nil
	}
	if err != nil {
		return State{}, err
	}
	var s State
	if err := json.Unmarshal(data, &s); err != nil {
		return State{}, fmt.Errorf("state of cluster %q in %q: %w", c.Name, c.Path("state.json"), err)
	}
	return s, nil
}

// SaveState writes the cluster's state; readers see the old one or the new one.
func (c Cluster) SaveState(s State) error {
	data, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return fmt.Errorf("state of cluster %q: %w", c.Name, err)
	}
	return replaceFile(c.Path("state.json"), append(data, '\n'))
}

func replaceFile(name string, data []byte) error {
	f, err := os.CreateTemp(filepath.Dir(name), ".new-*")
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err := errors.Join(err, f.Chmod(0o644), f.Close()); err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return os.Rename(f.Name(), name)
}

// Running says whether the cluster's first process is alive.
func (s State) Running() bool {
	if s.Init == 0 {
		return false
	}
	start, err := StartTime(s.Init)
	return err == nil && start == s.InitStart
}

// StartTime says when a process started, in clock ticks after boot. A zombie has ended and gives an error.
func StartTime(pid int) (uint64, error) {
	data, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "stat"))
	if err != nil {
		return 0, err
	}
	return parseStartTime(string(data))
}

// parseStartTime reads field 22 of /proc/PID/stat. Field 2 is the command in parentheses and may hold anything.
func parseStartTime(stat string) (uint64, error) {
	const state, startTime = 0, 19 // fields 3 and 22, counted from the end of the command
	fields := strings.Fields(stat[strings.LastIndexByte(stat, ')')+1:])
	if len(fields) <= startTime {
		return 0, fmt.Errorf("process status %q: too few fields", stat)
	}
	if slices.Contains([]string{"Z", "X"}, fields[state]) {
		return 0, errors.New("the process has ended")
	}
	ticks, err := strconv.ParseUint(fields[startTime], 10, 64)
	if err != nil {
		return 0, fmt.Errorf("process status %q: %w", stat, err)
	}
	return ticks, nil
}

// Env gives the content of cluster.env: lines that both a shell and make understand.
func (c Cluster) Env(p Ports) string {
	var b strings.Builder
	for _, kv := range [][2]string{
		{"KUBECONFIG", c.Kubeconfig()},
		{"REGISTRY", Registry},
		{"REGISTRY_HOST", loopback(p.Registry)},
		{"INGRESS", loopback(p.Ingress)},
		{"DOMAIN", Domain},
		{"CLUSTER", c.Name},
		{"CLUSTER_DIR", c.Dir},
		{"GIT_DIR_HOST", c.Path("git")},
		{"GIT_URL", GitURL},
		{"GOPROXY_IN", GoProxyURL},
		{"NPM_REGISTRY_IN", NPMURL},
		{"PIP_INDEX_IN", PipURL},
		{"GEM_SOURCE_IN", GemURL},
	} {
		fmt.Fprintf(&b, "%s=%s\n", kv[0], kv[1])
	}
	return b.String()
}

// SaveEnv writes cluster.env.
func (c Cluster) SaveEnv(p Ports) error {
	return replaceFile(c.EnvFile(), []byte(c.Env(p)))
}

func loopback(port int) string { return "127.0.0.1:" + strconv.Itoa(port) }
