package node

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// DaemonUsage is one daemon of the node.
type DaemonUsage struct {
	Name    string
	Running bool
	Memory  int64 // resident bytes
}

// Usage is what a node runs and takes.
type Usage struct {
	Daemons   []DaemonUsage
	Processes int
	Memory    int64 // resident bytes of all processes; what several share is counted for each
}

// Measure looks at the processes of a node, by its first process.
func Measure(init int, dir string) (Usage, error) {
	ns, err := os.Readlink(filepath.Join("/proc", strconv.Itoa(init), "ns", "net"))
	if err != nil {
		return Usage{}, fmt.Errorf("the node's network: %w", err)
	}
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return Usage{}, err
	}
	var u Usage
	memory := map[string]int64{} // by process id inside
	for _, e := range entries {
		status, err := os.ReadFile(filepath.Join("/proc", e.Name(), "status"))
		if err != nil || !inside(e.Name(), ns, init) {
			continue // not a process, or gone
		}
		id, rss := parseStatus(string(status))
		u.Processes++
		u.Memory += rss
		if id != "" {
			memory[id] = rss
		}
	}
	for _, name := range Daemons() {
		pid, err := os.ReadFile(pidFile(dir, name))
		u.Daemons = append(u.Daemons, DaemonUsage{Name: name, Running: err == nil, Memory: memory[string(pid)]})
	}
	return u, nil
}

// inside says whether a process belongs to the node: pods have networks of their own, but not a parent outside.
func inside(pid, ns string, init int) bool {
	if link, err := os.Readlink(filepath.Join("/proc", pid, "ns", "net")); err == nil && link == ns {
		return true
	}
	for range 64 { // more than any chain of parents
		status, err := os.ReadFile(filepath.Join("/proc", pid, "status"))
		if err != nil {
			return false
		}
		_, rest, _ := strings.Cut(string(status), "\nPPid:")
		parent, _, _ := strings.Cut(rest, "\n")
		if pid = strings.TrimSpace(parent); pid == strconv.Itoa(init) {
			return true
		}
		if pid == "0" || pid == "1" || pid == "" {
			return false
		}
	}
	return false
}

// parseStatus reads /proc/PID/status: the process id in the node's namespace, if it is directly in it, and resident bytes.
func parseStatus(status string) (id string, rss int64) {
	for line := range strings.Lines(status) {
		name, value, _ := strings.Cut(line, ":")
		fields := strings.Fields(value)
		switch {
		case name == "NSpid" && len(fields) == 2:
			id = fields[1]
		case name == "VmRSS" && len(fields) > 0:
			kib, err := strconv.ParseInt(fields[0], 10, 64)
			if err == nil {
				rss = kib << 10
			}
		}
	}
	return id, rss
}
