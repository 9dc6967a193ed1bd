package cluster

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	pipelines "github.com/tektoncd/pipeline/pkg/apis/pipeline/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/lambkin-dev/lambkin/api/v1alpha1"
	"github.com/lambkin-dev/lambkin/internal/lambda"
)

// Build is one build of a function's code.
type Build struct {
	// Name of the TaskRun in the namespace.
	Name string `json:"name"`
	// Function is the object name of the function that it is for.
	Function string `json:"function"`
	// Succeeded is True, False or Unknown.
	Succeeded metav1.ConditionStatus `json:"succeeded"`
	// Reason and Message say why.
	Reason  string `json:"reason,omitempty"`
	Message string `json:"message,omitempty"`
	// Image is what was built, by digest.
	Image string `json:"image,omitempty"`
	// Steps are in the order in which they run.
	Steps     []Step       `json:"steps,omitempty"`
	Created   metav1.Time  `json:"created"`
	Started   *metav1.Time `json:"started,omitempty"`
	Completed *metav1.Time `json:"completed,omitempty"`

	pod string
}

// Step is one step of a build.
type Step struct {
	Name string `json:"name"`
	// State is Waiting, Running, Succeeded, Failed or Skipped.
	State string `json:"state"`
	// ExitCode is the step's, once it has ended.
	ExitCode int32 `json:"exitCode,omitempty"`
	// Took is how long it ran.
	Took metav1.Duration `json:"took,omitzero"`

	container string
}

// The states of a step.
const (
	StepWaiting   = "Waiting"
	StepRunning   = "Running"
	StepSucceeded = "Succeeded"
	StepFailed    = "Failed"
	StepSkipped   = "Skipped"
)

// ErrNoTekton says that the cluster builds nothing.
var ErrNoTekton = errors.New("the cluster has no Tekton Pipelines, so nothing is built there; \"lambkin doctor\" tells more")

// Builds gives the builds of a function, by its object name, oldest first; of all functions if the name is empty.
func (c *Cluster) Builds(ctx context.Context, function string) ([]Build, error) {
	selector := []client.ListOption{client.InNamespace(c.Namespace)}
	if function == "" {
		selector = append(selector, client.HasLabels{v1alpha1.LabelFunction})
	}
	if function != "" {
		selector = append(selector, client.MatchingLabels{v1alpha1.LabelFunction: function})
	}
	runs := new(pipelines.TaskRunList)
	if err := c.Client.List(ctx, runs, selector...); err != nil {
		return nil, ofTekton("list builds", err)
	}
	builds := make([]Build, len(runs.Items))
	for i := range runs.Items {
		builds[i] = buildOf(&runs.Items[i])
	}
	slices.SortFunc(builds, func(a, b Build) int {
		return cmp.Or(a.Created.Compare(b.Created.Time), cmp.Compare(a.Name, b.Name))
	})
	return builds, nil
}

// Build gives one build. What is no build of a function is not found.
func (c *Cluster) Build(ctx context.Context, name string) (Build, error) {
	run := new(pipelines.TaskRun)
	err := c.Client.Get(ctx, client.ObjectKey{Namespace: c.Namespace, Name: name}, run)
	if err == nil && run.Labels[v1alpha1.LabelFunction] == "" {
		return Build{}, noBuild(name)
	}
	if apierrors.IsNotFound(err) {
		return Build{}, noBuild(name)
	}
	if err != nil {
		return Build{}, ofTekton("get build "+name, err)
	}
	return buildOf(run), nil
}

// DeleteBuild ends a build if it runs, and forgets it. The function is not changed.
func (c *Cluster) DeleteBuild(ctx context.Context, name string) error {
	if _, err := c.Build(ctx, name); err != nil {
		return err
	}
	run := &pipelines.TaskRun{ObjectMeta: metav1.ObjectMeta{Namespace: c.Namespace, Name: name}}
	if err := c.Client.Delete(ctx, run, client.PropagationPolicy(metav1.DeletePropagationBackground)); err != nil {
		return ofTekton("delete build "+name, err)
	}
	return nil
}

func noBuild(name string) error {
	return lambda.Errorf(lambda.CodeResourceNotFound, "There is no build %q.", name)
}

func ofTekton(what string, err error) error {
	if meta.IsNoMatchError(err) {
		return ErrNoTekton
	}
	return fmt.Errorf("%s: %w", what, err)
}

// resultImage and resultDigest are the results of our Tasks.
const (
	resultImage  = "IMAGE_URL"
	resultDigest = "IMAGE_DIGEST"
)

func buildOf(run *pipelines.TaskRun) Build {
	b := Build{
		Name: run.Name, Function: run.Labels[v1alpha1.LabelFunction], Succeeded: metav1.ConditionUnknown,
		Created: run.CreationTimestamp, Started: run.Status.StartTime, Completed: run.Status.CompletionTime, pod: run.Status.PodName,
	}
	for _, done := range run.Status.Conditions {
		if done.Type == "Succeeded" {
			b.Succeeded, b.Reason, b.Message = metav1.ConditionStatus(done.Status), done.Reason, done.Message
		}
	}
	results := map[string]string{}
	for _, r := range run.Status.Results {
		results[r.Name] = strings.TrimSpace(r.Value.StringVal)
	}
	if results[resultDigest] != "" {
		image, _, _ := strings.Cut(results[resultImage], "@")
		b.Image = image + "@" + results[resultDigest]
	}
	for _, s := range run.Status.Steps {
		b.Steps = append(b.Steps, stepOf(s))
	}
	return b
}

func stepOf(s pipelines.StepState) Step {
	step := Step{Name: s.Name, State: StepWaiting, container: s.Container}
	if s.Running != nil {
		step.State = StepRunning
	}
	if t := s.Terminated; t != nil {
		step.ExitCode, step.Took.Duration = t.ExitCode, t.FinishedAt.Sub(t.StartedAt.Time)
		step.State = StepSucceeded
		if t.ExitCode != 0 {
			step.State = StepFailed
		}
		if s.TerminationReason == "Skipped" || t.Reason == "Skipped" {
			step.State = StepSkipped
		}
	}
	return step
}
