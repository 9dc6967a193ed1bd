// Package v1alpha1 is Lambkin's vocabulary: the objects that kubectl, GitOps, the CLI and the AWS API gateway write
// and that the controller and the local engine both reconcile. Kinds and members carry the names that the Lambda API
// gives them; units are AWS's (MB, seconds), so that a value can be copied from one world to the other.
//
// +kubebuilder:object:generate=true
// +groupName=lambkin.dev
package v1alpha1
