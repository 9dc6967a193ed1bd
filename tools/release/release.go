package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/lambkin-dev/lambkin/buildtemplates/image"
)

// source is where the code is.
const source = "https://github.com/lambkin-dev/lambkin"

// release is one run.
type release struct {
	options

	commit facts
	build  builder
	log    io.Writer
}

// make makes everything below out.
func (r *release) make(ctx context.Context) error {
	parts, err := readParts(r.root, r.values)
	if err != nil {
		return err
	}
	if err := emptied(r.out); err != nil {
		return err
	}
	work, err := os.MkdirTemp("", "lambkin-release")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(work) }() // nothing of it is wanted
	images, err := r.images(ctx, work)
	if err != nil {
		return err
	}
	if err := r.manifests(parts, images); err != nil {
		return err
	}
	if err := r.commandLine(ctx, work); err != nil {
		return err
	}
	if err := writeChecksums(r.out); err != nil {
		return err
	}
	r.say("everything is in %s", r.out)
	return nil
}

// say tells who waits what has been done.
func (r *release) say(format string, args ...any) { fmt.Fprintf(r.log, format+"\n", args...) }

// emptied makes a folder of release files anew. A folder with anything else in it is somebody else's.
func emptied(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	mark := filepath.Join(dir, checksums)
	if _, err := os.Stat(mark); len(entries) > 0 && err != nil {
		return fmt.Errorf("-out %q has files but no %s, so it is not ours to empty: remove it or name another folder", dir, checksums)
	}
	if err := os.RemoveAll(dir); err != nil {
		return err
	}
	return writeFile(mark, nil) // from now on it is ours, even if we stop halfway
}

// recipe says what is in one of our images.
type recipe struct {
	name, title string
	// pkg is the package of the one program in it, and place where that goes.
	pkg, place string
	// system adds what programs expect of a system: certificate authorities, the names of users, /tmp.
	system bool
	// stamped is as in program.
	stamped bool
}

// recipes are the images of a release. The runtime image is laid over the images of all functions, so it holds its one
// program and changes with it only: a release without news in it makes no function start anew.
func recipes() []recipe {
	return []recipe{
		{name: "runtime", title: "Lambkin runtime: PID 1 of every function's container", pkg: "./runtime-api", place: "/lambkin/runtime-api"},
		{name: "builder", title: "Lambkin builder: the first and last steps of builds", pkg: "./buildtemplates/builder", place: "/lambkin/builder",
			system: true, stamped: true},
		{name: "controller", title: "Lambkin controller", pkg: "./controller", place: "/lambkin/controller", system: true, stamped: true},
		{name: "lambkin", title: "Lambkin command line and gateway", pkg: "./cli", place: "/lambkin/lambkin", system: true, stamped: true},
		{name: "hello", title: "A Lambda function, to try Lambkin with", pkg: "./functions/go/hello", place: "/var/task/bootstrap"},
	}
}

// program is the name of the program.
func (i recipe) program() string { return filepath.Base(i.place) }

// images makes all images and gives the references that manifests name them by. Without a registry these are not to be
// pulled, and say so by their host.
func (r *release) images(ctx context.Context, work string) (map[string]string, error) {
	system := filepath.Join(work, "system")
	if err := writeSystem(system, r.certificates); err != nil {
		return nil, err
	}
	references := make(map[string]string)
	for _, i := range recipes() {
		made, err := r.image(ctx, work, system, i)
		if err != nil {
			return nil, fmt.Errorf("image %s: %w", i.name, err)
		}
		if references[i.name], err = r.publish(ctx, work, i, made); err != nil {
			return nil, fmt.Errorf("image %s: %w", i.name, err)
		}
		r.say("image %s", references[i.name])
	}
	return references, nil
}

// image builds the program for every architecture and puts an image together.
func (r *release) image(ctx context.Context, work, system string, i recipe) (*image.Image, error) {
	platforms := make(map[string]image.Files, len(r.architectures))
	for _, arch := range r.architectures {
		file := r.binary(work, i, arch)
		stamped := i.stamped && r.commit.revision != ""
		if err := r.build(ctx, program{pkg: i.pkg, system: "linux", arch: arch, stamped: stamped}, file); err != nil {
			return nil, err
		}
		platforms[arch] = image.Files{i.place: file}
		if i.system {
			platforms[arch]["/"] = system
		}
	}
	return image.Assemble(work, image.AssembleSpec{
		Platforms:   platforms,
		EntryPoint:  []string{i.place},
		Env:         i.environment(),
		Annotations: r.annotations(i),
		Created:     r.created(i),
	})
}

// binary is where the program of an image is built.
func (r *release) binary(work string, i recipe, arch string) string {
	return filepath.Join(work, i.name+"-"+arch, i.program())
}

// environment are the variables that programs look for, and those by which a Lambda function is known.
func (i recipe) environment() map[string]string {
	if strings.HasPrefix(i.place, image.TaskRoot) {
		return map[string]string{"LAMBDA_TASK_ROOT": image.TaskRoot}
	}
	if !i.system {
		return nil
	}
	return map[string]string{"HOME": "/tmp", "PATH": "/lambkin", "SSL_CERT_FILE": certificatesPlace}
}

// annotations are those of the OCI image specification. What comes from the commit is left out of images that do not
// bear it.
func (r *release) annotations(i recipe) map[string]string {
	all := map[string]string{
		"org.opencontainers.image.title":    i.title,
		"org.opencontainers.image.source":   source,
		"org.opencontainers.image.licenses": "Apache-2.0",
		"org.opencontainers.image.vendor":   "Lambkin",
	}
	if i.stamped {
		all["org.opencontainers.image.version"] = r.version
		all["org.opencontainers.image.revision"] = r.commit.revision
	}
	if created := r.created(i); !created.IsZero() {
		all["org.opencontainers.image.created"] = created.Format(time.RFC3339)
	}
	maps.DeleteFunc(all, func(_, value string) bool { return value == "" })
	return all
}

// created is the time that an image bears: that of the commit, where it bears the commit.
func (r *release) created(i recipe) time.Time {
	if !i.stamped {
		return time.Time{}
	}
	return r.commit.time
}

// publish brings an image and its SBOM to the registry, or into a folder, and gives its reference by digest.
func (r *release) publish(ctx context.Context, work string, i recipe, made *image.Image) (string, error) {
	digest, err := made.Digest()
	if err != nil {
		return "", err
	}
	bom, err := r.imageBOM(work, i, digest)
	if err != nil {
		return "", err
	}
	if err := writeFile(filepath.Join(r.out, "sbom", i.name+".spdx.json"), bom); err != nil {
		return "", err
	}
	if r.registry == "" {
		return noRegistry + "/" + i.name + "@" + digest, made.Save(filepath.Join(r.out, "images"), i.name+":"+r.version)
	}
	registry := &image.Registry{PlainHTTP: r.plainHTTP}
	pushed, err := made.Push(ctx, registry, r.pushPrefix()+"/"+i.name+":"+r.version)
	if err != nil {
		return "", err
	}
	if _, err := registry.Attach(ctx, pushed.Reference, image.Attachment{Type: spdxMediaType, Data: bom}); err != nil {
		return "", err
	}
	return r.registry + "/" + i.name + "@" + digest, nil
}

// noRegistry is the host of images that are in no registry; the name can never be resolved.
const noRegistry = "registry.invalid"

// pushPrefix is the registry as this machine reaches it.
func (r *release) pushPrefix() string {
	if r.registryPush == "" {
		return r.registry
	}
	_, path, _ := strings.Cut(r.registry, "/")
	return r.registryPush + "/" + path
}
