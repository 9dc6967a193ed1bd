package knative

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/lambkin-dev/lambkin/internal/engine"
	"github.com/lambkin-dev/lambkin/internal/engine/remote"
	"github.com/lambkin-dev/lambkin/internal/lambda"
)

const (
	// startAllowance is how long the first pod may take until it runs, beyond the function's own timeout: an image has to
	// be pulled, and init has its time.
	startAllowance = lambda.ProvisionedInitTimeout
	// dials is how often a connection that is refused is tried, each time after twice the pause before.
	dials     = 6
	dialPause = 50 * time.Millisecond
	// dialTimeout bounds one try.
	dialTimeout = 5 * time.Second
)

// Doors runs functions by calling the front doors of their pods at their cluster-local addresses. Only what runs inside the
// cluster can do so. The fields must not change once used; it is safe for concurrent use.
type Doors struct {
	// Objects is the API server itself.
	Objects client.Reader
	// Cache, if not nil, is asked before Objects, which is asked too about what it would refuse. It may share its objects.
	Cache client.Reader
	// Identity is the region and account in ARNs.
	Identity lambda.Identity
	// ClusterDomain ends cluster-local names; cluster.local if empty.
	ClusterDomain string
	// Transport carries the calls; [NewTransport] makes a good one.
	Transport http.RoundTripper

	running counts
}

// NewTransport makes what carries calls to front doors. All go to the cluster's few ingress addresses, so connections are
// kept for the next call, but not for as long as the other side keeps them.
func NewTransport() *http.Transport {
	return &http.Transport{
		DialContext:         (&net.Dialer{Timeout: dialTimeout}).DialContext,
		MaxIdleConns:        1024,
		MaxIdleConnsPerHost: 64,
		IdleConnTimeout:     30 * time.Second,
		DisableCompression:  true,
	}
}

// In gives the functions of a namespace, for many calls: the cache may let one through to what has just gone.
func (d *Doors) In(namespace string) lambda.Invoker { return d.with(namespace, d.Cache) }

// Directly gives the functions of a namespace for callers who must find what they have just written, and only that.
func (d *Doors) Directly(namespace string) lambda.Invoker { return d.with(namespace, nil) }

func (d *Doors) with(namespace string, cache client.Reader) lambda.Invoker {
	r := router{namespace: namespace, identity: d.Identity, lot: rand.Float64}
	return lambda.InvokerFunc(func(ctx context.Context, in *lambda.Invocation) (*lambda.Result, error) {
		return d.invoke(ctx, r, cache, in)
	})
}

// invoke runs a function of the router's namespace.
func (d *Doors) invoke(ctx context.Context, r router, cache client.Reader, in *lambda.Invocation) (*lambda.Result, error) {
	if len(in.Payload) > lambda.MaxRequestPayload {
		return nil, tooLarge(lambda.MaxRequestPayload)
	}
	if in.CognitoIdentity != "" {
		return nil, lambda.Errorf(lambda.CodeNotImplemented, "Cognito identities are not handed over on a cluster: a front door that everybody can call cannot vouch for them.")
	}
	to, err := d.route(ctx, r, cache, in.Function)
	if err != nil {
		return nil, err
	}
	if limit, ok := to.reserved(); ok {
		name := client.ObjectKeyFromObject(to.function)
		if !d.running.enter(name, limit) {
			return nil, lambda.Throttled(lambda.ReasonReservedConcurrency, retryAfter)
		}
		defer d.running.leave(name)
	}
	admitted, err := engine.Admit(in, engine.Target{ARN: engine.FunctionARN(in.Function, d.Identity), Function: &to.function.Spec, Version: to.spec})
	if err != nil {
		return nil, err
	}
	result, err := d.call(ctx, r.namespace, to, admitted)
	if err != nil {
		return nil, err
	}
	if result.ExecutedVersion == "" {
		result.ExecutedVersion = to.version
	}
	return result, nil
}

// route finds where a call goes, and whether it may. The cache's word is good for a yes only.
func (d *Doors) route(ctx context.Context, r router, cache client.Reader, ref lambda.Reference) (*route, error) {
	if cache != nil {
		to, err := r.find(ctx, cache, ref)
		if err == nil && to.refusal() == nil {
			return to, nil
		}
	}
	for start := time.Now(); ; {
		to, err := r.find(ctx, d.Objects, ref)
		if err != nil {
			return nil, err
		}
		if !to.isComing() || time.Since(start) > startAllowance {
			return to, to.refusal()
		}
		if err := sleep(ctx, comingPause); err != nil {
			return nil, err
		}
	}
}

// comingPause is how often a version is looked at that is not up yet.
const comingPause = 250 * time.Millisecond

func sleep(ctx context.Context, pause time.Duration) error {
	select {
	case <-time.After(pause):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// call sends an invocation to a front door. It is sent again only if no connection came about, since then nothing has run.
func (d *Doors) call(ctx context.Context, namespace string, to *route, in *lambda.Invocation) (*lambda.Result, error) {
	limit := time.Duration(to.spec.Effective(to.status.Protocol).Timeout)*time.Second + startAllowance
	bounded, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	door := remote.FrontDoor(&http.Client{Transport: d.Transport, CheckRedirect: noRedirect}, d.address(namespace, to.service))
	pause := dialPause
	for try := 1; ; try++ {
		result, err := door.Invoke(bounded, in)
		switch {
		case err == nil:
			return result, nil
		case ctx.Err() != nil:
			return nil, ctx.Err()
		case bounded.Err() != nil:
			return nil, &lambda.Error{Code: lambda.CodeService, Message: fmt.Sprintf("Function %s gave no answer within %s.", in.Function, limit), Err: err}
		case !refused(err) || try == dials:
			return nil, doorError(in.Function, to, err)
		}
		select {
		case <-bounded.Done():
		case <-time.After(pause):
		}
		pause *= 2
	}
}

// address is a Service's within the cluster.
func (d *Doors) address(namespace, service string) string {
	domain := d.ClusterDomain
	if domain == "" {
		domain = "cluster.local"
	}
	return "http://" + service + "." + namespace + ".svc." + domain
}

// noRedirect leaves redirects alone: front doors give none, and a call must not go anywhere else.
func noRedirect(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

// refused reports whether no connection came about.
func refused(err error) bool {
	op := new(net.OpError)
	return errors.As(err, &op) && op.Op == "dial"
}

// doorError is the error of a call that a front door did not answer as such. What a front door refuses itself is said in
// the Lambda API's words already; the rest comes from what stands before it: ingress, activator and queue-proxy.
func doorError(fn lambda.Reference, to *route, err error) error {
	foreign := new(remote.Foreign)
	if !errors.As(err, &foreign) {
		return brokenOff(fn, err)
	}
	full := foreign.Status == http.StatusServiceUnavailable && (strings.Contains(foreign.Text, "queue full") || strings.Contains(foreign.Text, "overload"))
	switch {
	case full || foreign.Status == http.StatusTooManyRequests:
		reason := lambda.ReasonConcurrency
		if _, ok := to.reserved(); ok {
			reason = lambda.ReasonReservedConcurrency
		}
		e := lambda.Throttled(reason, max(retryAfter, lambda.AsError(err).RetryAfter))
		e.Err = foreign
		return e
	case foreign.Status == http.StatusBadGateway:
		return unable(fn, "its container ended or could not be reached", foreign)
	case foreign.Status == http.StatusGatewayTimeout:
		return unable(fn, "no container was ready for it in time, or it took longer than its timeout", foreign)
	case foreign.Status == http.StatusNotFound:
		return unable(fn, "its address is not served yet, or not any more", foreign)
	default:
		return unable(fn, "what stands before its containers answered something else", foreign)
	}
}

func unable(fn lambda.Reference, why string, cause *remote.Foreign) error {
	return &lambda.Error{
		Code: lambda.CodeService, Message: fmt.Sprintf("Function %s could not be run: %s (%v).", fn, why, cause), RetryAfter: retryAfter, Err: cause,
	}
}

// brokenOff is the error of a call that has no reply.
func brokenOff(fn lambda.Reference, err error) error {
	own := new(lambda.Error)
	switch {
	case errors.As(err, &own):
		return err
	case refused(err):
		return &lambda.Error{
			Code: lambda.CodeServiceUnavailable, Message: fmt.Sprintf("Function %s could not be reached at its cluster-local address.", fn), RetryAfter: retryAfter, Err: err,
		}
	default:
		return &lambda.Error{
			Code: lambda.CodeService, Message: fmt.Sprintf("The connection to function %s broke. It may have run.", fn), Err: err,
		}
	}
}

// counts are the calls that run, by function.
type counts struct {
	mu sync.Mutex
	by map[client.ObjectKey]int32
}

// enter counts a call in unless the limit is reached. Who enters owes a leave.
//
// Each process counts its own calls. That the function as a whole keeps the limit is Knative's doing, which starts no more
// pods than it allows; this count is why a call too many is refused at once rather than kept waiting.
func (c *counts) enter(fn client.ObjectKey, limit int32) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.by[fn] >= limit {
		return false
	}
	if c.by == nil {
		c.by = make(map[client.ObjectKey]int32)
	}
	c.by[fn]++
	return true
}

func (c *counts) leave(fn client.ObjectKey) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.by[fn]--; c.by[fn] <= 0 {
		delete(c.by, fn)
	}
}
