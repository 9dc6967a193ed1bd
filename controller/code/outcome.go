package code

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	tekton "github.com/tektoncd/pipeline/pkg/apis/pipeline/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"knative.dev/pkg/apis"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/lambkin-dev/lambkin/api/v1alpha1"
	"github.com/lambkin-dev/lambkin/buildtemplates"
)

// annotationFailure is on builds that failed: why, with the last lines of the log, which may be gone the next time.
const annotationFailure = v1alpha1.Group + "/failure"

const (
	// exitTemporary is how the builder's steps end when the same could work later (EX_TEMPFAIL of sysexits.h).
	exitTemporary = 75
	// maxMessage is how much of what others say is told, in bytes; maxLogLines how many lines of a log are read for it.
	maxMessage  = 1024
	maxLogLines = 20
	// skipped and timedOut are how Tekton says that a step was not run because one before it failed, or ran too long.
	skipped  = "Skipped"
	timedOut = "TimeoutExceeded"
)

// Logs gives what containers have printed.
type Logs interface {
	// Tail gives at most the last lines of a container's log.
	Tail(ctx context.Context, namespace, pod, container string, lines int64) (string, error)
}

// follow says how far a build has come.
func (r *Resolver) follow(ctx context.Context, b *build, run *tekton.TaskRun) (Result, error) {
	result := Result{Build: b.status(run)}
	switch result.Build.Succeeded {
	case metav1.ConditionUnknown:
		result.Doing = doing(run)
		return result, nil
	case metav1.ConditionTrue:
		r.prune(ctx, b)
		return b.image(run, result)
	default:
		return r.failed(ctx, b, run, result)
	}
}

// status is the build's part of the function's status.
func (b *build) status(run *tekton.TaskRun) *v1alpha1.BuildStatus {
	s := &v1alpha1.BuildStatus{
		Name: run.Name, Generation: b.Generation, Revision: resultsOf(run)[buildtemplates.ResultCommit],
		Succeeded: metav1.ConditionUnknown, StartTime: run.Status.StartTime, CompletionTime: run.Status.CompletionTime,
	}
	if last := b.LastBuild; last != nil && last.Name == run.Name {
		s.Generation = last.Generation // which it was built for
	}
	if c := run.Status.GetCondition(apis.ConditionSucceeded); c != nil {
		s.Succeeded = metav1.ConditionStatus(c.Status)
	}
	return s
}

func resultsOf(run *tekton.TaskRun) map[string]string {
	results := make(map[string]string, len(run.Status.Results))
	for _, r := range run.Status.Results {
		results[r.Name] = strings.TrimSpace(r.Value.StringVal)
	}
	return results
}

// doing says what a build does just now.
func doing(run *tekton.TaskRun) string {
	for _, s := range run.Status.Steps {
		if s.Running != nil {
			return fmt.Sprintf("Build %s: step %s is running.", run.Name, s.Name)
		}
	}
	c := run.Status.GetCondition(apis.ConditionSucceeded)
	if c == nil || c.Message == "" || c.Reason == tekton.TaskRunReasonRunning.String() || c.Reason == tekton.TaskRunReasonStarted.String() {
		return fmt.Sprintf("Build %s is starting.", run.Name)
	}
	return fmt.Sprintf("Build %s waits: %s", run.Name, sentence(oneLine(c.Message, maxMessage)))
}

var digestForm = regexp.MustCompile(`^sha256:[0-9a-f]{64}$`)

// image reads what a build has made. Steps have run what others wrote, so only an image in the function's own repository
// is taken for one.
func (b *build) image(run *tekton.TaskRun, result Result) (Result, error) {
	results := resultsOf(run)
	digest, repository := results[buildtemplates.ResultDigest], results[buildtemplates.ResultURL]
	if !digestForm.MatchString(digest) || repositoryOf(fullName(repository)) != repositoryOf(fullName(b.repository())) {
		return Result{Build: result.Build}, v1alpha1.Failf(v1alpha1.ReasonBuildFailed,
			"build %s says that it made %.200q with digest %.80q, which is no image of %s; change the annotation %s to build again",
			run.Name, repository, digest, b.repository(), AnnotationRebuild)
	}
	result.Image = b.repository() + "@" + digest
	if sum, err := base64.StdEncoding.DecodeString(results[buildtemplates.ResultCodeSHA256]); err == nil && len(sum) == sha256.Size {
		result.CodeSHA256 = results[buildtemplates.ResultCodeSHA256]
	}
	result.CodeSize, _ = strconv.ParseInt(results[buildtemplates.ResultCodeSize], 10, 64) // 0 for images and for nonsense
	result.Protocol = v1alpha1.ProtocolLambda
	if results[buildtemplates.ResultProtocol] == string(v1alpha1.ProtocolHTTP) && b.Spec.Code.Source.Dockerfile != "" {
		result.Protocol = v1alpha1.ProtocolHTTP
	}
	if b.entry.Note != "" {
		result.Deviations = []string{sentence(b.entry.Note)}
	}
	return result, nil
}

// verdict is why a build failed, as it is kept with the build.
type verdict struct {
	Reason  v1alpha1.Reason `json:"reason"`
	Message string          `json:"message"`
}

// failed says why a build failed. What met a registry in trouble is built again after a while.
func (r *Resolver) failed(ctx context.Context, b *build, run *tekton.TaskRun, result Result) (Result, error) {
	v, ok := kept(run)
	if !ok {
		v = r.judge(ctx, run)
		if err := r.keep(ctx, run, v); err != nil {
			return result, err
		}
		r.prune(ctx, b)
	}
	if v.Reason == v1alpha1.ReasonRegistryUnavailable {
		if err := r.dropAfterTrouble(ctx, run); err != nil {
			return result, err
		}
	}
	return result, &v1alpha1.Failure{Reason: v.Reason, Message: v.Message}
}

// kept reads a verdict that was kept.
func kept(run *tekton.TaskRun) (verdict, bool) {
	var v verdict
	err := json.Unmarshal([]byte(run.Annotations[annotationFailure]), &v)
	return v, err == nil && v.Reason != ""
}

// keep keeps a verdict with the build.
func (r *Resolver) keep(ctx context.Context, run *tekton.TaskRun, v verdict) error {
	text, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("cannot encode why build %q failed: %w", run.Name, err)
	}
	base := run.DeepCopy()
	changed := run.DeepCopy()
	if changed.Annotations == nil {
		changed.Annotations = make(map[string]string, 1)
	}
	changed.Annotations[annotationFailure] = string(text)
	err = r.cfg.Client.Patch(ctx, changed, client.MergeFrom(base))
	if err != nil && !apierrors.IsNotFound(err) {
		return fmt.Errorf("cannot write down why build %q failed: %w", run.Name, err)
	}
	return nil
}

// judge finds out why a build failed.
func (r *Resolver) judge(ctx context.Context, run *tekton.TaskRun) verdict {
	reason, message := "", ""
	if c := run.Status.GetCondition(apis.ConditionSucceeded); c != nil {
		reason, message = c.Reason, oneLine(c.Message, maxMessage)
	}
	step := failedStep(run)
	switch {
	case reason == tekton.TaskRunReasonTimedOut.String():
		return verdict{v1alpha1.ReasonBuildTimeout, fmt.Sprintf("build %s took longer than %s; raise code.source.timeout, or build.timeout in the operator's configuration", run.Name, timeoutOf(run))}
	case reason == tekton.TaskRunReasonCancelled.String():
		return verdict{v1alpha1.ReasonBuildFailed, fmt.Sprintf("build %s was cancelled; change the annotation %s to build again", run.Name, AnnotationRebuild)}
	case reason == tekton.TaskRunReasonImagePullFailed.String() && passing.MatchString(message):
		return verdict{v1alpha1.ReasonRegistryUnavailable, fmt.Sprintf("an image of build %s could not be pulled; it is built again: %s", run.Name, message)}
	case step == nil || reason == tekton.TaskRunReasonImagePullFailed.String():
		return verdict{v1alpha1.ReasonBuildFailed, fmt.Sprintf("build %s failed: %s", run.Name, message)}
	case step.TerminationReason == timedOut:
		return verdict{v1alpha1.ReasonBuildTimeout, fmt.Sprintf("step %s of build %s took too long%s", step.Name, run.Name, r.lastWords(ctx, run, step))}
	case step.Terminated.Reason == "OOMKilled":
		return verdict{v1alpha1.ReasonBuildFailed, fmt.Sprintf("step %s of build %s was killed because it used more memory than it has; raise build.memory in the operator's configuration", step.Name, run.Name)}
	case step.Terminated.ExitCode == exitTemporary && builderRuns(step.Name):
		return verdict{v1alpha1.ReasonRegistryUnavailable, fmt.Sprintf("step %s of build %s met trouble that may pass; it is built again%s", step.Name, run.Name, r.lastWords(ctx, run, step))}
	default:
		return verdict{v1alpha1.ReasonBuildFailed, fmt.Sprintf("step %s of build %s failed with status %d%s", step.Name, run.Name, step.Terminated.ExitCode, r.lastWords(ctx, run, step))}
	}
}

// passing is how container runtimes tell of a registry that does not answer, rather than of one that refuses.
var passing = regexp.MustCompile(`(?i)connection refused|connection reset|no route to host|i/o timeout|timed? ?out|deadline exceeded|\bEOF\b|` +
	`server misbehaving|too ?many ?requests|\b(429|500|502|503|504) `)

// builderRuns says that a step runs our builder, whose statuses we know. What others' programs mean by theirs we do not.
func builderRuns(step string) bool {
	return step == buildtemplates.StepFetch || step == buildtemplates.StepBake
}

func timeoutOf(run *tekton.TaskRun) string {
	if run.Spec.Timeout == nil {
		return "it may"
	}
	return run.Spec.Timeout.Duration.String()
}

// failedStep is the step that failed first; nil if none ran.
func failedStep(run *tekton.TaskRun) *tekton.StepState {
	for i := range run.Status.Steps {
		s := &run.Status.Steps[i]
		if s.Terminated != nil && s.Terminated.ExitCode != 0 && s.TerminationReason != skipped {
			return s
		}
	}
	return nil
}

// lastWords are what a step printed last, for the end of a sentence.
func (r *Resolver) lastWords(ctx context.Context, run *tekton.TaskRun, step *tekton.StepState) string {
	text, err := r.cfg.Logs.Tail(ctx, run.Namespace, run.Status.PodName, step.Container, maxLogLines)
	if err != nil {
		return "; its log cannot be read any more"
	}
	var lines []string
	for line := range strings.Lines(strings.ToValidUTF8(text, "\uFFFD")) {
		if line = strings.Join(strings.Fields(line), " "); line != "" {
			lines = append(lines, line)
		}
	}
	text = strings.Join(lines, " | ")
	if text == "" {
		return "; it printed nothing"
	}
	if len(text) > maxMessage {
		text = "…" + strings.ToValidUTF8(text[len(text)-maxMessage:], "")
	}
	return "; it printed last: " + text
}

// oneLine is a message without line breaks, cut where nobody would read on.
func oneLine(message string, most int) string {
	text := strings.Join(strings.Fields(message), " ")
	if len(text) <= most {
		return text
	}
	return strings.ToValidUTF8(text[:most], "") + "…"
}

// dropAfterTrouble removes a build that met trouble a while ago, so that it is made again.
func (r *Resolver) dropAfterTrouble(ctx context.Context, run *tekton.TaskRun) error {
	ended := run.Status.CompletionTime
	if ended != nil && r.cfg.Now().Sub(ended.Time) < pauseAfterTrouble {
		return nil
	}
	err := r.cfg.Client.Delete(ctx, run, client.Preconditions{UID: &run.UID}, client.PropagationPolicy(metav1.DeletePropagationBackground))
	if err != nil && !apierrors.IsNotFound(err) && !apierrors.IsConflict(err) {
		return fmt.Errorf("cannot remove build %q, which is to be made again: %w", run.Name, err)
	}
	return nil
}

// succeeded is the status of a build's condition; Unknown while it runs.
func succeeded(run *tekton.TaskRun) corev1.ConditionStatus {
	if c := run.Status.GetCondition(apis.ConditionSucceeded); c != nil {
		return c.Status
	}
	return corev1.ConditionUnknown
}
