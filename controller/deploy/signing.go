package deploy

import (
	"context"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/lambkin-dev/lambkin/api/v1alpha1"
	"github.com/lambkin-dev/lambkin/controller/code"
)

// checkSigning fails for code that does not serve yet and that the code signing config does not let in. What serves
// already goes on: configs hold for deployments.
func (d *Deployer) checkSigning(ctx context.Context, s *Subject, result code.Result) error {
	if s.CodeSigningConfig == "" || runsAlready(s.Status, result) {
		return nil
	}
	config := new(v1alpha1.CodeSigningConfig)
	key := client.ObjectKey{Namespace: s.Workload.Owner.GetNamespace(), Name: s.CodeSigningConfig}
	err := d.Client.Get(ctx, key, config)
	if apierrors.IsNotFound(err) {
		return v1alpha1.Failf(v1alpha1.ReasonCodeSigningConfigNotFound, "code signing config %q does not exist", key.Name)
	}
	if err != nil {
		return fmt.Errorf("read code signing config %q: %w", key, err)
	}
	if refusal := config.Refusal(); refusal != nil {
		return refusal
	}
	return nil
}

// runsAlready reports whether the status is about this code: by the digest of the archive, or of the image where there is none.
func runsAlready(st *v1alpha1.FunctionStatus, r code.Result) bool {
	if r.CodeSHA256 == "" {
		return r.Image == st.Image
	}
	return r.CodeSHA256 == st.CodeSHA256
}
