package process

import (
	"bytes"
	"context"
	"syscall"
	"testing"
	"time"
)

func shell(script string) Spec {
	return Spec{Path: "/bin/sh", Args: []string{"-c", script}, Env: []string{"PATH=/usr/bin:/bin"}}
}

func TestExit(t *testing.T) {
	for _, tc := range []struct {
		reason, script string
		want           Exit
		text           string
	}{
		{"success has no text", "exit 0", Exit{}, ""},
		{"a status is kept", "exit 3", Exit{Code: 3}, "exit status 3"},
		{"a signal is named", "kill -KILL $$", Exit{Code: -1, Signal: syscall.SIGKILL}, "signal: killed"},
		{"a crash is named", "kill -SEGV $$", Exit{Code: -1, Signal: syscall.SIGSEGV}, "signal: segmentation fault"},
	} {
		t.Run(tc.reason, func(t *testing.T) {
			p, err := Start(shell(tc.script))
			if err != nil {
				t.Fatal(err)
			}
			<-p.Done()
			if got := p.Exit(); got != tc.want || got.String() != tc.text {
				t.Errorf("Exit() = %+v %q, want %+v %q", got, got, tc.want, tc.text)
			}
		})
	}
}

func TestStopKillsWhatIgnoresSIGTERM(t *testing.T) {
	var out bytes.Buffer
	spec := shell("trap '' TERM; setsid sleep 1000 & echo ready; while :; do sleep 1; done")
	spec.Stdout = &out
	p, err := Start(spec)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	p.Stop(ctx)
	if got := p.Exit().Signal; got != syscall.SIGKILL {
		t.Errorf("ended by %v, want killed", got)
	}
	if left := p.members.members(); len(left) != 0 {
		t.Errorf("still alive: %v", left)
	}
}
