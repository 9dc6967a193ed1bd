package local

import (
	"context"
	"errors"
	"io"
	"time"

	"github.com/lambkin-dev/lambkin/api/v1alpha1"
	"github.com/lambkin-dev/lambkin/internal/engine"
	"github.com/lambkin-dev/lambkin/internal/engine/local/logbook"
	"github.com/lambkin-dev/lambkin/internal/lambda"
)

// PutCode stores an archive. An object must name it before long, or it is removed again.
func (e *Engine) PutCode(ctx context.Context, r io.Reader, limit int64) (v1alpha1.Blob, error) {
	if err := e.usable(ctx); err != nil {
		return v1alpha1.Blob{}, err
	}
	digest, size, err := e.blobs.Put(r, limit)
	if err != nil {
		return v1alpha1.Blob{}, err
	}
	return v1alpha1.Blob{SHA256: digest, Size: size}, nil
}

// OpenCode reads an archive back.
func (e *Engine) OpenCode(ctx context.Context, b v1alpha1.Blob) (io.ReadCloser, error) {
	if err := e.usable(ctx); err != nil {
		return nil, err
	}
	return e.blobs.Open(b.SHA256)
}

// Logs writes a function's log to w.
func (e *Engine) Logs(ctx context.Context, fn lambda.Name, opts engine.LogOptions, w io.Writer) error {
	if err := e.usable(ctx); err != nil {
		return err
	}
	if e.route(fn) == nil {
		return lambda.Errorf(lambda.CodeResourceNotFound, "Function not found: %s", lambda.Reference{Name: fn}.ARN(e.cfg.Identity))
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(e.life, cancel)()
	return e.logs.Read(ctx, fn, logbook.Options{Since: opts.Since, Tail: opts.Tail, Follow: opts.Follow}, w)
}

// sweepLoop removes, now and then, what no object names.
func (e *Engine) sweepLoop() {
	tick := time.NewTicker(e.cfg.SweepInterval)
	defer tick.Stop()
	for {
		select {
		case <-e.life.Done():
			return
		case <-tick.C:
			if err := e.sweep(); err != nil {
				e.log.Error("cannot remove what is not needed", "error", err)
			}
		}
	}
}

func (e *Engine) sweep() error {
	digests, err := e.namedBlobs()
	if err != nil {
		return err
	}
	n, err := e.blobs.Sweep(time.Now().Add(-e.cfg.SweepGrace), func(d string) bool { return digests[d] })
	if err != nil {
		return err
	}
	if n > 0 {
		e.log.Info("removed archives that nobody names", "count", n)
	}
	return errors.Join(e.sweepTrees(), e.logs.Sweep(func(fn lambda.Name) bool { return e.route(fn) != nil }))
}

// sweepTrees removes folders that neither a unit nor a run that still ends uses. It leaves them for the next time if
// units are being made, which must not wait for it.
func (e *Engine) sweepTrees() error {
	if !e.preparing.TryLock() {
		return nil
	}
	defer e.preparing.Unlock()
	used := make(map[string]bool)
	e.runs.folders(used)
	for _, r := range e.allRoutes() {
		for _, s := range r.allSlots() {
			for _, f := range s.folders() {
				used[f] = true
			}
		}
	}
	return e.trees.sweep(used)
}

// namedBlobs are the digests of all archives that objects name, in their specs or as what they serve.
func (e *Engine) namedBlobs() (map[string]bool, error) {
	named := make(map[string]bool)
	var functions v1alpha1.FunctionList
	var versions v1alpha1.VersionList
	var layers v1alpha1.LayerVersionList
	if err := e.store.List(&functions, nil); err != nil {
		return nil, err
	}
	if err := e.store.List(&versions, nil); err != nil {
		return nil, err
	}
	if err := e.store.List(&layers, nil); err != nil {
		return nil, err
	}
	note := func(obj v1alpha1.Object, serving string) {
		named[hexDigest(serving)] = true
		for _, b := range blobsOf(obj) {
			named[b.SHA256] = true
		}
	}
	for i := range functions.Items {
		note(&functions.Items[i], functions.Items[i].Status.CodeSHA256)
	}
	for i := range versions.Items {
		note(&versions.Items[i], versions.Items[i].Status.CodeSHA256)
	}
	for i := range layers.Items {
		note(&layers.Items[i], "")
	}
	return named, nil
}
