package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"
)

// program is a command of ours.
type program struct {
	// pkg is its package, from the root of the checkout.
	pkg string
	// system and arch are what it is for, as Go names them.
	system, arch string
	// stamped programs bear commit and version. The others change only when their code does.
	stamped bool
	// overlay is a file for go build -overlay; none if empty.
	overlay string
}

// builder builds a program into a file.
type builder func(ctx context.Context, p program, file string) error

// goBuild builds static programs from the checkout, without its path in them.
func goBuild(root string) builder {
	return func(ctx context.Context, p program, file string) error {
		args := []string{"build", "-trimpath", "-ldflags", "-s -w", "-buildvcs=" + strconv.FormatBool(p.stamped), "-o", file}
		if p.overlay != "" {
			args = append(args, "-overlay", p.overlay)
		}
		cmd := exec.CommandContext(ctx, "go", append(args, p.pkg)...)
		cmd.Dir = root
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS="+p.system, "GOARCH="+p.arch, "GOFLAGS=-mod=readonly", "GOAMD64=v1", "GOARM64=v8.0")
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("build %s for %s/%s: %w\n%s", p.pkg, p.system, p.arch, err, bytes.TrimSpace(out))
		}
		return nil
	}
}

// facts are what is known of the code that is released.
type facts struct {
	// revision is the commit, and time when it was made. Both are zero where there is no git.
	revision string
	time     time.Time
}

// commit asks git for the facts of a checkout. SOURCE_DATE_EPOCH, which distributions set, goes before its time.
func commit(ctx context.Context, root string) (facts, error) {
	var f facts
	cmd := exec.CommandContext(ctx, "git", "-C", root, "log", "-1", "--format=%H %ct")
	seconds := ""
	if out, err := cmd.Output(); err == nil {
		f.revision, seconds, _ = strings.Cut(strings.TrimSpace(string(out)), " ")
	}
	if given := os.Getenv("SOURCE_DATE_EPOCH"); given != "" {
		seconds = given
	}
	if seconds == "" {
		return f, nil
	}
	n, err := strconv.ParseInt(seconds, 10, 64)
	if err != nil {
		return f, fmt.Errorf("the time of the commit (or SOURCE_DATE_EPOCH) is %q: it must be seconds since 1970", seconds)
	}
	f.time = time.Unix(n, 0).UTC()
	return f, nil
}
