package main

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/lambkin-dev/lambkin/buildtemplates/image"
	"github.com/lambkin-dev/lambkin/buildtemplates/source"
	"github.com/lambkin-dev/lambkin/internal/archive"
	"github.com/lambkin-dev/lambkin/internal/lambda"
)

// layoutName is what the image in a layout is called.
const layoutName = "function"

// bake is what `builder bake` is asked for.
type bake struct {
	image, base, runtimeImage     string
	code, layout                  string
	runtime, handler              string
	architecture                  string
	sourceURL, sourceRevisionFile string
	store                         string
	layers                        []string
	registryFlags                 registryFlags
	results                       results
	out                           io.Writer
}

const aboutBake = `Put a folder, as /var/task, and layers, as /opt, on a base image, lay our runtime over it, and push the result.

Without --code the base is an image that holds its function already; with --layout so is an image in an OCI layout. Such
an image is left as it is if it does not speak the Lambda Runtime API. Arguments are layers in the code store, the lowest
first, each SHA256:SIZE.

Results: IMAGE_DIGEST, IMAGE_URL, PROTOCOL (lambda or http), CODE_SHA256 (base64) and CODE_SIZE.`

func bakeCommand(ctx context.Context, args []string, out io.Writer) error {
	c := bake{results: results{}, out: out}
	f := newFlags("bake", aboutBake, out)
	f.StringVar(&c.image, "image", "", "`repository` to push to, with or without a tag")
	f.StringVar(&c.base, "base", "", "`image` to put the function on")
	f.StringVar(&c.runtimeImage, "runtime-image", "", "`image` with our runtime")
	f.StringVar(&c.code, "code", "", "`folder` with the function's code")
	f.StringVar(&c.layout, "layout", "", "`folder` with an OCI layout that holds the image \""+layoutName+"\"")
	f.StringVar(&c.runtime, "runtime", "", "`id` of the runtime to start")
	f.StringVar(&c.handler, "handler", "", "what the runtime calls")
	f.StringVar(&c.architecture, "architecture", "x86_64", "`x86_64` or arm64")
	f.StringVar(&c.sourceURL, "source-url", "", "where the source is from, for the image's annotations")
	f.StringVar(&c.sourceRevisionFile, "source-revision-file", "", "`file` with the revision of the source, for the same")
	f.StringVar(&c.store, "store", "", "`PREFIX/NAMESPACE` of the code store")
	f.Var(c.results, "result", "`NAME=FILE` to write a result to; may be repeated")
	c.registryFlags.add(f)
	if err := parse(f, args, true); err != nil {
		return err
	}
	c.layers = f.Args()
	if err := c.check(); err != nil {
		return usageError{err}
	}
	return c.run(ctx)
}

func (c *bake) check() error {
	switch {
	case c.image == "":
		return errors.New("--image is missing")
	case c.runtimeImage == "":
		return errors.New("--runtime-image is missing")
	case (c.base == "") == (c.layout == ""):
		return errors.New("one of --base and --layout is needed")
	case c.layout != "" && c.code != "":
		return errors.New("--layout and --code exclude each other")
	case c.architecture != "x86_64" && c.architecture != "arm64":
		return fmt.Errorf("--architecture is %q, neither x86_64 nor arm64", c.architecture)
	case len(c.layers) > 0 && c.store == "":
		return errors.New("layers need --store")
	}
	return nil
}

func (c *bake) run(ctx context.Context) error {
	registry, err := c.registryFlags.registry()
	if err != nil {
		return err
	}
	if c.code != "" {
		return c.withCode(ctx, registry)
	}
	return c.around(ctx, registry)
}

// withCode puts what was built on a base image.
func (c *bake) withCode(ctx context.Context, registry *image.Registry) error {
	f, err := os.CreateTemp("", "lambkin-code-")
	if err != nil {
		return fmt.Errorf("cannot pack the function: %w", err)
	}
	defer func() {
		f.Close()
		_ = os.Remove(f.Name()) // the pod's disk goes with the pod
	}()
	packed, err := source.Pack(c.code, f, archive.Lambda())
	if err != nil {
		return err
	}
	fmt.Fprintf(c.out, "The function has %d files, %d bytes\n", packed.Files, packed.Unpacked)
	code, err := image.FileArchive(f.Name())
	if err != nil {
		return err
	}
	spec, err := c.spec(registry)
	if err != nil {
		return err
	}
	spec.Code, spec.Env = &code, c.env()
	fmt.Fprintf(c.out, "Baking on %s\n", c.base)
	made, err := c.bake(ctx, registry, spec)
	if err != nil {
		return err
	}
	return c.report(made.Reference, image.Lambda, base64.StdEncoding.EncodeToString(packed.SHA256[:]), packed.Size)
}

// env lets the image run where nobody else says what to start.
func (c *bake) env() map[string]string {
	env := map[string]string{"LAMBKIN_RUNTIME": c.runtime}
	if c.handler != "" {
		env["_HANDLER"] = c.handler
	}
	return env
}

// around lays the runtime over an image with a function in it, if it is one for Lambda.
func (c *bake) around(ctx context.Context, registry *image.Registry) error {
	base := c.base
	if c.layout != "" {
		made, err := image.Load(c.layout, layoutName)
		if err != nil {
			return fmt.Errorf("the build has left no image: %w", err)
		}
		pushed, err := made.Push(ctx, registry, repositoryOf(c.image))
		if err != nil {
			return err
		}
		base = pushed.Reference
	}
	found, err := registry.Inspect(ctx, base, c.arch())
	if err != nil {
		return err
	}
	if found.Protocol() == image.HTTP {
		fmt.Fprintln(c.out, "The image does not speak the Lambda Runtime API: it is left as it is, to be called by HTTP")
		return c.reportImage(found.Reference, image.HTTP)
	}
	spec, err := c.spec(registry)
	if err != nil {
		return err
	}
	spec.Base = base
	made, err := c.bake(ctx, registry, spec)
	if err != nil {
		return err
	}
	return c.reportImage(made.Reference, image.Lambda)
}

// spec is what both kinds of bake have in common.
func (c *bake) spec(registry *image.Registry) (image.Spec, error) {
	spec := image.Spec{
		Base: c.base, Runtime: c.runtimeImage, Architecture: c.arch(),
		Source: image.Source{URL: sourceAddress(c.sourceURL), Revision: c.revision(), Runtime: c.runtime, Handler: c.handler},
	}
	store := &image.Store{Registry: registry, Prefix: c.store}
	for _, text := range c.layers {
		blob, err := parseStored(text)
		if err != nil {
			return image.Spec{}, usageError{err}
		}
		spec.Layers = append(spec.Layers, image.Archive{
			SHA256: blob.sha256, Size: blob.size,
			Open: func(ctx context.Context) (io.ReadCloser, error) { return store.Open(ctx, blob.sha256, blob.size) },
		})
	}
	return spec, nil
}

// bake makes and pushes, and says how long that took and what Lambda would say of a function that is too large.
func (c *bake) bake(ctx context.Context, registry *image.Registry, spec image.Spec) (image.Result, error) {
	begin := time.Now()
	baker := image.Baker{Registry: registry}
	made, err := baker.Bake(ctx, spec, c.image)
	if err != nil {
		return image.Result{}, explained(err)
	}
	did := "Pushed"
	if made.Reused {
		did = "There was already"
	}
	fmt.Fprintf(c.out, "%s %s, %d bytes, in %.1f s\n", did, made.Reference, made.Size, time.Since(begin).Seconds())
	return made, nil
}

// explained adds the cause to what is told in AWS's words.
func explained(err error) error {
	aws := new(lambda.Error)
	if errors.As(err, &aws) && aws.Err != nil {
		return fmt.Errorf("%s: %w", aws.Message, aws.Err)
	}
	return err
}

func (c *bake) arch() string {
	if c.architecture == "arm64" {
		return "arm64"
	}
	return "amd64"
}

// revision is what the first step wrote. User code has run since, so it is only believed to be short.
func (c *bake) revision() string {
	const longest = 128
	if c.sourceRevisionFile == "" {
		return ""
	}
	info, err := os.Lstat(c.sourceRevisionFile)
	if err != nil || !info.Mode().IsRegular() || info.Size() > longest {
		return ""
	}
	text, err := os.ReadFile(c.sourceRevisionFile)
	if err != nil {
		return ""
	}
	return strings.ToValidUTF8(strings.TrimSpace(string(text)), "")
}

// sourceAddress is a URL that may be shown to whoever may read the image.
func sourceAddress(text string) string {
	if text == "" || !strings.Contains(text, "://") {
		return text
	}
	return redacted(text)
}

// reportImage is report for images, whose code is the image.
func (c *bake) reportImage(reference string, p image.Protocol) error {
	_, digest, _ := strings.Cut(reference, "@sha256:")
	sum, err := hex.DecodeString(digest)
	if err != nil {
		return fmt.Errorf("image %q is not named by a digest", reference)
	}
	return c.report(reference, p, base64.StdEncoding.EncodeToString(sum), 0)
}

func (c *bake) report(reference string, p image.Protocol, sum string, size int64) error {
	repository, digest, _ := strings.Cut(reference, "@")
	for _, r := range [][2]string{
		{"IMAGE_URL", repository}, {"PROTOCOL", string(p)}, {"CODE_SHA256", sum}, {"CODE_SIZE", strconv.FormatInt(size, 10)},
		{"IMAGE_DIGEST", digest}, // last: whoever sees it sees all
	} {
		if err := c.results.write(r[0], r[1]); err != nil {
			return err
		}
	}
	return nil
}

// repositoryOf takes the tag off.
func repositoryOf(name string) string {
	if i := strings.LastIndexByte(name, ':'); i > strings.LastIndexByte(name, '/') {
		return name[:i]
	}
	return name
}
