package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Scaling says how the pods of a function come and go on a cluster. What is unset is Knative's or the operator's default.
type Scaling struct {
	// MinScale is how many pods there are at least. concurrency.provisioned, if greater, goes before it.
	// +optional
	// +kubebuilder:validation:Minimum=0
	MinScale *int32 `json:"minScale,omitempty"`
	// MaxScale is how many pods there are at most; 0 is no bound. concurrency.reserved, if less, goes before it.
	// +optional
	// +kubebuilder:validation:Minimum=0
	MaxScale *int32 `json:"maxScale,omitempty"`
	// Target is how much of the metric one pod should have; by default what it can take at once.
	// +optional
	// +kubebuilder:validation:Minimum=1
	Target *int32 `json:"target,omitempty"`
	// Metric is what pods are counted by: concurrency (default), rps, or, with the HPA class, cpu or memory.
	// +optional
	// +kubebuilder:validation:Enum=concurrency;rps;cpu;memory
	Metric string `json:"metric,omitempty"`
	// Window is over what time the metric is averaged, and after which an idle function has no pods: 6s to 1h.
	// +optional
	Window *metav1.Duration `json:"window,omitempty"`
	// Class is the autoscaler: kpa.autoscaling.knative.dev or hpa.autoscaling.knative.dev.
	// +optional
	// +kubebuilder:validation:MaxLength=253
	Class string `json:"class,omitempty"`
}

// Pod says how the pods of a function run on a cluster, and where.
type Pod struct {
	// ServiceAccountName is the account that the function runs as. Its token is mounted only if it is named here. If it has the
	// annotation lambkin.dev/role-arn or eks.amazonaws.com/role-arn, AWS's SDKs in the function act as that IAM role.
	// +optional
	// +kubebuilder:validation:MaxLength=253
	ServiceAccountName string `json:"serviceAccountName,omitempty"`
	// RuntimeClassName runs the pods in a sandbox, such as gvisor or kata.
	// +optional
	// +kubebuilder:validation:MaxLength=253
	RuntimeClassName string `json:"runtimeClassName,omitempty"`
	// NodeSelector are labels of the nodes that may run the pods.
	// +optional
	// +kubebuilder:validation:MaxProperties=32
	NodeSelector map[string]string `json:"nodeSelector,omitempty"`
	// ImagePullSecrets are names of Secrets with credentials for the function's own image.
	// +optional
	// +kubebuilder:validation:MaxItems=16
	ImagePullSecrets []string `json:"imagePullSecrets,omitempty"`
}
