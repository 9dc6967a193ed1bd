// Package enginetest is the meaning of the engine port: what an engine must do, beyond the comments of package engine, is
// what these cases check. An engine's own test calls [Run] and is done.
//
// The functions that the suite runs are a Go program with the real aws-lambda-go, built once per test binary with the go
// command, and shell scripts.
package enginetest

import (
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/lambkin-dev/lambkin/api/v1alpha1"
	"github.com/lambkin-dev/lambkin/internal/engine"
)

// Option tells the suite more about an engine.
type Option func(*suite)

// WithSecrets says how a key of a Secret comes into the engine. Without it the case about secrets is skipped.
func WithSecrets(put func(t *testing.T, e engine.Engine, name, key, value string)) Option {
	return func(s *suite) { s.putSecret = put }
}

// WithPatience says how long to wait for what must happen, and how long between two looks. Without it the suite waits for
// a minute and looks all the time.
func WithPatience(longest, pause time.Duration) Option {
	return func(s *suite) { s.patience, s.pause = longest, pause }
}

// WithSpec has a part of each function's configuration set as the engine needs it, before a case sets what it is about.
func WithSpec(change func(*v1alpha1.FunctionSpec)) Option {
	return func(s *suite) { s.spec = change }
}

// WithSlowScaling says that it takes a while until there are as many environments as calls: cases that need several at once
// sleep longer, by this factor.
func WithSlowScaling(factor int) Option {
	return func(s *suite) { s.slowness = factor }
}

// WithEagerInit says that the engine starts a function before it calls it ready. Code that does not start is then found out
// by who deploys it; without this option, by who calls it.
func WithEagerInit() Option {
	return func(s *suite) { s.eager = true }
}

// WithMailboxFunction says that destinations of asynchronous invocations cannot reach the test: then a function of the
// engine takes what is posted, at the address that url gives for it.
func WithMailboxFunction(url func(fn *v1alpha1.Function) string) Option {
	return func(s *suite) { s.mailboxURL = url }
}

// WithGroups runs some groups of cases only, for tests of a part of an engine.
func WithGroups(names ...string) Option {
	return func(s *suite) { s.groups = names }
}

// suite is one run of all cases.
type suite struct {
	handler    func() ([]byte, error) // testdata/handler, built once
	putSecret  func(t *testing.T, e engine.Engine, name, key, value string)
	patience   time.Duration
	pause      time.Duration
	spec       func(*v1alpha1.FunctionSpec)
	slowness   int
	eager      bool
	mailboxURL func(fn *v1alpha1.Function) string
	groups     []string // all if nil
}

// Run checks an engine. newEngine gives a new one without objects for each case and closes it at the end of the test
// it is given; it must wait much less before the first retry of an asynchronous event than the suite has patience, and
// allow 8 environments for a function.
func Run(t *testing.T, newEngine func(t *testing.T) engine.Engine, options ...Option) {
	t.Helper()
	s := &suite{
		handler: sync.OnceValues(buildHandler), patience: time.Minute, pause: 5 * time.Millisecond, slowness: 1,
		spec: func(*v1alpha1.FunctionSpec) {},
	}
	for _, o := range options {
		o(s)
	}
	groups := []struct {
		name  string
		cases []testCase
	}{
		{"Objects", objectCases()},
		{"Code", codeCases()},
		{"Lifecycle", lifecycleCases()},
		{"Invoke", invokeCases()},
		{"Versions", versionCases()},
		{"Concurrency", concurrencyCases()},
		{"Async", asyncCases()},
		{"Logs", logCases()},
		{"Configs", configCases()},
	}
	for _, g := range groups {
		if s.groups != nil && !slices.Contains(s.groups, g.name) {
			continue
		}
		t.Run(g.name, func(t *testing.T) {
			for _, c := range g.cases {
				t.Run(c.name, func(t *testing.T) { c.run(t, &fixture{Engine: newEngine(t), suite: s}) })
			}
		})
	}
}

// testCase is one thing that an engine must do.
type testCase struct {
	name string
	run  func(t *testing.T, f *fixture)
}
