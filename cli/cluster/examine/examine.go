package examine

import (
	"context"
	"fmt"
	"net"
	"strconv"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/lambkin-dev/lambkin/cli/cluster"
	"github.com/lambkin-dev/lambkin/internal/engine"
)

// Examiner looks at one cluster.
type Examiner struct {
	Cluster *cluster.Cluster
	// Code reaches the registry through the gateway.
	Code engine.Code
	// Lookup resolves a host's name; the machine's resolver if nil.
	Lookup func(ctx context.Context, host string) ([]string, error)
}

// Run makes all checks, in the order in which things build on one another. Where one thing is missing, those that need
// it are left out.
func (x *Examiner) Run(ctx context.Context) []Finding {
	findings := x.server()
	if Failed(findings) {
		return findings
	}
	findings = append(findings, x.namespace(ctx))
	findings = append(findings, x.serving(ctx)...)
	findings = append(findings, x.tekton(ctx))
	findings = append(findings, x.lambkin(ctx)...)
	return append(findings, x.rights(ctx)...)
}

// The oldest API server whose validation of custom resources does all that ours ask for.
const (
	oldestMajor = 1
	oldestMinor = 29
)

func (x *Examiner) server() []Finding {
	place := x.Cluster.Place
	v, err := x.Cluster.APIs.ServerVersion()
	if err != nil {
		return []Finding{{"cluster", Broken, fmt.Sprintf("%s does not answer: %v", place, err), "choose another with --context or --kubeconfig; try \"kubectl version\""}}
	}
	f := Finding{"cluster", Fine, fmt.Sprintf("%s, Kubernetes %s", place, v.GitVersion), ""}
	if older(v.GitVersion, oldestMajor, oldestMinor) {
		f.State, f.WayOut = Broken, fmt.Sprintf("Kubernetes %d.%d or newer is needed", oldestMajor, oldestMinor)
	}
	return []Finding{f}
}

// older reports whether a version such as v1.29.3 is before major.minor. What is no version is not.
func older(version string, major, minor int) bool {
	parts := strings.SplitN(strings.TrimPrefix(version, "v"), ".", 3)
	if len(parts) < 2 {
		return false
	}
	a, errA := strconv.Atoi(parts[0])
	b, errB := strconv.Atoi(strings.TrimRight(parts[1], "+"))
	return errA == nil && errB == nil && (a < major || (a == major && b < minor))
}

func (x *Examiner) namespace(ctx context.Context) Finding {
	name := x.Cluster.Namespace
	err := x.Cluster.Client.Get(ctx, client.ObjectKey{Name: name}, new(corev1.Namespace))
	switch {
	case err == nil || apierrors.IsForbidden(err): // who may not look at namespaces may still work in one
		return Finding{"namespace", Fine, name, ""}
	case apierrors.IsNotFound(err):
		return Finding{"namespace", Broken, fmt.Sprintf("there is no namespace %q", name), fmt.Sprintf("kubectl create namespace %s, or choose another with -n", name)}
	default:
		return Finding{"namespace", Broken, err.Error(), ""}
	}
}

// has reports whether the cluster serves an API.
func (x *Examiner) has(group, version string) (bool, error) {
	_, err := x.Cluster.APIs.ServerResourcesForGroupVersion(schema.GroupVersion{Group: group, Version: version}.String())
	if apierrors.IsNotFound(err) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("ask for the kinds of %s: %w", group, err)
	}
	return true, nil
}

// kindVersion is the version that the release of a kind wrote on it; empty if we may not know.
func (x *Examiner) kindVersion(ctx context.Context, crd string) string {
	kind := new(metav1.PartialObjectMetadata)
	kind.SetGroupVersionKind(schema.GroupVersionKind{Group: "apiextensions.k8s.io", Version: "v1", Kind: "CustomResourceDefinition"})
	if err := x.Cluster.Client.Get(ctx, client.ObjectKey{Name: crd}, kind); err != nil {
		return ""
	}
	return kind.Labels["app.kubernetes.io/version"]
}

// settings reads the data of a ConfigMap. unreadable is the finding to give if that is not possible; nil else.
func (x *Examiner) settings(ctx context.Context, what, namespace, name string) (data map[string]string, unreadable *Finding) {
	kept := new(corev1.ConfigMap)
	err := x.Cluster.Client.Get(ctx, client.ObjectKey{Namespace: namespace, Name: name}, kept)
	switch {
	case err == nil:
		return kept.Data, nil
	case apierrors.IsForbidden(err):
		return nil, &Finding{what, Missing, fmt.Sprintf("not known: you may not read ConfigMap %s/%s", namespace, name), "ask the cluster's operator to run \"lambkin doctor\""}
	default:
		return nil, &Finding{what, Broken, fmt.Sprintf("ConfigMap %s/%s: %v", namespace, name, err), "install Knative Serving completely"}
	}
}

// deployment looks whether a Deployment is there in full.
func (x *Examiner) deployment(ctx context.Context, what, namespace, name string) Finding {
	d := new(appsv1.Deployment)
	err := x.Cluster.Client.Get(ctx, client.ObjectKey{Namespace: namespace, Name: name}, d)
	switch {
	case apierrors.IsForbidden(err):
		return Finding{what, Missing, fmt.Sprintf("not known: you may not read Deployment %s/%s", namespace, name), "ask the cluster's operator to run \"lambkin doctor\""}
	case apierrors.IsNotFound(err):
		return Finding{what, Broken, fmt.Sprintf("there is no Deployment %s/%s", namespace, name), ""}
	case err != nil:
		return Finding{what, Broken, err.Error(), ""}
	}
	wanted := int32(1)
	if d.Spec.Replicas != nil {
		wanted = *d.Spec.Replicas
	}
	f := Finding{what, Fine, fmt.Sprintf("%d of %d pods are available", d.Status.AvailableReplicas, wanted), ""}
	if d.Status.AvailableReplicas < wanted {
		f.State = Differs
	}
	if d.Status.AvailableReplicas == 0 {
		f.State = Broken
	}
	if f.State != Fine {
		f.WayOut = fmt.Sprintf("kubectl -n %s describe deployment %s", namespace, name)
	}
	return f
}

func (x *Examiner) lookup(ctx context.Context, host string) error {
	resolve := x.Lookup
	if resolve == nil {
		resolve = net.DefaultResolver.LookupHost
	}
	_, err := resolve(ctx, host)
	return err
}
