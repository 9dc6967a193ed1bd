package resources

import (
	"cmp"
	"slices"

	corev1 "k8s.io/api/core/v1"

	"github.com/lambkin-dev/lambkin/api/v1alpha1"
)

// Annotations of a ServiceAccount that name the IAM role whose rights functions running as it have: EKS's, and ours where
// EKS's own webhook is to leave the pods alone.
const (
	annotationRole    = v1alpha1.Group + "/role-arn"
	annotationEKSRole = "eks.amazonaws.com/role-arn"
)

// What AWS's SDKs need to prove to AWS who they are. Volume and path are those of EKS's webhook, which adds nothing where
// they are there (https://docs.aws.amazon.com/eks/latest/userguide/pod-configuration.html).
const (
	tokenVolume   = "aws-iam-token"
	tokenFolder   = "/var/run/secrets/eks.amazonaws.com/serviceaccount"
	tokenFile     = "token"
	tokenAudience = "sts.amazonaws.com"
	tokenSeconds  = 86400
)

// RoleOf is the ARN of the role that a ServiceAccount stands for on AWS; empty if it stands for none.
func RoleOf(account *corev1.ServiceAccount) string {
	return cmp.Or(account.Annotations[annotationRole], account.Annotations[annotationEKSRole])
}

// identityEnv are the variables by which AWS's SDKs find role and token. Those that the function sets itself are its own.
func (w *Workload) identityEnv(own []corev1.EnvVar) []corev1.EnvVar {
	if w.Role == "" {
		return nil
	}
	env := []corev1.EnvVar{
		{Name: "AWS_ROLE_ARN", Value: literal(w.Role)},
		{Name: "AWS_WEB_IDENTITY_TOKEN_FILE", Value: tokenFolder + "/" + tokenFile},
	}
	return slices.DeleteFunc(env, func(v corev1.EnvVar) bool {
		return slices.ContainsFunc(own, func(o corev1.EnvVar) bool { return o.Name == v.Name })
	})
}

// identityVolumes hold a token of the ServiceAccount for AWS alone; the API server does not take it. The kubelet renews it.
func (w *Workload) identityVolumes() []corev1.Volume {
	if w.Role == "" {
		return nil
	}
	token := corev1.VolumeProjection{ServiceAccountToken: &corev1.ServiceAccountTokenProjection{
		Audience: tokenAudience, ExpirationSeconds: new(int64(tokenSeconds)), Path: tokenFile,
	}}
	return []corev1.Volume{{Name: tokenVolume, VolumeSource: corev1.VolumeSource{
		Projected: &corev1.ProjectedVolumeSource{Sources: []corev1.VolumeProjection{token}},
	}}}
}

func (w *Workload) identityMounts() []corev1.VolumeMount {
	if w.Role == "" {
		return nil
	}
	return []corev1.VolumeMount{{Name: tokenVolume, MountPath: tokenFolder, ReadOnly: true}}
}
