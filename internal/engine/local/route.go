package local

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/lambkin-dev/lambkin/api/v1alpha1"
	"github.com/lambkin-dev/lambkin/internal/engine"
	"github.com/lambkin-dev/lambkin/internal/lambda"
)

// route is what calls of one function need to know: its objects as they are in the store, and a [slot] for each version
// that runs. It stays the same while the objects change.
type route struct {
	running atomic.Int64 // invocations of all versions

	mu       sync.RWMutex
	function *v1alpha1.Function                // nil once deleted
	versions map[string]*v1alpha1.FunctionSpec // by number: what was published
	aliases  map[string]*v1alpha1.Alias        // by name
	events   map[string]*v1alpha1.Async        // by qualifier: what holds for events that name it, where that is its own
	slots    map[string]*slot                  // by version: $LATEST or a number
}

// openRoutes reads all functions at the start.
func (e *Engine) openRoutes() error {
	var all v1alpha1.FunctionList
	if err := e.store.List(&all, nil); err != nil {
		return err
	}
	for i := range all.Items {
		if err := e.changed(&all.Items[i]); err != nil {
			return err
		}
	}
	var aliases v1alpha1.AliasList
	if err := e.store.List(&aliases, nil); err != nil {
		return err
	}
	for i := range aliases.Items {
		e.work.add(workKey{kindAlias, aliases.Items[i].Name})
	}
	var urls v1alpha1.FunctionURLConfigList
	if err := e.store.List(&urls, nil); err != nil {
		return err
	}
	for i := range urls.Items {
		e.work.add(workKey{kindURLConfig, urls.Items[i].Name})
	}
	var policies v1alpha1.ResourcePolicyList
	if err := e.store.List(&policies, nil); err != nil {
		return err
	}
	for i := range policies.Items {
		e.work.add(workKey{kindPolicy, policies.Items[i].Name})
	}
	return nil
}

// route finds a function's route; nil if there is no such function.
func (e *Engine) route(fn lambda.Name) *route {
	e.mu.RLock()
	defer e.mu.RUnlock()
	return e.routes[fn]
}

// renew reads a function's objects from the store into its route.
func (e *Engine) renew(fn lambda.Name) error {
	e.renewing.Lock()
	defer e.renewing.Unlock()
	function, versions, aliases, err := e.family(fn)
	if err != nil {
		return err
	}
	e.mu.Lock()
	r := e.routes[fn]
	if r == nil && function != nil {
		r = &route{slots: make(map[string]*slot)}
		e.routes[fn] = r
	}
	if function == nil {
		delete(e.routes, fn)
	}
	e.mu.Unlock()
	if r != nil {
		e.replace(r, function, versions, aliases)
	}
	return nil
}

// family reads a function, nil if it is not there, and what belongs to it.
func (e *Engine) family(fn lambda.Name) (*v1alpha1.Function, []v1alpha1.Version, []v1alpha1.Alias, error) {
	object := v1alpha1.ObjectName(string(fn))
	labels := map[string]string{v1alpha1.LabelFunction: object}
	function := new(v1alpha1.Function)
	err := e.store.Get(object, function)
	if lambda.CodeOf(err) == lambda.CodeResourceNotFound {
		return nil, nil, nil, nil
	}
	if err != nil {
		return nil, nil, nil, err
	}
	var versions v1alpha1.VersionList
	if err := e.store.List(&versions, labels); err != nil {
		return nil, nil, nil, err
	}
	var aliases v1alpha1.AliasList
	if err := e.store.List(&aliases, labels); err != nil {
		return nil, nil, nil, err
	}
	return function, versions.Items, aliases.Items, nil
}

// replace puts the objects into a route, makes slots for new versions and retires those of versions that have gone. A
// version whose number of warm environments has changed is reconciled again.
func (e *Engine) replace(r *route, function *v1alpha1.Function, versions []v1alpha1.Version, aliases []v1alpha1.Alias) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.function = function
	r.aliases = make(map[string]*v1alpha1.Alias, len(aliases))
	r.events = make(map[string]*v1alpha1.Async)
	for i := range aliases {
		r.aliases[aliases[i].Spec.Name] = &aliases[i]
		r.events[aliases[i].Spec.Name] = aliases[i].Spec.Async
	}
	r.versions = make(map[string]*v1alpha1.FunctionSpec, len(versions))
	wanted := make(map[string]bool, len(versions)+1)
	if function != nil {
		e.fit(r, lambda.LatestVersion, workKey{kindFunction, function.Name}, function.UID, &function.Status, provisioned(&function.Spec))
		wanted[lambda.LatestVersion] = true
	}
	for i := range versions {
		v := &versions[i]
		label := strconv.FormatInt(v.Spec.Version, 10)
		e.fit(r, label, workKey{kindVersion, v.Name}, v.UID, &v.Status, r.provisioned(label, v.Spec.ProvisionedConcurrency))
		wanted[label] = true
		r.versions[label] = &v.Spec.Function
		r.events[label] = v.Spec.Async
	}
	for label, s := range r.slots {
		if !wanted[label] {
			s.remove()
			delete(r.slots, label)
		}
	}
}

// fit makes sure that a version has a slot that is its own, and tells it how many environments to keep warm.
func (e *Engine) fit(r *route, label string, key workKey, uid types.UID, status *v1alpha1.FunctionStatus, warm int) {
	s := r.slots[label]
	if s != nil && s.uid != uid {
		s.remove()
		s = nil
	}
	if s == nil {
		s = newSlot(e, key, uid)
		r.slots[label] = s
		e.work.add(key)
	}
	state, _, _ := status.State()
	s.note(state)
	if s.setWarm(warm) {
		e.work.add(key)
	}
}

func provisioned(spec *v1alpha1.FunctionSpec) int {
	if spec.Concurrency == nil || spec.Concurrency.Provisioned == nil {
		return 0
	}
	return int(*spec.Concurrency.Provisioned)
}

// provisioned is how many environments a version and the aliases that point to it ask for.
func (r *route) provisioned(label string, own *int32) int {
	sum := int32(0)
	if own != nil {
		sum = *own
	}
	for _, a := range r.aliases {
		if a.Spec.FunctionVersion == label && a.Spec.ProvisionedConcurrency != nil {
			sum += *a.Spec.ProvisionedConcurrency
		}
	}
	return int(sum)
}

// errNoVersion says that a qualifier names nothing.
var errNoVersion = fmt.Errorf("no such version or alias")

// follow gives the slot that a qualifier leads to, and the version it is. An alias with weights is drawn by lot from
// [0, 1).
func (r *route) follow(qualifier string, draw func() float64) (label string, s *slot, err error) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	label = or(qualifier, lambda.LatestVersion)
	if a := r.aliases[label]; a != nil {
		label = engine.Draw(&a.Spec, draw)
	}
	s = r.slots[label]
	if s == nil || r.function == nil {
		return label, nil, errNoVersion
	}
	return label, s, nil
}

// enter counts an invocation in, unless the function's reserved concurrency is used up. Who enters owes a leave.
func (r *route) enter() bool {
	n := r.running.Add(1)
	if limit, ok := r.reserved(); ok && n > limit {
		r.running.Add(-1)
		return false
	}
	return true
}

func (r *route) leave() { r.running.Add(-1) }

func (r *route) reserved() (limit int64, ok bool) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	if r.function == nil || r.function.Spec.Concurrency == nil || r.function.Spec.Concurrency.Reserved == nil {
		return 0, false
	}
	return int64(*r.function.Spec.Concurrency.Reserved), true
}

// specOf is what holds for calls of a version; nil if there is none. It must not be changed.
func (r *route) specOf(label string) *v1alpha1.FunctionSpec {
	r.mu.RLock()
	defer r.mu.RUnlock()
	if r.function == nil {
		return nil
	}
	if label == lambda.LatestVersion {
		return &r.function.Spec
	}
	return r.versions[label]
}

// eventsOf is what a version or alias says of the events that name it; nil if it says nothing.
func (r *route) eventsOf(qualifier string) *v1alpha1.Async {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.events[qualifier]
}

// aliasObjects are the names of the alias objects.
func (r *route) aliasObjects() []string {
	r.mu.RLock()
	defer r.mu.RUnlock()
	var names []string
	for _, a := range r.aliases {
		names = append(names, a.Name)
	}
	return names
}

func (r *route) allSlots() []*slot {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return slices.Collect(maps.Values(r.slots))
}

func (r *route) slot(label string) *slot {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.slots[label]
}

func (r *route) retireAll() {
	for _, s := range r.allSlots() {
		s.remove()
	}
}

func (r *route) retireIdle(before time.Time) {
	for _, s := range r.allSlots() {
		s.retireIdle(before)
	}
}
