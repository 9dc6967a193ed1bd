package image

import (
	"context"
	"fmt"
	"os"
	"slices"
	"sync"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/lambkin-dev/lambkin/internal/archive"
)

// Baker makes function images by putting layers on top of one another. Its zero value works. It is safe for concurrent
// use.
type Baker struct {
	// Registry is how to talk to registries; nil is the zero Registry.
	Registry *Registry
	// TempDir is where new layers and archives lie until they are pushed: about twice the size of the zips, for as long
	// as a bake takes. Empty is the system's.
	TempDir string
	// Limits bound each archive, and their size all archives together. The zero value is Lambda's.
	Limits archive.Limits

	zero Registry
}

// Bake makes the image and pushes it to target, REPOSITORY or REPOSITORY:TAG. Without a tag the image can be reached by
// its digest only. Faults of archives are lambda.Error values, all others with a registry [Error].
func (b *Baker) Bake(ctx context.Context, spec Spec, target string) (Result, error) {
	if err := spec.check(); err != nil {
		return Result{}, err
	}
	registry := b.registry()
	to, err := registry.parseTarget(target)
	if err != nil {
		return Result{}, err
	}
	dir, err := os.MkdirTemp(b.TempDir, "lambkin-bake-")
	if err != nil {
		return Result{}, fmt.Errorf("cannot bake without a temporary folder: %w", err)
	}
	defer os.RemoveAll(dir) //nolint:errcheck // what cannot be deleted now will not be later
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	run := &baking{spec: &spec, dir: dir, limits: b.limits(), stop: cancel}
	if run.session, err = registry.session(ctx); err != nil {
		return Result{}, err
	}
	made, err := run.make(ctx)
	if err != nil {
		return Result{}, err
	}
	return run.session.deliver(ctx, to, made)
}

func (b *Baker) registry() *Registry {
	if b.Registry == nil {
		return &b.zero
	}
	return b.Registry
}

func (b *Baker) limits() archive.Limits {
	if b.Limits == (archive.Limits{}) {
		return archive.Lambda()
	}
	return b.Limits
}

// destination is where an image goes.
type destination struct {
	repository name.Repository
	tag        *name.Tag // nil: none
}

// parseTarget reads where to push to. Unlike for what is read, no tag means none.
func (r *Registry) parseTarget(target string) (destination, error) {
	ref, err := r.parse(target)
	if err != nil {
		return destination{}, err
	}
	to := destination{repository: ref.Context()}
	tag, ok := ref.(name.Tag)
	if !ok {
		return destination{}, &Error{Kind: KindBadReference, Op: "push to", Reference: target, Detail: "a digest follows from the content; name the repository, or a tag of it"}
	}
	if _, err := name.NewTag(target, name.StrictValidation); err == nil {
		to.tag = &tag
	}
	return to, nil
}

// baking is one run of Bake.
type baking struct {
	session *session
	spec    *Spec
	dir     string
	limits  archive.Limits
	stop    context.CancelFunc // ends what still runs after a fault

	base, runtime *source // runtime is nil if there is none
	layers        []part  // those made here, the same for all platforms
}

// make gathers what the image consists of and puts it together.
func (b *baking) make(ctx context.Context) (pushable, error) {
	if err := b.gather(ctx); err != nil {
		return nil, err
	}
	archs, index, err := shared(b.base, b.runtime, b.spec.Architecture)
	if err != nil {
		return nil, err
	}
	notes := annotations(b.spec.Source, b.base.ref.Name(), b.base.digest.String())
	images := make([]*composed, len(archs))
	for i, arch := range archs {
		if images[i], err = b.assemble(arch, notes); err != nil {
			return nil, err
		}
	}
	if !index {
		return images[0], nil
	}
	return join(archs, images, notes)
}

// gather reads the images and makes the layers, all at once, and ends the rest at the first fault. The images go on
// being read from as long as ctx lives.
func (b *baking) gather(ctx context.Context) error {
	var all sync.WaitGroup
	var once sync.Once
	var first error
	for _, step := range []func(context.Context) error{b.openBase, b.openRuntime, b.makeLayers} {
		all.Go(func() {
			if err := step(ctx); err != nil {
				once.Do(func() { first = err; b.stop() })
			}
		})
	}
	all.Wait()
	return first
}

func (b *baking) openBase(ctx context.Context) (err error) {
	b.base, err = b.session.open(ctx, b.spec.Base)
	return err
}

func (b *baking) openRuntime(ctx context.Context) (err error) {
	if b.spec.Runtime != "" {
		b.runtime, err = b.session.open(ctx, b.spec.Runtime)
	}
	return err
}

// makeLayers turns the zips into layers, one after the other: one keeps a processor busy.
func (b *baking) makeLayers(ctx context.Context) error {
	var total int64
	for _, a := range b.spec.Layers {
		if err := b.makeLayer(ctx, a, LayerRoot, &total); err != nil {
			return err
		}
	}
	if b.spec.Code == nil {
		return nil
	}
	return b.makeLayer(ctx, *b.spec.Code, TaskRoot, &total)
}

// makeLayer adds one layer, and what its files hold to total.
func (b *baking) makeLayer(ctx context.Context, a Archive, root string, total *int64) error {
	zip, err := a.spool(ctx, b.dir)
	if err != nil {
		return err
	}
	defer zip.Close()
	layer, unzipped, err := zipLayer(ctx, b.dir, zip, root, b.limits)
	if err != nil {
		return err
	}
	b.layers = append(b.layers, layer.part(root))
	*total += unzipped
	return checkTotal(*total, b.limits.Size)
}

// assemble puts the image for one architecture together.
func (b *baking) assemble(arch string, notes map[string]string) (*composed, error) {
	base, err := b.base.image(arch)
	if err != nil {
		return nil, err
	}
	parts, err := stack(b.spec.Base, base)
	if err != nil {
		return nil, err
	}
	over, err := b.runtimeParts(arch)
	if err != nil {
		return nil, err
	}
	file, err := configFile(b.spec.Base, base)
	if err != nil {
		return nil, err
	}
	if file.Config, err = configure(file.Config, b.spec, notes); err != nil {
		return nil, err
	}
	return compose(*file, slices.Concat(parts, over, b.layers), notes)
}

// runtimeParts are the layers of the runtime, of which nothing but these is taken.
func (b *baking) runtimeParts(arch string) ([]part, error) {
	if b.runtime == nil {
		return nil, nil
	}
	img, err := b.runtime.image(arch)
	if err != nil {
		return nil, err
	}
	parts, err := stack(b.spec.Runtime, img)
	for i := range parts {
		parts[i].history = v1.History{CreatedBy: "lambkin runtime"}
	}
	return parts, err
}
