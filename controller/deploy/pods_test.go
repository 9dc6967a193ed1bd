package deploy

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	servingv1 "knative.dev/serving/pkg/apis/serving/v1"
	"sigs.k8s.io/controller-runtime/pkg/event"
)

func TestStripPod(t *testing.T) {
	full := podEnded("Error", "Runtime.ExitError: x", 1)
	full.Namespace, full.UID, full.ResourceVersion = "shop", "p1", "7"
	full.Labels = map[string]string{"serving.knative.dev/revision": "orders-00001"}
	full.Annotations = map[string]string{"large": "x"}
	full.Status.Conditions = []corev1.PodCondition{{Type: corev1.PodScheduled, Status: corev1.ConditionTrue}, {Type: corev1.PodReady, Status: corev1.ConditionFalse}}
	full.Spec.Containers = []corev1.Container{{Name: "user-container", Env: []corev1.EnvVar{{Name: "PASSWORD", Value: "secret"}}}}
	got, err := StripPod(full.DeepCopy())
	if err != nil {
		t.Fatal(err)
	}
	want := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: "a", Namespace: "shop", UID: "p1", ResourceVersion: "7", Labels: full.Labels},
		Status:     corev1.PodStatus{ContainerStatuses: full.Status.ContainerStatuses[1:]},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("- want, + got:\n%s", diff)
	}
	lean, _ := got.(*corev1.Pod)
	if Trouble(lean) != Trouble(&full) || Trouble(lean) == "" {
		t.Errorf("the trouble is %q, and %q without what was left out", Trouble(&full), Trouble(lean))
	}
	full.Status.Conditions[1] = corev1.PodCondition{Type: corev1.PodReady, Status: corev1.ConditionTrue, Reason: "left out"}
	stripped, err := StripPod(&full)
	if ready, _ := stripped.(*corev1.Pod); err != nil || Trouble(ready) != "" {
		t.Errorf("a pod that is ready became %+v, %v", stripped, err)
	}
	if again, err := StripPod(lean); err != nil || !cmp.Equal(again, got) {
		t.Errorf("doing it twice gives %+v, %v", again, err)
	}
	if other, err := StripPod("no pod"); err != nil || other != "no pod" {
		t.Errorf("another object became %v, %v", other, err)
	}
}

func TestInTrouble(t *testing.T) {
	fine, bad, worse := podWaiting("a", "ContainerCreating", ""), podWaiting("a", "ErrImagePull", "x"), podWaiting("a", "ErrImagePull", "y")
	only := inTrouble()
	cases := map[string]struct {
		got, want bool
	}{
		"NewAndFine":  {only.Create(event.CreateEvent{Object: &fine}), false},
		"NewAndBad":   {only.Create(event.CreateEvent{Object: &bad}), true},
		"Worse":       {only.Update(event.UpdateEvent{ObjectOld: &bad, ObjectNew: &worse}), true},
		"Into":        {only.Update(event.UpdateEvent{ObjectOld: &fine, ObjectNew: &bad}), true},
		"OutOf":       {only.Update(event.UpdateEvent{ObjectOld: &bad, ObjectNew: &fine}), true},
		"StillBad":    {only.Update(event.UpdateEvent{ObjectOld: &bad, ObjectNew: &bad}), false},
		"ComesOrGoes": {only.Delete(event.DeleteEvent{Object: &bad}), false},
		"NoPod":       {only.Create(event.CreateEvent{Object: new(corev1.Node)}), false},
		"Generic":     {only.Generic(event.GenericEvent{Object: &bad}), false},
	}
	for name, tc := range cases {
		if tc.got != tc.want {
			t.Errorf("%s: let through: %v, want %v", name, tc.got, tc.want)
		}
	}
}

func TestTurns(t *testing.T) {
	was := revision(servingv1.RevisionConditionContainerHealthy, corev1.ConditionUnknown, "", "")
	scaled := was.DeepCopy()
	scaled.Status.Conditions = append(scaled.Status.Conditions, condition(servingv1.RevisionConditionActive, corev1.ConditionFalse, "NoTraffic", ""))
	failed := revision(servingv1.RevisionConditionContainerHealthy, corev1.ConditionFalse, "ExitCode1", "x")
	only := turns()
	if only.Update(event.UpdateEvent{ObjectOld: was, ObjectNew: scaled}) {
		t.Error("pods that come and go are let through")
	}
	if !only.Update(event.UpdateEvent{ObjectOld: was, ObjectNew: failed}) {
		t.Error("a failure is not let through")
	}
	if !only.Create(event.CreateEvent{Object: was}) || !only.Delete(event.DeleteEvent{Object: was}) {
		t.Error("a Revision that comes or goes is not let through")
	}
}
