package deploy

import (
	tektonv1 "github.com/tektoncd/pipeline/pkg/apis/pipeline/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"knative.dev/pkg/apis"
	"knative.dev/serving/pkg/apis/autoscaling"
	servingv1 "knative.dev/serving/pkg/apis/serving/v1"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"

	"github.com/lambkin-dev/lambkin/controller/watch"
)

// ServiceKind is the kind that Knative Serving is there by.
func ServiceKind() schema.GroupVersionKind { return servingv1.SchemeGroupVersion.WithKind("Service") }

// Watches are the events that the controller of what is deployed has to know of.
type Watches struct {
	watch.Setup

	// Owner is an object of the kind that is deployed.
	Owner client.Object
	// ByLabel gives the object that a Revision or pod runs.
	ByLabel handler.MapFunc
}

// Pods adds pods that are in trouble to a controller in the making.
func (w Watches) Pods(b *builder.Builder) *builder.Builder {
	return b.Watches(new(corev1.Pod), handler.EnqueueRequestsFromMapFunc(w.ByLabel), builder.WithPredicates(inTrouble()))
}

// Late adds Services, Revisions and builds to a controller, each as soon as the cluster has the kind.
func (w Watches) Late(c controller.Controller) {
	owner := handler.EnqueueRequestForOwner(w.Manager.GetScheme(), w.Manager.GetRESTMapper(), w.Owner, handler.OnlyControllerOwner())
	byLabel := handler.EnqueueRequestsFromMapFunc(w.ByLabel)
	serving := servingv1.SchemeGroupVersion
	w.later(c, serving.WithKind("Service"), new(servingv1.Service), owner)
	w.later(c, serving.WithKind("Revision"), new(servingv1.Revision), byLabel, turns())
	w.later(c, tektonv1.SchemeGroupVersion.WithKind("TaskRun"), new(tektonv1.TaskRun), owner)
}

func (w Watches) later(c controller.Controller, kind schema.GroupVersionKind, obj client.Object,
	then handler.TypedEventHandler[client.Object, reconcile.Request], only ...predicate.Predicate,
) {
	w.Kinds.When(kind, func() error {
		return c.Watch(source.Kind(w.Manager.GetCache(), obj, then, only...))
	})
}

// inTrouble lets through pods that have come into trouble, or into another.
func inTrouble() predicate.Predicate {
	trouble := func(obj client.Object) string {
		if pod, ok := obj.(*corev1.Pod); ok {
			return Trouble(pod)
		}
		return ""
	}
	return predicate.Funcs{
		CreateFunc:  func(e event.CreateEvent) bool { return trouble(e.Object) != "" },
		UpdateFunc:  func(e event.UpdateEvent) bool { return trouble(e.ObjectNew) != trouble(e.ObjectOld) },
		DeleteFunc:  func(event.DeleteEvent) bool { return false },
		GenericFunc: func(event.GenericEvent) bool { return false },
	}
}

// turns lets through Revisions that have become ready or failed, or fail for another reason. They also change whenever a
// function's pods come and go, which is of no concern unless some of them are to be kept.
func turns() predicate.Predicate {
	return predicate.Funcs{UpdateFunc: func(e event.UpdateEvent) bool {
		was, ok := e.ObjectOld.(*servingv1.Revision)
		is, ok2 := e.ObjectNew.(*servingv1.Revision)
		if !ok || !ok2 {
			return true
		}
		for _, t := range []apis.ConditionType{
			servingv1.RevisionConditionReady, servingv1.RevisionConditionContainerHealthy, servingv1.RevisionConditionResourcesAvailable,
		} {
			if !equality.Semantic.DeepEqual(was.Status.GetCondition(t), is.Status.GetCondition(t)) {
				return true
			}
		}
		return keepsPods(is) && !equality.Semantic.DeepEqual(was.Status.ActualReplicas, is.Status.ActualReplicas)
	}}
}

// keepsPods reports whether a Revision has pods although nobody calls.
func keepsPods(rev *servingv1.Revision) bool {
	least := rev.Annotations[autoscaling.MinScaleAnnotationKey]
	return least != "" && least != "0"
}
