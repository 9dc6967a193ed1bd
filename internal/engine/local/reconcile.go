package local

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"slices"
	"strconv"
	"time"

	"github.com/lambkin-dev/lambkin/api/v1alpha1"
	"github.com/lambkin-dev/lambkin/internal/lambda"
)

// reconcileLoop looks at objects until Close.
func (e *Engine) reconcileLoop() {
	for {
		key, ok := e.work.take()
		if !ok {
			return
		}
		err := e.reconcile(key)
		e.work.done(key)
		if err == nil || final(err) {
			e.work.forget(key)
			continue
		}
		e.log.Warn("not ready", "kind", key.kind, "name", key.name, "error", err)
		e.work.retry(key)
	}
}

// final reports whether only a change of the object itself can help.
func final(err error) bool {
	f := new(v1alpha1.Failure)
	return errors.As(err, &f) && slices.Contains([]v1alpha1.Reason{
		v1alpha1.ReasonCodeInvalid, v1alpha1.ReasonCodeUntrusted, v1alpha1.ReasonEntrypointInvalid,
		v1alpha1.ReasonImageUnsupported, v1alpha1.ReasonConfigurationUnsupported, v1alpha1.ReasonBuildUnsupported,
	}, f.Reason)
}

// reconcile brings about what one object asks for. An object that has gone asks for nothing.
func (e *Engine) reconcile(key workKey) error {
	var err error
	switch key.kind {
	case kindFunction:
		err = e.reconcileFunction(key.name)
	case kindVersion:
		err = e.reconcileVersion(key.name)
	case kindAlias:
		err = e.reconcileAlias(key.name)
	case kindURLConfig:
		err = e.reconcileURL(key.name)
	case kindPolicy:
		err = e.reconcilePolicy(key.name)
	}
	if lambda.CodeOf(err) == lambda.CodeResourceNotFound {
		return nil
	}
	return err
}

func (e *Engine) reconcileFunction(name string) error {
	fn := new(v1alpha1.Function)
	if err := e.store.Get(name, fn); err != nil {
		return err
	}
	s := e.slotOf(fn.LambdaName(), lambda.LatestVersion)
	return e.bringUp(deployable{
		object: fn, status: &fn.Status, spec: &fn.Spec, slot: s, version: lambda.LatestVersion,
		fetched: fn.Status.ObservedGeneration == fn.Generation, url: e.cfg.URL(lambda.Name(fn.LambdaName()), ""),
	})
}

func (e *Engine) reconcileVersion(name string) error {
	v := new(v1alpha1.Version)
	if err := e.store.Get(name, v); err != nil {
		return err
	}
	label := strconv.FormatInt(v.Spec.Version, 10)
	s := e.slotOf(v.Spec.FunctionName, label)
	return e.bringUp(deployable{
		object: v, status: &v.Status, spec: &v.Spec.Function, slot: s, version: label,
		fetched: v.Status.CodeSHA256 != "", // a version's code never changes
		image:   v.Spec.Image,
	})
}

// slotOf finds the slot of a version; nil if that has gone.
func (e *Engine) slotOf(fn, label string) *slot {
	r := e.route(lambda.Name(fn))
	if r == nil {
		return nil
	}
	return r.slot(label)
}

// deployable is what a Function and a Version have in common for the reconciler.
type deployable struct {
	object  v1alpha1.Object
	status  *v1alpha1.FunctionStatus // the object's
	spec    *v1alpha1.FunctionSpec   // the object's
	slot    *slot
	version string
	fetched bool // the status names the archive of this generation
	image   string
	url     string
}

// bringUp makes the unit of an object and lets it serve, unless it does already. The code before goes on until then.
func (e *Engine) bringUp(d deployable) error {
	if d.slot == nil || d.slot.uid != d.object.GetUID() {
		return nil // gone, or to come: its slot is queued when it is made
	}
	warm := d.slot.wantsWarm()
	if u := d.slot.current(); u != nil && u.generation == d.object.GetGeneration() && u.pod.Min == warm {
		return nil
	}
	u, err := e.makeReady(d, warm)
	if err != nil {
		return errors.Join(err, e.markFailed(d, err))
	}
	return e.markReady(d, u)
}

// makeReady fetches, prepares and serves.
func (e *Engine) makeReady(d deployable, warm int) (*unit, error) {
	known := ""
	if d.fetched {
		known = hexDigest(d.status.CodeSHA256)
	}
	code, err := e.archiveOf(e.life, d.spec, known)
	if err != nil {
		return nil, err
	}
	if err := e.checkSigning(d, code.SHA256); err != nil {
		return nil, err
	}
	u, r, err := e.assemble(d, wish{spec: d.spec, version: d.version, generation: d.object.GetGeneration(), warm: warm, code: code, image: d.image})
	if err != nil || r == nil {
		return u, err
	}
	if err := warmUp(e.life, r.runner); err != nil {
		e.end(r)
		return nil, err
	}
	d.slot.serve(u, r)
	return u, nil
}

// checkSigning fails for code that a function does not run yet and that its code signing config does not let in. What it
// runs already goes on: configs hold for deployments.
func (e *Engine) checkSigning(d deployable, digest string) error {
	name := d.spec.CodeSigningConfig
	if name == "" || d.status.CodeSHA256 == base64Digest(digest) {
		return nil
	}
	config := new(v1alpha1.CodeSigningConfig)
	err := e.store.Get(name, config)
	if lambda.CodeOf(err) == lambda.CodeResourceNotFound {
		return v1alpha1.Failf(v1alpha1.ReasonCodeSigningConfigNotFound, "code signing config %q does not exist", name)
	}
	if err != nil {
		return err
	}
	if refusal := config.Refusal(); refusal != nil {
		return refusal
	}
	return nil
}

// assemble makes the unit and lets it serve, unless it is to be kept warm: then it gives a run that has to initialize
// first. When it returns, slot or run keep the unit's folders from being swept.
func (e *Engine) assemble(d deployable, w wish) (*unit, *run, error) {
	e.preparing.RLock()
	defer e.preparing.RUnlock()
	u, err := e.prepare(w)
	if err != nil {
		return nil, nil, err
	}
	if before := d.slot.current(); w.warm == 0 || before != nil && before.runsLike(u) {
		d.slot.serve(u, nil)
		return u, nil, nil
	}
	r, err := e.newRun(u)
	return u, r, err
}

// readyPoll is how often a runner that initializes is asked whether it has failed.
const readyPoll = 10 * time.Millisecond

// warmUp waits until a runner is ready or has failed to be.
func warmUp(ctx context.Context, r runner) error {
	tick := time.NewTicker(readyPoll)
	defer tick.Stop()
	for {
		select {
		case <-r.Ready():
			return nil
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-tick.C:
			if err := r.Failure(); err != nil {
				return err
			}
		}
	}
}

// markReady writes down that the unit serves, for the object and then for callers.
func (e *Engine) markReady(d deployable, u *unit) error {
	generation := d.object.GetGeneration()
	err := e.store.UpdateStatus(d.object, func() {
		d.status.CodeSHA256, d.status.CodeSize = base64Digest(u.code), u.size
		d.status.URL = d.url
		d.status.MarkReady(generation, u.deviations...)
	})
	d.slot.note(v1alpha1.StateActive)
	d.slot.settle()
	return err
}

func (e *Engine) markFailed(d deployable, cause error) error {
	generation := d.object.GetGeneration()
	err := e.store.UpdateStatus(d.object, func() { d.status.MarkFailed(generation, cause) })
	state, _, _ := d.status.State()
	d.slot.note(state)
	d.slot.settle()
	return err
}

// reconcileAlias says whether the versions that an alias points to are there.
func (e *Engine) reconcileAlias(name string) error {
	a := new(v1alpha1.Alias)
	if err := e.store.Get(name, a); err != nil {
		return err
	}
	missing := e.missingVersion(a)
	generation := a.Generation
	return errors.Join(missing, e.store.UpdateStatus(a, func() {
		if missing != nil {
			a.Status.MarkFailed(generation, missing)
			return
		}
		a.Status.MarkReady(generation, e.cfg.URL(lambda.Name(a.Spec.FunctionName), a.Spec.Name))
	}))
}

func (e *Engine) missingVersion(a *v1alpha1.Alias) error {
	versions := []string{a.Spec.FunctionVersion}
	for v := range a.Spec.AdditionalVersionWeights {
		versions = append(versions, v)
	}
	slices.Sort(versions)
	for _, v := range versions {
		if e.slotOf(a.Spec.FunctionName, v) == nil {
			return v1alpha1.Failf(v1alpha1.ReasonVersionNotFound, "function %q has no version %s", a.Spec.FunctionName, v)
		}
	}
	return nil
}

// reconcileURL says where a URL's requests go.
func (e *Engine) reconcileURL(name string) error {
	u := new(v1alpha1.FunctionURLConfig)
	if err := e.store.Get(name, u); err != nil {
		return err
	}
	address, fault := "", e.missingAlias(u)
	if fault == nil {
		address, fault = e.cfg.FunctionURL(u)
	}
	generation := u.Generation
	return errors.Join(fault, e.store.UpdateStatus(u, func() {
		if fault != nil {
			u.Status.MarkFailed(generation, fault)
			return
		}
		u.Status.MarkReady(generation, address)
	}))
}

func (e *Engine) missingAlias(u *v1alpha1.FunctionURLConfig) error {
	if u.Spec.Qualifier == "" || u.Spec.Qualifier == lambda.LatestVersion {
		return nil
	}
	err := e.store.Get(v1alpha1.AliasObjectName(u.Spec.FunctionName, u.Spec.Qualifier), new(v1alpha1.Alias))
	if lambda.CodeOf(err) == lambda.CodeResourceNotFound {
		return v1alpha1.Failf(v1alpha1.ReasonAliasNotFound, "function %q has no alias %q", u.Spec.FunctionName, u.Spec.Qualifier)
	}
	return err
}

// reconcilePolicy says that a policy holds. The store admits none without what it is for, and removes it with that.
func (e *Engine) reconcilePolicy(name string) error {
	p := new(v1alpha1.ResourcePolicy)
	if err := e.store.Get(name, p); err != nil {
		return err
	}
	return e.store.UpdateStatus(p, func() { p.Status.MarkReady(p.Generation) })
}

// retryFailed has everything looked at again that does not serve what its object asks for.
func (e *Engine) retryFailed() {
	for _, r := range e.allRoutes() {
		for _, s := range r.allSlots() {
			e.work.add(s.key)
		}
	}
}

// base64Digest and hexDigest turn a digest between our spelling and the Lambda API's.
func base64Digest(hexText string) string {
	raw, err := hex.DecodeString(hexText)
	if err != nil {
		return ""
	}
	return base64.StdEncoding.EncodeToString(raw)
}

func hexDigest(base64Text string) string {
	raw, err := base64.StdEncoding.DecodeString(base64Text)
	if err != nil {
		return ""
	}
	return hex.EncodeToString(raw)
}
