package rollout

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/lambkin-dev/lambkin/api/v1alpha1"
	"github.com/lambkin-dev/lambkin/internal/engine"
	"github.com/lambkin-dev/lambkin/internal/lambda"
)

// Plan is how a rollout goes.
type Plan struct {
	// To is the version that gets the calls.
	To string
	// Steps are its shares in per cent, rising.
	Steps []float64
	// Interval is how long each step is watched.
	Interval time.Duration
	// MaxErrorRate is the share of failing calls, from 0 to 1, above which it goes back.
	MaxErrorRate float64
	// Probe is an event that is sent to the new version Probes times in each step, instead of counting others' calls.
	Probe  []byte
	Probes int
}

// Port is what a rollout needs of an engine.
type Port interface {
	engine.Objects
	engine.Logs
	lambda.Invoker
}

// Rollout is one alias on its way.
type Rollout struct {
	Engine Port
	// Function and Alias are the Lambda names.
	Function, Alias string
	Plan            Plan
	// Tell takes a line for each step.
	Tell func(format string, args ...any)

	from  string
	tally Tally
	wrote v1alpha1.AliasSpec
}

// ErrRolledBack says that too many calls failed and that the alias is where it was.
var ErrRolledBack = errors.New("rolled back")

// errOvertaken says that somebody else has moved the alias meanwhile.
var errOvertaken = errors.New("somebody else has changed the alias meanwhile, so the rollout ends here")

const (
	// settle is how long an alias may take to follow its object.
	settle = 2 * time.Minute
	// glance is how often the alias and the counts are looked at.
	glance = 500 * time.Millisecond
	// enough is after how many calls, and how many failures among them, a step is given up before its time: less may be an
	// accident.
	enough         = 10
	enoughFailures = 3
)

// Run does it all. What it gives on excess is an [ErrRolledBack] with the reason; then the alias points to where it did
// before. If ctx ends the alias stays as it is at that moment.
func (r *Rollout) Run(ctx context.Context) error {
	a, err := r.read(ctx)
	if err != nil {
		return err
	}
	if a.Spec.FunctionVersion == r.Plan.To {
		r.Tell("alias %s:%s points to version %s already", r.Function, r.Alias, r.Plan.To)
		return nil
	}
	for other := range a.Spec.AdditionalVersionWeights {
		if other != r.Plan.To {
			return fmt.Errorf("alias %q of %q shares its calls with version %s: take it out with \"lambkin traffic %[2]s %[1]s --to %[3]s=0%%\" first", r.Alias, r.Function, other)
		}
	}
	r.from, r.wrote = a.Spec.FunctionVersion, a.Spec
	if len(r.Plan.Probe) > 0 {
		return r.steps(ctx)
	}
	if err := r.Engine.Logs(ctx, lambda.Name(r.Function), engine.LogOptions{Tail: 1}, new(Tally)); err != nil {
		return fmt.Errorf("watch the log of %q: %w", r.Function, err)
	}
	var watching sync.WaitGroup
	defer watching.Wait()
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	watching.Go(func() { r.watch(ctx) })
	return r.steps(ctx)
}

func (r *Rollout) read(ctx context.Context) (*v1alpha1.Alias, error) {
	a := new(v1alpha1.Alias)
	if err := r.Engine.Get(ctx, v1alpha1.AliasObjectName(r.Function, r.Alias), a); err != nil {
		return nil, fmt.Errorf("read alias %q of %q: %w", r.Alias, r.Function, err)
	}
	return a, nil
}

// watch counts what the log tells until ctx ends. A log that breaks off is taken up again.
func (r *Rollout) watch(ctx context.Context) {
	for since := time.Now(); ctx.Err() == nil; since = time.Now() {
		_ = r.Engine.Logs(ctx, lambda.Name(r.Function), engine.LogOptions{Since: since, Follow: true}, &r.tally)
		pause(ctx, glance)
	}
}

func (r *Rollout) steps(ctx context.Context) error {
	for i, share := range r.Plan.Steps {
		state := Running
		if i == len(r.Plan.Steps)-1 {
			state = Paused
		}
		if share == 100 {
			state = Done
		}
		if err := r.step(ctx, share, state); err != nil {
			return r.end(ctx, err)
		}
	}
	return nil
}

// step moves the alias, waits until that holds, and judges the calls of the new version.
func (r *Rollout) step(ctx context.Context, share float64, state State) error {
	err := r.write(ctx, func(a *v1alpha1.Alias) error {
		if err := Shift(&a.Spec, r.Plan.To, share); err != nil {
			return err
		}
		return Record{From: r.from, To: r.Plan.To, Share: share, State: state}.keep(a)
	})
	if err != nil {
		return err
	}
	before := r.tally.Of(r.Plan.To)
	seen, err := r.judge(ctx, before)
	if err != nil {
		return err
	}
	told := fmt.Sprintf("%d calls, %d failed", seen.Calls, seen.Failed)
	if seen.Calls == 0 {
		told = "nobody called it"
	}
	r.Tell("%g %% to version %s: %s", share, r.Plan.To, told)
	return nil
}

// judge looks at the calls of one step until its time is over, or until enough of them say that it fails.
func (r *Rollout) judge(ctx context.Context, before Count) (Count, error) {
	if len(r.Plan.Probe) > 0 {
		return r.probe(ctx)
	}
	for end := time.Now().Add(r.Plan.Interval); ; {
		seen := r.tally.Of(r.Plan.To).Since(before)
		over := !time.Now().Before(end)
		certain := over || (seen.Calls >= enough && seen.Failed >= enoughFailures)
		if certain && seen.Rate() > r.Plan.MaxErrorRate {
			return seen, r.excess(seen)
		}
		if over {
			return seen, nil
		}
		if !pause(ctx, min(glance, time.Until(end))) {
			return seen, ctx.Err()
		}
	}
}

func (r *Rollout) excess(seen Count) error {
	return fmt.Errorf("%w: %d of %d calls of version %s failed, more than %g %%", ErrRolledBack, seen.Failed, seen.Calls, r.Plan.To, r.Plan.MaxErrorRate*100)
}

// probe calls the new version itself, in even parts of the interval.
func (r *Rollout) probe(ctx context.Context) (Count, error) {
	var seen Count
	for range r.Plan.Probes {
		in := &lambda.Invocation{Function: lambda.Reference{Name: lambda.Name(r.Function), Qualifier: r.Plan.To}, Payload: r.Plan.Probe}
		res, err := r.Engine.Invoke(ctx, in)
		if ctx.Err() != nil {
			return seen, ctx.Err()
		}
		seen.Calls++
		if err != nil || res.FunctionError != "" {
			seen.Failed++
		}
		if !pause(ctx, r.Plan.Interval/time.Duration(r.Plan.Probes)) {
			return seen, ctx.Err()
		}
	}
	if seen.Rate() > r.Plan.MaxErrorRate {
		return seen, r.excess(seen)
	}
	return seen, nil
}

// end goes back where the new version is to blame, and else says how things are.
func (r *Rollout) end(ctx context.Context, err error) error {
	if errors.Is(err, errOvertaken) {
		return err
	}
	if ctx.Err() != nil {
		r.Tell("The alias stays as it is; \"lambkin rollout undo %s %s\" goes back to version %s.", r.Function, r.Alias, r.from)
		return err
	}
	back := r.write(ctx, func(a *v1alpha1.Alias) error {
		_, undone := Undo(a, strings.TrimPrefix(err.Error(), ErrRolledBack.Error()+": "))
		return undone
	})
	if back != nil {
		return errors.Join(err, fmt.Errorf("going back to version %s failed: %w", r.from, back))
	}
	r.Tell("0 %% to version %s: all calls go to version %s again", r.Plan.To, r.from)
	if errors.Is(err, ErrRolledBack) {
		return err
	}
	return fmt.Errorf("%w: %w", ErrRolledBack, err)
}

// write changes the alias, unless somebody else has, and waits until the change holds.
func (r *Rollout) write(ctx context.Context, change func(*v1alpha1.Alias) error) error {
	a, err := Change(ctx, r.Engine, r.Function, r.Alias, func(a *v1alpha1.Alias) error {
		if !equality.Semantic.DeepEqual(a.Spec, r.wrote) {
			return errOvertaken
		}
		return change(a)
	})
	if err != nil {
		return err
	}
	r.wrote = *a.Spec.DeepCopy()
	return Await(ctx, r.Engine, a)
}

// Await waits until calls to an alias go where its object says.
func Await(ctx context.Context, e engine.Objects, a *v1alpha1.Alias) error {
	end := time.Now().Add(settle)
	for {
		ready := meta.FindStatusCondition(a.Status.Conditions, v1alpha1.ConditionReady)
		current := ready != nil && a.Status.ObservedGeneration >= a.Generation
		if current && ready.Status == metav1.ConditionTrue {
			return nil
		}
		if current && ready.Status == metav1.ConditionFalse {
			return fmt.Errorf("alias %q of %q does not work: %s: %s", a.Spec.Name, a.Spec.FunctionName, ready.Reason, ready.Message)
		}
		if time.Now().After(end) {
			return fmt.Errorf("alias %q of %q does not follow after %s", a.Spec.Name, a.Spec.FunctionName, settle)
		}
		if !pause(ctx, glance) {
			return ctx.Err()
		}
		if err := e.Get(ctx, a.Name, a); err != nil {
			return fmt.Errorf("look at alias %q of %q: %w", a.Spec.Name, a.Spec.FunctionName, err)
		}
	}
}

// pause waits, and reports whether ctx still holds.
func pause(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}
