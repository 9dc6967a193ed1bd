package remote

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/lambkin-dev/lambkin/api/v1alpha1"
	"github.com/lambkin-dev/lambkin/internal/engine"
	"github.com/lambkin-dev/lambkin/internal/lambda"
)

// ErrUnreachable says that no server answered at the endpoint.
var ErrUnreachable = errors.New("no server answers")

// maxReply bounds what is read of an object or error reply.
const maxReply = 64 << 20

// New gives the engine behind a server. endpoint is its address, such as http://127.0.0.1:9000; requests go out unsigned. It
// does not connect yet.
func New(endpoint string) (engine.Engine, error) { return NewClient(&http.Client{}, endpoint) }

// NewClient is New with a client, which may sign.
func NewClient(c *http.Client, endpoint string) (engine.Engine, error) {
	u, err := url.Parse(endpoint)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" {
		return nil, fmt.Errorf("endpoint %q is not an address such as http://127.0.0.1:9000", endpoint)
	}
	at := server{base: strings.TrimSuffix(u.String(), "/"), http: c}
	return &client{plane{caller: caller{server: at, path: serverPath(lambkinPath)}, code: lambkinPath + codePath}}, nil
}

// client is a whole engine.
type client struct{ plane }

// Get implements [engine.Objects].
func (c *client) Get(ctx context.Context, name string, obj v1alpha1.Object) error {
	res, err := resourceOf(obj)
	if err != nil {
		return err
	}
	return c.exchange(ctx, http.MethodGet, objectPath(res, name), nil, obj)
}

// List implements [engine.Objects].
func (c *client) List(ctx context.Context, list runtime.Object, selector map[string]string) error {
	res, err := resourceOf(list)
	if err != nil {
		return err
	}
	return c.exchange(ctx, http.MethodGet, listPath(res, selector, url.Values{}), nil, list)
}

// ListPage implements [engine.Pages].
func (c *client) ListPage(ctx context.Context, list runtime.Object, selector map[string]string, p engine.Page) (next string, err error) {
	res, err := resourceOf(list)
	if err != nil {
		return "", err
	}
	query := url.Values{"limit": {strconv.Itoa(p.Limit)}}
	if p.After != "" {
		query.Set("continue", p.After)
	}
	if err := c.exchange(ctx, http.MethodGet, listPath(res, selector, query), nil, list); err != nil {
		return "", err
	}
	return continueOf(list)
}

func listPath(res resource, selector map[string]string, query url.Values) string {
	if len(selector) > 0 {
		query.Set("labelSelector", labels.FormatLabels(selector))
	}
	path := objectsPath + res.plural
	if len(query) > 0 {
		path += "?" + query.Encode()
	}
	return path
}

// continueOf takes the token of the page after out of a list.
func continueOf(list runtime.Object) (string, error) {
	meta, err := meta.ListAccessor(list)
	if err != nil {
		return "", fmt.Errorf("read %T: %w", list, err)
	}
	next := meta.GetContinue()
	meta.SetContinue("")
	return next, nil
}

// Create implements [engine.Objects].
func (c *client) Create(ctx context.Context, obj v1alpha1.Object) error {
	res, err := resourceOf(obj)
	if err != nil {
		return err
	}
	return c.exchange(ctx, http.MethodPost, objectsPath+res.plural, obj, obj)
}

// Update implements [engine.Objects].
func (c *client) Update(ctx context.Context, obj v1alpha1.Object) error {
	res, err := resourceOf(obj)
	if err != nil {
		return err
	}
	named, ok := obj.DeepCopyObject().(v1alpha1.Object)
	if ok && named.GetName() == "" {
		named.Default() // which gives it the name that follows from its spec
	}
	return c.exchange(ctx, http.MethodPut, objectPath(res, named.GetName()), obj, obj)
}

// Delete implements [engine.Objects].
func (c *client) Delete(ctx context.Context, obj v1alpha1.Object) error {
	res, err := resourceOf(obj)
	if err != nil {
		return err
	}
	opts := metav1.DeleteOptions{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "DeleteOptions"}}
	if v := obj.GetResourceVersion(); v != "" {
		opts.Preconditions = &metav1.Preconditions{ResourceVersion: &v}
	}
	return c.exchange(ctx, http.MethodDelete, objectPath(res, obj.GetName()), opts, nil)
}

func objectPath(res resource, name string) string {
	return objectsPath + res.plural + "/" + url.PathEscape(name)
}

// exchange sends in as JSON and, unless out is nil, fills out with the answer.
func (c *client) exchange(ctx context.Context, method, path string, in any, out runtime.Object) error {
	var body io.Reader
	if in != nil {
		text, err := marshal(in)
		if err != nil {
			return err
		}
		body = bytes.NewReader(text)
	}
	res, err := c.send(ctx, method, path, body, nil)
	if err != nil {
		return err
	}
	defer drop(res)
	if out == nil {
		return nil
	}
	fresh, err := emptyLike(out)
	if err != nil {
		return err
	}
	if err := json.NewDecoder(io.LimitReader(res.Body, maxReply)).Decode(fresh); err != nil {
		return fmt.Errorf("read the answer of %s %s: %w", method, path, err)
	}
	fill(out, fresh)
	return nil
}

// marshal gives an object as JSON with its apiVersion and kind, leaving the caller's object alone.
func marshal(in any) ([]byte, error) {
	if obj, ok := in.(runtime.Object); ok {
		res, err := resourceOf(obj)
		if err != nil {
			return nil, err
		}
		sent := obj.DeepCopyObject()
		stamp(sent, res.kind)
		in = sent
	}
	text, err := json.Marshal(in)
	if err != nil {
		return nil, fmt.Errorf("write %T as JSON: %w", in, err)
	}
	return text, nil
}

func emptyLike(obj runtime.Object) (runtime.Object, error) {
	res, err := resourceOf(obj)
	if err != nil {
		return nil, err
	}
	if _, single := obj.(v1alpha1.Object); single {
		return res.object(), nil
	}
	return res.list(), nil
}

// Logs implements [engine.Logs].
func (c *client) Logs(ctx context.Context, fn lambda.Name, opts engine.LogOptions, w io.Writer) error {
	q := url.Values{}
	if opts.Follow {
		q.Set("follow", "true")
	}
	if !opts.Since.IsZero() {
		q.Set("since", opts.Since.UTC().Format(time.RFC3339Nano))
	}
	if opts.Tail > 0 {
		q.Set("tail", strconv.Itoa(opts.Tail))
	}
	res, err := c.send(ctx, http.MethodGet, lambkinPath+logsPath+url.PathEscape(string(fn))+"?"+q.Encode(), nil, nil)
	if opts.Follow && ctx.Err() != nil {
		return nil // that is how following ends
	}
	if err != nil {
		return err
	}
	defer func() { _ = res.Body.Close() }()
	if _, err := io.Copy(w, res.Body); err != nil {
		if opts.Follow && ctx.Err() != nil {
			return nil // same
		}
		return fmt.Errorf("read the log of %q: %w", fn, err)
	}
	return nil
}

func unmarshal(text []byte, v any) error {
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.DisallowUnknownFields()
	if err := dec.Decode(v); err != nil {
		return fmt.Errorf("read %T: %w", v, err)
	}
	return nil
}
