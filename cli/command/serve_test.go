package command

import (
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lambkin-dev/lambkin/cli/terminal"
)

func TestServeFlags(t *testing.T) {
	cases := map[string]struct {
		reason string
		flags  []string // given, apart from --engine
		engine string
		grace  time.Duration
		fault  string
	}{
		"Local":        {reason: "on a machine people wait", engine: "local", grace: 10 * time.Second},
		"Cluster":      {reason: "in a pod the longest invocation comes to its end", engine: "cluster", grace: 920 * time.Second},
		"Grace":        {reason: "unless told otherwise", flags: []string{"grace"}, engine: "cluster", grace: 10 * time.Second},
		"Kubeconfig":   {reason: "one machine is no cluster", flags: []string{"kubeconfig"}, engine: "local", fault: "--kubeconfig has no meaning with --engine=local"},
		"Domain":       {reason: "same", flags: []string{"cluster-domain"}, engine: "local", fault: "--cluster-domain"},
		"DataDir":      {reason: "a gateway keeps nothing", flags: []string{"data-dir"}, engine: "cluster", fault: "--data-dir has no meaning with --engine=cluster"},
		"Context":      {reason: "a gateway takes the file as it is", flags: []string{"context"}, engine: "cluster", fault: "--context"},
		"OtherCluster": {reason: "a gateway on a desk", flags: []string{"kubeconfig", "cluster-domain"}, engine: "cluster", grace: 920 * time.Second},
		"Engine":       {reason: "there are two", engine: "docker", fault: `--engine is "docker": it must be local or cluster`},
	}
	for name, tc := range cases {
		o := &serveOptions{app: &App{}, engine: tc.engine, grace: 10 * time.Second}
		err := o.complete(func(flag string) bool { return slices.Contains(tc.flags, flag) })
		if tc.fault != "" {
			if usage := new(usageError); !errors.As(err, &usage) || !strings.Contains(err.Error(), tc.fault) {
				t.Errorf("%s: %s: got %v, want %q", name, tc.reason, err, tc.fault)
			}
			continue
		}
		if err != nil || o.grace != tc.grace {
			t.Errorf("%s: %s: grace %s, %v; want %s", name, tc.reason, o.grace, err, tc.grace)
		}
	}
}

func TestServeOfNoCluster(t *testing.T) {
	streams := &terminal.Streams{In: strings.NewReader(""), Out: io.Discard, Err: io.Discard}
	app := &App{IO: streams, Getenv: func(name string) string { return map[string]string{"KUBECONFIG": "/nowhere"}[name] }}
	o := &serveOptions{app: app, engine: "cluster", addr: "127.0.0.1:0"}
	if err := o.run(t.Context()); err == nil || !strings.Contains(err.Error(), `"/nowhere"`) {
		t.Errorf("got %v", err)
	}
	app.flags.kubeconfig = "/elsewhere"
	if err := o.run(t.Context()); err == nil || !strings.Contains(err.Error(), `"/elsewhere"`) {
		t.Errorf("a flag goes before the environment: %v", err)
	}
}
