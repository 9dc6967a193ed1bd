package code

import (
	"context"
	"fmt"
	"strings"
	"time"

	tekton "github.com/tektoncd/pipeline/pkg/apis/pipeline/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"

	"github.com/lambkin-dev/lambkin/api/v1alpha1"
	"github.com/lambkin-dev/lambkin/buildtemplates"
	"github.com/lambkin-dev/lambkin/internal/platform"
)

const (
	// caConfigMap holds, in namespaces that build, the certificate authorities of a registry with private ones. It is the
	// one that the installed Tasks look for too.
	caConfigMap = "lambkin-registry-ca"
	// maxReadable is how much of a function's name is in the names of its builds, and hashLength how much of a digest of
	// what is built.
	maxReadable = 40
	hashLength  = 10
	// pauseAfterTrouble is how long a build that met a registry in trouble is left alone before it is made again.
	pauseAfterTrouble = 30 * time.Second
)

// build is one source on its way into an image.
type build struct {
	*task
	entry  buildtemplates.Entry
	layers []v1alpha1.Blob
	name   string
}

// fromSource follows the build of a source, and starts it if there is none of the same input yet.
func (r *Resolver) fromSource(ctx context.Context, t *task) (Result, error) {
	b, err := r.newBuild(ctx, t)
	if err != nil {
		return Result{}, err
	}
	run, err := r.find(ctx, b)
	if err != nil {
		return Result{}, err
	}
	if run == nil {
		run, err = r.start(ctx, b)
	}
	if err != nil {
		return Result{}, err
	}
	return r.follow(ctx, b, run)
}

// newBuild names a build by everything that it depends on: the same input is built once, by whatever controller. The
// release's own images are not part of it, so an upgrade of Lambkin builds nothing, and neither is the generation, so a
// change of memory does not.
func (r *Resolver) newBuild(ctx context.Context, t *task) (*build, error) {
	id := t.Spec.Runtime
	if t.Spec.Code.Source.Dockerfile != "" {
		id = buildtemplates.Dockerfile
	}
	entry, err := t.entry(id)
	if err != nil {
		return nil, err
	}
	layers, err := r.layers(ctx, t)
	if err != nil {
		return nil, err
	}
	key := keyOf(t.Owner.GetUID(), t.Spec.Code.Source, t.Owner.GetAnnotations()[AnnotationRebuild],
		t.repository(), layers, id, t.Spec.Handler, t.architecture(), entry.Bootstrap, entry.Base, entry.Build)
	readable := strings.TrimRight(t.FunctionName[:min(len(t.FunctionName), maxReadable)], "-.")
	return &build{task: t, entry: entry, layers: layers, name: readable + "-" + key[:hashLength]}, nil
}

// find looks for the build; nil if it is not there.
func (r *Resolver) find(ctx context.Context, b *build) (*tekton.TaskRun, error) {
	run := new(tekton.TaskRun)
	err := r.cfg.Client.Get(ctx, client.ObjectKey{Namespace: b.namespace, Name: b.name}, run)
	switch {
	case kindMissing(err):
		return nil, tektonMissing()
	case apierrors.IsNotFound(err):
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("cannot read build %q: %w", b.name, err)
	default:
		return run, b.mine(run)
	}
}

// mine refuses a TaskRun that is somebody else's.
func (b *build) mine(run *tekton.TaskRun) error {
	if metav1.IsControlledBy(run, b.Owner) {
		return nil
	}
	return v1alpha1.Failf(v1alpha1.ReasonNameTaken, "there is a TaskRun %q that is not ours; delete it", run.Name)
}

// kindMissing reports whether the API server does not know a kind at all.
func kindMissing(err error) bool {
	return meta.IsNoMatchError(err) || apierrors.IsNotFound(err) && strings.Contains(err.Error(), "could not find the requested resource")
}

func tektonMissing() error {
	return v1alpha1.Failf(v1alpha1.ReasonTektonMissing, "code.source has to be built, and the cluster has no Tekton Pipelines; install it, and the function goes on, or deploy a zip")
}

// start makes the build, and takes those back that it supersedes.
func (r *Resolver) start(ctx context.Context, b *build) (*tekton.TaskRun, error) {
	settings, err := settingsOf(b.platform)
	if err != nil {
		return nil, err
	}
	if err := r.ensureAccount(ctx, b.namespace, settings.ServiceAccountName); err != nil {
		return nil, err
	}
	if err := r.cancelOthers(ctx, b); err != nil {
		return nil, err
	}
	run := buildtemplates.MakeTaskRun(buildtemplates.TaskRunInput{
		Metadata: metav1.ObjectMeta{
			Namespace: b.namespace, Name: b.name, Labels: map[string]string{v1alpha1.LabelFunction: b.FunctionName},
		},
		Entry: b.entry, Source: *b.Spec.Code.Source, Image: b.repository() + ":" + b.name[len(b.name)-hashLength:], Store: b.storePrefix(),
		Handler: b.Spec.Handler, Architecture: b.lambdaArchitecture(), Layers: b.layers, Settings: settings,
	})
	if err := controllerutil.SetControllerReference(b.Owner, run, r.cfg.Client.Scheme()); err != nil {
		return nil, fmt.Errorf("cannot make build %q: %w", b.name, err)
	}
	return r.create(ctx, b, run)
}

func (r *Resolver) create(ctx context.Context, b *build, run *tekton.TaskRun) (*tekton.TaskRun, error) {
	err := r.cfg.Client.Create(ctx, run)
	switch {
	case err == nil:
		return run, nil
	case kindMissing(err):
		return nil, tektonMissing()
	case apierrors.IsAlreadyExists(err): // and the cache does not show it yet
		there := new(tekton.TaskRun)
		if err := r.cfg.Live.Get(ctx, client.ObjectKeyFromObject(run), there); err != nil {
			return nil, fmt.Errorf("cannot read build %q: %w", b.name, err)
		}
		return there, b.mine(there)
	case apierrors.IsForbidden(err) && !apierrors.HasStatusCause(err, corev1.NamespaceTerminatingCause),
		apierrors.IsInvalid(err), apierrors.IsBadRequest(err):
		return nil, v1alpha1.Failf(v1alpha1.ReasonRefused, "the cluster refuses the build: %s", oneLine(err.Error(), maxMessage))
	default:
		return nil, fmt.Errorf("cannot make build %q: %w", b.name, err)
	}
}

// settingsOf takes over what the operator decides about builds.
func settingsOf(p *platform.Config) (buildtemplates.Settings, error) {
	s := buildtemplates.Settings{
		Builder: p.Images.Builder, Runtime: p.Images.Runtime, ServiceAccountName: p.Build.ServiceAccountName,
		Timeout: p.Build.Timeout.Duration, CacheClaim: p.Build.CacheClaim, Env: p.Build.Env,
		PushSecret: p.Registry.PushSecret, PlainHTTP: p.Registry.PlainHTTP,
	}
	if p.Registry.CAFile != "" {
		s.CAConfigMap = caConfigMap
	}
	for _, q := range []struct {
		name, text string
		to         *resource.Quantity
	}{{"cpu", p.Build.CPU, &s.CPU}, {"memory", p.Build.Memory, &s.Memory}, {"disk", p.Build.Disk, &s.Disk}} {
		if q.text == "" {
			continue
		}
		quantity, err := resource.ParseQuantity(q.text)
		if err != nil {
			return s, fmt.Errorf("build.%s in %s of ConfigMap %s/%s is %q: %w", q.name, platform.Key, platform.Namespace, platform.ConfigMap, q.text, err)
		}
		*q.to = quantity
	}
	return s, nil
}

// ensureAccount makes the account that builds run as, which has no rights, where there is none.
func (r *Resolver) ensureAccount(ctx context.Context, namespace, name string) error {
	account := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}}
	err := r.cfg.Live.Get(ctx, client.ObjectKeyFromObject(account), account)
	if err == nil {
		return nil
	}
	if !apierrors.IsNotFound(err) {
		return fmt.Errorf("cannot read ServiceAccount %q: %w", name, err)
	}
	no := false
	account.AutomountServiceAccountToken = &no
	account.Labels = map[string]string{"app.kubernetes.io/part-of": "lambkin"}
	if err := r.cfg.Client.Create(ctx, account); err != nil && !apierrors.IsAlreadyExists(err) {
		return fmt.Errorf("cannot make ServiceAccount %q for builds: %w", name, err)
	}
	return nil
}
