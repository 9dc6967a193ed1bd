package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/lambkin-dev/lambkin/bench/table"
	"github.com/lambkin-dev/lambkin/buildtemplates/image"
	"github.com/lambkin-dev/lambkin/internal/archive"
)

// zipSize is how large the code is that is baked, in bytes, and unzipped how large its files are together.
const zipSize, unzipped = 5 << 20, 12 << 20

// bakes measures how the code of a function becomes an image: by us, from the zip to the image in the registry, and by
// buildah from a Dockerfile and the unzipped files to an image that is in no registry yet.
func (b *bench) bakes(ctx context.Context) ([]table.Row, error) {
	dir, err := os.MkdirTemp("", "lambkin-bench-bake-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir) //nolint:errcheck // a temporary folder
	d := &buildah{bench: b, dir: dir}
	if err := d.prepare(ctx); err != nil {
		return nil, err
	}
	defer d.clean()
	baker := image.Baker{Registry: b.shelf.registry}
	ours := func(ctx context.Context, round int) (time.Duration, error) {
		zip, err := project(round)
		if err != nil {
			return 0, err
		}
		begin := time.Now()
		code := image.BytesArchive(zip)
		spec := image.Spec{
			Base: b.shelf.here(b.shelf.base), Runtime: b.shelf.here(b.platform.Images.Runtime), Code: &code, Architecture: architecture(),
		}
		_, err = baker.Bake(ctx, spec, b.shelf.here(fmt.Sprintf("%s/%s/baked", b.shelf.inside, b.namespace)))
		return time.Since(begin), err
	}
	theirs := func(ctx context.Context, round int) (time.Duration, error) {
		if err := d.unpack(round); err != nil {
			return 0, err
		}
		begin := time.Now()
		err := d.run(ctx, "build", "--quiet", "--layers", "--pull=never", filepath.Join(dir, "context"))
		return time.Since(begin), err
	}
	if _, err := pairs(ctx, 1, shift(ours), shift(theirs)); err != nil { // warms up: base and runtime are known afterwards
		return nil, err
	}
	c, err := pairs(ctx, b.rounds, ours, theirs)
	if err != nil {
		return nil, err
	}
	b.say("bake: %v : %v", c.ours, c.theirs)
	return []table.Row{c.row("bake of a 5 MB zip on a known base, in units of `buildah build` of the equivalent Dockerfile", 0.25)}, nil
}

// shift makes a round of its own for warming up.
func shift(s side) side {
	return func(ctx context.Context, _ int) (time.Duration, error) { return s(ctx, -1) }
}

// project is a zip of about zipSize bytes of what compresses like source code, in files of some kilobytes.
func project(round int) ([]byte, error) {
	random := rand.New(rand.NewPCG(uint64(round)+1, 2)) //nolint:gosec // it need not be secret
	words := make([]string, 4096)
	for i := range words {
		words[i] = fmt.Sprintf("%x", random.Uint64N(1<<(8+i%40)))
	}
	files := make(map[string][]byte)
	for left := unzipped; left > 0; {
		var body strings.Builder
		for want := 1000 + random.IntN(20000); body.Len() < want; {
			body.WriteString(words[int(random.ExpFloat64()*200)%len(words)])
			body.WriteByte(" \n(){};."[random.IntN(8)])
		}
		files[fmt.Sprintf("node_modules/m%d/lib/%d.js", len(files)%97, len(files))] = []byte(body.String())
		left -= body.Len()
	}
	return packed(files, "")
}

// buildah is Debian's buildah with a storage of its own.
type buildah struct {
	*bench

	dir    string
	driver string
}

// dockerfile is what people write who want what a bake makes.
const dockerfile = `FROM %s
COPY runtime-api /lambkin/runtime-api
COPY code /var/task
WORKDIR /var/task
USER 65532:65532
ENTRYPOINT ["/lambkin/runtime-api"]
`

// prepare pulls the base, so that it is known, and lays out what does not change.
func (d *buildah) prepare(ctx context.Context) error {
	if _, err := exec.LookPath("buildah"); err != nil {
		return errors.New("buildah is not here: install the Debian package buildah")
	}
	base := d.shelf.here(d.shelf.base)
	var faults []error
	for _, d.driver = range []string{"overlay", "vfs"} { // the first is quicker, and not everywhere
		err := d.run(ctx, "pull", "--quiet", fmt.Sprintf("--tls-verify=%v", len(d.shelf.registry.PlainHTTP) == 0), "docker://"+base)
		if err == nil {
			faults = nil
			break
		}
		faults = append(faults, err)
	}
	if err := errors.Join(faults...); err != nil {
		return err
	}
	runtimeAPI, err := os.ReadFile("bin/runtime-api")
	if err != nil {
		return err
	}
	where := filepath.Join(d.dir, "context")
	return errors.Join(os.Mkdir(where, 0o755), os.WriteFile(filepath.Join(where, "runtime-api"), runtimeAPI, 0o755),
		os.WriteFile(filepath.Join(where, "Dockerfile"), fmt.Appendf(nil, dockerfile, base), 0o644))
}

// unpack lays out a round's code.
func (d *buildah) unpack(round int) error {
	zip, err := project(round)
	if err != nil {
		return err
	}
	task := filepath.Join(d.dir, "context", "code")
	if err := errors.Join(os.RemoveAll(task), os.Mkdir(task, 0o755)); err != nil {
		return err
	}
	_, err = archive.Extract(bytes.NewReader(zip), int64(len(zip)), task, archive.Lambda())
	return err
}

func (d *buildah) run(ctx context.Context, args ...string) error {
	all := append([]string{
		"--root", filepath.Join(d.dir, "root"), "--runroot", filepath.Join(d.dir, "run"), "--storage-driver", d.driver,
	}, args...)
	out, err := exec.CommandContext(ctx, "buildah", all...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("buildah %s: %w: %s", args[0], err, strings.TrimSpace(string(out)))
	}
	return nil
}

// clean lets go of what buildah keeps mounted.
func (d *buildah) clean() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := d.run(ctx, "rmi", "--all", "--force"); err != nil {
		d.say("%v", err)
	}
}
