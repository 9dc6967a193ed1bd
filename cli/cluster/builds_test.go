package cluster_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	pipelines "github.com/tektoncd/pipeline/pkg/apis/pipeline/v1"
	corev1 "k8s.io/api/core/v1"
	apimeta "k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"knative.dev/pkg/apis"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/lambkin-dev/lambkin/api/v1alpha1"
	"github.com/lambkin-dev/lambkin/cli/cluster"
	"github.com/lambkin-dev/lambkin/internal/lambda"
)

var noon = time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC)

// run is a build of function orders, made some minutes after noon.
func run(name string, minutes int) *pipelines.TaskRun {
	r := &pipelines.TaskRun{ObjectMeta: meta(name)}
	r.Labels = map[string]string{v1alpha1.LabelFunction: "orders"}
	r.CreationTimestamp = metav1.NewTime(noon.Add(time.Duration(minutes) * time.Minute))
	r.Status.PodName = name + "-pod"
	return r
}

func ended(name string, code int32) pipelines.StepState {
	s := pipelines.StepState{Name: name, Container: "step-" + name}
	s.Terminated = &corev1.ContainerStateTerminated{ExitCode: code, StartedAt: metav1.NewTime(noon), FinishedAt: metav1.NewTime(noon.Add(3 * time.Second))}
	return s
}

func succeed(r *pipelines.TaskRun, status corev1.ConditionStatus, reason string) {
	r.Status.Conditions = append(r.Status.Conditions, apis.Condition{Type: "Succeeded", Status: status, Reason: reason, Message: "because"})
}

func TestBuilds(t *testing.T) {
	second, first, foreign, other := run("b", 2), run("a", 1), run("c", 3), run("d", 0)
	foreign.Labels = nil
	other.Labels[v1alpha1.LabelFunction] = "other"
	elsewhere := run("e", 0)
	elsewhere.Namespace = "elsewhere"
	c, _ := newCluster(t, interceptor.Funcs{}, second, first, foreign, other, elsewhere)
	for function, want := range map[string]string{"orders": "a b", "other": "d", "": "d a b", "nobody": ""} {
		all, err := c.Builds(t.Context(), function)
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, b := range all {
			names = append(names, b.Name)
		}
		if got := strings.Join(names, " "); got != want {
			t.Errorf("builds of %q: %q, want %q, oldest first", function, got, want)
		}
	}
	for _, name := range []string{"c", "nobody"} {
		if _, err := c.Build(t.Context(), name); lambda.CodeOf(err) != lambda.CodeResourceNotFound {
			t.Errorf("build %q: %v, want not found", name, err)
		}
		if err := c.DeleteBuild(t.Context(), name); lambda.CodeOf(err) != lambda.CodeResourceNotFound {
			t.Errorf("deleting %q: %v, want not found", name, err)
		}
	}
	if err := c.DeleteBuild(t.Context(), "a"); err != nil {
		t.Fatal(err)
	}
	if err := c.Client.Get(t.Context(), client.ObjectKeyFromObject(foreign), foreign); err != nil {
		t.Errorf("somebody else's TaskRun: %v", err)
	}
	if all, err := c.Builds(t.Context(), "orders"); err != nil || len(all) != 1 {
		t.Errorf("after the deletion: %+v, %v", all, err)
	}
}

func TestBuildShowsItsSteps(t *testing.T) {
	r := run("a", 0)
	skipped := ended("bake", 1)
	skipped.TerminationReason = "Skipped"
	running := pipelines.StepState{Name: "test", Container: "step-test"}
	running.Running = &corev1.ContainerStateRunning{}
	r.Status.Steps = []pipelines.StepState{ended("fetch", 0), ended("build", 2), skipped, running, {Name: "late", Container: "step-late"}}
	r.Status.Results = []pipelines.TaskRunResult{
		{Name: "IMAGE_URL", Value: *pipelines.NewStructuredValues("r.example/x\n")}, {Name: "IMAGE_DIGEST", Value: *pipelines.NewStructuredValues("sha256:1")},
	}
	succeed(r, corev1.ConditionFalse, "Failed")
	c, _ := newCluster(t, interceptor.Funcs{}, r)
	got, err := c.Build(t.Context(), "a")
	if err != nil {
		t.Fatal(err)
	}
	took := metav1.Duration{Duration: 3 * time.Second}
	want := cluster.Build{
		Name: "a", Function: "orders", Succeeded: metav1.ConditionFalse, Reason: "Failed", Message: "because", Image: "r.example/x@sha256:1",
		Steps: []cluster.Step{
			{Name: "fetch", State: cluster.StepSucceeded, Took: took}, {Name: "build", State: cluster.StepFailed, ExitCode: 2, Took: took},
			{Name: "bake", State: cluster.StepSkipped, ExitCode: 1, Took: took}, {Name: "test", State: cluster.StepRunning}, {Name: "late", State: cluster.StepWaiting},
		},
	}
	if diff := cmp.Diff(want, got, cmpopts.IgnoreUnexported(cluster.Build{}, cluster.Step{}), cmpopts.IgnoreFields(cluster.Build{}, "Created")); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestNoTekton(t *testing.T) {
	gone := &apimeta.NoKindMatchError{GroupKind: schema.GroupKind{Group: "tekton.dev", Kind: "TaskRun"}}
	c, _ := newCluster(t, interceptor.Funcs{
		List: func(context.Context, client.WithWatch, client.ObjectList, ...client.ListOption) error { return gone },
		Get: func(context.Context, client.WithWatch, client.ObjectKey, client.Object, ...client.GetOption) error {
			return fmt.Errorf("get: %w", gone)
		},
	})
	_, list := c.Builds(t.Context(), "")
	_, get := c.Build(t.Context(), "a")
	if !errors.Is(list, cluster.ErrNoTekton) || !errors.Is(get, cluster.ErrNoTekton) {
		t.Errorf("%v, %v", list, get)
	}
}

// TestFollowBuild has a build go on each time that it is looked at.
func TestFollowBuild(t *testing.T) {
	looks := 0
	hooks := interceptor.Funcs{Get: func(ctx context.Context, c client.WithWatch, key client.ObjectKey, obj client.Object, opts ...client.GetOption) error {
		if err := c.Get(ctx, key, obj, opts...); err != nil {
			return err
		}
		r, ok := obj.(*pipelines.TaskRun)
		if !ok {
			return nil
		}
		looks++
		build := pipelines.StepState{Name: "build", Container: "step-build"}
		skipped := ended("bake", 1)
		skipped.TerminationReason = "Skipped"
		switch looks {
		case 1: // no pod yet
		case 2:
			build.Waiting = &corev1.ContainerStateWaiting{}
			r.Status.Steps = []pipelines.StepState{ended("fetch", 0), build}
		case 3:
			build.Running = &corev1.ContainerStateRunning{}
			r.Status.Steps = []pipelines.StepState{ended("fetch", 0), build}
		default:
			r.Status.Steps = []pipelines.StepState{ended("fetch", 0), ended("build", 1), skipped}
			succeed(r, corev1.ConditionFalse, "Failed")
		}
		return nil
	}}
	c, l := newCluster(t, hooks, run("a", 0))
	l.texts["a-pod/step-fetch"] = "from git\n2026/01/31 12:00:00 Skipping step because a previous step failed\n"
	l.texts["a-pod/step-build"] = "one\r\ntwo\n\nlast" // a line may end without its end
	var lines []string
	b, err := c.FollowBuild(t.Context(), "a", func(step, line string) { lines = append(lines, step+": "+line) })
	if err != nil || b.Succeeded != metav1.ConditionFalse {
		t.Fatalf("%+v, %v", b, err)
	}
	if diff := cmp.Diff([]string{"fetch: from git", "build: one", "build: two", "build: ", "build: last"}, lines); diff != "" {
		t.Errorf("lines (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"a-pod/step-fetch", "a-pod/step-build"}, l.read); diff != "" {
		t.Errorf("logs that were opened (-want +got):\n%s", diff)
	}
}

func TestFollowBuildEnds(t *testing.T) {
	r := run("a", 0)
	r.Status.Steps = []pipelines.StepState{ended("fetch", 0)}
	succeed(r, corev1.ConditionTrue, "Succeeded")
	c, l := newCluster(t, interceptor.Funcs{}, r, run("waits", 0))
	if b, err := c.FollowBuild(t.Context(), "a", func(string, string) { t.Error("a pod that is gone has no lines") }); err != nil || b.Name != "a" {
		t.Errorf("%+v, %v", b, err)
	}
	l.texts["a-pod/step-fetch"] = "fail"
	if _, err := c.FollowBuild(t.Context(), "a", nil); err == nil || !strings.Contains(err.Error(), `step "fetch" of build "a"`) {
		t.Errorf("a log that cannot be read: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := c.FollowBuild(ctx, "waits", nil); !errors.Is(err, context.Canceled) {
		t.Errorf("who gives up: %v", err)
	}
	if _, err := c.FollowBuild(t.Context(), "nobody", nil); lambda.CodeOf(err) != lambda.CodeResourceNotFound {
		t.Errorf("no such build: %v", err)
	}
}
