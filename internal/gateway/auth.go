package gateway

import (
	"context"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/lambkin-dev/lambkin/internal/access"
	"github.com/lambkin-dev/lambkin/internal/awshttp"
	"github.com/lambkin-dev/lambkin/internal/engine"
	"github.com/lambkin-dev/lambkin/internal/lambda"
	"github.com/lambkin-dev/lambkin/internal/policy"
	"github.com/lambkin-dev/lambkin/internal/signature"
)

// Authenticator finds out who sends requests.
type Authenticator interface {
	// Authenticate gives who sends r, and the request with a body that fails where it is not the one that was sent by that
	// caller. It fails with an Error of package lambda, such as MissingAuthenticationTokenException.
	Authenticate(w http.ResponseWriter, r *http.Request) (*access.Caller, *http.Request, error)
}

// Signatures are the Authenticator of callers with access keys.
type Signatures struct {
	// Keys finds the keys.
	Keys access.Keys
	// Identity is the region that signatures are for, and the account of the keys' principals.
	Identity lambda.Identity
	// Namespace is what the keys must be for; any if empty.
	Namespace string
	// Prefix is what has been taken off the paths of requests.
	Prefix string
	// Clock gives the time; time.Now if nil.
	Clock func() time.Time
	// TempDir is where large bodies wait until their signature is known; the system's own if empty.
	TempDir string
}

// Authenticate implements [Authenticator].
func (s *Signatures) Authenticate(w http.ResponseWriter, r *http.Request) (*access.Caller, *http.Request, error) {
	clock := s.Clock
	if clock == nil {
		clock = time.Now
	}
	var key *access.Issued
	v := signature.Verifier{
		Region: s.Identity.Region, Service: "lambda", Clock: clock, MaxBody: maxUploadBody, TempDir: s.TempDir, Prefix: s.Prefix,
		Secret: func(ctx context.Context, id string) (secret string, err error) {
			if key, err = s.Keys.Lookup(ctx, id); err != nil {
				return "", err
			}
			return key.Secret, nil
		},
	}
	signed, err := v.Verify(w, r)
	if err != nil {
		return nil, nil, err
	}
	if s.Namespace != "" && key.Namespace != s.Namespace && key.Namespace != access.AnyNamespace {
		return nil, nil, lambda.Errorf(lambda.CodeAccessDenied, "The access key %s is not for the namespace %s.", key.ID, s.Namespace)
	}
	caller := key.Caller(s.Identity.Account, requestContext(r, clock()))
	if !signed.Presigned {
		caller.Proof = signed.Signature
	}
	return caller, signed.Request, nil
}

// authenticate notes who sends a request, and lets only those pass of which that is known. Addresses for downloads carry
// their own proof.
func (g *gateway) authenticate(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if g.Authenticator == nil || access.CallerOf(r.Context()) != nil || strings.HasPrefix(r.URL.Path, downloadPath) {
			next.ServeHTTP(w, r)
			return
		}
		caller, signed, err := g.Authenticator.Authenticate(w, r)
		if err != nil {
			awshttp.Refuse(g.Logger, w, err)
			return
		}
		next.ServeHTTP(w, signed.WithContext(access.WithCaller(signed.Context(), caller)))
	})
}

// authorize refuses an operation that its caller may not do. Where nobody is asked who he is, everybody may do everything.
func (g *gateway) authorize(c *call) error {
	if g.Authenticator == nil {
		return nil
	}
	d := g.demands[c.op.name]
	if d.resource == nil {
		return lambda.Errorf(lambda.CodeAccessDenied, "Nobody is authorized to perform: %s", c.op.name) // a test sees to it that there is none
	}
	if d.late {
		return nil
	}
	t, err := d.resource(g, c)
	if err != nil {
		return err
	}
	if err := g.ask(c, d.action, t); err != nil {
		return err
	}
	return g.checkReplay(c)
}

// checkReplay refuses what changes something and comes again with the very same signature long after the first time. Whoever
// was given a presigned URL may use it until it expires, and invocations are for functions to tell apart.
func (g *gateway) checkReplay(c *call) error {
	proof := access.CallerOf(c.r.Context()).Proof
	if proof == "" || c.op.method == http.MethodGet || invocation(c.op) {
		return nil
	}
	return g.replays.Check(proof, g.Clock())
}

// invocation reports whether an operation runs a function.
func invocation(op operation) bool { return rank(op) > 1 || op.name == "InvokeAsync" }

// authorizeCreate is authorize for the operation whose resource is named in its body.
func (g *gateway) authorizeCreate(c *call, name string) error {
	ref, err := parseNewName(name)
	if err != nil || g.Authenticator == nil {
		return nil //nolint:nilerr // what is wrong with the name is found by the operation itself, which then does nothing
	}
	if err := g.ask(c, g.demands[c.op.name].action, demanded{arn: g.arn(ref.Name, "")}); err != nil {
		return err
	}
	return g.checkReplay(c)
}

// demanded is what an operation is about.
type demanded struct {
	arn      string           // or * for operations without a resource
	function lambda.Reference // if it is one, for its policy
}

// ask puts the question to the caller's policy and to that of the function.
func (g *gateway) ask(c *call, action string, t demanded) error {
	c.resource = t.arn
	ctx := c.r.Context()
	caller := access.CallerOf(ctx)
	if caller == nil {
		c.denied = true
		return lambda.Errorf(lambda.CodeMissingAuthenticationToken, "Missing Authentication Token")
	}
	q := access.Question{Action: action, Resource: t.arn}
	if t.function.Name != "" {
		var err error
		if q.Policy, err = g.resourcePolicy(ctx, t.function); err != nil {
			return err
		}
		if q.Context, err = g.tagContext(ctx, caller, t.function); err != nil {
			return err
		}
	}
	err := caller.Authorize(ctx, q)
	c.denied = lambda.CodeOf(err) == lambda.CodeAccessDenied
	return err
}

// tagContext gives the tags of a function to policies that ask for them.
func (g *gateway) tagContext(ctx context.Context, caller *access.Caller, ref lambda.Reference) (map[string][]string, error) {
	if !caller.AsksForTags {
		return nil, nil
	}
	fn, err := g.function(ctx, ref)
	if isNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	tags := make(map[string][]string, len(fn.Spec.Tags))
	for key, value := range fn.Spec.Tags {
		tags[access.KeyResourceTag+key] = []string{value}
	}
	return tags, nil
}

// ResourcePolicy gives the policy of a function, version or alias of an engine; nil if it has none.
func ResourcePolicy(ctx context.Context, e engine.Engine, ref lambda.Reference) (*policy.Document, error) {
	return (&gateway{engine: e}).resourcePolicy(ctx, ref)
}

// requestContext are the values of condition keys that follow from the request itself.
func requestContext(r *http.Request, now time.Time) map[string][]string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		host = r.RemoteAddr
	}
	return access.RequestContext(host, r.TLS != nil, r.UserAgent(), now)
}

// audit writes one line about an operation that was asked for: who, what, from where, and what became of it. Invocations have
// logs of their own.
func (g *gateway) audit(c *call) {
	if invocation(c.op) {
		return
	}
	principal, key := "anonymous", ""
	if caller := access.CallerOf(c.r.Context()); caller != nil {
		principal, key = caller.Name(), caller.KeyID
	}
	status := 0
	if w, ok := c.w.(*watched); ok {
		status = w.status
	}
	decision := "allow"
	if c.denied {
		decision = "deny"
	}
	source, _, err := net.SplitHostPort(c.r.RemoteAddr)
	if err != nil {
		source = c.r.RemoteAddr
	}
	g.Audit.InfoContext(c.r.Context(), "audit", "operation", c.op.name, "principal", principal, "key", key, "resource", c.resource,
		"source", source, "decision", decision, "status", strconv.Itoa(status), "requestId", awshttp.RequestID(c.w))
}
