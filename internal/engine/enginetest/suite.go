// Package enginetest is the meaning of the engine port: what an engine must do, beyond the comments of package engine, is
// what these cases check. An engine's own test calls [Run] and is done.
//
// The functions that the suite runs are a Go program with the real aws-lambda-go, built once per test binary with the go
// command, and shell scripts.
package enginetest

import (
	"sync"
	"testing"

	"github.com/lambkin-dev/lambkin/internal/engine"
)

// Option tells the suite more about an engine.
type Option func(*suite)

// WithSecrets says how a key of a Secret comes into the engine. Without it the case about secrets is skipped.
func WithSecrets(put func(t *testing.T, e engine.Engine, name, key, value string)) Option {
	return func(s *suite) { s.putSecret = put }
}

// suite is one run of all cases.
type suite struct {
	handler   func() ([]byte, error) // testdata/handler, built once
	putSecret func(t *testing.T, e engine.Engine, name, key, value string)
}

// Run checks an engine. newEngine gives a new one without objects for each case and closes it at the end of the test
// it is given; it must wait well below a second before the first retry of an asynchronous event, and allow 8
// environments for a function.
func Run(t *testing.T, newEngine func(t *testing.T) engine.Engine, options ...Option) {
	t.Helper()
	s := &suite{handler: sync.OnceValues(buildHandler)}
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
	}
	for _, g := range groups {
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
