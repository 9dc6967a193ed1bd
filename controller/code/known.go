package code

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"strings"

	"k8s.io/apimachinery/pkg/api/meta"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/lambkin-dev/lambkin/api/v1alpha1"
)

// known describes an image that was made before.
func (r *Resolver) known(ctx context.Context, t *task) (Result, error) {
	result := Result{Image: t.Image, Protocol: v1alpha1.ProtocolLambda, Build: t.LastBuild}
	status := r.statusOf(ctx, t)
	switch {
	case t.Spec.Code.Zip != nil:
		result.CodeSHA256, result.CodeSize = base64Digest(t.Spec.Code.Zip.SHA256), t.Spec.Code.Zip.Size
		return result, nil
	case status != nil:
		result.CodeSHA256, result.CodeSize, result.Protocol = status.CodeSHA256, status.CodeSize, status.Protocol
		return result, nil
	case t.Spec.PackageType != v1alpha1.PackageTypeImage:
		return result, nil
	default:
		return r.inspected(ctx, t, result)
	}
}

// statusOf is the status that tells of the known image: the owner's own, or that of the Function that it was published
// from; nil if neither does.
func (r *Resolver) statusOf(ctx context.Context, t *task) *v1alpha1.FunctionStatus {
	if s := ownStatus(t.Owner); s != nil && s.Image == t.Image && s.CodeSHA256 != "" {
		return s
	}
	fn := new(v1alpha1.Function)
	err := r.cfg.Client.Get(ctx, client.ObjectKey{Namespace: t.namespace, Name: t.FunctionName}, fn)
	if err != nil || fn.Status.Image != t.Image || fn.Status.CodeSHA256 == "" {
		return nil // the image can be looked at instead
	}
	return &fn.Status
}

// served is the digest in hex, and the size, of the code that the owner serves for this very generation; empty if it does
// not serve it yet. What a URL or a tag stood for then is what it stands for until the function changes.
func (t *task) served() (digest string, size int64) {
	s := ownStatus(t.Owner)
	if s == nil || s.ObservedGeneration != t.Generation || !meta.IsStatusConditionTrue(s.Conditions, v1alpha1.ConditionReady) {
		return "", 0
	}
	sum, err := base64.StdEncoding.DecodeString(s.CodeSHA256)
	if err != nil {
		return "", 0
	}
	return hex.EncodeToString(sum), s.CodeSize
}

func ownStatus(owner client.Object) *v1alpha1.FunctionStatus {
	switch o := owner.(type) {
	case *v1alpha1.Function:
		return &o.Status
	case *v1alpha1.Version:
		return &o.Status
	default:
		return nil
	}
}

// base64Digest writes a digest in hex as the Lambda API has it; empty for what is none.
func base64Digest(digest string) string {
	sum, err := hex.DecodeString(strings.TrimPrefix(digest, "sha256:"))
	if err != nil {
		return ""
	}
	return base64.StdEncoding.EncodeToString(sum)
}
