package image

import (
	"context"
	"maps"
	"slices"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// Config is what an image says of itself.
type Config struct {
	// Reference names by digest what was asked for, REPOSITORY@sha256:…, and Digest is the end of it. If that is an
	// index, both are of the index.
	Reference, Digest string
	// Architecture is the one the rest was read for; Architectures are all that there are, sorted.
	Architecture  string
	Architectures []string
	// EntryPoint and Cmd are started one after the other as one command line.
	EntryPoint, Cmd []string
	// Env holds lines NAME=VALUE.
	Env []string
	// User and WorkingDir are empty if the image does not say.
	User, WorkingDir string
	// ExposedPorts are like "8080/tcp", sorted.
	ExposedPorts []string
	// Labels are the image's labels.
	Labels map[string]string
}

// Inspect reads what an image is configured to do. Of an index it reads the image for arch; if arch is empty, the first
// one in the order of the architectures' names.
func (r *Registry) Inspect(ctx context.Context, reference, arch string) (Config, error) {
	s, err := r.session(ctx)
	if err != nil {
		return Config{}, err
	}
	src, err := s.open(ctx, reference)
	if err != nil {
		return Config{}, err
	}
	all := src.architectures()
	if arch == "" && len(all) > 0 {
		arch = all[0]
	}
	img, err := src.image(arch)
	if err != nil {
		return Config{}, err
	}
	file, err := configFile(reference, img)
	if err != nil {
		return Config{}, err
	}
	c := config(file)
	c.Digest = src.digest.String()
	c.Reference = src.ref.Context().Digest(c.Digest).Name()
	c.Architectures = all
	return c, nil
}

// config takes over what matters.
func config(file *v1.ConfigFile) Config {
	c := file.Config
	return Config{
		Architecture: file.Architecture,
		EntryPoint:   c.Entrypoint, Cmd: c.Cmd, Env: c.Env, User: c.User, WorkingDir: c.WorkingDir,
		ExposedPorts: slices.Sorted(maps.Keys(c.ExposedPorts)), Labels: c.Labels,
	}
}

// Resolve gives the digest that a reference stands for now, as REPOSITORY@sha256:…. A reference by digest is only
// brought into that form; nobody is asked whether it exists.
func (r *Registry) Resolve(ctx context.Context, reference string) (string, error) {
	ref, err := r.parse(reference)
	if err != nil {
		return "", err
	}
	if digest, ok := ref.(name.Digest); ok {
		return digest.Name(), nil
	}
	s, err := r.session(ctx)
	if err != nil {
		return "", err
	}
	desc, err := s.puller.Head(ctx, ref)
	if err != nil { // HEAD has no body to say why, and some registries do not know it
		full, err := s.puller.Get(ctx, ref)
		if err != nil {
			return "", fault("read image", reference, err)
		}
		desc = &full.Descriptor
	}
	return ref.Context().Digest(desc.Digest.String()).Name(), nil
}
