package code

import (
	"context"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/lambkin-dev/lambkin/api/v1alpha1"
	"github.com/lambkin-dev/lambkin/buildtemplates/image"
)

// labelBase is the label of images that we made in which the digest of the image beneath is.
const labelBase = "org.opencontainers.image.base.digest"

// fromImage looks at a function that is an image. One that speaks the Runtime API gets our runtime over it; another is run
// as it is.
func (r *Resolver) fromImage(ctx context.Context, t *task) (Result, error) {
	uri := t.Spec.Code.Image.URI
	if err := t.checkOwner(uri); err != nil {
		return Result{}, err
	}
	var secrets []string
	if t.Spec.Pod != nil {
		secrets = t.Spec.Pod.ImagePullSecrets
	}
	key := keyOf("image", t.Owner.GetUID(), t.Generation, t.Spec.Code.Image, secrets, t.repository(), t.architecture(),
		t.platform.Images.Runtime, t.platform.Registry)
	result, err := r.jobs.do(ctx, key, t.Owner, func(ctx context.Context, say func(string)) (Result, error) {
		return r.wrapped(ctx, t, say)
	})
	result.Build = t.LastBuild
	return result, err
}

// checkOwner keeps a function from the images of other namespaces: the controller, who may read them all, would hand them
// over.
func (t *task) checkOwner(uri string) error {
	inside := func(folder string) bool { return strings.HasPrefix(fullName(uri), fullName(folder)+"/") }
	if inside(t.platform.Registry.Prefix) && !inside(t.storePrefix()) {
		return v1alpha1.Failf(v1alpha1.ReasonImageUnavailable, "image %q belongs to another namespace; push it to a repository of your own", uri)
	}
	return nil
}

// fullName writes out the names that Docker Hub goes by.
func fullName(reference string) string {
	if rest, ok := strings.CutPrefix(reference, "docker.io/"); ok {
		return "index.docker.io/" + rest
	}
	if host := hostOf(reference); host == reference || !strings.ContainsAny(host, ".:") && host != "localhost" {
		return "index.docker.io/" + reference
	}
	return reference
}

// reference is the image to look at: for a generation that serves already the very one that it serves.
func (t *task) reference() string {
	uri := t.Spec.Code.Image.URI
	if digest, _ := t.served(); digest != "" {
		return repositoryOf(uri) + "@sha256:" + digest
	}
	return uri
}

// wrapped looks at the image, and bakes it if it is one for Lambda.
func (r *Resolver) wrapped(ctx context.Context, t *task, say func(string)) (Result, error) {
	own, uri := t.Spec.Code.Image, t.Spec.Code.Image.URI
	registry, err := r.withSecrets(ctx, t, uri)
	if err != nil {
		return Result{}, err
	}
	say(fmt.Sprintf("Image %s is being looked at.", uri))
	found, err := registry.Inspect(ctx, t.reference(), t.architecture())
	if err != nil {
		return Result{}, t.imageFailure(uri, err)
	}
	if found.Architecture != "" && found.Architecture != t.architecture() {
		return Result{}, v1alpha1.Failf(v1alpha1.ReasonImageInvalid, "image %q is for %s and the function for %s; change its architectures or push another image",
			uri, found.Architecture, t.architecture())
	}
	result := Result{Image: found.Reference, Protocol: protocolOf(t, found), CodeSHA256: base64Digest(found.Digest)}
	if result.Protocol == v1alpha1.ProtocolHTTP {
		return result, nil
	}
	if len(found.EntryPoint)+len(found.Cmd)+len(own.EntryPoint)+len(own.Command) == 0 {
		return Result{}, v1alpha1.Failf(v1alpha1.ReasonEntrypointInvalid, "image %q says nothing of what to start; set its ENTRYPOINT or CMD, or code.image.entryPoint", uri)
	}
	result.Image, err = r.wrap(ctx, t, registry, found.Reference, say)
	return result, err
}

// wrap lays the runtime over an image, unless that was done before.
func (r *Resolver) wrap(ctx context.Context, t *task, registry *image.Registry, base string, say func(string)) (string, error) {
	own := t.Spec.Code.Image
	over, err := r.digestOf(ctx, r.connection(t), t.platform.Images.Runtime)
	if err != nil {
		return "", t.failure(err)
	}
	key := keyOf("wrapped", t.repository(), base, over, t.architecture(), own.EntryPoint, own.Command, own.WorkingDirectory)
	if made, ok := r.baked.get(key); ok {
		return made, nil
	}
	say("The image waits for its turn to get the runtime.")
	leave, err := turn(ctx, r.bakes)
	if err != nil {
		return "", err
	}
	defer leave()
	say("The image is getting the runtime.")
	spec := image.Spec{
		Base: base, Runtime: over, Architecture: t.architecture(),
		EntryPoint: own.EntryPoint, Command: own.Command, WorkingDirectory: own.WorkingDirectory,
	}
	made, err := r.bake(ctx, t, registry, spec, key)
	if err != nil {
		return "", t.imageFailure(own.URI, err, base)
	}
	r.baked.put(key, made)
	return made, nil
}

// protocolOf is what the spec says, or what the image shows.
func protocolOf(t *task, found image.Config) v1alpha1.Protocol {
	if own := t.Spec.Code.Image; own != nil && own.Protocol != "" {
		return own.Protocol
	}
	return v1alpha1.Protocol(found.Protocol())
}

// inspected completes what is known of an image by what it says of itself.
func (r *Resolver) inspected(ctx context.Context, t *task, result Result) (Result, error) {
	found, err := r.jobs.do(ctx, keyOf("inspect", t.Image, t.architecture()), t.Owner, func(ctx context.Context, say func(string)) (Result, error) {
		say(fmt.Sprintf("Image %s is being looked at.", t.Image))
		registry, err := r.withSecrets(ctx, t, t.Image)
		if err != nil {
			return Result{}, err
		}
		found, err := registry.Inspect(ctx, t.Image, t.architecture())
		if err != nil {
			return Result{}, t.imageFailure(t.Image, err)
		}
		digest := found.Digest
		if base := found.Labels[labelBase]; base != "" && slices.Contains(found.EntryPoint, image.RuntimePath) {
			digest = base
		}
		return Result{Image: t.Image, Protocol: protocolOf(t, found), CodeSHA256: base64Digest(digest)}, nil
	})
	found.Build = result.Build
	return found, err
}

// withSecrets gives the way to registries with the credentials of the function's pods, which hold for the repository of
// its image before our own do. To all others there are only ours.
func (r *Resolver) withSecrets(ctx context.Context, t *task, reference string) (*image.Registry, error) {
	names, err := r.pullSecrets(ctx, t)
	if err != nil || len(names) == 0 {
		return r.connection(t), err
	}
	var files [][]byte
	for _, name := range names {
		secret := new(corev1.Secret)
		err := r.cfg.Live.Get(ctx, client.ObjectKey{Namespace: t.namespace, Name: name}, secret)
		if apierrors.IsNotFound(err) || apierrors.IsForbidden(err) {
			continue // as the kubelet does; and where operators show us no Secrets, our own credentials may do
		}
		if err != nil {
			return nil, fmt.Errorf("cannot read Secret %q, which pod.imagePullSecrets or the service account names: %w", name, err)
		}
		if file := secret.Data[corev1.DockerConfigJsonKey]; len(file) > 0 {
			files = append(files, file)
		}
	}
	theirs, err := image.DockerConfig(files...)
	if err != nil {
		return nil, v1alpha1.Failf(v1alpha1.ReasonImageUnavailable, "pull secrets %s: %v", strings.Join(names, ", "), err)
	}
	own := repositoryOf(fullName(reference))
	return r.connection(t).As(func(ctx context.Context, repository string) (image.Login, error) {
		if fullName(repository) != own {
			return image.FirstOf(nil)(ctx, repository)
		}
		return image.FirstOf(theirs, nil)(ctx, repository)
	}), nil
}

// pullSecrets are the names of the Secrets that the function's pods pull with.
func (r *Resolver) pullSecrets(ctx context.Context, t *task) ([]string, error) {
	var names []string
	account := "default"
	if p := t.Spec.Pod; p != nil {
		names = slices.Clone(p.ImagePullSecrets)
		if p.ServiceAccountName != "" {
			account = p.ServiceAccountName
		}
	}
	found := new(corev1.ServiceAccount)
	err := r.cfg.Live.Get(ctx, client.ObjectKey{Namespace: t.namespace, Name: account}, found)
	if client.IgnoreNotFound(err) != nil {
		return nil, fmt.Errorf("cannot read ServiceAccount %q: %w", account, err)
	}
	for _, s := range found.ImagePullSecrets {
		names = append(names, s.Name)
	}
	return names, nil
}
