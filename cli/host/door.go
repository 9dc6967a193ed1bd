package host

import (
	"context"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"

	"github.com/lambkin-dev/lambkin/api/v1alpha1"
	"github.com/lambkin-dev/lambkin/internal/access"
	"github.com/lambkin-dev/lambkin/internal/awshttp"
	"github.com/lambkin-dev/lambkin/internal/engine"
	"github.com/lambkin-dev/lambkin/internal/event"
	"github.com/lambkin-dev/lambkin/internal/gateway"
	"github.com/lambkin-dev/lambkin/internal/lambda"
	"github.com/lambkin-dev/lambkin/runtime-api/server"
)

// doors finds the front door of a function, and keeps those it has made.
type doors struct {
	engine   engine.Engine
	identity lambda.Identity
	sentry   sentry

	mu   sync.Mutex
	made map[door]http.Handler
}

// door is what one is made from.
type door struct {
	ref    string
	format v1alpha1.EventFormat
	mode   v1alpha1.InvokeMode
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
	rest, ok := strings.CutPrefix(r.URL.Path, v1alpha1.FunctionURLPath)
	if !ok {
		return ref, "", false
	}
	name, _, _ := strings.Cut(rest, "/")
	ref, err := lambda.ParseReference(name)
	if err != nil {
		return ref, "", false
	}
	err = d.engine.Get(r.Context(), v1alpha1.ObjectName(string(ref.Name)), new(v1alpha1.Function))
	return ref, v1alpha1.FunctionURLPath + name, err == nil
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
		settings, err := d.settings(r.Context(), ref)
		if err != nil {
			awshttp.WriteError(w, err)
			return
		}
		handler, err := d.open(ref, settings)
		if err == nil {
			r, err = d.admit(w, r, ref, settings)
		}
		if err != nil {
			awshttp.WriteError(w, err)
			return
		}
		handler.ServeHTTP(w, awshttp.WithoutPrefix(r, prefix))
	})
}

// settings says how requests for a function become events: as the version says that the qualifier leads to. An alias of
// two versions is judged by its own one. What is not there is for the engine to refuse, so it gets the function's.
func (d *doors) settings(ctx context.Context, ref lambda.Reference) (v1alpha1.HTTP, error) {
	fn := new(v1alpha1.Function)
	if err := d.engine.Get(ctx, v1alpha1.ObjectName(string(ref.Name)), fn); err != nil {
		return v1alpha1.HTTP{}, err
	}
	label := ref.Qualifier
	alias := new(v1alpha1.Alias)
	if label != "" && d.engine.Get(ctx, v1alpha1.AliasObjectName(string(ref.Name), label), alias) == nil {
		label = alias.Spec.FunctionVersion
	}
	version := new(v1alpha1.Version)
	number, err := strconv.ParseInt(label, 10, 64)
	if err == nil && d.engine.Get(ctx, v1alpha1.VersionObjectName(string(ref.Name), number), version) == nil {
		return *version.Spec.Function.HTTP, nil // every member has its default
	}
	return *fn.Spec.HTTP, nil
}

// admit lets everybody in where the door is Public, which somebody chose. Otherwise the request must be signed by one who may
// invoke the function: nobody reaches a function of AWS by plain HTTP before it is given a URL.
func (d *doors) admit(w http.ResponseWriter, r *http.Request, ref lambda.Reference, settings v1alpha1.HTTP) (*http.Request, error) {
	if settings.Visibility != v1alpha1.VisibilityClusterLocal || d.sentry.auth == nil {
		return r, nil
	}
	return d.may(ref, w, r)
}

// may lets those pass who may call a function.
func (d *doors) may(ref lambda.Reference, w http.ResponseWriter, r *http.Request) (*http.Request, error) {
	caller, signed, err := d.sentry.auth.Authenticate(w, r)
	if err != nil {
		return nil, err
	}
	document, err := gateway.ResourcePolicy(r.Context(), d.engine, ref)
	if err != nil {
		return nil, err
	}
	q := access.Question{Action: "lambda:InvokeFunction", Resource: ref.ARN(d.identity), Policy: document}
	return signed, caller.Authorize(r.Context(), q)
}

func (d *doors) open(ref lambda.Reference, settings v1alpha1.HTTP) (http.Handler, error) {
	key := door{ref: ref.String(), format: settings.EventFormat, mode: settings.InvokeMode}
	d.mu.Lock()
	defer d.mu.Unlock()
	if known := d.made[key]; known != nil {
		return known, nil
	}
	format, err := event.ParseFormat(string(settings.EventFormat))
	if err != nil {
		return nil, lambda.Errorf(lambda.CodeInvalidParameterValue, "function %s: %v", ref, err)
	}
	if d.made == nil || len(d.made) >= maxDoors {
		d.made = map[door]http.Handler{}
	}
	d.made[key] = server.NewFrontDoor(server.FrontDoorConfig{
		Invoker: d.engine, Function: ref, Identity: d.identity, Format: format, Stream: settings.InvokeMode == v1alpha1.InvokeModeStream,
	})
	return d.made[key], nil
}
