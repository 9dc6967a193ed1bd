package deploy

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	servingv1 "knative.dev/serving/pkg/apis/serving/v1"

	"github.com/lambkin-dev/lambkin/api/v1alpha1"
	"github.com/lambkin-dev/lambkin/controller/code"
	"github.com/lambkin-dev/lambkin/internal/platform"
)

// annotationCode is on each Service: what its image was made from and what was found out about it. It is why code is
// looked at when the function changes and not when the controller starts, and why a tag or a branch that moves on in
// between moves nothing.
const annotationCode = v1alpha1.Group + "/code"

// memory is the annotation's value.
type memory struct {
	Inputs     string            `json:"inputs"`
	Image      string            `json:"image"`
	Protocol   v1alpha1.Protocol `json:"protocol"`
	SHA256     string            `json:"sha256,omitempty"`
	Size       int64             `json:"size,omitempty"`
	Deviations []string          `json:"deviations,omitempty"`
}

// remember notes on a Service what its image was made from.
func remember(svc *servingv1.Service, inputs string, r code.Result) {
	text, err := json.Marshal(memory{inputs, r.Image, r.Protocol, r.CodeSHA256, r.CodeSize, r.Deviations})
	if err != nil {
		return // strings and numbers always encode
	}
	svc.Annotations = map[string]string{annotationCode: string(text)}
}

// remembered gives what a Service remembers, if it is the owner's and its image was made from these inputs.
func remembered(svc *servingv1.Service, owner metav1.Object, inputs string) (code.Result, bool) {
	var m memory
	if !metav1.IsControlledBy(svc, owner) || json.Unmarshal([]byte(svc.Annotations[annotationCode]), &m) != nil {
		return code.Result{}, false
	}
	if m.Inputs != inputs || m.Image == "" {
		return code.Result{}, false
	}
	return code.Result{Image: m.Image, Protocol: m.Protocol, CodeSHA256: m.SHA256, CodeSize: m.Size, Deviations: m.Deviations}, true
}

// inputs is a digest of what decides about an image beside the code itself: the function's generation, the wish for another
// build, and what the operator says of images. Of what is pinned it is a constant.
func (s *Subject) inputs(p *platform.Config) string {
	if s.Pinned {
		return "pinned"
	}
	text, err := json.Marshal([]any{s.Generation, s.Workload.Owner.GetAnnotations()[code.AnnotationRebuild], p.Registry.Prefix, p.Images, p.Runtimes})
	if err != nil {
		return "" // strings always encode
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}
