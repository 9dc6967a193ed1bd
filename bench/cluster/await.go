package main

import (
	"context"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	"knative.dev/serving/pkg/apis/serving"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// patience is how long anything may take that is waited for.
const patience = 5 * time.Minute

// await watches the object of a name, of the kind that list holds, until done says so.
func await[T client.Object](ctx context.Context, b *bench, name string, list client.ObjectList, done func(T) (bool, error)) (T, error) {
	var last T
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	w, err := b.client.Watch(ctx, list, client.InNamespace(b.namespace), client.MatchingFields{"metadata.name": name})
	if err != nil {
		return last, err
	}
	defer w.Stop()
	for e := range w.ResultChan() {
		seen, ok := e.Object.(T)
		if !ok {
			continue
		}
		last = seen
		if ok, err := done(seen); ok || err != nil {
			return last, err
		}
	}
	return last, fmt.Errorf("%T %q is not done after %v", last, name, patience)
}

// until asks again and again, with a pause, until the answer is yes.
func until(ctx context.Context, pause time.Duration, what string, yes func() (bool, error)) error {
	for begin := time.Now(); time.Since(begin) < patience; {
		if ok, err := yes(); ok || err != nil {
			return err
		}
		if err := sleep(ctx, pause); err != nil {
			return err
		}
	}
	return fmt.Errorf("%s: not after %v", what, patience)
}

// noPods waits until no Service of the namespace has a pod, not even one that is ending, and lets the machine settle. Those
// that are ending are hurried: nobody asks them anything any more, and Knative gives them half a minute.
func (b *bench) noPods(ctx context.Context) error {
	err := until(ctx, time.Second/2, "no pods in namespace "+b.namespace, func() (bool, error) {
		pods := new(corev1.PodList)
		if err := b.client.List(ctx, pods, client.InNamespace(b.namespace), client.HasLabels{serving.ServiceLabelKey}); err != nil {
			return false, err
		}
		for i := range pods.Items {
			if err := b.hurry(ctx, &pods.Items[i]); err != nil {
				return false, err
			}
		}
		return len(pods.Items) == 0, nil
	})
	if err != nil {
		return err
	}
	return sleep(ctx, 2*time.Second)
}

// hurry leaves a pod that is ending a second for it.
func (b *bench) hurry(ctx context.Context, pod *corev1.Pod) error {
	if pod.DeletionTimestamp == nil || *pod.DeletionGracePeriodSeconds <= 1 {
		return nil
	}
	return client.IgnoreNotFound(b.client.Delete(ctx, pod, client.GracePeriodSeconds(1), client.Preconditions{UID: &pod.UID}))
}

func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}
