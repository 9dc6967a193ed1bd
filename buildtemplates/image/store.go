package image

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/lambkin-dev/lambkin/internal/lambda"
)

// Media types of what we keep in registries besides images.
const (
	// MediaTypeCode is the artifact type of uploaded code.
	MediaTypeCode = "application/vnd.lambkin.code.v1+json"
	// MediaTypeZip is the type of the one layer in it.
	MediaTypeZip = "application/zip"
)

// Store keeps uploaded archives in a registry by their digest, each as an artifact PREFIX/code:sha256-HEX with the
// archive as its one layer. It is safe for concurrent use.
type Store struct {
	// Registry is how to talk to it; nil is the zero Registry.
	Registry *Registry
	// Prefix is the repository's name without its last part, such as "registry.example/functions/team-a".
	Prefix string
	// TempDir is where an upload lies until its digest is known. Empty is the system's.
	TempDir string

	zero Registry
}

// Put stores what r gives and returns its digest in lower-case hex and its size. More than limit bytes fail with
// RequestEntityTooLargeException, and none with InvalidParameterValueException. What is there already is not sent again.
func (s *Store) Put(ctx context.Context, r io.Reader, limit int64) (digest string, size int64, err error) {
	f, err := os.CreateTemp(s.TempDir, "lambkin-code-")
	if err != nil {
		return "", 0, fmt.Errorf("cannot take code in: %w", err)
	}
	defer func() {
		f.Close()
		err = errors.Join(err, os.Remove(f.Name()))
	}()
	hash := sha256.New()
	size, err = io.Copy(io.MultiWriter(f, hash), io.LimitReader(r, limit+1))
	switch {
	case err != nil:
		return "", 0, fmt.Errorf("cannot take code in: %w", err)
	case size > limit:
		return "", 0, lambda.Errorf(lambda.CodeRequestEntityTooLarge, "Zipped size must be smaller than %d bytes", limit)
	case size == 0:
		return "", 0, lambda.Errorf(lambda.CodeInvalidParameterValue, "Uploaded file must be a non-empty zip")
	}
	code := &blob{open: func() (io.ReadCloser, error) { return os.Open(f.Name()) }, hash: hashOf(hash), size: size, mediaType: MediaTypeZip}
	if err := s.push(ctx, code); err != nil {
		return "", 0, err
	}
	return code.hash.Hex, size, nil
}

func (s *Store) push(ctx context.Context, code *blob) error {
	registry := s.registry()
	reference := s.Prefix + "/code:sha256-" + code.hash.Hex
	ref, err := registry.parse(reference)
	if err != nil {
		return err
	}
	session, err := registry.session(ctx)
	if err != nil {
		return err
	}
	there, err := session.exists(ctx, ref)
	if err != nil || there {
		return fault("store code", reference, err)
	}
	made, err := artifact(MediaTypeCode, code, nil, nil)
	if err != nil {
		return err
	}
	return fault("store code", reference, session.pusher.Push(ctx, ref, made))
}

var hexDigest = regexp.MustCompile(`^[0-9a-f]{64}$`)

// Open reads stored bytes back. Reading fails at the end if they are not those that were stored. A digest that is not
// there, or text that is none, fails with ResourceNotFoundException.
func (s *Store) Open(ctx context.Context, digest string, size int64) (io.ReadCloser, error) {
	absent := lambda.Errorf(lambda.CodeResourceNotFound, "No code with digest %.80q", digest)
	if !hexDigest.MatchString(digest) {
		return nil, absent
	}
	registry := s.registry()
	reference := s.Prefix + "/code@sha256:" + digest
	ref, err := registry.parse(reference)
	if err != nil {
		return nil, err
	}
	session, err := registry.session(ctx)
	if err != nil {
		return nil, err
	}
	content, err := session.blob(ctx, ref.Context().Digest(ref.Identifier()))
	if KindOf(err) == KindNotFound {
		absent.Err = err
		return nil, absent
	}
	if err != nil {
		return nil, err
	}
	return &verified{ReadCloser: content, reference: reference, left: size}, nil
}

// verified reads a blob, whose digest go-containerregistry checks, and holds it to its size.
type verified struct {
	io.ReadCloser
	reference string
	left      int64
}

// Read reads on.
func (v *verified) Read(p []byte) (int, error) {
	n, err := v.ReadCloser.Read(p)
	v.left -= int64(n)
	ended := errors.Is(err, io.EOF)
	switch {
	case v.left < 0 || ended && v.left > 0:
		return n, v.corrupt("it does not have the size that it should have", nil)
	case err == nil || ended:
		return n, err
	}
	if err = fault("read", v.reference, err); KindOf(err) == "" && !errors.Is(err, context.Canceled) {
		err = v.corrupt("its bytes are not those that were stored", err)
	}
	return n, err
}

func (v *verified) corrupt(detail string, cause error) error {
	return &Error{Kind: KindCorrupt, Op: "read", Reference: v.reference, Detail: detail, Err: cause}
}

func (s *Store) registry() *Registry {
	if s.Registry == nil {
		return &s.zero
	}
	return s.Registry
}

// blob is a sequence of bytes that goes to a registry as it is. It implements v1.Layer.
type blob struct {
	open      func() (io.ReadCloser, error)
	hash      v1.Hash
	size      int64
	mediaType types.MediaType
}

// Digest is of the bytes.
func (b *blob) Digest() (v1.Hash, error) { return b.hash, nil }

// DiffID is the digest: nothing is unpacked.
func (b *blob) DiffID() (v1.Hash, error) { return b.hash, nil }

// Size is how many there are.
func (b *blob) Size() (int64, error) { return b.size, nil }

// MediaType is what it was called.
func (b *blob) MediaType() (types.MediaType, error) { return b.mediaType, nil }

// Compressed gives the bytes.
func (b *blob) Compressed() (io.ReadCloser, error) { return b.open() }

// Uncompressed gives the bytes too.
func (b *blob) Uncompressed() (io.ReadCloser, error) { return b.open() }
