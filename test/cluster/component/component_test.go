package component

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestNamesAreUnique(t *testing.T) {
	images := map[string]string{}
	for _, g := range Groups() {
		programs := map[string]string{}
		for _, pkg := range g.Packages {
			if other, taken := programs[Binary(pkg)]; taken {
				t.Errorf("group %s: %s and %s are both built as %q", g.Name, other, pkg, Binary(pkg))
			}
			programs[Binary(pkg)] = pkg
		}
	}
	for _, g := range ImageGroups() {
		if g.Own || g.Name == "k8s" || g.Name == "tools" {
			t.Errorf("group %q gets images, but it runs on the node or is not a component", g.Name)
		}
		for _, pkg := range g.Packages {
			image := Image(g.Name, pkg)
			if other, taken := images[image]; taken {
				t.Errorf("%s and %s both get image %q", other, pkg, image)
			}
			images[image] = pkg
		}
	}
	if len(images) == 0 {
		t.Error("no component gets an image")
	}
}

func TestBinary(t *testing.T) {
	for pkg, want := range map[string]string{
		"go.etcd.io/etcd/server/v3":                             "server",
		"k8s.io/kubernetes/cmd/kubelet":                         "kubelet",
		"knative.dev/eventing/cmd/in_memory/channel_controller": "channel_controller",
		"./hello": "hello",
	} {
		if got := Binary(pkg); got != want {
			t.Errorf("Binary(%q) = %q, want %q", pkg, got, want)
		}
	}
}

func TestFindSource(t *testing.T) {
	root := t.TempDir()
	source := filepath.Join(root, "test", "cluster")
	deep := filepath.Join(root, "internal", "x")
	for _, dir := range []string{source, deep} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for name, module := range map[string]string{root: "github.com/lambkin-dev/lambkin", source: ModulePath} {
		if err := os.WriteFile(filepath.Join(name, "go.mod"), []byte("module "+module+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, from := range []string{root, source, deep} {
		if got, err := FindSource(from); err != nil || got != source {
			t.Errorf("FindSource(%q) = %q, %v, want %q", from, got, err, source)
		}
	}
	if got, err := FindSource(t.TempDir()); err == nil {
		t.Errorf("FindSource outside the checkout = %q, want an error", got)
	}
}

func TestArgsStampTheVersion(t *testing.T) {
	got := strings.Join(args("v1.35.4"), " ")
	for _, want := range []string{"version.gitVersion=v1.35.4", "version.gitMajor=1", "version.gitMinor=35"} {
		if !strings.Contains(got, want) {
			t.Errorf("flags %q lack %q", got, want)
		}
	}
}

// ours is a builder of this very module that builds nothing.
func ours(t *testing.T) Builder {
	t.Helper()
	source, err := FindSource(".")
	if err != nil {
		t.Fatal(err)
	}
	return Builder{Source: source, Shared: t.TempDir(), Own: t.TempDir(), Log: &bytes.Buffer{}}
}

func TestKey(t *testing.T) {
	b := ours(t)
	key, kubernetes, err := b.key(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if again, _, err := b.key(t.Context()); err != nil || again != key {
		t.Errorf("key = %q and then %q, %v", key, again, err)
	}
	if !strings.HasPrefix(kubernetes, "v1.") {
		t.Errorf("version of Kubernetes = %q", kubernetes)
	}
}

// Every component must be a main package of a module in go.mod.
func TestComponentsResolve(t *testing.T) {
	t.Setenv("GOPROXY", "off") // tests need no network
	b := ours(t)
	for _, g := range Groups() {
		out, err := b.output(t.Context(), slices.Concat([]string{"go", "list", "-find", "-f", "{{.Name}}"}, g.Packages)...)
		if log := b.Log.(*bytes.Buffer).String(); strings.Contains(log, "module lookup disabled") {
			t.Skipf("group %s is not in the module cache; `make cluster-up` downloads it", g.Name)
		}
		if err != nil {
			t.Fatalf("group %s: %v\n%s", g.Name, err, b.Log)
		}
		names := strings.Fields(out)
		if len(names) != len(g.Packages) || slices.ContainsFunc(names, func(name string) bool { return name != "main" }) {
			t.Errorf("group %s: packages are called %v, want %d of main", g.Name, names, len(g.Packages))
		}
	}
}

func TestBuildSmallGroup(t *testing.T) {
	b := ours(t)
	small := Group{Name: "tools", Packages: []string{"./pause"}}
	out := filepath.Join(b.Shared, "key", small.Name)
	if err := b.build(t.Context(), small, out, "v1.2.3"); err != nil {
		t.Fatalf("%v\n%s", err, b.Log)
	}
	for _, name := range []string{"pause", "complete"} {
		if _, err := os.Stat(filepath.Join(out, name)); err != nil {
			t.Errorf("after a build: %v", err)
		}
	}
	left, err := filepath.Glob(filepath.Join(b.Shared, "key", ".building-*"))
	if err != nil || len(left) != 0 {
		t.Errorf("temporary folders are left: %v, %v", left, err)
	}
	// Someone else may have built the same meanwhile.
	if err := b.build(t.Context(), small, out, "v1.2.3"); err != nil {
		t.Errorf("build of what is there: %v", err)
	}
}

func TestBuildEndsWithItsContext(t *testing.T) {
	b := ours(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := b.Build(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("Build after the end = %v, want %v", err, context.Canceled)
	}
}

func TestGoEnvAndModules(t *testing.T) {
	b := ours(t)
	env, err := b.GoEnv(t.Context(), "GOVERSION", "GOROOT")
	if err != nil || !strings.HasPrefix(env["GOVERSION"], "go1.") || env["GOROOT"] == "" {
		t.Errorf("GoEnv = %v, %v", env, err)
	}
	modules, err := b.Modules(t.Context(), "golang.org/x/sys")
	if err != nil {
		t.Fatalf("Modules: %v\n%s", err, b.Log)
	}
	if m := modules["golang.org/x/sys"]; m.Version == "" || m.Dir == "" {
		t.Errorf("module = %+v, want a version and a folder", m)
	}
}
