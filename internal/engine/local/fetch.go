package local

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"time"

	"github.com/lambkin-dev/lambkin/api/v1alpha1"
	"github.com/lambkin-dev/lambkin/internal/lambda"
	"github.com/lambkin-dev/lambkin/internal/outbound"
)

// fetchTimeout is how long fetching an archive may take.
const fetchTimeout = 2 * time.Minute

// fetch stores the archive at a URL. A digest that the object gives must be that of the bytes.
func (e *Engine) fetch(ctx context.Context, from *v1alpha1.RemoteArchive) (v1alpha1.Blob, error) {
	if from.SHA256 != "" {
		if size, err := e.blobs.Size(from.SHA256); err == nil {
			return v1alpha1.Blob{SHA256: from.SHA256, Size: size}, nil
		}
	}
	ctx, cancel := context.WithTimeout(ctx, fetchTimeout)
	defer cancel()
	body, err := e.openURL(ctx, from.Location)
	if err != nil {
		return v1alpha1.Blob{}, v1alpha1.Failf(v1alpha1.ReasonCodeUnavailable, "%v", err)
	}
	defer body.Close()
	digest, size, err := e.blobs.Put(body, lambda.MaxUnzipped)
	if err != nil {
		return v1alpha1.Blob{}, v1alpha1.Failf(v1alpha1.ReasonCodeUnavailable, "cannot fetch %q: %v", outbound.Redacted(from.Location), err)
	}
	if from.SHA256 != "" && digest != from.SHA256 {
		return v1alpha1.Blob{}, v1alpha1.Failf(v1alpha1.ReasonCodeInvalid, "what %q gives has digest %s, not %s", outbound.Redacted(from.Location), digest, from.SHA256)
	}
	return v1alpha1.Blob{SHA256: digest, Size: size}, nil
}

func (e *Engine) openURL(ctx context.Context, location string) (io.ReadCloser, error) {
	if u, err := url.Parse(location); err == nil && u.Scheme == "file" {
		return e.openFile(u)
	}
	return outbound.Open(ctx, e.http, location)
}

func (e *Engine) openFile(u *url.URL) (io.ReadCloser, error) {
	if !e.cfg.AllowFileURLs {
		return nil, errors.New("this engine does not take code from file URLs")
	}
	if u.Host != "" && u.Host != "localhost" {
		return nil, fmt.Errorf("file URL names the host %q; write file:///PATH", u.Host)
	}
	f, err := os.Open(u.Path)
	if err != nil {
		return nil, fmt.Errorf("cannot fetch code: %w", err)
	}
	if fi, err := f.Stat(); err != nil || !fi.Mode().IsRegular() {
		f.Close()
		return nil, fmt.Errorf("cannot fetch code: %q is not a file", u.Path)
	}
	return f, nil
}
