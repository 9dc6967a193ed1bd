package v1alpha1

// Default fills in the policy.
func (c *CodeSigningConfig) Default() {
	c.Spec.UntrustedArtifactOnDeployment = orDefault(c.Spec.UntrustedArtifactOnDeployment, CodeSigningWarn)
}

// Refusal says why code that its functions do not run yet is not taken; nil if it is. No signature can be verified here,
// so all code counts as unsigned.
func (c *CodeSigningConfig) Refusal() *Failure {
	if c.Spec.UntrustedArtifactOnDeployment != CodeSigningEnforce {
		return nil
	}
	return Failf(ReasonCodeUntrusted, "The code is not deployed: code signing config %s takes only signed code (policy Enforce), and "+
		"signatures of AWS Signer cannot be verified here, so that the code counts as unsigned. Set the policy to Warn.", c.Name)
}
