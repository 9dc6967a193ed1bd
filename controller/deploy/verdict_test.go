package deploy

import (
	"errors"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"knative.dev/pkg/apis"
	duckv1 "knative.dev/pkg/apis/duck/v1"
	servingv1 "knative.dev/serving/pkg/apis/serving/v1"

	"github.com/lambkin-dev/lambkin/api/v1alpha1"
)

func condition(t apis.ConditionType, status corev1.ConditionStatus, reason, message string) apis.Condition {
	return apis.Condition{Type: t, Status: status, Reason: reason, Message: message}
}

// knative is a Service as Knative has left it.
func knative(created, ready string, conditions ...apis.Condition) *servingv1.Service {
	s := &servingv1.Service{ObjectMeta: metav1.ObjectMeta{Name: "orders", Namespace: "shop", Generation: 3}}
	s.Status.ObservedGeneration = 3
	s.Status.LatestCreatedRevisionName, s.Status.LatestReadyRevisionName = created, ready
	s.Status.Conditions = duckv1.Conditions(conditions)
	return s
}

func configuration(status corev1.ConditionStatus, reason, message string) apis.Condition {
	return condition(servingv1.ServiceConditionConfigurationsReady, status, reason, message)
}

func routes(status corev1.ConditionStatus, reason, message string) apis.Condition {
	return condition(servingv1.ServiceConditionRoutesReady, status, reason, message)
}

func ready(status corev1.ConditionStatus) apis.Condition {
	return condition(servingv1.ServiceConditionReady, status, "", "")
}

// revision is a Revision with one condition.
func revision(t apis.ConditionType, status corev1.ConditionStatus, reason, message string) *servingv1.Revision {
	r := &servingv1.Revision{ObjectMeta: metav1.ObjectMeta{Name: "orders-00002", Generation: 1}}
	r.Status.ObservedGeneration = 1
	r.Status.Conditions = duckv1.Conditions{
		condition(t, status, reason, message), condition(servingv1.RevisionConditionReady, status, reason, message),
	}
	return r
}

func TestJudge(t *testing.T) {
	const unknown, yes, no = corev1.ConditionUnknown, corev1.ConditionTrue, corev1.ConditionFalse
	stale := knative("orders-00001", "orders-00001", ready(yes))
	stale.Status.ObservedGeneration = 2
	failed := configuration(no, "RevisionFailed", `Revision "orders-00002" failed with message: x.`)
	cases := map[string]struct {
		why    string
		svc    *servingv1.Service
		rev    *servingv1.Revision
		pods   []corev1.Pod
		ready  bool
		doing  string
		reason v1alpha1.Reason
		says   string
	}{
		"Stale": {why: "Knative's status is of another spec.", svc: stale, doing: "Knative is about to take it up."},
		"Ready": {why: "All is well.", svc: knative("orders-00002", "orders-00002", ready(yes), configuration(yes, "", ""), routes(yes, "", "")), ready: true},
		"New":   {why: "Nothing is there yet.", svc: knative("", ""), doing: "Knative is making a revision."},
		"OutOf": {why: "The Configuration has not seen the spec.", svc: knative("orders-00001", "orders-00001", configuration(unknown, "OutOfDate", "")), doing: "Knative is making a revision."},
		"Mended": {
			why: "What failed was of the spec before.", svc: knative("orders-00002", "", configuration(unknown, "OutOfDate", "")),
			rev:   revision(servingv1.RevisionConditionContainerHealthy, no, "ExitCode1", "Container failed with: Extension.Crash: it crashed"),
			doing: "Knative is making a revision.",
		},
		"Starts":  {why: "The new Revision comes up beside the old.", svc: knative("orders-00002", "orders-00001", configuration(unknown, "", "")), doing: "Revision orders-00002 is starting."},
		"Moves":   {why: "The Route is last.", svc: knative("orders-00002", "orders-00002", configuration(yes, "", ""), routes(unknown, "", "")), doing: "Requests are being moved to revision orders-00002."},
		"Before":  {why: "A Route may still say what was before.", svc: knative("orders-00002", "orders-00002", configuration(yes, "", ""), routes(no, "RevisionMissing", "no ready Revision")), doing: "Requests are being moved to revision orders-00002."},
		"NoRoute": {why: "The Route may fail.", svc: knative("orders-00002", "orders-00002", configuration(yes, "", ""), routes(no, "IngressClassMissing", "no ingress\nclass")), reason: v1alpha1.ReasonRouteFailed, says: "no ingress class"},
		"Pod": {
			why: "What can be seen in a pod is told before Knative does.", svc: knative("orders-00002", "orders-00001", configuration(unknown, "", "")),
			pods: []corev1.Pod{podWaiting("a", "ErrImagePull", "not found")}, reason: v1alpha1.ReasonImageNotFound, says: "not found",
		},
		"Exit": {
			why: "Knative tells how the container ended.", svc: knative("orders-00002", "orders-00001", failed),
			rev:    revision(servingv1.RevisionConditionContainerHealthy, no, "ExitCode1", "Container failed with: Extension.Crash: it crashed"),
			reason: v1alpha1.ReasonExtensionFailed, says: "Extension.Crash: it crashed",
		},
		"Digest": {
			why: "Knative cannot find the image.", svc: knative("orders-00002", "", failed),
			rev:    revision(servingv1.RevisionConditionContainerHealthy, no, "ContainerMissing", `Unable to fetch image "x": unauthorized`),
			reason: v1alpha1.ReasonImageUnavailable, says: "unauthorized",
		},
		"Deadline": {
			why: "Nothing is known but that it took too long.", svc: knative("orders-00002", "", failed),
			rev:    revision(servingv1.RevisionConditionResourcesAvailable, no, "ProgressDeadlineExceeded", "Initial scale was never achieved"),
			reason: v1alpha1.ReasonRevisionFailed, says: "no pod became ready in 10m0s",
		},
		"Nodes": {
			why: "No node has room now; other pods end, and clusters add nodes.", svc: knative("orders-00002", "", failed),
			rev:   revision(servingv1.RevisionConditionResourcesAvailable, no, "Unschedulable", "0/3 nodes are available: 3 Insufficient memory."),
			doing: "Revision orders-00002 waits for a node: 0/3 nodes are available: 3 Insufficient memory.",
		},
		"Quota": {
			why: "The namespace has no room, and the sentence stays the same with each pod that is tried.", svc: knative("orders-00002", "", failed),
			rev: revision(servingv1.RevisionConditionResourcesAvailable, no, "FailedCreate",
				`pods "orders-00002-deployment-abc-xyz" is forbidden: exceeded quota: q, requested: pods=1`),
			reason: v1alpha1.ReasonRefused, says: "its pods were refused: exceeded quota: q, requested: pods=1",
		},
		"Waits": {
			why: "Knative repeats what the kubelet says once the deadline has passed.", svc: knative("orders-00002", "", failed),
			rev:    revision(servingv1.RevisionConditionResourcesAvailable, no, "CreateContainerConfigError", `secret "db" not found`),
			reason: v1alpha1.ReasonSecretNotFound, says: `secret "db" not found`,
		},
		"NotOwned": {
			why: "A Deployment of the name is somebody else's.", svc: knative("orders-00002", "", failed),
			rev:    revision(servingv1.RevisionConditionResourcesAvailable, no, "NotOwned", "There is an existing Deployment"),
			reason: v1alpha1.ReasonNameTaken, says: "existing Deployment",
		},
		"Creation": {
			why: "The Revision was refused.", svc: knative("orders-00001", "orders-00001", configuration(no, "RevisionFailed", "Revision creation failed with message: denied.")),
			reason: v1alpha1.ReasonRefused, says: "denied",
		},
		"Taken": {
			why: "A Configuration of the name is somebody else's.", svc: knative("", "", configuration(no, "NotOwned", `There is an existing Configuration "orders" that we do not own.`)),
			reason: v1alpha1.ReasonNameTaken, says: "Configuration",
		},
		"Gone": {
			why: "The Revision that failed is not to be seen.", svc: knative("orders-00002", "orders-00001", failed),
			reason: v1alpha1.ReasonRevisionFailed, says: "failed with message: x.",
		},
		"Recovers": {
			why: "The Revision is on its way again and the Configuration has not seen it.", svc: knative("orders-00002", "orders-00001", failed),
			rev: revision(servingv1.RevisionConditionContainerHealthy, unknown, "Deploying", ""), doing: "Revision orders-00002 is starting.",
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got := judge(tc.svc, tc.rev, tc.pods)
			if got.ready != tc.ready || got.doing != tc.doing {
				t.Errorf("%s got %+v, want ready %v, doing %q", tc.why, got, tc.ready, tc.doing)
			}
			wantFailure(t, got.failure, tc.reason, tc.says)
		})
	}
}

func wantFailure(t *testing.T, err error, reason v1alpha1.Reason, says string) {
	t.Helper()
	f := &v1alpha1.Failure{}
	ok := errors.As(err, &f)
	if reason == "" {
		if err != nil {
			t.Errorf("got failure %v, want none", err)
		}
		return
	}
	if !ok || f.Reason != reason || !strings.Contains(f.Message, says) || strings.Contains(f.Message, "\n") {
		t.Errorf("got failure %#v, want %s with %q in one line", err, reason, says)
	}
}

// pod is a pod with the function's container in a state, and Knative's own beside it.
func pod(name string, c corev1.ContainerStatus) corev1.Pod {
	c.Name, c.Image = "user-container", "registry.example/orders@sha256:1"
	return corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Status: corev1.PodStatus{ContainerStatuses: []corev1.ContainerStatus{
			{Name: "queue-proxy", State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "ErrImagePull", Message: "not ours"}}}, c,
		}},
	}
}

func podWaiting(name, reason, message string) corev1.Pod {
	return pod(name, corev1.ContainerStatus{State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: reason, Message: message}}})
}

func podEnded(reason, message string, code int32) corev1.Pod {
	return pod("a", corev1.ContainerStatus{State: corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{Reason: reason, Message: message, ExitCode: code}}})
}

func podRestarted(message string) corev1.Pod {
	return pod("a", corev1.ContainerStatus{
		State:                corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "CrashLoopBackOff", Message: "back-off 10s"}},
		LastTerminationState: corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{Message: message, ExitCode: 1}},
	})
}

func TestPodFailure(t *testing.T) {
	ready := podRestarted("Runtime.Unknown: once")
	ready.Status.Conditions = []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue}}
	again := podRestarted("Runtime.InvalidEntrypoint: no bootstrap")
	again.Status.Conditions = []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionFalse}}
	again.Status.ContainerStatuses[1].Ready = true
	again.Status.ContainerStatuses[1].State = corev1.ContainerState{Running: new(corev1.ContainerStateRunning)}
	cases := map[string]struct {
		why    string
		pod    corev1.Pod
		reason v1alpha1.Reason
		says   string
	}{
		"Starting":    {"A container that is being made is no failure.", podWaiting("a", "ContainerCreating", ""), "", ""},
		"Ready":       {"What once was is over.", ready, "", ""},
		"Restarted":   {"A start is not yet a recovery.", again, v1alpha1.ReasonEntrypointInvalid, "no bootstrap"},
		"Pull":        {"The cause is told once, without what repeats the image.", podWaiting("a", "ErrImagePull", `rpc error: code = NotFound desc = failed to pull and unpack image "registry.example/orders@sha256:1": failed to resolve reference "registry.example/orders@sha256:1": registry.example/orders@sha256:1: not found`), v1alpha1.ReasonImageNotFound, `image "registry.example/orders@sha256:1" cannot be pulled: not found`},
		"PullBackOff": {"While the kubelet waits the sentence is the same.", podWaiting("a", "ImagePullBackOff", `Back-off pulling image "x": ErrImagePull: rpc error: code = NotFound desc = failed to pull and unpack image "x": not found`), v1alpha1.ReasonImageNotFound, "cannot be pulled: not found"},
		"Name":        {"A name that is none cannot be pulled either.", podWaiting("a", "InvalidImageName", "couldn't parse"), v1alpha1.ReasonImageInvalid, "couldn't parse"},
		"Secret":      {"A Secret is missing.", podWaiting("a", "CreateContainerConfigError", `secret "db" not found`), v1alpha1.ReasonSecretNotFound, `secret "db" not found`},
		"SecretKey":   {"Or a key in it.", podWaiting("a", "CreateContainerConfigError", "couldn't find key password in Secret shop/db"), v1alpha1.ReasonSecretNotFound, "key password"},
		"ConfigMap":   {"A ConfigMap is missing.", podWaiting("a", "CreateContainerConfigError", `configmap "where" not found`), v1alpha1.ReasonConfigMapNotFound, "where"},
		"ConfigKey":   {"Or a key in it.", podWaiting("a", "CreateContainerConfigError", "couldn't find key region in ConfigMap shop/where"), v1alpha1.ReasonConfigMapNotFound, "key region"},
		"Root":        {"The cluster wants no root, and the way out is told.", podWaiting("a", "CreateContainerConfigError", "container has runAsNonRoot and image will run as root"), v1alpha1.ReasonConfigurationUnsupported, "secure-pod-defaults"},
		"Config":      {"Other troubles are told as they are.", podWaiting("a", "CreateContainerConfigError", "failed to sync"), v1alpha1.ReasonRevisionFailed, "failed to sync"},
		"Create":      {"The runtime cannot make the container.", podWaiting("a", "CreateContainerError", "no command specified"), v1alpha1.ReasonEntrypointInvalid, "no command"},
		"Start":       {"Or not start it.", podEnded("StartError", `exec: "/nope": no such file`, 128), v1alpha1.ReasonEntrypointInvalid, "/nope"},
		"Memory":      {"The kernel killed it.", podEnded("OOMKilled", "", 137), v1alpha1.ReasonInitFailed, "raise memorySize"},
		"Init":        {"The runtime reported an error.", podEnded("Error", "Runtime.ImportModuleError: No module named 'x'", 1), v1alpha1.ReasonInitFailed, "Runtime.ImportModuleError: No module named 'x'"},
		"Exit":        {"The runtime ended.", podEnded("Error", "Runtime.ExitError: exit status 1", 1), v1alpha1.ReasonInitFailed, "Runtime.ExitError"},
		"Timeout":     {"The runtime took too long.", podEnded("Error", "Sandbox.Timedout: after 10s", 1), v1alpha1.ReasonInitTimeout, "after 10s"},
		"Extension":   {"An extension failed.", podEnded("Error", "Extension.InitError: no", 1), v1alpha1.ReasonExtensionFailed, "no"},
		"Entrypoint":  {"There is no bootstrap.", podEnded("Error", "Runtime.InvalidEntrypoint: no bootstrap", 1), v1alpha1.ReasonEntrypointInvalid, "no bootstrap"},
		"Words":       {"Others' last words are told too.", podEnded("Error", "panic: boom\n\ngoroutine 1", 2), v1alpha1.ReasonInitFailed, "panic: boom goroutine 1"},
		"Silent":      {"Who says nothing leaves a status.", podEnded("Error", "", 3), v1alpha1.ReasonInitFailed, "status 3"},
		"Done":        {"Ending well is ending too early.", podEnded("Completed", "", 0), v1alpha1.ReasonInitFailed, "status 0"},
		"Again":       {"Before the next try the last one counts.", podRestarted("Runtime.ExitError: again"), v1alpha1.ReasonInitFailed, "Runtime.ExitError: again"},
		"Long":        {"Nobody reads more.", podEnded("Error", strings.Repeat("x", 5000), 1), v1alpha1.ReasonInitFailed, strings.Repeat("x", 1024) + "…"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Log(tc.why)
			wantFailure(t, podsFailure([]corev1.Pod{tc.pod}), tc.reason, tc.says)
		})
	}
}

func TestPodsFailure(t *testing.T) {
	going := podWaiting("0", "ErrImagePull", "going")
	going.DeletionTimestamp = new(metav1.Now())
	pods := []corev1.Pod{podWaiting("c", "ErrImagePull", "third"), podWaiting("a", "ContainerCreating", ""), podWaiting("b", "ErrImagePull", "second"), going}
	for range 3 {
		wantFailure(t, podsFailure(pods), v1alpha1.ReasonImageUnavailable, "second")
		pods = append(pods[1:], pods[0]) // the order of a list says nothing
	}
	wantFailure(t, podsFailure([]corev1.Pod{going}), "", "")
}
