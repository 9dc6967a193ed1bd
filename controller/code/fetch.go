package code

import (
	"context"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/lambkin-dev/lambkin/api/v1alpha1"
	"github.com/lambkin-dev/lambkin/internal/outbound"
)

// fetchTimeout is how long fetching an archive may take.
const fetchTimeout = 2 * time.Minute

// fetch says which archive in the store the code is, and puts there what is at a URL.
func (r *Resolver) fetch(ctx context.Context, z *zipped, say func(string)) error {
	if z.Spec.Code.Zip != nil {
		z.code = *z.Spec.Code.Zip
		return nil
	}
	if digest, size := z.served(); digest != "" && r.stored(ctx, z, digest, size) {
		z.code = v1alpha1.Blob{SHA256: digest, Size: size}
		return nil
	}
	location := outbound.Redacted(z.Spec.Code.URL.Location)
	say(fmt.Sprintf("The code waits to be fetched from %s.", location))
	leave, err := turn(ctx, r.reads)
	if err != nil {
		return err
	}
	defer leave()
	say(fmt.Sprintf("The code is being fetched from %s.", location))
	z.code, err = r.download(ctx, z)
	return err
}

// stored reports whether the store has an archive.
func (r *Resolver) stored(ctx context.Context, z *zipped, digest string, size int64) bool {
	content, err := r.store(z.task).Open(ctx, digest, size)
	if err != nil {
		return false // it is fetched again
	}
	content.Close()
	return true
}

// download puts what is at a URL into the store. A digest that the object gives must be that of the bytes.
func (r *Resolver) download(ctx context.Context, z *zipped) (v1alpha1.Blob, error) {
	ctx, cancel := context.WithTimeout(ctx, fetchTimeout)
	defer cancel()
	from := z.Spec.Code.URL
	body, err := outbound.Open(ctx, r.cfg.HTTP, from.Location)
	if err != nil {
		return v1alpha1.Blob{}, v1alpha1.Failf(v1alpha1.ReasonCodeUnavailable, "%v", err)
	}
	defer body.Close()
	source := &attentive{r: body}
	digest, size, err := r.store(z.task).Put(ctx, source, r.limit)
	switch {
	case source.err != nil:
		return v1alpha1.Blob{}, v1alpha1.Failf(v1alpha1.ReasonCodeUnavailable, "cannot fetch %q: %v", outbound.Redacted(from.Location), source.err)
	case err != nil:
		return v1alpha1.Blob{}, z.failure(err)
	case from.SHA256 != "" && digest != from.SHA256:
		return v1alpha1.Blob{}, v1alpha1.Failf(v1alpha1.ReasonCodeInvalid, "what %q gives has digest %s, not %s", outbound.Redacted(from.Location), digest, from.SHA256)
	default:
		return v1alpha1.Blob{SHA256: digest, Size: size}, nil
	}
}

// attentive remembers an error of what is read, so that it is not taken for one of where it is written to.
type attentive struct {
	r   io.Reader
	err error
}

// Read reads on, and keeps an error that is not the end.
func (a *attentive) Read(p []byte) (int, error) {
	n, err := a.r.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		a.err = err
	}
	return n, err
}

var layerForm = regexp.MustCompile(`:layer:([a-zA-Z0-9-_]+):([0-9]+)$`)

// layers finds the archives of the function's layers, the lowest first. Region and account of their ARNs are not looked at:
// a layer is one of the namespace. One that was deleted is there for the functions that use it.
func (r *Resolver) layers(ctx context.Context, t *task) ([]v1alpha1.Blob, error) {
	var found []v1alpha1.Blob
	for _, arn := range t.Spec.Layers {
		absent := v1alpha1.Failf(v1alpha1.ReasonLayerNotFound, "Layer version %s does not exist.", arn)
		parts := layerForm.FindStringSubmatch(arn)
		if parts == nil {
			return nil, absent
		}
		number, err := strconv.ParseInt(parts[2], 10, 64)
		if err != nil {
			return nil, absent
		}
		layer := new(v1alpha1.LayerVersion)
		key := client.ObjectKey{Namespace: t.namespace, Name: v1alpha1.LayerVersionObjectName(parts[1], number)}
		err = r.cfg.Client.Get(ctx, key, layer)
		if apierrors.IsNotFound(err) {
			return nil, absent
		}
		if err != nil {
			return nil, fmt.Errorf("cannot read LayerVersion %s: %w", key, err)
		}
		found = append(found, layer.Spec.Content)
	}
	return found, nil
}
