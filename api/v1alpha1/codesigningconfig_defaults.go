package v1alpha1

// Default fills in the policy.
func (c *CodeSigningConfig) Default() {
	c.Spec.UntrustedArtifactOnDeployment = orDefault(c.Spec.UntrustedArtifactOnDeployment, CodeSigningWarn)
}
