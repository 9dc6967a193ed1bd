package main

import (
	"context"

	flowcontrolv1 "k8s.io/api/flowcontrol/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/lambkin-dev/lambkin/internal/platform"
)

// The controller's requests, as the API server is told to tell them apart and count them.
const (
	flowLease = "lambkin-bench-lease" // that it still leads
	flowWatch = "lambkin-bench-watch" // watches, which end after some minutes and are begun anew
	flowRest  = "lambkin-bench-rest"  // all others
)

// countFlows has the API server count the requests of the controller. They are treated as before.
func (b *bench) countFlows(ctx context.Context) error {
	for _, f := range flows() {
		if err := b.client.Create(ctx, f); err != nil {
			return err
		}
		b.atEnd(func(ctx context.Context) error { return b.remove(ctx, f) })
	}
	return nil
}

func flows() []*flowcontrolv1.FlowSchema {
	all := []string{"*"}
	everything := []flowcontrolv1.NonResourcePolicyRule{{Verbs: all, NonResourceURLs: all}}
	return []*flowcontrolv1.FlowSchema{
		flow(flowLease, 700, rule(all, "coordination.k8s.io", "leases"), nil),
		flow(flowWatch, 701, rule([]string{"watch"}, "*", "*"), nil),
		flow(flowRest, 702, rule(all, "*", "*"), everything),
	}
}

func rule(verbs []string, group, kind string) flowcontrolv1.ResourcePolicyRule {
	return flowcontrolv1.ResourcePolicyRule{
		Verbs: verbs, APIGroups: []string{group}, Resources: []string{kind}, ClusterScope: true, Namespaces: []string{"*"},
	}
}

func flow(name string, precedence int32, r flowcontrolv1.ResourcePolicyRule, urls []flowcontrolv1.NonResourcePolicyRule) *flowcontrolv1.FlowSchema {
	return &flowcontrolv1.FlowSchema{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec: flowcontrolv1.FlowSchemaSpec{
			MatchingPrecedence:         precedence,
			PriorityLevelConfiguration: flowcontrolv1.PriorityLevelConfigurationReference{Name: "workload-low"},
			DistinguisherMethod:        &flowcontrolv1.FlowDistinguisherMethod{Type: flowcontrolv1.FlowDistinguisherMethodByUserType},
			Rules: []flowcontrolv1.PolicyRulesWithSubjects{{
				Subjects: []flowcontrolv1.Subject{{
					Kind:           flowcontrolv1.SubjectKindServiceAccount,
					ServiceAccount: &flowcontrolv1.ServiceAccountSubject{Namespace: platform.Namespace, Name: "lambkin-controller"},
				}},
				ResourceRules: []flowcontrolv1.ResourcePolicyRule{r}, NonResourceRules: urls,
			}},
		},
	}
}
