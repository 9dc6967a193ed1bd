package install

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// glance is how often what was installed is looked at.
const glance = 500 * time.Millisecond

var errPatience = errors.New("it took too long")

// wait waits until every kind is served and every Deployment is there in full.
func (in *Installer) wait(ctx context.Context, objects []*Object) error {
	ctx, cancel := context.WithTimeoutCause(ctx, in.Patience, errPatience)
	defer cancel()
	for _, o := range objects {
		if err := in.waitOne(ctx, o); err != nil {
			return fmt.Errorf("%s: %w", Name(o), err)
		}
	}
	return nil
}

func (in *Installer) waitOne(ctx context.Context, o *Object) error {
	told := ""
	for {
		lacks, err := in.lacks(ctx, o)
		if err == nil && lacks == "" {
			return nil
		}
		if err != nil && ctx.Err() == nil {
			return err
		}
		if lacks != "" && lacks != told {
			told = lacks
			in.Doing(fmt.Sprintf("wait for %s: %s", Name(o), lacks))
		}
		select {
		case <-time.After(glance):
		case <-ctx.Done():
			if errors.Is(context.Cause(ctx), errPatience) {
				return fmt.Errorf("it does not work after %s: %s", in.Patience, told)
			}
			return ctx.Err()
		}
	}
}

// lacks says what keeps an object from working; nothing if it works, or is of a kind that does nothing.
func (in *Installer) lacks(ctx context.Context, o *Object) (string, error) {
	switch o.GetKind() {
	case "CustomResourceDefinition":
		return in.kindLacks(ctx, o)
	case "Deployment":
		return in.deploymentLacks(ctx, client.ObjectKeyFromObject(o))
	default:
		return "", nil
	}
}

func (in *Installer) kindLacks(ctx context.Context, o *Object) (string, error) {
	now := new(Object)
	now.SetGroupVersionKind(o.GroupVersionKind())
	if err := in.Client.Get(ctx, client.ObjectKeyFromObject(o), now); err != nil {
		return "", fmt.Errorf("look at it: %w", err)
	}
	conditions, _, err := unstructured.NestedSlice(now.Object, "status", "conditions")
	if err != nil {
		return "", fmt.Errorf("its conditions: %w", err)
	}
	established := slices.ContainsFunc(conditions, func(c any) bool {
		condition, _ := c.(map[string]any)
		return condition["type"] == "Established" && condition["status"] == "True"
	})
	if !established {
		return "the API server does not serve it yet", nil
	}
	return "", nil
}

func (in *Installer) deploymentLacks(ctx context.Context, key client.ObjectKey) (string, error) {
	d := new(appsv1.Deployment)
	if err := in.Client.Get(ctx, key, d); err != nil {
		return "", fmt.Errorf("look at it: %w", err)
	}
	wanted := int32(1)
	if d.Spec.Replicas != nil {
		wanted = *d.Spec.Replicas
	}
	current := d.Status.ObservedGeneration >= d.Generation
	if current && d.Status.UpdatedReplicas >= wanted && d.Status.AvailableReplicas >= wanted && d.Status.Replicas == d.Status.UpdatedReplicas {
		return "", nil
	}
	lacks := fmt.Sprintf("%d of %d pods are available", min(d.Status.AvailableReplicas, d.Status.UpdatedReplicas), wanted)
	if trouble := in.trouble(ctx, d); trouble != "" {
		lacks += "; " + trouble
	}
	return lacks, nil
}

// trouble is what the cluster says of the pods of a Deployment that do not get on; nothing if it does not say, or not to us.
func (in *Installer) trouble(ctx context.Context, d *appsv1.Deployment) string {
	if d.Spec.Selector == nil {
		return ""
	}
	pods := new(corev1.PodList)
	if err := in.Client.List(ctx, pods, client.InNamespace(d.Namespace), client.MatchingLabels(d.Spec.Selector.MatchLabels)); err != nil {
		return ""
	}
	for _, p := range pods.Items {
		for _, c := range p.Status.Conditions {
			if c.Type == corev1.PodScheduled && c.Status == corev1.ConditionFalse {
				return fmt.Sprintf("pod %s: %s", p.Name, c.Message)
			}
		}
		for _, c := range slices.Concat(p.Status.InitContainerStatuses, p.Status.ContainerStatuses) {
			w := c.State.Waiting
			if w != nil && w.Reason != "ContainerCreating" && w.Reason != "PodInitializing" {
				return fmt.Sprintf("pod %s: %s: %s", p.Name, w.Reason, w.Message)
			}
		}
	}
	return ""
}
