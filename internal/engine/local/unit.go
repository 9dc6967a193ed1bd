package local

import (
	"context"
	"errors"
	"io"
	"os"
	"reflect"
	"strings"

	"github.com/lambkin-dev/lambkin/api/v1alpha1"
	"github.com/lambkin-dev/lambkin/runtime-api/pod"
)

// unit is everything that is needed to run a version of a function, made once from its object. It does not change.
type unit struct {
	generation int64
	pod        pod.Config // without what a run brings: output, directory for temporary files, logger and observer
	code       string     // digest of the archive, in hex
	size       int64      // of the archive
	folders    []string   // in the data directory, not to be swept
	deviations []string   // from the spec, as sentences
}

// runsLike reports whether o may run in u's place without anybody noticing.
func (u *unit) runsLike(o *unit) bool { return reflect.DeepEqual(u.pod, o.pod) }

// startPod runs a unit as a pod: processes, with the function's log and a directory for temporary files.
func (e *Engine) startPod(u *unit) (runner, error) {
	cfg := u.pod
	out, err := e.logs.Writer(cfg.Function)
	if err != nil {
		return nil, err
	}
	cfg.Output = out
	cfg.Logger = e.log.With("function", cfg.Function, "version", cfg.Version)
	if e.cfg.Observe != nil {
		cfg.Observer = e.cfg.Observe(cfg.Function, cfg.Version)
	}
	cfg.TmpDir, err = e.newTmp()
	if err != nil {
		return nil, errors.Join(err, out.Close())
	}
	p := &podRunner{Pod: pod.New(cfg), out: out, tmp: cfg.TmpDir}
	p.Start()
	return p, nil
}

func (e *Engine) newTmp() (string, error) {
	if err := os.MkdirAll(e.tmpDir(), 0o711); err != nil { //nolint:gosec // functions may run as another user
		return "", err
	}
	dir, err := os.MkdirTemp(e.tmpDir(), "pod-")
	if err != nil {
		return "", err
	}
	return dir, os.Chmod(dir, 0o711) //nolint:gosec // as above
}

// podRunner is a pod with what it was lent.
type podRunner struct {
	*pod.Pod
	out io.Closer
	tmp string
}

// Shutdown ends the pod and gives back what it was lent.
func (p *podRunner) Shutdown(ctx context.Context) error {
	return errors.Join(p.Pod.Shutdown(ctx), p.out.Close(), os.RemoveAll(p.tmp))
}

// Failure is how the pod's last init failed, with the reason that this is for conditions.
func (p *podRunner) Failure() error {
	f := p.InitFailure()
	if f == nil {
		return nil
	}
	reason := v1alpha1.ReasonInitFailed
	switch {
	case strings.HasPrefix(f.Type, "Extension."):
		reason = v1alpha1.ReasonExtensionFailed
	case f.Type == "Sandbox.Timedout":
		reason = v1alpha1.ReasonInitTimeout
	case f.Type == "Runtime.InvalidEntrypoint":
		reason = v1alpha1.ReasonEntrypointInvalid
	}
	return v1alpha1.Failf(reason, "%s: %s", f.Type, f.Message)
}
