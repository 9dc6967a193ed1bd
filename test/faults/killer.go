package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// killProcesses is what the killer of a node is asked for: it kills the processes of a pod, or of those the one that which
// falls on. Processes get no word before that, as little as from a machine that fails.
func killProcesses(uid, which string) error {
	pids, err := processesOf("/proc", uid)
	if err != nil {
		return err
	}
	if len(pids) == 0 {
		return fmt.Errorf("pod %s has no processes on this node", uid)
	}
	if which != "" {
		n, err := strconv.ParseUint(which, 10, 64)
		if err != nil {
			return fmt.Errorf("%q is no number: %w", which, err)
		}
		one := n % uint64(len(pids))
		pids = pids[one : one+1]
	}
	var faults []error
	for _, pid := range pids {
		if err := syscall.Kill(pid, syscall.SIGKILL); !errors.Is(err, syscall.ESRCH) {
			faults = append(faults, err)
		}
	}
	return errors.Join(faults...)
}

// processesOf are the processes of a pod by what proc, which must be of the node, says of their control groups. These have the
// pod's uid in their names, with underscores where systemd makes them.
func processesOf(proc, uid string) ([]int, error) {
	files, err := filepath.Glob(filepath.Join(proc, "[0-9]*", "cgroup"))
	if err != nil {
		return nil, err
	}
	name, ofSystemd := []byte("pod"+uid), []byte("pod"+strings.ReplaceAll(uid, "-", "_"))
	var pids []int
	for _, file := range files {
		groups, err := os.ReadFile(file)
		if err != nil || !bytes.Contains(groups, name) && !bytes.Contains(groups, ofSystemd) {
			continue // it has gone, or is another's
		}
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(file)))
		if err != nil {
			return nil, err
		}
		pids = append(pids, pid)
	}
	return pids, nil
}
