package component

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

// ModulePath is the module that holds this program and pins every component.
const ModulePath = "github.com/lambkin-dev/lambkin/test/cluster"

// Builder builds components from the module in Source.
type Builder struct {
	// Source is the folder of the module.
	Source string
	// Shared receives programs that other clusters may use too, in a folder named after what they depend on.
	Shared string
	// Own receives the programs of this module's own source.
	Own string
	// Log receives one line per group that was built.
	Log io.Writer
}

// FindSource looks for the folder of this module: start, or test/cluster in start or above.
func FindSource(start string) (string, error) {
	dir, err := filepath.Abs(start)
	if err != nil {
		return "", err
	}
	for {
		for _, candidate := range []string{dir, filepath.Join(dir, "test", "cluster")} {
			data, err := os.ReadFile(filepath.Join(candidate, "go.mod"))
			if err == nil && strings.Contains(string(data), "module "+ModulePath+"\n") {
				return candidate, nil
			}
		}
		if parent := filepath.Dir(dir); parent != dir {
			dir = parent
			continue
		}
		return "", fmt.Errorf("the module %s is neither in %q nor above; run this in Lambkin's checkout or set -source", ModulePath, start)
	}
}

// Build makes all programs that are not there yet and gives the folder of the shared ones: FOLDER/GROUP/PROGRAM.
func (b Builder) Build(ctx context.Context) (string, error) {
	key, kubernetes, err := b.key(ctx)
	if err != nil {
		return "", err
	}
	shared := filepath.Join(b.Shared, key)
	for _, g := range Groups() {
		out := filepath.Join(shared, g.Name)
		if g.Own {
			out = b.Own
		}
		if _, err := os.Stat(filepath.Join(out, "complete")); err == nil {
			continue
		}
		if err := b.build(ctx, g, out, kubernetes); err != nil {
			return "", err
		}
	}
	return shared, nil
}

// key names what the shared programs depend on: module versions, Go and its flags. It also gives Kubernetes' version.
func (b Builder) key(ctx context.Context) (key, kubernetes string, err error) {
	goVersion, err := b.output(ctx, "go", "version")
	if err != nil {
		return "", "", err
	}
	kubernetes, err = b.output(ctx, "go", "list", "-m", "-f", "{{.Version}}", "k8s.io/kubernetes")
	if err != nil {
		return "", "", err
	}
	sum := sha256.New()
	for _, name := range []string{"go.mod", "go.sum"} {
		data, err := os.ReadFile(filepath.Join(b.Source, name))
		if err != nil {
			return "", "", err
		}
		sum.Write(data)
	}
	fmt.Fprintln(sum, goVersion, env(), args(kubernetes))
	return hex.EncodeToString(sum.Sum(nil))[:12], kubernetes, nil
}

// build makes one group in a folder beside out and moves it there when it is whole.
func (b Builder) build(ctx context.Context, g Group, out, kubernetes string) error {
	start := time.Now()
	if err := os.MkdirAll(filepath.Dir(out), 0o755); err != nil {
		return err
	}
	tmp := out
	if !g.Own {
		dir, err := os.MkdirTemp(filepath.Dir(out), ".building-")
		if err != nil {
			return err
		}
		defer func() { _ = os.RemoveAll(dir) }() // nothing is left of it after the rename
		tmp = dir
		fmt.Fprintf(b.Log, "building %s: %d programs, which takes minutes unless Go has built most of it before\n", g.Name, len(g.Packages))
	}
	argv := slices.Concat([]string{"go", "build"}, args(kubernetes), []string{"-o", tmp + "/"}, g.Packages)
	if err := b.command(ctx, argv...).Run(); err != nil {
		return fmt.Errorf("build of %s: %w", g.Name, err)
	}
	if g.Own {
		return nil
	}
	if err := finish(tmp, out); err != nil {
		return fmt.Errorf("build of %s: %w", g.Name, err)
	}
	fmt.Fprintf(b.Log, "built %-8s %2d programs in %.1f s\n", g.Name, len(g.Packages), time.Since(start).Seconds())
	return nil
}

// finish marks tmp as complete and makes it out. Whoever was first has won: two builds of one key give the same.
func finish(tmp, out string) error {
	if err := os.WriteFile(filepath.Join(tmp, "complete"), nil, 0o644); err != nil {
		return err
	}
	if err := os.Chmod(tmp, 0o755); err != nil {
		return err
	}
	err := os.Rename(tmp, out)
	if errors.Is(err, fs.ErrExist) || errors.Is(err, syscall.ENOTEMPTY) {
		return nil
	}
	return err
}

// env are the settings that the compile cache depends on.
func env() []string {
	return []string{"CGO_ENABLED=0", "GOTOOLCHAIN=local", "GOFLAGS=-trimpath -buildvcs=false -mod=readonly", "GOWORK=off"}
}

// args stamps the version into Kubernetes: Knative and Tekton refuse an API server older than their minimum, and an
// unstamped one says v0.0.0.
func args(kubernetes string) []string {
	_, rest, _ := strings.Cut(kubernetes, ".")
	minor, _, _ := strings.Cut(rest, ".")
	stamp := []string{"-s", "-w"}
	for _, kv := range []string{
		"gitVersion=" + kubernetes, "gitMajor=1", "gitMinor=" + minor, "gitCommit=module", "gitTreeState=clean",
		"buildDate=2026-01-01T00:00:00Z",
	} {
		stamp = append(stamp, "-X", "k8s.io/component-base/version."+kv)
	}
	return []string{"-ldflags", strings.Join(stamp, " ")}
}

// command runs with low priority, so that builds do not disturb others on the machine.
func (b Builder) command(ctx context.Context, argv ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "nice", append([]string{"-n", "10"}, argv...)...)
	cmd.Dir = b.Source
	cmd.Env = append(os.Environ(), env()...)
	cmd.Stderr = b.Log
	// Go removes its work folder when it is interrupted; killed, it would leave it.
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 10 * time.Second
	return cmd
}

func (b Builder) output(ctx context.Context, argv ...string) (string, error) {
	var out bytes.Buffer
	cmd := b.command(ctx, argv...)
	cmd.Stdout = &out
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("%s: %w", strings.Join(argv, " "), err)
	}
	return strings.TrimSpace(out.String()), nil
}

// Module is a module of the build and where its files are.
type Module struct{ Path, Version, Dir string }

// Modules gives modules of the build by path; those that the module cache lacks are downloaded.
func (b Builder) Modules(ctx context.Context, paths ...string) (map[string]Module, error) {
	out, err := b.output(ctx, append([]string{"go", "mod", "download", "-json"}, paths...)...)
	if err != nil {
		return nil, err
	}
	modules := make(map[string]Module, len(paths))
	for dec := json.NewDecoder(strings.NewReader(out)); ; {
		var m Module
		err := dec.Decode(&m)
		if errors.Is(err, io.EOF) {
			return modules, nil
		}
		if err != nil {
			return nil, fmt.Errorf("go mod download: %w", err)
		}
		modules[m.Path] = m
	}
}

// GoEnv gives settings of Go by name.
func (b Builder) GoEnv(ctx context.Context, names ...string) (map[string]string, error) {
	out, err := b.output(ctx, append([]string{"go", "env", "-json"}, names...)...)
	if err != nil {
		return nil, err
	}
	var settings map[string]string
	if err := json.Unmarshal([]byte(out), &settings); err != nil {
		return nil, fmt.Errorf("go env: %w", err)
	}
	return settings, nil
}
