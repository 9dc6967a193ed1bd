package command

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/lambkin-dev/lambkin/api/v1alpha1"
	"github.com/lambkin-dev/lambkin/cli/terminal"
	"github.com/lambkin-dev/lambkin/internal/engine"
)

// How often a function is looked at first, and at most.
const (
	firstLook = 5 * time.Millisecond
	slowLook  = 250 * time.Millisecond
)

// patience is how long is waited where the person says nothing.
func (a *App) patience() time.Duration {
	if a.onCluster() {
		return clusterPatience
	}
	return localPatience
}

// native is the architecture that code is for where nobody names one: this machine's, or that of a cluster's nodes where
// it is not the one that functions have by default.
func (a *App) native(ctx context.Context) v1alpha1.Architecture {
	if !a.onCluster() {
		return hostArchitecture()
	}
	c, err := a.cluster()
	if err != nil {
		return ""
	}
	if native := c.Architecture(ctx); native != v1alpha1.ArchitectureX86 {
		return native
	}
	return ""
}

// subject is an object that becomes ready: a function or a version.
type subject struct {
	obj    v1alpha1.Object
	status *v1alpha1.FunctionStatus // the object's
	name   string                   // as people call it
	after  string                   // a build whose successor is awaited; empty if none is
	verb   string                   // what shows more of it
}

// subjectOf makes a subject of a *Function or a *Version.
func subjectOf(obj v1alpha1.Object) subject {
	switch o := obj.(type) {
	case *v1alpha1.Function:
		return subject{obj: o, status: &o.Status, name: fmt.Sprintf("function %q", lambdaName(o)), verb: "lambkin describe " + lambdaName(o)}
	case *v1alpha1.Version:
		name := fmt.Sprintf("version %d of %q", o.Spec.Version, o.Spec.FunctionName)
		return subject{obj: o, status: &o.Status, name: name, verb: "lambkin get version " + o.Name + " -o yaml"}
	default:
		return subject{obj: obj, status: new(v1alpha1.FunctionStatus), name: path(obj)}
	}
}

// errNotReady says that a function did not become ready.
var errNotReady = errors.New("not ready")

// await waits until the current generation of a subject serves, and fills its object with it. It tells how far it is, and
// prints what its build prints.
func (a *App) await(ctx context.Context, e engine.Objects, s subject, patience time.Duration) error {
	progress := a.IO.Begin("wait for " + s.name)
	defer progress.Done()
	log := a.newBuildLog(ctx)
	defer log.end()
	ctx, cancel := context.WithTimeoutCause(ctx, patience, errNotReady)
	defer cancel()
	for pause := firstLook; ; pause = min(2*pause, slowLook) {
		if err := e.Get(ctx, s.obj.GetName(), s.obj); err != nil && ctx.Err() == nil {
			return fmt.Errorf("look at %s: %w", s.name, err)
		}
		done, err := s.outcome()
		if !done || err != nil {
			log.look(s) // a build that was over before we looked has failed, or is of no interest
		}
		if done {
			return err
		}
		a.sayHowFar(s, progress)
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			if errors.Is(context.Cause(ctx), errNotReady) {
				return fmt.Errorf("%s is %w after %s: \"%s\" shows how far it is", s.name, errNotReady, patience, s.verb)
			}
			return ctx.Err()
		}
	}
}

// ready is the condition about the current generation; nil while nobody has looked at it.
func (s subject) ready() *metav1.Condition {
	c := meta.FindStatusCondition(s.status.Conditions, v1alpha1.ConditionReady)
	if c == nil || s.status.ObservedGeneration < s.obj.GetGeneration() {
		return nil
	}
	return c
}

// outcome says whether there is nothing more to wait for, and why it failed if it did.
func (s subject) outcome() (done bool, err error) {
	c := s.ready()
	switch {
	case c == nil || c.Status == metav1.ConditionUnknown || s.buildIsDue():
		return false, nil
	case c.Status == metav1.ConditionTrue:
		return true, nil
	default:
		return true, fmt.Errorf("%s is %w: %s: %s", s.name, errNotReady, c.Reason, c.Message)
	}
}

// buildIsDue reports whether a build that is awaited has not come to its end yet.
func (s subject) buildIsDue() bool {
	last := s.status.LastBuild
	return s.after != "" && (last == nil || last.Name == s.after || last.Succeeded == metav1.ConditionUnknown)
}

func (a *App) sayHowFar(s subject, progress *terminal.Progress) {
	if c := s.ready(); c != nil {
		progress.Say(brief(c.Message))
	}
}

// brief leaves out what the one who waits knows: that it is being worked on.
func brief(message string) string {
	first, rest, more := strings.Cut(message, ". ")
	if more && strings.Contains(first, " is being ") {
		return rest
	}
	return message
}

// buildLog prints what the build of a subject prints, while somebody waits for it.
type buildLog struct {
	app    *App
	builds builds
	ctx    context.Context //nolint:containedctx // the life of the goroutine that prints
	cancel context.CancelFunc
	ended  sync.WaitGroup
	name   string // the build that is printed
}

func (a *App) newBuildLog(ctx context.Context) *buildLog {
	l := &buildLog{app: a}
	l.ctx, l.cancel = context.WithCancel(ctx)
	if found, err := a.builds(); err == nil {
		l.builds = found
	}
	return l
}

// look begins to print once a build of the current generation is there. A generation has one build.
func (l *buildLog) look(s subject) {
	b := s.status.LastBuild
	if b == nil || b.Name == l.name || b.Name == s.after || b.Generation != s.obj.GetGeneration() || l.builds == nil {
		return
	}
	l.name = b.Name
	l.ended.Go(func() {
		_, err := l.builds.FollowBuild(l.ctx, b.Name, l.app.tellBuild)
		if err != nil && l.ctx.Err() == nil {
			l.app.IO.Notef("%s: %v", b.Name, err)
		}
	})
}

// tellBuild prints a line of a build with the name of its step.
func (a *App) tellBuild(step, line string) {
	a.IO.Notef("%s %s", a.IO.Paint(terminal.Dim, "["+step+"]"), line)
}

// lastLines is how long the last lines of a build may take after its outcome is known.
const lastLines = 3 * time.Second

// end waits for the last lines.
func (l *buildLog) end() {
	timer := time.AfterFunc(lastLines, l.cancel)
	defer timer.Stop()
	l.ended.Wait()
	l.cancel()
}
