package resources

import (
	"fmt"
	"math"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"knative.dev/networking/pkg/apis/networking"
	servingv1 "knative.dev/serving/pkg/apis/serving/v1"

	"github.com/lambkin-dev/lambkin/api/v1alpha1"
)

// Share is how much of an alias's calls one version gets.
type Share struct {
	// Version is $LATEST or a number.
	Version string
	// Service is the Knative Service that runs it.
	Service string
	// Percent of the calls: 0 to 100, whole.
	Percent int64
}

// Shares says which versions an alias's calls go to. service names the Service of a version. Knative splits by whole
// percents: a weight between two is rounded to the nearer one, but a version that is to have calls keeps at least one
// percent, and so does the other. Deviations are sentences about weights that were rounded.
func Shares(a *v1alpha1.AliasSpec, service func(version string) string) (shares []Share, deviations []string, err error) {
	rest := int64(100)
	for version, weight := range a.AdditionalVersionWeights { // at most one
		fraction, err := weight.Fraction()
		if err != nil {
			return nil, nil, v1alpha1.Failf(v1alpha1.ReasonSpecInvalid, "%v", err)
		}
		percent := wholePercent(fraction)
		if exact := fraction * 100; math.Abs(exact-float64(percent)) > 1e-6 {
			deviations = append(deviations, fmt.Sprintf("Version %s gets %d%% of the calls instead of %g%%, because Knative splits by whole percents.",
				version, percent, math.Round(exact*1e4)/1e4))
		}
		rest -= percent
		shares = append(shares, Share{version, service(version), percent})
	}
	return append([]Share{{a.FunctionVersion, service(a.FunctionVersion), rest}}, shares...), deviations, nil
}

func wholePercent(fraction float64) int64 {
	if fraction <= 0 || fraction >= 1 {
		return int64(fraction) * 100
	}
	return min(max(int64(math.Round(fraction*100)), 1), 99)
}

// MakeRoute makes the Knative Route of an alias. Its targets are the Services' latest ready Revisions: a version has one
// Revision at a time, and where a change of its provisioned concurrency makes another, Knative moves over when that is
// ready. A local Route is not served outside the cluster.
func MakeRoute(a *v1alpha1.Alias, shares []Share, local bool) *servingv1.Route {
	r := &servingv1.Route{
		TypeMeta: metav1.TypeMeta{APIVersion: servingv1.SchemeGroupVersion.String(), Kind: "Route"},
		ObjectMeta: metav1.ObjectMeta{
			Name:      v1alpha1.AliasRouteName(a.Spec.FunctionName, a.Spec.Name),
			Namespace: a.Namespace,
			Labels: map[string]string{
				v1alpha1.LabelFunction: v1alpha1.ObjectName(a.Spec.FunctionName),
				LabelAlias:             v1alpha1.ObjectName(a.Spec.Name),
			},
			OwnerReferences: []metav1.OwnerReference{controllerRef(a, "Alias")},
		},
	}
	if local {
		r.Labels[networking.VisibilityLabelKey] = visibilityLocal
	}
	for _, s := range shares {
		r.Spec.Traffic = append(r.Spec.Traffic, servingv1.TrafficTarget{
			ConfigurationName: s.Service, LatestRevision: new(true), Percent: new(s.Percent),
		})
	}
	return r
}
