package code

import (
	"testing"

	"k8s.io/client-go/kubernetes/fake"
)

func TestPodLogs(t *testing.T) {
	text, err := PodLogs{Pods: fake.NewClientset().CoreV1()}.Tail(t.Context(), "team", "pod", "step-build", 10)
	if err != nil || text != "fake logs" {
		t.Errorf("Tail = %q, %v; want what the client's double says", text, err)
	}
}
