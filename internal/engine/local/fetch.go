package local

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"time"

	"github.com/lambkin-dev/lambkin/api/v1alpha1"
	"github.com/lambkin-dev/lambkin/internal/lambda"
)

// fetchTimeout is how long fetching an archive may take.
const fetchTimeout = 2 * time.Minute

// maxRedirects is how often a server may send us elsewhere.
const maxRedirects = 5

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
		return v1alpha1.Blob{}, v1alpha1.Failf(v1alpha1.ReasonCodeUnavailable, "cannot fetch %q: %v", redacted(from.Location), err)
	}
	if from.SHA256 != "" && digest != from.SHA256 {
		return v1alpha1.Blob{}, v1alpha1.Failf(v1alpha1.ReasonCodeInvalid, "what %q gives has digest %s, not %s", redacted(from.Location), digest, from.SHA256)
	}
	return v1alpha1.Blob{SHA256: digest, Size: size}, nil
}

func (e *Engine) openURL(ctx context.Context, location string) (io.ReadCloser, error) {
	u, err := url.Parse(location)
	if err != nil {
		return nil, fmt.Errorf("code location is no URL: %w", err)
	}
	switch u.Scheme {
	case "http", "https":
		return e.openHTTP(ctx, u)
	case "file":
		return e.openFile(u)
	default:
		return nil, fmt.Errorf("code location %q has scheme %q, not https, http or file", redacted(location), u.Scheme)
	}
}

func (e *Engine) openHTTP(ctx context.Context, u *url.URL) (io.ReadCloser, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return nil, fmt.Errorf("cannot fetch %q: %w", redacted(u.String()), err)
	}
	resp, err := e.http.Do(req)
	if err != nil {
		return nil, fmt.Errorf("cannot fetch %q: %w", redacted(u.String()), withoutURL(err))
	}
	if resp.StatusCode != http.StatusOK {
		resp.Body.Close()
		return nil, fmt.Errorf("cannot fetch %q: the server answers %s", redacted(u.String()), resp.Status)
	}
	return resp.Body, nil
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

// sameScheme follows redirects only a few times and never from https to http.
func sameScheme(req *http.Request, via []*http.Request) error {
	if len(via) > maxRedirects {
		return fmt.Errorf("more than %d redirects", maxRedirects)
	}
	if before := via[len(via)-1].URL.Scheme; req.URL.Scheme != before {
		return fmt.Errorf("redirect from %s to %s", before, req.URL.Scheme)
	}
	return nil
}

// redacted is a URL without what may be secret: password and query, where presigned URLs have their signature.
func redacted(location string) string {
	u, err := url.Parse(location)
	if err != nil {
		return "the URL"
	}
	u.RawQuery, u.Fragment = "", ""
	return u.Redacted()
}

// withoutURL takes the URL, which [url.Error] repeats in full, out of an error of a client.
func withoutURL(err error) error {
	var ue *url.Error
	if errors.As(err, &ue) {
		return ue.Err
	}
	return err
}
