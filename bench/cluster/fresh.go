package main

import (
	"context"
	"fmt"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	servingv1 "knative.dev/serving/pkg/apis/serving/v1"

	"github.com/lambkin-dev/lambkin/api/v1alpha1"
	"github.com/lambkin-dev/lambkin/bench/table"
)

// zips measures from the beginning of an upload to the first answer. The layer with the code is new to the node each time,
// on both sides.
func (b *bench) zips(ctx context.Context) ([]table.Row, error) {
	model, err := b.model(ctx)
	if err != nil {
		return nil, err
	}
	c, err := pairs(ctx, b.rounds, b.firstAnswer("zip", asZip, b.program), b.readiness(model))
	if err != nil {
		return nil, err
	}
	b.say("zip: %v : %v", c.ours, c.theirs)
	return []table.Row{c.row("from a zip's upload to the first 200, in units of a plain Service's from its creation to Ready", 1.5)}, nil
}

// model is a Service that the controller made of a function, to be copied.
func (b *bench) model(ctx context.Context) (*servingv1.Service, error) {
	zip, err := b.program("")
	if err != nil {
		return nil, err
	}
	fn, err := b.deploy(ctx, "model", zip, asZip)
	if err != nil {
		return nil, err
	}
	svc, err := b.serviceOf(ctx, fn)
	if err != nil {
		return nil, err
	}
	return svc, b.remove(ctx, fn)
}

// firstAnswer deploys and asks. What archive gives for a mark is made before the clock starts, and removed after it ends.
func (b *bench) firstAnswer(name string, code func(v1alpha1.Blob) v1alpha1.Code, archive func(mark string) ([]byte, error)) side {
	return func(ctx context.Context, round int) (time.Duration, error) {
		zip, err := archive(fmt.Sprint(b.namespace, " ", name, " ", round))
		if err != nil {
			return 0, err
		}
		if err := b.noPods(ctx); err != nil {
			return 0, err
		}
		begin := time.Now()
		fn, err := b.deploy(ctx, fmt.Sprintf("%s-%d", name, round), zip, code)
		if err != nil {
			return 0, err
		}
		if _, err := b.ask(ctx, fn.Status.URL); err != nil {
			return 0, err
		}
		took := time.Since(begin)
		return took, b.remove(ctx, fn)
	}
}

// readiness creates a plain Service, whose image is in the registry already.
func (b *bench) readiness(model *servingv1.Service) side {
	return func(ctx context.Context, round int) (time.Duration, error) {
		image, err := b.plainImage(ctx, fmt.Sprint(b.namespace, " plain ", round))
		if err != nil {
			return 0, err
		}
		if err := b.noPods(ctx); err != nil {
			return 0, err
		}
		begin := time.Now()
		svc, err := b.create(ctx, plainOf(model, fmt.Sprintf("plain-%d", round), image))
		if err != nil {
			return 0, err
		}
		took := time.Since(begin)
		return took, b.remove(ctx, &servingv1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: svc.Namespace, Name: svc.Name}})
	}
}
