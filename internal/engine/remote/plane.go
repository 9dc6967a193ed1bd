package remote

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"strconv"

	"github.com/lambkin-dev/lambkin/api/v1alpha1"
	"github.com/lambkin-dev/lambkin/internal/engine"
	"github.com/lambkin-dev/lambkin/internal/lambda"
)

// Plane is what a gateway does for one namespace of a cluster; objects and logs are the cluster's own to give.
type Plane interface {
	engine.Code
	engine.Async
	lambda.Invoker
}

// NewPlane gives the plane that [PlaneHandler] serves for a namespace. base is the address before the paths, which may
// have a path of its own, such as that of a proxy.
func NewPlane(c *http.Client, base, namespace string) Plane {
	prefix := lambkinPath + namespacesPath + url.PathEscape(namespace) + "/"
	return plane{caller: caller{server: server{base: base, http: c}, path: serverPath(prefix)}, code: prefix + codePath}
}

// plane is the client of code and invocations.
type plane struct {
	caller

	code string // path of uploads
}

// server is who is asked.
type server struct {
	base string
	http *http.Client
}

// send makes a request and turns every answer but 2xx into an error. The caller closes the response's body.
func (s server) send(ctx context.Context, method, path string, body io.Reader, header http.Header) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, method, s.base+path, body)
	if err != nil {
		return nil, fmt.Errorf("make request %s %s: %w", method, path, err)
	}
	req.Header.Set("Content-Type", "application/json")
	maps.Copy(req.Header, header)
	res, err := s.http.Do(req)
	if err != nil && ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if op := new(url.Error); errors.As(err, &op) {
		return nil, fmt.Errorf("%w at %s: %w", ErrUnreachable, s.base, op.Err)
	}
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", method, path, err)
	}
	if res.StatusCode/100 == 2 {
		return res, nil
	}
	defer drop(res)
	text, err := io.ReadAll(io.LimitReader(res.Body, maxObject))
	if err != nil {
		return nil, fmt.Errorf("read the answer of %s %s: %w", method, path, err)
	}
	return nil, errorOf(res, text)
}

// drop ends a response so that its connection can be used again.
func drop(res *http.Response) {
	_, _ = io.CopyN(io.Discard, res.Body, 4096) // best effort: the next request dials anew otherwise
	_ = res.Body.Close()
}

// PutCode implements [engine.Code].
func (p plane) PutCode(ctx context.Context, r io.Reader, limit int64) (v1alpha1.Blob, error) {
	var blob v1alpha1.Blob
	res, err := p.send(ctx, http.MethodPost, p.code+"?limit="+strconv.FormatInt(limit, 10), r,
		http.Header{"Content-Type": {"application/zip"}})
	if err != nil {
		return blob, err
	}
	defer drop(res)
	if err := json.NewDecoder(io.LimitReader(res.Body, maxObject)).Decode(&blob); err != nil {
		return blob, fmt.Errorf("read the answer to an upload: %w", err)
	}
	return blob, nil
}

// OpenCode implements [engine.Code].
func (p plane) OpenCode(ctx context.Context, b v1alpha1.Blob) (io.ReadCloser, error) {
	res, err := p.send(ctx, http.MethodGet, p.code+"/"+url.PathEscape(b.SHA256)+"?size="+strconv.FormatInt(b.Size, 10), nil, nil)
	if err != nil {
		return nil, err
	}
	return res.Body, nil
}
