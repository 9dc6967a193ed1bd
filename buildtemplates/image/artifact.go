package image

import (
	"context"
	"encoding/json"
	"fmt"
	"io"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// Artifact is the content of an OCI artifact that holds one thing. It must be closed.
type Artifact struct {
	io.ReadCloser
	// Reference names the artifact by digest.
	Reference string
	// MediaType is what the artifact calls its content.
	MediaType string
	// Title is the file name that it gives its content; empty if none.
	Title string
	// Size is how many bytes there are.
	Size int64
}

// Artifact opens an artifact as flux, oras and others push them: a manifest with one layer. Reading it fails at the end
// if the bytes are not those that the manifest names.
func (r *Registry) Artifact(ctx context.Context, reference string) (*Artifact, error) {
	const op = "read artifact"
	ref, err := r.parse(reference)
	if err != nil {
		return nil, err
	}
	s, err := r.session(ctx)
	if err != nil {
		return nil, err
	}
	desc, err := s.puller.Get(ctx, ref)
	if err != nil {
		return nil, fault(op, reference, err)
	}
	if !desc.MediaType.IsImage() {
		return nil, &Error{Kind: KindUnsupported, Op: op, Reference: reference, Detail: "it is " + short(string(desc.MediaType)) + ", not the manifest of one artifact"}
	}
	var manifest v1.Manifest
	if err := json.Unmarshal(desc.Manifest, &manifest); err != nil {
		return nil, &Error{Kind: KindUnsupported, Op: op, Reference: reference, Detail: "its manifest is not JSON of the right form", Err: err}
	}
	if len(manifest.Layers) != 1 {
		return nil, &Error{
			Kind: KindUnsupported, Op: op, Reference: reference,
			Detail: fmt.Sprintf("it has %d layers and not one; push one tar, compressed tar or zip", len(manifest.Layers)),
		}
	}
	layer := manifest.Layers[0]
	content, err := s.blob(ctx, ref.Context().Digest(layer.Digest.String()))
	if err != nil {
		return nil, err
	}
	return &Artifact{
		ReadCloser: &verified{ReadCloser: content, reference: reference, left: layer.Size},
		Reference:  ref.Context().Digest(desc.Digest.String()).Name(),
		MediaType:  string(layer.MediaType), Title: layer.Annotations[ociTitle], Size: layer.Size,
	}, nil
}

// blob opens a blob; its digest is checked while it is read.
func (s *session) blob(ctx context.Context, ref name.Digest) (io.ReadCloser, error) {
	const op = "read blob"
	layer, err := s.puller.Layer(ctx, ref)
	if err != nil {
		return nil, fault(op, ref.Name(), err)
	}
	content, err := layer.Compressed()
	return content, fault(op, ref.Name(), err)
}

// artifact makes the manifest of one blob. The type of an artifact is that of its empty configuration, which every
// registry has understood since OCI 1.0.
func artifact(kind types.MediaType, content *blob, subject *v1.Descriptor, notes map[string]string) (*composed, error) {
	c := &composed{config: []byte("{}"), layers: []v1.Layer{content}}
	manifest := v1.Manifest{
		SchemaVersion: 2, MediaType: types.OCIManifestSchema1, Annotations: notes, Subject: subject,
		Config: describe(c.config, kind),
		Layers: []v1.Descriptor{{MediaType: content.mediaType, Digest: content.hash, Size: content.size}},
	}
	var err error
	if c.manifest, err = json.Marshal(manifest); err != nil {
		return nil, fmt.Errorf("cannot write artifact manifest: %w", err)
	}
	return c, nil
}
