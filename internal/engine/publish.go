package engine

import (
	"context"
	"slices"

	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/lambkin-dev/lambkin/api/v1alpha1"
	"github.com/lambkin-dev/lambkin/internal/lambda"
)

// maxCollisions is how often a number is chosen anew because somebody else took it in the meantime.
const maxCollisions = 100

// PublishVersion makes a Version of a function as it is now. If nothing that a version holds has changed since the last
// one, it gives that one and false. The description replaces the function's unless it is empty. It fails with
// ResourceConflictException if others keep publishing at the same time.
func PublishVersion(ctx context.Context, objects Objects, fn *v1alpha1.Function, description string) (v *v1alpha1.Version, made bool, err error) {
	taken := fn.Status.LatestVersion
	for range maxCollisions {
		existing, err := Versions(ctx, objects, fn.LambdaName())
		if err != nil {
			return nil, false, err
		}
		taken = max(taken, highestVersion(existing))
		next := MakeVersion(fn, taken+1, description)
		if last := len(existing) - 1; last >= 0 && sameVersion(&existing[last], next) {
			return &existing[last], false, nil
		}
		err = objects.Create(ctx, next)
		if err == nil {
			return next, true, nil
		}
		if lambda.CodeOf(err) != lambda.CodeResourceConflict {
			return nil, false, err
		}
		taken++ // by somebody else, or once by a version that was deleted
	}
	return nil, false, lambda.Errorf(lambda.CodeResourceConflict, "Too many versions of %s are being published at once. Try again.", fn.LambdaName())
}

// MakeVersion is the snapshot of a function under a number. What belongs to the function as a whole or to $LATEST alone
// is not in it: tags, reserved and provisioned concurrency, what happens to asynchronous invocations, and the rules for
// recursion and code signing.
func MakeVersion(fn *v1alpha1.Function, number int64, description string) *v1alpha1.Version {
	spec := *fn.Spec.DeepCopy()
	spec.FunctionName = fn.LambdaName()
	spec.Tags, spec.Async = nil, nil
	spec.RecursiveLoop, spec.CodeSigningConfig = "", ""
	if spec.Concurrency != nil {
		spec.Concurrency.Reserved, spec.Concurrency.Provisioned = nil, nil
	}
	if description != "" {
		spec.Description = description
	}
	v := &v1alpha1.Version{Spec: v1alpha1.VersionSpec{FunctionName: spec.FunctionName, Version: number, Function: spec, Image: servingImage(fn)}}
	v.Default()
	if !spec.TakesDefaults() {
		v.Spec.Function = spec
	}
	return v
}

// servingImage is the image of the function as it is now; empty while an older generation serves, and where the engine
// makes no images.
func servingImage(fn *v1alpha1.Function) string {
	ready := meta.FindStatusCondition(fn.Status.Conditions, v1alpha1.ConditionReady)
	if ready == nil || ready.Status != metav1.ConditionTrue || fn.Status.ObservedGeneration != fn.Generation {
		return ""
	}
	return fn.Status.Image
}

// highestVersion is the number of the last version; 0 if there is none.
func highestVersion(existing []v1alpha1.Version) int64 {
	if len(existing) == 0 {
		return 0
	}
	return existing[len(existing)-1].Spec.Version
}

// sameVersion reports whether a new version would hold nothing new. Descriptions do not count; an image that is not known
// yet does not either.
func sameVersion(old, fresh *v1alpha1.Version) bool {
	if old.Spec.Image != "" && fresh.Spec.Image != "" && old.Spec.Image != fresh.Spec.Image {
		return false
	}
	a, b := old.Spec.Function.Effective(""), fresh.Spec.Function.Effective("")
	a.Description, b.Description = "", ""
	return equality.Semantic.DeepEqual(a, b)
}

// Versions gives the versions of a function, lowest first.
func Versions(ctx context.Context, objects Objects, functionName string) ([]v1alpha1.Version, error) {
	var found v1alpha1.VersionList
	if err := objects.List(ctx, &found, map[string]string{v1alpha1.LabelFunction: v1alpha1.ObjectName(functionName)}); err != nil {
		return nil, err
	}
	slices.SortFunc(found.Items, func(a, b v1alpha1.Version) int { return int(a.Spec.Version - b.Spec.Version) })
	return found.Items, nil
}
