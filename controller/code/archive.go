package code

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/lambkin-dev/lambkin/api/v1alpha1"
	"github.com/lambkin-dev/lambkin/bootstrap"
	"github.com/lambkin-dev/lambkin/buildtemplates"
	"github.com/lambkin-dev/lambkin/buildtemplates/image"
	"github.com/lambkin-dev/lambkin/internal/lambda"
)

// keyOf is a digest of everything that it is given.
func keyOf(parts ...any) string {
	text, err := json.Marshal(parts)
	if err != nil {
		return "" // only strings, numbers and structs of them are given
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}

// zipped is a function of package type Zip on its way into an image.
type zipped struct {
	*task
	entry  buildtemplates.Entry
	layers []v1alpha1.Blob
	code   v1alpha1.Blob
}

// fromArchive bakes a zip.
func (r *Resolver) fromArchive(ctx context.Context, t *task) (Result, error) {
	entry, err := t.entry(t.Spec.Runtime)
	if err != nil {
		return Result{}, err
	}
	layers, err := r.layers(ctx, t)
	if err != nil {
		return Result{}, err
	}
	z := &zipped{task: t, entry: entry, layers: layers}
	key := keyOf("archive", z.ingredients(), t.Spec.Code.Zip, t.place(), entry.Base, t.platform.Images.Runtime, t.platform.Registry)
	result, err := r.jobs.do(ctx, key, t.Owner, func(ctx context.Context, say func(string)) (Result, error) {
		z := *z // a job may be begun again
		if err := r.fetch(ctx, &z, say); err != nil {
			return Result{}, err
		}
		return r.bakeCode(ctx, &z, say)
	})
	result.Build = t.LastBuild
	return result, err
}

// entry finds a runtime in the catalogue.
func (t *task) entry(id string) (buildtemplates.Entry, error) {
	entry, err := buildtemplates.Lookup(id, t.platform.Runtimes)
	if err != nil {
		return entry, v1alpha1.Failf(v1alpha1.ReasonRuntimeUnavailable, "%v", err)
	}
	return entry, nil
}

// place says where code that is not in the store is fetched from. What is at a URL is fetched once for each generation.
func (t *task) place() any {
	if t.Spec.Code.URL == nil {
		return nil
	}
	return []any{t.Owner.GetUID(), t.Generation, t.Spec.Code.URL}
}

// ingredients are what an image of zips is made from, beside the code and the images beneath.
func (z *zipped) ingredients() []any {
	return []any{z.repository(), z.layers, z.entry.Bootstrap, z.Spec.Runtime, z.Spec.Handler, z.architecture()}
}

// bakeCode makes the image, unless it was made before.
func (r *Resolver) bakeCode(ctx context.Context, z *zipped, say func(string)) (Result, error) {
	result := Result{Protocol: v1alpha1.ProtocolLambda, CodeSHA256: base64Digest(z.code.SHA256), CodeSize: z.code.Size}
	if z.entry.Note != "" {
		result.Deviations = []string{sentence(z.entry.Note)}
	}
	registry := r.connection(z.task)
	base, err := r.digestOf(ctx, registry, z.entry.Base)
	if err != nil {
		return Result{}, z.baseFailure(z.entry, err)
	}
	over, err := r.digestOf(ctx, registry, z.platform.Images.Runtime)
	if err != nil {
		return Result{}, z.failure(err)
	}
	spec := image.Spec{
		Base: base, Runtime: over, Architecture: z.architecture(),
		Env:    map[string]string{"LAMBKIN_RUNTIME": z.entry.Bootstrap, "_HANDLER": z.Spec.Handler},
		Source: image.Source{Runtime: z.Spec.Runtime, Handler: z.Spec.Handler},
	}
	key := keyOf("baked", z.ingredients(), z.code, base, over)
	made, ok := r.baked.get(key)
	if !ok {
		if made, err = r.bakeZips(ctx, z, spec, key, say); err != nil {
			return Result{}, z.baseFailure(z.entry, err, base)
		}
		r.baked.put(key, made)
	}
	result.Image = made
	return result, nil
}

// bakeZips brings code and layers here, looks whether there is something to start, and bakes.
func (r *Resolver) bakeZips(ctx context.Context, z *zipped, spec image.Spec, key string, say func(string)) (string, error) {
	if err := z.checkSizes(); err != nil {
		return "", err
	}
	say("The code waits for its turn to be put into an image.")
	leave, err := turn(ctx, r.bakes)
	if err != nil {
		return "", err
	}
	defer leave()
	say("The code is being put into an image.")
	dir, err := os.MkdirTemp(r.cfg.TempDir, leftover+"code-")
	if err != nil {
		return "", fmt.Errorf("cannot make a folder for code: %w", err)
	}
	defer os.RemoveAll(dir) //nolint:errcheck // what cannot be deleted now will not be later
	store := r.store(z.task)
	for _, b := range z.layers {
		layer, err := bring(ctx, store, dir, b)
		if err != nil {
			return "", err
		}
		spec.Layers = append(spec.Layers, layer)
	}
	code, err := bring(ctx, store, dir, z.code)
	if err != nil {
		return "", err
	}
	spec.Code = &code
	if err := z.checkPrograms(ctx, spec); err != nil {
		return "", err
	}
	return r.bake(ctx, z.task, r.connection(z.task), spec, key)
}

// bake makes an image and gives its name by digest. The tag keeps it from registries that remove what has none.
func (r *Resolver) bake(ctx context.Context, t *task, registry *image.Registry, spec image.Spec, key string) (string, error) {
	baker := &image.Baker{Registry: registry, TempDir: r.cfg.TempDir}
	made, err := baker.Bake(ctx, spec, t.repository()+":"+tagOf(key))
	if err != nil {
		return "", err
	}
	return made.Reference, nil
}

// tagOf is a tag for what was made from the ingredients of the key.
func tagOf(key string) string { return "made-" + key[:16] }

// checkSizes bounds what has to be on the disk.
func (z *zipped) checkSizes() error {
	total := z.code.Size
	for _, b := range z.layers {
		total += b.Size
	}
	if total > lambda.MaxUnzipped {
		return v1alpha1.Failf(v1alpha1.ReasonCodeInvalid, "code and layers have %d bytes, more than the %d that they may have unpacked", total, lambda.MaxUnzipped)
	}
	return nil
}

// bring copies an archive from the store to a folder.
func bring(ctx context.Context, store *image.Store, dir string, b v1alpha1.Blob) (image.Archive, error) {
	content, err := store.Open(ctx, b.SHA256, b.Size)
	if err != nil {
		return image.Archive{}, err
	}
	defer content.Close()
	path := filepath.Join(dir, b.SHA256)
	f, err := os.Create(path)
	if err != nil {
		return image.Archive{}, fmt.Errorf("cannot take code in: %w", err)
	}
	_, err = io.Copy(f, content)
	if closed := f.Close(); err == nil {
		err = closed
	}
	if image.KindOf(err) == image.KindCorrupt { // it is not as long as the object says
		return image.Archive{}, v1alpha1.Failf(v1alpha1.ReasonCodeInvalid, "%v", err)
	}
	if err != nil {
		return image.Archive{}, fmt.Errorf("cannot take code in: %w", err)
	}
	return image.Archive{
		SHA256: b.SHA256, Size: b.Size,
		Open: func(context.Context) (io.ReadCloser, error) { return os.Open(path) },
	}, nil
}

// checkPrograms wants something to start where the runtime brings no interpreter. A base image of the operator's may have
// it, so then nothing is asked.
func (z *zipped) checkPrograms(ctx context.Context, spec image.Spec) error {
	rt, ok := bootstrap.Lookup(z.entry.Bootstrap)
	own := rt.Family == bootstrap.Provided || rt.Family == bootstrap.GoRPC || rt.Family == bootstrap.Exec
	if !ok || !own || z.platform.Runtimes[z.Spec.Runtime].Base != "" {
		return nil
	}
	found := newPrograms()
	for _, layer := range spec.Layers {
		if err := found.add(ctx, layer, image.LayerRoot); err != nil {
			return err
		}
	}
	if err := found.add(ctx, *spec.Code, image.TaskRoot); err != nil {
		return err
	}
	return rt.CheckPrograms(z.Spec.Handler, found.executable)
}
