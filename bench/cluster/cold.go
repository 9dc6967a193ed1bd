package main

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"time"

	"github.com/lambkin-dev/lambkin/bench/table"
)

// sleepers is how many functions, and as many plain Services, sleep at once: Knative takes half a minute to put one to
// sleep, and waking one takes a second.
const sleepers = 4

// warmBatch is how many requests in a row are one measurement of what is warm.
const warmBatch = 100

// twin is a function and the plain Service that is its yardstick.
type twin struct {
	function, plain string // URLs
}

func architecture() string { return runtime.GOARCH }

// twins deploys functions, and plain Services like them.
func (b *bench) twins(ctx context.Context, name string, n int) ([]twin, error) {
	zip, err := b.program("")
	if err != nil {
		return nil, err
	}
	image, err := b.plainImage(ctx, "")
	if err != nil {
		return nil, err
	}
	all := make([]twin, n)
	for i := range all {
		fn, err := b.deploy(ctx, fmt.Sprintf("%s-%d", name, i), zip, asZip)
		if err != nil {
			return nil, err
		}
		made, err := b.serviceOf(ctx, fn)
		if err != nil {
			return nil, err
		}
		svc, err := b.create(ctx, plainOf(made, fmt.Sprintf("%s-plain-%d", name, i), image))
		if err != nil {
			return nil, err
		}
		all[i] = twin{fn.Status.URL, svc.Status.URL.String()}
	}
	return all, nil
}

// coldStarts measures the first request to what has no pod.
func (b *bench) coldStarts(ctx context.Context) ([]table.Row, error) {
	all, err := b.twins(ctx, "cold", sleepers)
	if err != nil {
		return nil, err
	}
	var c compared
	for round := range (b.rounds*2 + sleepers - 1) / sleepers {
		if err := b.noPods(ctx); err != nil {
			return nil, err
		}
		more, err := pairs(ctx, len(all),
			func(ctx context.Context, i int) (time.Duration, error) { return b.ask(ctx, all[i].function) },
			func(ctx context.Context, i int) (time.Duration, error) { return b.ask(ctx, all[i].plain) })
		if err != nil {
			return nil, err
		}
		b.say("cold, round %d: %v : %v", round, more.ours, more.theirs)
		c.ours, c.theirs = append(c.ours, more.ours...), append(c.theirs, more.theirs...)
	}
	return []table.Row{c.row("cold start from zero, in units of the plain Service's", 1.15)}, nil
}

// warmRequests measures one caller after another on a connection that is kept.
func (b *bench) warmRequests(ctx context.Context) ([]table.Row, error) {
	all, err := b.twins(ctx, "warm", 1)
	if err != nil {
		return nil, err
	}
	batch := func(url string) side {
		return func(ctx context.Context, _ int) (time.Duration, error) {
			took := make([]time.Duration, warmBatch)
			for i := range took {
				if took[i], err = b.ask(ctx, url); err != nil {
					return 0, err
				}
			}
			return table.Median(took), nil
		}
	}
	ours, theirs := batch(all[0].function), batch(all[0].plain)
	if _, err := pairs(ctx, 2, ours, theirs); err != nil { // warms up
		return nil, err
	}
	c, err := pairs(ctx, max(4*b.rounds, 20), ours, theirs)
	if err != nil {
		return nil, err
	}
	b.say("warm: %v : %v", slices.Sorted(slices.Values(c.ours)), slices.Sorted(slices.Values(c.theirs)))
	return []table.Row{c.row("warm request through the ingress, median, in units of the plain Service's", 1.2)}, nil
}
