package gateway

import (
	"crypto/sha256"
	"math/big"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"

	"github.com/lambkin-dev/lambkin/api/v1alpha1"
	"github.com/lambkin-dev/lambkin/internal/awshttp"
	"github.com/lambkin-dev/lambkin/internal/lambda"
)

const (
	// urlPath is where function URLs are served on the gateway's own host.
	urlPath = "/_url/"
	// urlHost parts a function URL's id from the rest of its host.
	urlHost = ".lambda-url."
	// urlIDLength is how long the id of a function URL is, as on AWS.
	urlIDLength = 32
)

// URLTarget is what a function URL leads to.
type URLTarget struct {
	// Function is the function with the alias that the URL is for, if any.
	Function lambda.Reference
	// InvokeMode says whether answers are streamed.
	InvokeMode v1alpha1.InvokeMode
	// ID is the URL's id, which is the domain prefix in events.
	ID string
	// Domain is the host under which the URL was called, without a port.
	Domain string
	// Account is the account in events.
	Account string
}

// urlID is the id of a function URL: 32 characters that follow from the object's uid and cannot be guessed without it.
func urlID(u *v1alpha1.FunctionURLConfig) string {
	sum := sha256.Sum256([]byte("url/" + u.UID))
	text := new(big.Int).SetBytes(sum[:]).Text(36)
	return (text + strings.Repeat("0", urlIDLength))[:urlIDLength]
}

// address is where a function URL is reached: where the engine says, else here.
func (g *gateway) address(r *http.Request, u *v1alpha1.FunctionURLConfig) string {
	if u.Status.URL != "" {
		return u.Status.URL
	}
	base := g.base(r)
	if g.URLDomain == "" {
		return base + urlPath + urlID(u) + "/"
	}
	scheme, _, _ := strings.Cut(base, "://")
	return scheme + "://" + urlID(u) + urlHost + g.Identity.Region + "." + g.URLDomain + "/"
}

// urlOf finds the id of the function URL that a request is for, and the part of the path that belongs to the address.
func (g *gateway) urlOf(r *http.Request) (id, prefix string) {
	if id, _, ok := strings.Cut(r.Host, urlHost); ok && id != "" && !strings.Contains(id, ".") {
		return strings.ToLower(id), ""
	}
	rest, ok := strings.CutPrefix(r.URL.Path, urlPath)
	if !ok {
		return "", ""
	}
	id, _, _ = strings.Cut(rest, "/")
	return id, urlPath + id
}

// serveURL hands a request for a function URL to the front door.
func (g *gateway) serveURL(w http.ResponseWriter, r *http.Request, id, prefix string) {
	u, err := g.urls.find(r, g, id)
	if err != nil {
		awshttp.WriteError(w, err)
		return
	}
	if u == nil || g.FrontDoor == nil {
		forbidden(w)
		return
	}
	if answered := applyCORS(w, r, u.Spec.CORS); answered {
		return
	}
	if u.Spec.AuthType == v1alpha1.AuthTypeIAM && g.verifyURL(r) != nil {
		forbidden(w)
		return
	}
	host := r.Host
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	g.FrontDoor(URLTarget{
		Function:   lambda.Reference{Name: lambda.Name(u.Spec.FunctionName), Qualifier: u.Spec.Qualifier},
		InvokeMode: u.Spec.InvokeMode, ID: id, Domain: host, Account: g.Identity.Account,
	}).ServeHTTP(w, within(r, prefix))
}

// verifyURL checks the signature that a URL for IAM callers demands; without a verifier its form must do.
func (g *gateway) verifyURL(r *http.Request) error {
	if g.Verifier != nil {
		return g.Verifier.Verify(r) //nolint:wrapcheck // the error is not shown
	}
	return VerifyForm(r)
}

// forbidden is what AWS answers for URLs that do not exist and for callers that may not call.
func forbidden(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("X-Amzn-Errortype", string(lambda.CodeAccessDenied))
	w.WriteHeader(http.StatusForbidden)
	_, _ = w.Write([]byte(`{"Message":"Forbidden"}`)) // a caller that has gone needs no answer
}

// within is a request as the function shall see it: without the part of the path that belongs to the address.
func within(r *http.Request, prefix string) *http.Request {
	if prefix == "" {
		return r
	}
	inner := r.Clone(r.Context())
	inner.URL = new(url.URL)
	*inner.URL = *r.URL
	inner.URL.Path = rooted(strings.TrimPrefix(r.URL.Path, prefix))
	inner.URL.RawPath = ""
	if r.URL.RawPath != "" {
		inner.URL.RawPath = rooted(strings.TrimPrefix(r.URL.RawPath, prefix))
	}
	inner.RequestURI = inner.URL.RequestURI()
	return inner
}

func rooted(path string) string {
	if !strings.HasPrefix(path, "/") {
		return "/" + path
	}
	return path
}

// urlIndex knows the objects of the ids that were asked for. It is only a shortcut: every hit is checked against the
// object, so it need not learn of deletions.
type urlIndex struct {
	mu    sync.Mutex
	names map[string]string
}

// find gets the function URL of an id; nil if there is none.
func (x *urlIndex) find(r *http.Request, g *gateway, id string) (*v1alpha1.FunctionURLConfig, error) {
	if len(id) != urlIDLength {
		return nil, nil //nolint:nilnil // callers word the error
	}
	x.mu.Lock()
	name := x.names[id]
	x.mu.Unlock()
	if name != "" {
		u := new(v1alpha1.FunctionURLConfig)
		err := g.engine.Get(r.Context(), name, u)
		if err == nil && urlID(u) == id {
			return u, nil
		}
		if err != nil && !isNotFound(err) {
			return nil, err //nolint:wrapcheck // the engine's errors are the API's
		}
	}
	return x.search(r, g, id)
}

// search looks through all function URLs and learns their ids.
func (x *urlIndex) search(r *http.Request, g *gateway, id string) (*v1alpha1.FunctionURLConfig, error) {
	all, err := g.urlConfigs(r.Context(), "")
	if err != nil {
		return nil, err
	}
	names := make(map[string]string, len(all))
	var found *v1alpha1.FunctionURLConfig
	for i := range all {
		names[urlID(&all[i])] = all[i].Name
		if urlID(&all[i]) == id {
			found = &all[i]
		}
	}
	x.mu.Lock()
	x.names = names
	x.mu.Unlock()
	return found, nil
}

// applyCORS adds what browsers need to know and answers their preflight requests.
func applyCORS(w http.ResponseWriter, r *http.Request, p *v1alpha1.CORS) (answered bool) {
	origin := r.Header.Get("Origin")
	if p == nil || origin == "" {
		return false
	}
	preflight := r.Method == http.MethodOptions && r.Header.Get("Access-Control-Request-Method") != ""
	if allowed := allowedOrigin(origin, p); allowed != "" {
		describeCORS(w.Header(), allowed, p, preflight)
	}
	if preflight {
		w.WriteHeader(http.StatusOK)
	}
	return preflight
}

// allowedOrigin is what a browser is told about its origin; empty if it is not allowed.
func allowedOrigin(origin string, p *v1alpha1.CORS) string {
	for _, o := range p.AllowOrigins {
		if o == "*" && !p.AllowCredentials {
			return "*"
		}
		if o == "*" || strings.EqualFold(o, origin) {
			return origin
		}
	}
	return ""
}

func describeCORS(h http.Header, origin string, p *v1alpha1.CORS, preflight bool) {
	h.Set("Access-Control-Allow-Origin", origin)
	h.Add("Vary", "Origin")
	if p.AllowCredentials {
		h.Set("Access-Control-Allow-Credentials", "true")
	}
	if len(p.ExposeHeaders) > 0 {
		h.Set("Access-Control-Expose-Headers", strings.Join(p.ExposeHeaders, ","))
	}
	if !preflight {
		return
	}
	if len(p.AllowMethods) > 0 {
		h.Set("Access-Control-Allow-Methods", strings.Join(p.AllowMethods, ","))
	}
	if len(p.AllowHeaders) > 0 {
		h.Set("Access-Control-Allow-Headers", strings.Join(p.AllowHeaders, ","))
	}
	if p.MaxAge > 0 {
		h.Set("Access-Control-Max-Age", strconv.Itoa(int(p.MaxAge)))
	}
}
