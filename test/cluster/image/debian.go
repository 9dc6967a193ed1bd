package image

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// debian makes a folder with the files of Debian packages and what they depend on. The packages' scripts are not run, so
// what those would do and functions need is done here.
func debian(ctx context.Context, folder string, packages []string) error {
	suite, err := suite("/etc/os-release")
	if err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, "nice", "-n", "10",
		"mmdebstrap", "--quiet", "--variant=extract", "--format=directory", "--include="+strings.Join(packages, ","), suite, folder)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("mmdebstrap of %s: %w: %s", strings.Join(packages, " "), err, strings.TrimSpace(string(out)))
	}
	for _, step := range steps() {
		if err := step(ctx, folder); err != nil {
			return err
		}
	}
	return nil
}

// steps are done to each folder of packages, in this order.
func steps() []func(ctx context.Context, folder string) error {
	return []func(context.Context, string) error{strip, mergeUsr, links, certificates, compilePython, users}
}

// suite is the Debian release of this machine: its package sources are known to work.
func suite(osRelease string) (string, error) {
	data, err := os.ReadFile(osRelease)
	if err != nil {
		return "", err
	}
	for line := range strings.Lines(string(data)) {
		if name, ok := strings.CutPrefix(strings.TrimSpace(line), "VERSION_CODENAME="); ok {
			return strings.Trim(name, `"`), nil
		}
	}
	return "", fmt.Errorf("%q names no release; base images are made from Debian packages", osRelease)
}

// strip removes what nobody reads in a container, and what depends on the day.
func strip(_ context.Context, folder string) error {
	var errs []error
	for _, dir := range []string{
		"dev", "proc", "sys", "run", "boot", "media", "mnt", "var/cache", "var/log", "var/lib/apt", "var/lib/dpkg", "var/backups",
		"usr/share/doc", "usr/share/man", "usr/share/info", "usr/share/locale", "usr/share/lintian", "usr/share/bash-completion", "etc/apt",
	} {
		errs = append(errs, os.RemoveAll(filepath.Join(folder, dir)))
	}
	return errors.Join(errs...)
}

// mergeUsr moves /bin and its like below /usr and links them there, as Debian's base system does when it is installed.
func mergeUsr(ctx context.Context, folder string) error {
	for _, dir := range []string{"bin", "sbin", "lib", "lib32", "lib64", "libx32"} {
		old, merged := filepath.Join(folder, dir), filepath.Join(folder, "usr", dir)
		info, err := os.Lstat(old)
		if err != nil || !info.IsDir() {
			continue // not there, or merged already
		}
		if err := os.MkdirAll(merged, 0o755); err != nil {
			return err
		}
		if out, err := exec.CommandContext(ctx, "cp", "-a", old+"/.", merged).CombinedOutput(); err != nil {
			return fmt.Errorf("move of %q: %w: %s", old, err, strings.TrimSpace(string(out)))
		}
		if err := errors.Join(os.RemoveAll(old), os.Symlink("usr/"+dir, old)); err != nil {
			return err
		}
	}
	return nil
}

// links are those that packages make with scripts. Bootstraps of functions expect bash behind /bin/sh, as AWS has it.
func links(_ context.Context, folder string) error {
	for name, target := range map[string]string{"sh": "bash", "awk": "mawk"} {
		name, target = filepath.Join(folder, "usr/bin", name), filepath.Join(folder, "usr/bin", target)
		if !exists(target) {
			continue
		}
		err := errors.Join(os.RemoveAll(name), os.Symlink(filepath.Base(target), name))
		if err != nil {
			return err
		}
	}
	return nil
}

func exists(name string) bool {
	_, err := os.Lstat(name)
	return err == nil
}

// certificates joins all authorities in the one file that programs read.
func certificates(_ context.Context, folder string) error {
	files, err := filepath.Glob(filepath.Join(folder, "usr/share/ca-certificates/mozilla/*.crt"))
	if err != nil || len(files) == 0 {
		return err
	}
	slices.Sort(files)
	var all []byte
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		all = append(all, data...)
	}
	dir := filepath.Join(folder, "etc/ssl/certs")
	return errors.Join(os.MkdirAll(dir, 0o755), os.WriteFile(filepath.Join(dir, "ca-certificates.crt"), all, 0o644))
}

// compilePython compiles the standard library, which each start of Python would do again otherwise. The result is told by
// content, not by time: archives of images have no times.
func compilePython(ctx context.Context, folder string) error {
	if !exists(filepath.Join(folder, "usr/bin/python3")) {
		return nil
	}
	// pip may install into this Python: the image is its environment.
	marks, err := filepath.Glob(filepath.Join(folder, "usr/lib/python3*/EXTERNALLY-MANAGED"))
	if err != nil {
		return fmt.Errorf("python: %w", err)
	}
	for _, mark := range marks {
		if err := os.Remove(mark); err != nil {
			return err
		}
	}
	cmd := exec.CommandContext(ctx, "nice", "-n", "10", "chroot", folder,
		"/usr/bin/python3", "-m", "compileall", "-q", "--invalidation-mode", "unchecked-hash", "/usr/lib")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("python: %w: %s", err, strings.TrimSpace(string(out)))
	}
	return nil
}

// users are root and nobody in particular.
func users(_ context.Context, folder string) error {
	var errs []error
	for name, data := range userFiles() {
		name = filepath.Join(folder, name)
		errs = append(errs, os.MkdirAll(filepath.Dir(name), 0o755), os.WriteFile(name, []byte(data), 0o644))
	}
	tmp := filepath.Join(folder, "tmp")
	return errors.Join(append(errs, os.MkdirAll(tmp, 0o755), os.Chmod(tmp, 0o777|os.ModeSticky))...)
}
