package code

import (
	"context"
	"fmt"
	"slices"

	tekton "github.com/tektoncd/pipeline/pkg/apis/pipeline/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/lambkin-dev/lambkin/api/v1alpha1"
)

// others are the owner's builds but this one.
func (r *Resolver) others(ctx context.Context, b *build) ([]tekton.TaskRun, error) {
	list := new(tekton.TaskRunList)
	err := r.cfg.Client.List(ctx, list, client.InNamespace(b.namespace), client.MatchingLabels{v1alpha1.LabelFunction: b.FunctionName})
	if kindMissing(err) {
		return nil, tektonMissing()
	}
	if err != nil {
		return nil, fmt.Errorf("cannot list the builds of %q: %w", b.FunctionName, err)
	}
	return slices.DeleteFunc(list.Items, func(run tekton.TaskRun) bool {
		return run.Name == b.name || !metav1.IsControlledBy(&run, b.Owner)
	}), nil
}

// cancelOthers ends builds whose image nobody waits for any more.
func (r *Resolver) cancelOthers(ctx context.Context, b *build) error {
	all, err := r.others(ctx, b)
	if err != nil {
		return err
	}
	for i := range all {
		run := &all[i]
		if succeeded(run) != corev1.ConditionUnknown || run.Spec.Status != "" {
			continue
		}
		patch := fmt.Appendf(nil, `{"spec":{"status":%q,"statusMessage":%q}}`, tekton.TaskRunSpecStatusCancelled, "superseded by build "+b.name)
		if err := r.cfg.Client.Patch(ctx, run, client.RawPatch(types.MergePatchType, patch)); err != nil && !apierrors.IsNotFound(err) {
			return fmt.Errorf("cannot cancel build %q: %w", run.Name, err)
		}
	}
	return nil
}

// prune removes finished builds beyond those that are to be kept, once, when a build has come to its end. The one that made
// the image of now is never removed: it would be made again. What cannot be removed now is the next time, and keeps
// nobody waiting.
func (r *Resolver) prune(ctx context.Context, b *build) {
	last := b.LastBuild
	if last != nil && last.Name == b.name && last.Succeeded != metav1.ConditionUnknown {
		return // it was told before
	}
	all, err := r.others(ctx, b)
	if err != nil {
		r.cfg.Log.Error("old builds stay", "namespace", b.namespace, "function", b.FunctionName, "error", err)
		return
	}
	all = slices.DeleteFunc(all, func(run tekton.TaskRun) bool { return succeeded(&run) == corev1.ConditionUnknown })
	slices.SortFunc(all, func(a, b tekton.TaskRun) int { return ended(&b).Compare(ended(&a).Time) })
	for i := max(b.platform.Build.Keep-1, 0); i < len(all); i++ {
		run := &all[i]
		err := r.cfg.Client.Delete(ctx, run, client.Preconditions{UID: &run.UID}, client.PropagationPolicy(metav1.DeletePropagationBackground))
		if err != nil && !apierrors.IsNotFound(err) && !apierrors.IsConflict(err) {
			r.cfg.Log.Error("an old build stays", "namespace", b.namespace, "build", run.Name, "error", err)
		}
	}
}

// ended is when a build came to its end, or was made if that is not known.
func ended(run *tekton.TaskRun) *metav1.Time {
	if run.Status.CompletionTime != nil {
		return run.Status.CompletionTime
	}
	return &run.CreationTimestamp
}
