package main

import (
	"bytes"
	"context"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"
	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	servingv1 "knative.dev/serving/pkg/apis/serving/v1"

	"github.com/lambkin-dev/lambkin/api/v1alpha1"
	"github.com/lambkin-dev/lambkin/bench/table"
	"github.com/lambkin-dev/lambkin/internal/platform"
)

const (
	// tenth is the part of the functions that comes first.
	tenth = 10
	// creators is how many requests make functions at once.
	creators = 32
	// calm is for how long the controller must look at nothing to be done.
	calm = 20 * time.Second
	// watched is for how long requests are counted then.
	watched = time.Minute
	// flat is how much more a function may cost that comes after many others than one of the first.
	flat = 1.5
)

// many gives the controller a tenth of the functions at once, then all others at once, and nobody takes up what it makes:
// what is measured is the controller alone.
func (b *bench) many(ctx context.Context) ([]table.Row, error) {
	if !b.disturb {
		const what = "the controller with many functions"
		return []table.Row{{What: what, Value: "not measured: Knative's controllers must be stopped for it, see -disturb"}}, nil
	}
	if err := b.stopOthers(ctx); err != nil {
		return nil, err
	}
	if err := b.restart(ctx); err != nil {
		return nil, err
	}
	if err := b.countFlows(ctx); err != nil {
		return nil, err
	}
	m, err := b.manyStates(ctx)
	if err != nil {
		return nil, err
	}
	requests, err := b.restless(ctx)
	if err != nil {
		return nil, err
	}
	return m.rows(requests), nil
}

// stretches are the controller's states before, between and after two lots of functions.
type stretches struct {
	states [3]state
	first  int // functions of the first lot
	second int // and of the second
}

func (b *bench) manyStates(ctx context.Context) (stretches, error) {
	s := stretches{first: b.functions / tenth}
	s.second = b.functions - s.first
	var err error
	if s.states[0], err = b.settled(ctx, 0); err != nil {
		return s, err
	}
	codes, err := b.codes(ctx)
	if err != nil {
		return s, err
	}
	for i, lot := range []struct{ from, to int }{{0, s.first}, {s.first, b.functions}} {
		begin := time.Now()
		if err := b.createAll(ctx, codes, lot.from, lot.to); err != nil {
			return s, err
		}
		b.say("many: %d functions created in %v", lot.to-lot.from, time.Since(begin))
		if s.states[i+1], err = b.settled(ctx, lot.to); err != nil {
			return s, err
		}
		b.say("many: %d functions have their Services after %v: %+v", lot.to, time.Since(begin), s.states[i+1])
	}
	return s, nil
}

// codes are what functions are made of: a zip that has to be baked, and an image that is run as it is.
func (b *bench) codes(ctx context.Context) ([]v1alpha1.Code, error) {
	zip, err := packed(map[string][]byte{"bootstrap": []byte("#!/bin/sh\nexit 1\n")}, "")
	if err != nil {
		return nil, err
	}
	blob, err := b.engine.PutCode(ctx, bytes.NewReader(zip), maxZip)
	if err != nil {
		return nil, err
	}
	image, err := b.plainImage(ctx, "")
	return []v1alpha1.Code{asZip(blob), {Image: &v1alpha1.Image{URI: image, Protocol: v1alpha1.ProtocolHTTP}}}, err
}

// createAll creates functions as quickly as the API server takes them.
func (b *bench) createAll(ctx context.Context, codes []v1alpha1.Code, from, to int) error {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(creators)
	for i := from; i < to; i++ {
		g.Go(func() error {
			fn := makeFunction(b.namespace, fmt.Sprintf("many-%d", i), *codes[i%len(codes)].DeepCopy())
			if fn.Spec.Code.Image != nil {
				fn.Spec.PackageType, fn.Spec.Runtime, fn.Spec.Handler = v1alpha1.PackageTypeImage, "", ""
			}
			return b.client.Create(ctx, fn)
		})
	}
	return g.Wait()
}

// settled waits until there are so many Services, the controller has nothing to do any more, and it has collected its
// garbage since; it does that every two minutes when nothing happens.
func (b *bench) settled(ctx context.Context, services int) (state, error) {
	for {
		n, err := b.countServices(ctx)
		if err != nil {
			return state{}, err
		}
		if n >= services {
			break
		}
		if err := sleep(ctx, 3*time.Second); err != nil {
			return state{}, err
		}
	}
	since, last := time.Now(), state{}
	for {
		now, err := b.controller(ctx)
		if err != nil {
			return now, err
		}
		if now.reconciled != last.reconciled || now.waiting > 0 {
			since = time.Now()
		}
		if last = now; time.Since(since) > calm && now.collected.After(since) {
			return now, nil
		}
		if err := sleep(ctx, 2*time.Second); err != nil {
			return state{}, err
		}
	}
}

// countServices counts the namespace's Knative Services without reading them.
func (b *bench) countServices(ctx context.Context) (int, error) {
	list := new(metav1.PartialObjectMetadataList)
	list.SetGroupVersionKind(servingv1.SchemeGroupVersion.WithKind("ServiceList"))
	if err := b.client.List(ctx, list, client.InNamespace(b.namespace), client.Limit(1)); err != nil {
		return 0, err
	}
	n := len(list.Items)
	if more := list.GetRemainingItemCount(); more != nil {
		n += int(*more)
	}
	return n, nil
}

// restless counts the requests that the controller makes while nothing happens, but for those that tell that it lives.
func (b *bench) restless(ctx context.Context) (float64, error) {
	before, err := b.dispatched(ctx, flowRest)
	if err != nil {
		return 0, err
	}
	if before == 0 {
		return 0, fmt.Errorf("the API server has counted no request of the controller in flow schema %q, although it has made some", flowRest)
	}
	if err := sleep(ctx, watched); err != nil {
		return 0, err
	}
	after, err := b.dispatched(ctx, flowRest)
	return after - before, err
}

// rows judges what a function costs by what it costs after many others.
func (s stretches) rows(requests float64) []table.Row {
	cpu := func(i, n int) time.Duration { return (s.states[i].cpu - s.states[i-1].cpu) / time.Duration(n) }
	memory := func(i, n int) float64 { return (s.states[i].live - s.states[i-1].live) / float64(n) }
	first, second := cpu(1, s.first), cpu(2, s.second)
	what := fmt.Sprintf("of the controller for each of %d functions created at once after %d, in units of what each of these cost", s.second, s.first)
	rows := []table.Row{
		table.Ratio("CPU "+what, second.Seconds()/first.Seconds(), table.AtMost(flat)),
		table.Ratio("memory "+what, memory(2, s.second)/memory(1, s.first), table.AtMost(flat)),
		{
			What:  fmt.Sprintf("requests of the controller in a quiet minute with %d functions, beside its lease and watches", s.first+s.second),
			Value: fmt.Sprint(requests), Bound: "0", Met: requests == 0,
		},
	}
	rows[0].Value += fmt.Sprintf(" (%s : %s)", short(second), short(first))
	rows[1].Value += fmt.Sprintf(" (%.1f kB : %.1f kB)", memory(2, s.second)/1000, memory(1, s.first)/1000)
	return append(rows, table.Row{
		What: fmt.Sprintf("resident memory of the controller with %d functions", s.first+s.second), Value: fmt.Sprintf("%.0f MB", s.states[2].resident/1e6),
	})
}

// stopOthers stops the controllers of Knative and Tekton until the end.
func (b *bench) stopOthers(ctx context.Context) error {
	for _, key := range []client.ObjectKey{
		{Namespace: "knative-serving", Name: "controller"},
		{Namespace: "tekton-pipelines", Name: "tekton-pipelines-controller"},
	} {
		if err := b.scale(ctx, key, 0); err != nil {
			return err
		}
		b.atEnd(func(ctx context.Context) error { return b.scale(ctx, key, 1) })
	}
	return nil
}

func (b *bench) scale(ctx context.Context, key client.ObjectKey, replicas int32) error {
	d := new(appsv1.Deployment)
	if err := b.client.Get(ctx, key, d); err != nil {
		return err
	}
	was := d.DeepCopy()
	d.Spec.Replicas = &replicas
	if err := b.client.Patch(ctx, d, client.MergeFrom(was)); err != nil {
		return err
	}
	return until(ctx, time.Second, fmt.Sprintf("%d pods of %s", replicas, key), func() (bool, error) {
		err := b.client.Get(ctx, key, d)
		return d.Status.Replicas == replicas, err
	})
}

// restart makes the controller start anew, so that what it measured before does not count.
func (b *bench) restart(ctx context.Context) error {
	key := client.ObjectKey{Namespace: platform.Namespace, Name: "lambkin-controller"}
	d := new(appsv1.Deployment)
	if err := b.client.Get(ctx, key, d); err != nil {
		return err
	}
	replicas := *d.Spec.Replicas
	if err := b.scale(ctx, key, 0); err != nil {
		return err
	}
	if err := b.scale(ctx, key, replicas); err != nil {
		return err
	}
	return until(ctx, time.Second, "a controller that leads", func() (bool, error) {
		s, err := b.controller(ctx)
		return err == nil && s.reconciled > 0, nil // a lease may name one that is gone
	})
}
