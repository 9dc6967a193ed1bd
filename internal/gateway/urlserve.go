package gateway

import (
	"context"
	"maps"
	"net/http"
	"strings"
	"sync"

	"github.com/lambkin-dev/lambkin/api/v1alpha1"
	"github.com/lambkin-dev/lambkin/internal/access"
	"github.com/lambkin-dev/lambkin/internal/awshttp"
	"github.com/lambkin-dev/lambkin/internal/engine"
	"github.com/lambkin-dev/lambkin/internal/event"
	"github.com/lambkin-dev/lambkin/internal/lambda"
)

// urlHost parts a function URL's id from the rest of its host.
const urlHost = ".lambda-url."

// URLTarget is what a function URL leads to. Requests become events of format 2.0.
type URLTarget struct {
	// Function is the function, with the alias that the URL is for, if any.
	Function lambda.Reference
	// Stream says that answers go out as they are produced.
	Stream bool
	// CORS answers browsers; nil if the URL has no such policy.
	CORS *event.CORS
}

// target is what an object says of its URL.
func target(u *v1alpha1.FunctionURLConfig) URLTarget {
	t := URLTarget{
		Function: lambda.Reference{Name: lambda.Name(u.Spec.FunctionName), Qualifier: u.Spec.Qualifier},
		Stream:   u.Spec.InvokeMode == v1alpha1.InvokeModeStream,
	}
	if c := u.Spec.CORS; c != nil {
		t.CORS = &event.CORS{
			AllowCredentials: c.AllowCredentials, AllowHeaders: c.AllowHeaders, AllowMethods: c.AllowMethods,
			AllowOrigins: c.AllowOrigins, ExposeHeaders: c.ExposeHeaders, MaxAge: int(c.MaxAge),
		}
	}
	return t
}

// URLAddress is where a gateway with the address base serves a function URL: at a host of its own if there is a domain for
// these, else below a path.
func URLAddress(u *v1alpha1.FunctionURLConfig, base, region, domain string) string {
	if domain == "" {
		return base + u.URLPath()
	}
	scheme, _, _ := strings.Cut(base, "://")
	return scheme + "://" + u.URLID() + urlHost + region + "." + domain + "/"
}

// address is where a function URL is reached: where the engine says, else here.
func (g *gateway) address(r *http.Request, u *v1alpha1.FunctionURLConfig) string {
	if u.Status.URL != "" {
		return u.Status.URL
	}
	return URLAddress(u, g.base(r), g.Identity.Region, g.URLDomain)
}

// urlOf finds the id of the function URL that a request is for, and the part of the path that belongs to the address.
func urlOf(host, path string) (id, prefix string) {
	if id, _, ok := strings.Cut(host, urlHost); ok && id != "" && !strings.Contains(id, ".") {
		return strings.ToLower(id), ""
	}
	rest, ok := strings.CutPrefix(path, v1alpha1.FunctionURLPath)
	if !ok {
		return "", ""
	}
	id, _, _ = strings.Cut(rest, "/")
	return id, v1alpha1.FunctionURLPath + id
}

// HostedURL is the id of the function URL whose host this is, ID.lambda-url.REGION.DOMAIN; empty if it is the host of none.
func HostedURL(host, region, domain string) string {
	if domain == "" {
		return "" // as most gateways have none, nothing is made for it
	}
	id, ok := strings.CutSuffix(strings.ToLower(host), urlHost+region+"."+domain)
	if !ok || strings.Contains(id, ".") {
		return ""
	}
	return id
}

// ForFunctionURL reports whether a request is for a function URL, which decides itself who may call it, or for a download,
// whose address is its own proof; neither is for the API.
func ForFunctionURL(host, path string) bool {
	id, prefix := urlOf(host, path)
	return id != "" || prefix != "" || strings.HasPrefix(path, downloadPath)
}

// route parts requests for function URLs from those for the API.
func (g *gateway) route(api http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id, prefix := urlOf(r.Host, r.URL.Path)
		if id == "" && prefix == "" {
			api.ServeHTTP(w, r)
			return
		}
		g.serveURL(w, r, id, prefix)
	})
}

// serveURL hands a request for a function URL to the front door.
func (g *gateway) serveURL(w http.ResponseWriter, r *http.Request, id, prefix string) {
	d, err := g.urls.find(r.Context(), g, id)
	if err != nil {
		awshttp.WriteError(w, err)
		return
	}
	if d == nil {
		forbidden(w)
		return
	}
	r, ok := g.mayCall(w, r, d)
	if !ok {
		forbidden(w)
		return
	}
	d.handler.ServeHTTP(w, awshttp.WithoutPrefix(r, prefix))
}

// mayCall decides whether a request for a function URL may pass, and gives it with the body that was signed. A URL for IAM
// callers takes signed requests of those who may use it; without an authenticator there are none. A URL for everybody is open
// unless the function's policy denies it: to make one is a choice in so many words, so the policy that AWS asks for besides
// is not needed. Browsers cannot sign what they ask before a cross-origin request.
func (g *gateway) mayCall(w http.ResponseWriter, r *http.Request, d *door) (*http.Request, bool) {
	if d.cors != nil {
		if _, preflight := d.cors.Preflight(r.Method, r.Header); preflight {
			return r, true
		}
	}
	document, err := g.resourcePolicy(r.Context(), d.function)
	if err != nil {
		return r, false
	}
	q := access.Question{
		Action: "lambda:InvokeFunctionUrl", Resource: g.arn(d.function.Name, d.function.Qualifier), Policy: document,
		Context: map[string][]string{"lambda:FunctionUrlAuthType": {string(d.authType)}},
	}
	if d.authType != v1alpha1.AuthTypeIAM {
		anybody := &access.Caller{Context: requestContext(r, g.Clock())}
		denied, err := anybody.Denied(r.Context(), q)
		return r, err == nil && !denied
	}
	if g.Authenticator == nil {
		return r, false
	}
	caller, signed, err := g.Authenticator.Authenticate(w, r)
	if err != nil {
		return r, false
	}
	tags, err := g.tagContext(r.Context(), caller, d.function)
	if err != nil {
		return r, false
	}
	maps.Copy(q.Context, tags)
	return signed, caller.Authorize(r.Context(), q) == nil
}

// forbidden is what AWS answers for URLs that do not exist and to callers that may not call.
func forbidden(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("X-Amzn-Errortype", string(lambda.CodeAccessDenied))
	w.WriteHeader(http.StatusForbidden)
	_, _ = w.Write([]byte(`{"Message":"Forbidden"}`)) // a caller that has gone needs no answer
}

// door is the front door of one function URL, made from one state of its object.
type door struct {
	name     string
	revision string
	function lambda.Reference
	authType v1alpha1.AuthType
	cors     *event.CORS
	handler  http.Handler
}

// urlIndex keeps the front doors of the function URLs that were called. It is only a shortcut: every hit is checked
// against the object, so it need not learn of changes.
type urlIndex struct {
	mu    sync.Mutex
	doors map[string]*door
}

// find gets the front door of an id; nil if there is no such URL.
func (x *urlIndex) find(ctx context.Context, g *gateway, id string) (*door, error) {
	if len(id) != v1alpha1.FunctionURLIDLength || g.FrontDoor == nil {
		return nil, nil
	}
	x.mu.Lock()
	known := x.doors[id]
	x.mu.Unlock()
	if known == nil {
		return x.search(ctx, g, id)
	}
	u := new(v1alpha1.FunctionURLConfig)
	err := engine.RecentOf(g.engine).GetRecent(ctx, known.name, u)
	if isNotFound(err) || err == nil && u.URLID() != id {
		return nil, nil
	}
	if err != nil || u.ResourceVersion == known.revision {
		return known, err
	}
	return x.open(g, u), nil
}

// search looks for an id among all function URLs.
func (x *urlIndex) search(ctx context.Context, g *gateway, id string) (*door, error) {
	var all v1alpha1.FunctionURLConfigList
	if err := engine.RecentOf(g.engine).ListRecent(ctx, &all, nil); err != nil {
		return nil, err
	}
	for i := range all.Items {
		if all.Items[i].URLID() == id {
			return x.open(g, &all.Items[i]), nil
		}
	}
	return nil, nil
}

// open makes the front door of a function URL and keeps it.
func (x *urlIndex) open(g *gateway, u *v1alpha1.FunctionURLConfig) *door {
	t := target(u)
	d := &door{name: u.Name, revision: u.ResourceVersion, function: t.Function, authType: u.Spec.AuthType, cors: t.CORS, handler: g.FrontDoor(t)}
	x.mu.Lock()
	defer x.mu.Unlock()
	if len(x.doors) >= maxDoors || x.doors == nil {
		x.doors = make(map[string]*door)
	}
	x.doors[u.URLID()] = d
	return d
}

// maxDoors is how many front doors are kept; deleted URLs leave theirs behind until then.
const maxDoors = 10000
