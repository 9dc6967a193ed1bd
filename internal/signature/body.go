package signature

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"net/http"
	"os"

	"github.com/lambkin-dev/lambkin/internal/awshttp"
	"github.com/lambkin-dev/lambkin/internal/lambda"
)

// inMemory is how large a body may be that is kept in memory until its signature is known: every body that is not an upload
// of code is in memory later anyway.
const inMemory = 6<<20 + 128<<10

// whole is a body that was read to its end.
type whole struct {
	digest string
	bytes  []byte
	file   *os.File // holds it instead if it is large
	size   int64
}

// read takes the whole body within the limits.
func (v *Verifier) read(w http.ResponseWriter, r *http.Request) (*whole, error) {
	if r.ContentLength >= 0 && r.ContentLength <= inMemory {
		body, err := v.Body.Read(w, r, inMemory)
		if err != nil {
			return nil, bodyError(err, v.MaxBody)
		}
		sum := sha256.Sum256(body)
		return &whole{digest: hex.EncodeToString(sum[:]), bytes: body, size: int64(len(body))}, nil
	}
	return v.spool(w, r)
}

// spool takes a large body, or one of unknown size, into a file without a name, so that nothing is left over after a crash.
func (v *Verifier) spool(w http.ResponseWriter, r *http.Request) (*whole, error) {
	file, err := os.CreateTemp(v.TempDir, "signed-*")
	if err != nil {
		return nil, fmt.Errorf("keep a body until its signature is known: %w", err)
	}
	k := &whole{file: file}
	if err := os.Remove(file.Name()); err != nil {
		k.close()
		return nil, fmt.Errorf("keep a body until its signature is known: %w", err)
	}
	sum := sha256.New()
	k.size, err = v.Body.Copy(w, r, io.MultiWriter(file, sum), v.MaxBody)
	if err != nil {
		k.close()
		return nil, bodyError(err, v.MaxBody)
	}
	k.digest = hex.EncodeToString(sum.Sum(nil))
	return k, nil
}

func (k *whole) close() {
	if k.file != nil {
		_ = k.file.Close() // what is in it is not needed any more
	}
}

// in is the request with this body.
func (k *whole) in(r *http.Request) *http.Request {
	if k.file == nil {
		return withBody(r, awshttp.BufferedBody(k.bytes), k.size)
	}
	return withBody(r, io.NopCloser(io.NewSectionReader(k.file, 0, k.size)), k.size)
}

// withBody is a request with another body. The one it had is the server's to close.
func withBody(r *http.Request, body io.ReadCloser, size int64) *http.Request {
	changed := new(http.Request)
	*changed = *r
	changed.Body, changed.ContentLength, changed.TransferEncoding = body, size, nil
	if size == 0 {
		changed.Body = http.NoBody
	}
	return changed
}

func bodyError(err error, limit int64) error {
	if errors.Is(err, awshttp.ErrBodyTooLarge) {
		return lambda.Errorf(lambda.CodeRequestEntityTooLarge, "Request must be smaller than %d bytes", limit)
	}
	if errors.Is(err, awshttp.ErrBodyIncomplete) {
		return &lambda.Error{Code: lambda.CodeInvalidRequestContent, Message: "Could not read the request body: it ended early or came too slowly.", Err: err}
	}
	return err
}

// withDigest is a request whose body must have the digest that was signed.
func withDigest(r *http.Request, declared string) (*http.Request, error) {
	want, err := hex.DecodeString(declared)
	if err != nil || len(want) != sha256.Size {
		return nil, invalid("%s must be a SHA-256 digest in hexadecimal digits.", headerContentSHA256)
	}
	if r.Body == nil || r.ContentLength == 0 {
		empty := sha256.Sum256(nil)
		if !hmac.Equal(want, empty[:]) {
			return nil, wrongDigest()
		}
		return r, nil
	}
	return withBody(r, &digestReader{in: r.Body, want: want, sum: sha256.New(), left: r.ContentLength}, r.ContentLength), nil
}

func wrongDigest() error {
	return invalid("The body does not have the digest that %s names.", headerContentSHA256)
}

// digestReader gives the last bytes of a body only if the digest of all is right, so that nobody who reads as much as
// there is, or to the end, takes a body that is not the signed one for whole.
type digestReader struct {
	in   io.ReadCloser
	want []byte
	sum  hash.Hash
	left int64 // as declared; negative if nothing was
	err  error
}

// Read gives the next bytes.
func (d *digestReader) Read(p []byte) (int, error) {
	if d.err != nil {
		return 0, d.err
	}
	if len(p) == 0 {
		return 0, nil
	}
	n, err := d.in.Read(p)
	d.sum.Write(p[:n])
	declared := d.left >= 0
	if declared {
		d.left -= int64(n)
	}
	if declared && d.left == 0 || errors.Is(err, io.EOF) {
		if !hmac.Equal(d.want, d.sum.Sum(nil)) {
			clear(p[:n])
			d.err = wrongDigest()
			return 0, d.err
		}
		d.err = io.EOF
		return n, io.EOF
	}
	if err != nil {
		d.err = fmt.Errorf("read a signed body: %w", err)
	}
	return n, d.err
}

// Close ends the body.
func (d *digestReader) Close() error {
	return d.in.Close()
}
