package node

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"golang.org/x/sys/unix"
)

const cgroupRoot = "/sys/fs/cgroup"

// hierarchies are the folders that control groups are made in: one per controller with version 1, one in all with version 2.
func hierarchies(root string) ([]string, error) {
	if _, err := os.Stat(filepath.Join(root, "cgroup.controllers")); err == nil {
		return []string{root}, nil
	}
	entries, err := os.ReadDir(root)
	if err != nil {
		return nil, err
	}
	var dirs []string
	for _, e := range entries {
		dir := filepath.Join(root, e.Name())
		if _, err := os.Stat(filepath.Join(dir, "cgroup.procs")); err == nil && e.IsDir() {
			dirs = append(dirs, dir)
		}
	}
	return dirs, nil
}

// makeCgroups makes the control group of all pods in each hierarchy.
func makeCgroups(name string) error {
	dirs, err := hierarchies(cgroupRoot)
	if err != nil {
		return err
	}
	for _, dir := range dirs {
		if err := os.Mkdir(filepath.Join(dir, name), 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
	}
	if slices.Contains(dirs, cgroupRoot) {
		return delegate(name)
	}
	// All pods together have the weight of one process otherwise, which on a busy machine is next to nothing.
	if err := os.WriteFile(filepath.Join(cgroupRoot, "cpu", name, "cpu.shares"), []byte("16384"), 0o644); err != nil {
		return err
	}
	return fillCPUSet(name)
}

// delegate lets the kubelet limit what is below a control group of version 2, which here is all in one hierarchy.
func delegate(name string) error {
	const controllers = "+cpu +cpuset +memory +pids"
	return errors.Join(
		os.WriteFile(filepath.Join(cgroupRoot, "cgroup.subtree_control"), []byte(controllers), 0o644),
		os.WriteFile(filepath.Join(cgroupRoot, name, "cgroup.subtree_control"), []byte(controllers), 0o644),
		os.WriteFile(filepath.Join(cgroupRoot, name, "cpu.weight"), []byte("1600"), 0o644),
	)
}

// fillCPUSet gives a new cpuset of version 1 what it has not by itself: processors and memory. Nothing can run without.
func fillCPUSet(name string) error {
	for _, file := range []string{"cpuset.cpus", "cpuset.mems"} {
		data, err := os.ReadFile(filepath.Join(cgroupRoot, "cpuset", file))
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(cgroupRoot, "cpuset", name, file), data, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// removeCgroups removes the control group and everything below it. Processes that were just killed may be in it for a moment.
func removeCgroups(ctx context.Context, name string) error {
	dirs, err := hierarchies(cgroupRoot)
	if err != nil {
		return err
	}
	for _, dir := range dirs {
		for {
			err := removeTree(filepath.Join(dir, name))
			if err == nil {
				break
			}
			if !errors.Is(err, unix.EBUSY) {
				return fmt.Errorf("control group %q: %w", filepath.Join(dir, name), err)
			}
			if ctxErr := sleep(ctx, 50*time.Millisecond); ctxErr != nil {
				return errors.Join(fmt.Errorf("control group %q: %w", filepath.Join(dir, name), err), ctxErr)
			}
		}
	}
	return nil
}

// removeTree removes folders, deepest first. The files of a control group vanish with their folder.
func removeTree(root string) error {
	var dirs []string
	err := filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err == nil && d.IsDir() {
			dirs = append(dirs, name)
		}
		return err
	})
	if err != nil {
		return err
	}
	for _, dir := range slices.Backward(dirs) {
		if err := unix.Rmdir(dir); err != nil && !errors.Is(err, unix.ENOENT) {
			return &fs.PathError{Op: "rmdir", Path: dir, Err: err}
		}
	}
	return nil
}
