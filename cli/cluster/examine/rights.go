package examine

import (
	"context"
	"fmt"
	"strings"

	authorizationv1 "k8s.io/api/authorization/v1"

	"github.com/lambkin-dev/lambkin/api/v1alpha1"
	"github.com/lambkin-dev/lambkin/internal/platform"
)

// right is what one part of the command line does with the user's own rights.
type right struct {
	what    string
	needed  bool // nothing works without
	without string
	wayOut  string
	access  []authorizationv1.ResourceAttributes
}

// rightsOf are all of them, in a namespace.
func rightsOf(namespace string) []right {
	in := func(group, resources string, verbs string) []authorizationv1.ResourceAttributes {
		var all []authorizationv1.ResourceAttributes
		for resource := range strings.FieldsSeq(resources) {
			for verb := range strings.FieldsSeq(verbs) {
				name, sub, _ := strings.Cut(resource, "/")
				all = append(all, authorizationv1.ResourceAttributes{Namespace: namespace, Group: group, Resource: name, Subresource: sub, Verb: verb})
			}
		}
		return all
	}
	gateway := authorizationv1.ResourceAttributes{
		Namespace: platform.Namespace, Resource: "services", Subresource: "proxy", Name: fmt.Sprintf("http:%s:%s", platform.GatewayService, platform.GatewayPort),
	}
	read, write := gateway, gateway
	read.Verb, write.Verb = "get", "create"
	edit := fmt.Sprintf("kubectl -n %s create rolebinding YOU --clusterrole=edit --user=YOU, as an administrator", namespace)
	use := fmt.Sprintf("kubectl -n %s create rolebinding YOU --role=lambkin-gateway-user --user=YOU, as an administrator", platform.Namespace)
	other := "ask the cluster's operator for a Role with these"
	return []right{
		{"rights to functions", true, "functions cannot be deployed", edit, in(v1alpha1.Group, "functions versions aliases functionurlconfigs layerversions resourcepolicies codesigningconfigs", "get list create update delete")},
		{"rights to the gateway", true, "code cannot be uploaded and functions cannot be invoked", use, []authorizationv1.ResourceAttributes{read, write}},
		{"rights to publish", false, "versions cannot be published", other, in(v1alpha1.Group, "functions/status", "patch")},
		{"rights to logs", false, "logs and rollout do not work", edit, append(in("", "pods", "list watch"), in("", "pods/log", "get")...)},
		{"rights to builds", false, "builds and their logs are not shown", edit, in("tekton.dev", "taskruns", "get list delete")},
		{"rights to credentials", false, "set registry-auth and set git-auth do not work", edit, in("", "secrets serviceaccounts", "get create update")},
	}
}

// rights asks the API server what the user may do.
func (x *Examiner) rights(ctx context.Context) []Finding {
	var findings []Finding
	for _, r := range rightsOf(x.Cluster.Namespace) {
		findings = append(findings, x.right(ctx, r))
	}
	return findings
}

func (x *Examiner) right(ctx context.Context, r right) Finding {
	var lacking []string
	for _, a := range r.access {
		review := &authorizationv1.SelfSubjectAccessReview{Spec: authorizationv1.SelfSubjectAccessReviewSpec{ResourceAttributes: &a}}
		if err := x.Cluster.Client.Create(ctx, review); err != nil {
			return Finding{r.what, Missing, fmt.Sprintf("not known: %v", err), ""}
		}
		if !review.Status.Allowed {
			lacking = append(lacking, a.Verb+" "+strings.TrimSuffix(a.Resource+"/"+a.Subresource, "/"))
		}
	}
	if len(lacking) == 0 {
		return Finding{r.what, Fine, "you have them", ""}
	}
	f := Finding{r.what, Missing, fmt.Sprintf("%s: you may not %s in namespace %q", r.without, strings.Join(lacking, ", "), r.access[0].Namespace), r.wayOut}
	if r.needed {
		f.State = Broken
	}
	return f
}
