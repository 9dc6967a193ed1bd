package host

import (
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"

	"github.com/lambkin-dev/lambkin/api/v1alpha1"
	"github.com/lambkin-dev/lambkin/internal/awshttp"
	"github.com/lambkin-dev/lambkin/internal/engine"
	"github.com/lambkin-dev/lambkin/internal/event"
	"github.com/lambkin-dev/lambkin/internal/lambda"
	"github.com/lambkin-dev/lambkin/runtime-api/server"
)

// urlPath is where functions are reached by path.
const urlPath = "/_url/"

// doors finds the front door of a function, and keeps those it has made for as long as the function stays as it is.
type doors struct {
	engine   engine.Engine
	identity lambda.Identity

	mu   sync.Mutex
	made map[string]door
}

type door struct {
	revision string
	handler  http.Handler
}

// maxDoors bounds how many doors are kept; deleted functions leave theirs behind until then.
const maxDoors = 10_000

// find reads which function's door a request is for. By path only functions that exist have one, because the gateway
// has function URLs at the same place.
func (d *doors) find(r *http.Request) (ref lambda.Reference, prefix string, found bool) {
	if name, ok := hostFunction(r.Host); ok {
		ref, err := lambda.ParseReference(name)
		return ref, "", err == nil
	}
	rest, ok := strings.CutPrefix(r.URL.Path, urlPath)
	if !ok {
		return ref, "", false
	}
	name, _, _ := strings.Cut(rest, "/")
	ref, err := lambda.ParseReference(name)
	if err != nil {
		return ref, "", false
	}
	err = d.engine.Get(r.Context(), v1alpha1.ObjectName(string(ref.Name)), new(v1alpha1.Function))
	return ref, urlPath + name, err == nil
}

// hostFunction reads FUNCTION.localhost and QUALIFIER.FUNCTION.localhost.
func hostFunction(host string) (name string, ok bool) {
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	labels, ok := strings.CutSuffix(strings.TrimSuffix(host, "."), ".localhost")
	if !ok || labels == "" {
		return "", false
	}
	qualifier, function, two := strings.Cut(labels, ".")
	if !two {
		return labels, true
	}
	return function + ":" + qualifier, !strings.Contains(function, ".")
}

// of gives the door of a function; what comes through has prefix taken from its path.
func (d *doors) of(ref lambda.Reference, prefix string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fn := new(v1alpha1.Function)
		if err := d.engine.Get(r.Context(), v1alpha1.ObjectName(string(ref.Name)), fn); err != nil {
			awshttp.WriteError(w, err)
			return
		}
		handler, err := d.open(ref, fn)
		if err != nil {
			awshttp.WriteError(w, err)
			return
		}
		handler.ServeHTTP(w, without(r, prefix))
	})
}

func (d *doors) open(ref lambda.Reference, fn *v1alpha1.Function) (http.Handler, error) {
	key := ref.String()
	d.mu.Lock()
	defer d.mu.Unlock()
	if known, ok := d.made[key]; ok && known.revision == fn.ResourceVersion {
		return known.handler, nil
	}
	cfg := server.FrontDoorConfig{Invoker: d.engine, Function: ref, Identity: d.identity}
	if h := fn.Spec.HTTP; h != nil {
		format, err := event.ParseFormat(string(h.EventFormat))
		if err != nil {
			return nil, lambda.Errorf(lambda.CodeInvalidParameterValue, "function %s: %v", ref, err)
		}
		cfg.Format, cfg.Stream = format, h.InvokeMode == v1alpha1.InvokeModeStream
	}
	if d.made == nil || len(d.made) >= maxDoors {
		d.made = map[string]door{}
	}
	made := door{revision: fn.ResourceVersion, handler: server.NewFrontDoor(cfg)}
	d.made[key] = made
	return made.handler, nil
}

// without is a request as the function shall see it: its path begins after prefix.
func without(r *http.Request, prefix string) *http.Request {
	if prefix == "" {
		return r
	}
	inner := r.Clone(r.Context())
	inner.URL = new(url.URL)
	*inner.URL = *r.URL
	inner.URL.Path = rooted(strings.TrimPrefix(r.URL.Path, prefix))
	if r.URL.RawPath != "" {
		inner.URL.RawPath = rooted(strings.TrimPrefix(r.URL.RawPath, prefix))
	}
	inner.RequestURI = inner.URL.RequestURI()
	return inner
}

func rooted(path string) string {
	if strings.HasPrefix(path, "/") {
		return path
	}
	return "/" + path
}
