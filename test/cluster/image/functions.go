package image

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/lambkin-dev/lambkin/test/cluster/layout"
)

// npmPackage is what build/node gets beside Node.
const npmPackage = "npm@10.9.9"

// nodePackage holds Node's program. Debian's Node is older than AWS's runtimes.
func nodePackage() string {
	arch := runtime.GOARCH
	if arch == "amd64" {
		arch = "x64"
	}
	return "node-linux-" + arch + "@22.23.3"
}

// rootfs is one layer made from Debian packages and more.
type rootfs struct {
	// name is the image's, such as base/node.
	name string
	// below is the name of the image that this one's layer lies on; what that has already is left out.
	below string
	// packages are Debian's.
	packages []string
	// more is added to what packages bring. revision tells its versions, and changes when what it does changes.
	more     func(ctx context.Context, folder string) error
	revision string
	env      []string
}

// Functions makes the base images of functions, base/NAME, and the images that sources are built in, build/NAME.
type Functions struct {
	// Store keeps their layers.
	Store Store
	// GoRoot is the Go toolchain that build/go gets, of version GoVersion.
	GoRoot, GoVersion string
}

func (f Functions) catalogue() []rootfs {
	shell := []string{"bash", "ca-certificates", "coreutils", "curl", "findutils", "grep", "mawk", "sed"}
	return []rootfs{
		{name: "base/provided", packages: shell},
		{name: "base/node", below: "base/provided", packages: append(shell, "libstdc++6"), more: addNode, revision: nodePackage()},
		{name: "base/python", below: "base/provided", packages: append(shell, "python3")},
		{name: "base/ruby", below: "base/provided", packages: append(shell, "ruby")},
		{
			name: "build/go", below: "base/provided", packages: append(shell, "tar", "gzip"), more: f.addGo, revision: fmt.Sprint(f.GoVersion, goWarm(), goScript),
			env: []string{
				"PATH=/usr/local/bin:/usr/local/go/bin:/usr/bin:/bin", "CGO_ENABLED=0", "GOTOOLCHAIN=local",
				"GOPROXY=" + layout.GoProxyURL, "GOSUMDB=off", "GOFLAGS=-trimpath -modcacherw", "GOPATH=/tmp/go",
			},
		},
		{
			name: "build/node", below: "base/node", packages: append(shell, "libstdc++6", "tar", "gzip"), more: addNPM, revision: nodePackage() + npmPackage,
			env: []string{"NPM_CONFIG_REGISTRY=" + layout.NPMURL, "NPM_CONFIG_UPDATE_NOTIFIER=false", "NPM_CONFIG_CACHE=/tmp/npm"},
		},
		{
			name: "build/python", below: "base/python", packages: append(shell, "python3", "python3-pip", "python3-venv", "tar", "gzip"),
			env: []string{"PIP_INDEX_URL=" + layout.PipURL, "PIP_TRUSTED_HOST=" + hostOf(layout.PipURL), "PIP_DISABLE_PIP_VERSION_CHECK=1", "PIP_NO_CACHE_DIR=1"},
		},
		{
			name: "build/ruby", below: "base/ruby", packages: append(shell, "ruby", "ruby-bundler", "tar", "gzip"), more: addGemSource, revision: layout.GemURL,
			env: []string{"BUNDLE_MIRROR__ALL=" + layout.GemURL, "BUNDLE_MIRROR__ALL__FALLBACK_TIMEOUT=false"},
		},
	}
}

func hostOf(u string) string {
	_, rest, _ := strings.Cut(u, "://")
	host, _, _ := strings.Cut(rest, "/")
	return host
}

// Images gives all of them. What cannot be made, because this machine reaches neither Debian's packages nor a cached
// layer, is left out and told in the error; the others are good.
func (f Functions) Images(ctx context.Context) ([]Image, error) {
	var images []Image
	var errs []error
	layers := map[string][]v1.Layer{"": nil}
	for _, r := range f.catalogue() {
		below, ok := layers[r.below]
		if !ok {
			continue // told with what it lies on
		}
		layer, err := f.layer(ctx, r, below)
		if err != nil {
			errs = append(errs, fmt.Errorf("image %q: %w", r.name, err))
			continue
		}
		layers[r.name] = append(slices.Clip(below), layer)
		images = append(images, Image{Ref: r.name + ":latest", Layers: layers[r.name], Env: append([]string{"LANG=C.UTF-8"}, r.env...)})
	}
	return images, errors.Join(errs...)
}

func (f Functions) layer(ctx context.Context, r rootfs, below []v1.Layer) (v1.Layer, error) {
	key := sha256.New()
	fmt.Fprintln(key, r.packages, r.revision)
	for _, l := range below {
		digest, err := l.Digest()
		if err != nil {
			return nil, fmt.Errorf("layer below: %w", err)
		}
		fmt.Fprintln(key, digest)
	}
	name := strings.ReplaceAll(r.name, "/", "-") + "-" + hex.EncodeToString(key.Sum(nil))[:12]
	return f.Store.Layer(name, func(w io.Writer) error { return r.write(ctx, w, below) })
}

// write makes the files in a temporary folder.
func (r rootfs) write(ctx context.Context, w io.Writer, below []v1.Layer) error {
	folder, err := os.MkdirTemp("", "lambkin-rootfs-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(folder) }() // a temporary folder
	if err := os.Chmod(folder, 0o755); err != nil {
		return err
	}
	if err := debian(ctx, folder, r.packages); err != nil {
		return err
	}
	if r.more != nil {
		if err := r.more(ctx, folder); err != nil {
			return err
		}
	}
	has, err := contents(below)
	if err != nil {
		return err
	}
	return writeFolder(w, folder, has)
}

// addNode takes Node from the npm package that holds it.
func addNode(ctx context.Context, folder string) error {
	return unpackNPM(ctx, nodePackage(), "package/bin/node", filepath.Join(folder, "usr/local/bin/node"))
}

// addNPM adds npm, which is JavaScript, to a folder without Node.
func addNPM(ctx context.Context, folder string) error {
	npm := filepath.Join(folder, "usr/local/lib/node_modules/npm")
	if err := unpackNPM(ctx, npmPackage, "package", npm); err != nil {
		return err
	}
	bin := filepath.Join(folder, "usr/local/bin")
	if err := os.MkdirAll(bin, 0o755); err != nil {
		return err
	}
	return errors.Join(
		os.Symlink("../lib/node_modules/npm/bin/npm-cli.js", filepath.Join(bin, "npm")),
		os.Symlink("../lib/node_modules/npm/bin/npx-cli.js", filepath.Join(bin, "npx")),
	)
}

// unpackNPM fetches a package with npm and puts what it has at inside where to says.
func unpackNPM(ctx context.Context, pkg, inside, to string) error {
	tmp, err := os.MkdirTemp("", "lambkin-npm-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(tmp) }() // a temporary folder
	if err := run(ctx, tmp, "npm", "pack", "--silent", pkg); err != nil {
		return err
	}
	archives, err := filepath.Glob(filepath.Join(tmp, "*.tgz"))
	if err != nil || len(archives) != 1 {
		return errors.Join(fmt.Errorf("npm pack %s: %d archives, want 1", pkg, len(archives)), err)
	}
	if err := run(ctx, tmp, "tar", "-xzf", archives[0], inside); err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return err
	}
	return run(ctx, tmp, "cp", "-r", filepath.Join(tmp, inside), to)
}

// goCache is where build/go has a compile cache to begin with.
const goCache = "usr/local/go/cache"

// goScript is the go on the PATH of build/go. A cache in an image cannot serve as it is: Go wants to write to it.
const goScript = `#!/bin/sh
# Starts go with the compiled standard library in its cache.
export GOCACHE="${GOCACHE:-${HOME:-/tmp}/.cache/go-build}"
[ -e "$GOCACHE/README" ] || { mkdir -p "$GOCACHE" && cp -rn /` + goCache + `/. "$GOCACHE"; }
exec /usr/local/go/bin/go "$@"
`

// goWarm are the parts of the standard library that functions use.
func goWarm() []string {
	return []string{
		"archive/zip", "compress/gzip", "database/sql", "encoding/csv", "encoding/json", "encoding/xml", "html/template", "image/png",
		"log/slog", "math/rand/v2", "net/http", "net/rpc", "os/exec", "os/signal", "regexp", "runtime/debug", "text/template",
	}
}

// addGo adds the toolchain, and a compile cache with the standard library: Go ships its source only, and compiling it
// takes longer than compiling a function. The cache serves builds with the image's GOFLAGS.
func (f Functions) addGo(ctx context.Context, folder string) error {
	root := filepath.Join(folder, "usr/local/go")
	if err := os.MkdirAll(root, 0o755); err != nil {
		return err
	}
	for _, part := range []string{"bin", "pkg", "src", "lib", "go.env", "VERSION"} {
		if err := run(ctx, folder, "cp", "-r", filepath.Join(f.GoRoot, part), root); err != nil {
			return err
		}
	}
	script := filepath.Join(folder, "usr/local/bin/go")
	if err := errors.Join(os.MkdirAll(filepath.Dir(script), 0o755), os.WriteFile(script, []byte(goScript), 0o755)); err != nil {
		return err
	}
	warm := []string{"env", "GOCACHE=" + filepath.Join(folder, goCache), "GOFLAGS=-trimpath", "CGO_ENABLED=0", "go", "build"}
	return run(ctx, "/", append(warm, goWarm()...)...)
}

// addGemSource tells gem what a variable tells bundler.
func addGemSource(_ context.Context, folder string) error {
	return os.WriteFile(filepath.Join(folder, "etc/gemrc"), []byte("---\n:sources:\n- "+layout.GemURL+"/\n"), 0o644)
}

func run(ctx context.Context, dir string, argv ...string) error {
	cmd := exec.CommandContext(ctx, "nice", append([]string{"-n", "10"}, argv...)...)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w: %s", strings.Join(argv, " "), err, strings.TrimSpace(string(out)))
	}
	return nil
}
