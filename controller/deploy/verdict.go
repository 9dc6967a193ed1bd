package deploy

import (
	"context"
	"fmt"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"knative.dev/pkg/apis"
	servingv1 "knative.dev/serving/pkg/apis/serving/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/lambkin-dev/lambkin/api/v1alpha1"
	"github.com/lambkin-dev/lambkin/controller/code"
)

// verdict is what became of a deployment: ready, failed or, with a sentence, under way.
type verdict struct {
	ready   bool
	failure error
	doing   string
	after   time.Duration       // when to look again
	givenUp *servingv1.Revision // which Knative does not try any more

	service    *servingv1.Service
	result     code.Result
	deviations []string
}

// tell writes the verdict into the status. What serves is told only once it does: the revision before serves until then.
func (v verdict) tell(s *Subject) {
	st := s.Status
	switch {
	case v.givenUp != nil && s.knowsWhy():
		return
	case v.failure != nil:
		st.MarkFailed(s.Generation, v.failure)
		return
	case !v.ready:
		st.MarkProgressing(s.Generation, v.doing)
		return
	}
	st.Image, st.Protocol = v.result.Image, v.result.Protocol
	st.CodeSHA256, st.CodeSize = v.result.CodeSHA256, v.result.CodeSize
	st.Revision = v.service.Status.LatestReadyRevisionName
	st.URL = v.service.Status.URL.String()
	st.MarkReady(s.Generation, v.deviations...)
}

// knowsWhy says that the status tells already what keeps this generation from serving. A pod told it, as long as there was
// one; Knative knows no more than that it took too long.
func (s *Subject) knowsWhy() bool {
	c := v1alpha1.Settled(s.Status.Conditions, s.Generation)
	return c != nil && c.Status == metav1.ConditionFalse && c.Reason != string(v1alpha1.ReasonInternalError)
}

// look reads what is needed to judge a Service: nothing more where it is ready, its latest Revision and the pods of that
// where it is not.
func (d *Deployer) look(ctx context.Context, svc *servingv1.Service) (verdict, error) {
	v := judge(svc, nil, nil)
	name := svc.Status.LatestCreatedRevisionName
	if v.ready || name == "" || svc.Status.ObservedGeneration != svc.Generation {
		return v, nil
	}
	rev := new(servingv1.Revision)
	err := d.Client.Get(ctx, client.ObjectKey{Namespace: svc.Namespace, Name: name}, rev)
	if apierrors.IsNotFound(err) {
		return v, nil
	}
	if err != nil {
		return v, fmt.Errorf("read revision %q: %w", name, err)
	}
	if !madeOf(rev, svc) {
		return verdict{doing: "Knative is making a revision."}, nil
	}
	pods := new(corev1.PodList)
	if err := d.Client.List(ctx, pods, client.InNamespace(svc.Namespace), client.MatchingFields{indexRevision: name}); err != nil {
		return v, fmt.Errorf("list the pods of revision %q: %w", name, err)
	}
	return judge(svc, rev, pods.Items), nil
}

// madeOf says that a Revision has the code and the variables that its Service asks for. The last one that was created may
// still be of the spec before, whose failure is none of this one's.
func madeOf(rev *servingv1.Revision, svc *servingv1.Service) bool {
	is, asked := rev.Spec.GetContainer(), svc.Spec.Template.Spec.GetContainer()
	return is.Image == asked.Image && equality.Semantic.DeepEqual(is.Env, asked.Env)
}

// outOfDate is the reason that Knative gives while a Configuration has not taken its new spec up.
const outOfDate = "OutOfDate"

// revisionMissing is the reason of a Route whose revision has failed. Where the revision is ready now, as one that waited for a
// node, it is what the Route said before, and holds only until Knative looks at it again.
const revisionMissing = "RevisionMissing"

// judge reads a Service, its latest created Revision, nil if unknown, and the pods of that.
func judge(svc *servingv1.Service, rev *servingv1.Revision, pods []corev1.Pod) verdict {
	st := &svc.Status
	if st.ObservedGeneration != svc.Generation {
		return verdict{doing: "Knative is about to take it up."}
	}
	created, ready := st.LatestCreatedRevisionName, st.LatestReadyRevisionName
	if svc.IsReady() && created == ready && created != "" {
		return verdict{ready: true}
	}
	configuration := st.GetCondition(servingv1.ServiceConditionConfigurationsReady)
	if configuration.IsUnknown() && configuration.GetReason() == outOfDate {
		return verdict{doing: "Knative is making a revision."} // the last one, whatever became of it, is of another spec
	}
	if created != ready || configuration.IsFalse() {
		return judgeRevision(created, configuration, rev, pods)
	}
	if !configuration.IsTrue() {
		return verdict{doing: "Knative is making a revision."}
	}
	routes := st.GetCondition(servingv1.ServiceConditionRoutesReady)
	if routes.IsFalse() && routes.GetReason() != revisionMissing {
		return verdict{failure: v1alpha1.Failf(v1alpha1.ReasonRouteFailed, "%s", sentence(routes))}
	}
	return verdict{doing: fmt.Sprintf("Requests are being moved to revision %s.", created)}
}

// unschedulable is the reason that Knative takes over from a pod that no node has room for. Until the progress deadline
// that may change.
const unschedulable = corev1.PodReasonUnschedulable

// judgeRevision says why the latest Revision is not ready. Its pods know more than Knative tells, and earlier.
func judgeRevision(name string, configuration *apis.Condition, rev *servingv1.Revision, pods []corev1.Pod) verdict {
	if failure := podsFailure(pods); failure != nil {
		return verdict{failure: failure}
	}
	if rev != nil {
		for _, t := range []apis.ConditionType{servingv1.RevisionConditionContainerHealthy, servingv1.RevisionConditionResourcesAvailable} {
			c := rev.Status.GetCondition(t)
			if c.IsFalse() && c.Reason == unschedulable {
				return verdict{doing: fmt.Sprintf("Revision %s waits for a node: %s", name, c.Message)} // other pods end, nodes are added
			}
			if c.IsFalse() {
				return verdict{failure: revisionFailure(c), givenUp: givenUp(rev, c)}
			}
		}
	}
	if configuration.IsFalse() && (rev == nil || rev.IsFailed()) {
		return verdict{failure: configurationFailure(configuration)}
	}
	if name == "" {
		return verdict{doing: "Knative is making a revision."}
	}
	return verdict{doing: fmt.Sprintf("Revision %s is starting.", name)}
}

// givenUp is a Revision that Knative does not try any more; nil if it does.
func givenUp(rev *servingv1.Revision, c *apis.Condition) *servingv1.Revision {
	if c.Reason == servingv1.ReasonProgressDeadlineExceeded && rev.IsFailed() {
		return rev
	}
	return nil
}

// sentence is what a condition of Knative's says, in one line.
func sentence(c *apis.Condition) string {
	text := strings.Join(strings.Fields(c.Message), " ")
	if text == "" {
		return c.Reason
	}
	return text
}
