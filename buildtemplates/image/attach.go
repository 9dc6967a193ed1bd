package image

import (
	"bytes"
	"context"
	"io"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// Attachment is a document about an image, such as a list of what is in it.
type Attachment struct {
	// Type is what tools look for, such as "application/spdx+json". It is the media type of Data as well.
	Type string
	Data []byte
	// Annotations are written into its manifest.
	Annotations map[string]string
}

// Attach pushes a document into the repository of an image so that it can be found from there: by the referrers of the
// image's digest, or by the tag that stands for these where the registry does not know them. It gives the document's own
// reference. Once attached it is not sent again.
func (r *Registry) Attach(ctx context.Context, reference string, a Attachment) (string, error) {
	const op = "attach to image"
	ref, err := r.parse(reference)
	if err != nil {
		return "", err
	}
	s, err := r.session(ctx)
	if err != nil {
		return "", err
	}
	subject, err := s.puller.Get(ctx, ref)
	if err != nil {
		return "", fault(op, reference, err)
	}
	hash, size := sum(a.Data)
	content := &blob{
		hash: hash, size: size, mediaType: types.MediaType(a.Type),
		open: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(a.Data)), nil },
	}
	about := &v1.Descriptor{MediaType: subject.MediaType, Digest: subject.Digest, Size: subject.Size}
	made, err := artifact(content.mediaType, content, about, a.Annotations)
	if err != nil {
		return "", err
	}
	result, err := s.deliver(ctx, destination{repository: ref.Context()}, made)
	return result.Reference, fault(op, reference, err)
}
