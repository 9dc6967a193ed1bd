package deploy

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"knative.dev/pkg/apis"
	servingv1 "knative.dev/serving/pkg/apis/serving/v1"

	"github.com/lambkin-dev/lambkin/api/v1alpha1"
	"github.com/lambkin-dev/lambkin/controller/resources"
)

// podsFailure says what keeps the pods of a revision from becoming ready; nil if nothing can be seen. They are all alike,
// so the first that knows is as good as any; which that is must not change from one look to the next.
func podsFailure(pods []corev1.Pod) error {
	slices.SortFunc(pods, func(a, b corev1.Pod) int { return strings.Compare(a.Name, b.Name) })
	for i := range pods {
		if !pods[i].DeletionTimestamp.IsZero() {
			continue
		}
		if failure := podFailure(&pods[i]); failure != nil {
			return failure
		}
	}
	return nil
}

// podFailure says what keeps a pod from becoming ready; nil if nothing can be seen. The function's container alone counts.
// That it is ready says nothing, as it has no probe of its own: it is so whenever it was started once more, until it ends again.
func podFailure(pod *corev1.Pod) *v1alpha1.Failure {
	if slices.ContainsFunc(pod.Status.Conditions, isReady) {
		return nil
	}
	for i := range pod.Status.ContainerStatuses {
		c := &pod.Status.ContainerStatuses[i]
		if c.Name != resources.Container {
			continue
		}
		if t := c.State.Terminated; t != nil {
			return terminated(t)
		}
		if w := c.State.Waiting; w != nil && w.Reason != "CrashLoopBackOff" {
			if failure := waiting(c.Image, w.Reason, w.Message); failure != nil {
				return failure
			}
		}
		if t := c.LastTerminationState.Terminated; t != nil {
			return terminated(t)
		}
	}
	return nil
}

func isReady(c corev1.PodCondition) bool {
	return c.Type == corev1.PodReady && c.Status == corev1.ConditionTrue
}

// terminated says why a container ended that should not have.
func terminated(t *corev1.ContainerStateTerminated) *v1alpha1.Failure {
	message := oneLine(t.Message)
	switch {
	case t.Reason == "OOMKilled":
		return v1alpha1.Failf(v1alpha1.ReasonInitFailed, "the function was killed because it used more memory than it has; raise memorySize")
	case t.Reason == "StartError" || t.Reason == "ContainerCannotRun":
		return v1alpha1.Failf(v1alpha1.ReasonEntrypointInvalid, "the container cannot be started: %s", message)
	case message == "":
		return v1alpha1.Failf(v1alpha1.ReasonInitFailed, "the container ended with status %d before it was ready; its log may say why", t.ExitCode)
	default:
		return initFailure(message)
	}
}

// failureKind is how runtime-api begins the line that it leaves when it gives up.
var failureKind = regexp.MustCompile(`^([A-Za-z_][\w.]*): `)

// initFailure reads what a container left behind when its init failed. Lines of runtime-api begin with the type of the
// error, as the Lambda API has it.
func initFailure(line string) *v1alpha1.Failure {
	kind := ""
	if m := failureKind.FindStringSubmatch(line); m != nil {
		kind = m[1]
	}
	reason := v1alpha1.ReasonInitFailed
	switch {
	case strings.HasPrefix(kind, "Extension."):
		reason = v1alpha1.ReasonExtensionFailed
	case kind == "Sandbox.Timedout":
		reason = v1alpha1.ReasonInitTimeout
	case kind == "Runtime.InvalidEntrypoint":
		reason = v1alpha1.ReasonEntrypointInvalid
	}
	return v1alpha1.Failf(reason, "%s", line)
}

// waiting says why a container cannot be started; nil for reasons that pass. Kubelet and Knative use the same words.
func waiting(image, reason, message string) *v1alpha1.Failure {
	message = oneLine(message)
	switch reason {
	case "InvalidImageName":
		return pullFailure(v1alpha1.ReasonImageInvalid, image, message)
	case "ErrImagePull", "ImagePullBackOff", "ImageInspectError", "ErrImageNeverPull", "RegistryUnavailable":
		return pullFailure(pullReason(message), image, message)
	case "CreateContainerConfigError":
		return configFailure(message)
	case "CreateContainerError", "RunContainerError":
		return v1alpha1.Failf(v1alpha1.ReasonEntrypointInvalid, "the container cannot be started: %s", message)
	default:
		return nil
	}
}

// pullPreamble is what container runtimes say before the cause; all of it repeats the image.
var pullPreamble = regexp.MustCompile(`^(rpc error: code = \w+ desc = )?(failed to pull and unpack image "[^"]*": )?(failed to resolve reference "[^"]*": )?`)

// pullReason tells an image that is not there from one that may not be pulled. Registries that hide from strangers what they
// have say both at once, and then it is the rights that may be missing.
func pullReason(message string) v1alpha1.Reason {
	lower := strings.ToLower(message)
	for _, denied := range []string{"denied", "unauthorized", "forbidden"} {
		if strings.Contains(lower, denied) {
			return v1alpha1.ReasonImageUnavailable
		}
	}
	for _, gone := range []string{"not found", "manifest unknown", "notfound"} {
		if strings.Contains(lower, gone) {
			return v1alpha1.ReasonImageNotFound
		}
	}
	return v1alpha1.ReasonImageUnavailable
}

// pullFailure says why an image could not be pulled. While the kubelet waits before it tries again it repeats the cause
// after other words, which are left out so that the sentence stays the same.
func pullFailure(reason v1alpha1.Reason, image, message string) *v1alpha1.Failure {
	if _, cause, ok := strings.Cut(message, "ErrImagePull: "); ok {
		message = cause
	}
	message = strings.ReplaceAll(pullPreamble.ReplaceAllString(message, ""), image+": ", "")
	if image == "" {
		return v1alpha1.Failf(reason, "the image cannot be pulled: %s", message)
	}
	return v1alpha1.Failf(reason, "image %q cannot be pulled: %s", image, message)
}

// configFailure tells which thing that the container needs is not there.
func configFailure(message string) *v1alpha1.Failure {
	lower := strings.ToLower(message)
	switch {
	case strings.Contains(lower, "secret"):
		return v1alpha1.Failf(v1alpha1.ReasonSecretNotFound, "a variable of the environment has no value: %s", message)
	case strings.Contains(lower, "configmap"):
		return v1alpha1.Failf(v1alpha1.ReasonConfigMapNotFound, "a variable of the environment has no value: %s", message)
	case strings.Contains(message, "runAsNonRoot"):
		return v1alpha1.Failf(v1alpha1.ReasonConfigurationUnsupported, "the cluster runs no containers as root (%s); use an image that names another user by number, "+
			"or turn off secure-pod-defaults in ConfigMap %s/%s", message, resources.KnativeNamespace, resources.FeaturesConfigMap)
	default:
		return v1alpha1.Failf(v1alpha1.ReasonRevisionFailed, "the container cannot be started: %s", message)
	}
}

// podName is how a refusal of the API server begins, with a name that is another one each time.
var podName = regexp.MustCompile(`pods "[^"]*" (is|are) forbidden: `)

// revisionFailure reads a condition of a Revision that is False.
func revisionFailure(c *apis.Condition) *v1alpha1.Failure {
	message := sentence(c)
	if left, ok := strings.CutPrefix(message, "Container failed with: "); ok {
		return initFailure(left)
	}
	if failure := waiting("", c.Reason, message); failure != nil {
		return failure
	}
	switch {
	case c.Reason == servingv1.ReasonContainerMissing:
		return v1alpha1.Failf(v1alpha1.ReasonImageUnavailable, "%s", message)
	case c.Reason == servingv1.ReasonNotOwned:
		return v1alpha1.Failf(v1alpha1.ReasonNameTaken, "%s", message)
	case c.Reason == "FailedCreate" || strings.Contains(message, "exceeded quota") || strings.Contains(message, "is forbidden"):
		return v1alpha1.Failf(v1alpha1.ReasonRefused, "its pods were refused: %s", podName.ReplaceAllString(message, ""))
	case c.Reason == servingv1.ReasonProgressDeadlineExceeded:
		return v1alpha1.Failf(v1alpha1.ReasonRevisionFailed, "no pod became ready in %v: %s", resources.ProgressDeadline, message)
	default:
		return v1alpha1.Failf(v1alpha1.ReasonRevisionFailed, "%s: %s", c.Reason, message)
	}
}

// configurationFailure reads a Configuration that failed without a Revision that says why.
func configurationFailure(c *apis.Condition) *v1alpha1.Failure {
	message := sentence(c)
	if c.Reason == servingv1.ReasonNotOwned {
		return v1alpha1.Failf(v1alpha1.ReasonNameTaken, "%s", message)
	}
	if strings.HasPrefix(message, "Revision creation failed") {
		return v1alpha1.Failf(v1alpha1.ReasonRefused, "%s", message)
	}
	return v1alpha1.Failf(v1alpha1.ReasonRevisionFailed, "%s", message)
}

// maxMessage bounds what is told of others' messages, in bytes.
const maxMessage = 1 << 10

// oneLine is a message without line breaks, cut where nobody would read on.
func oneLine(message string) string {
	text := strings.Join(strings.Fields(message), " ")
	if len(text) <= maxMessage {
		return text
	}
	return fmt.Sprintf("%s…", strings.ToValidUTF8(text[:maxMessage], ""))
}
