package code

import (
	"context"
	"fmt"
	"io"

	corev1 "k8s.io/api/core/v1"
	corev1client "k8s.io/client-go/kubernetes/typed/core/v1"
)

// maxLog is how much of a log is read, whatever the length of its lines.
const maxLog = 64 << 10

// PodLogs reads the logs of pods from the API server. It implements [Logs].
type PodLogs struct {
	// Pods is the API server.
	Pods corev1client.PodsGetter
}

// Tail gives at most the last lines of a container's log.
func (l PodLogs) Tail(ctx context.Context, namespace, pod, container string, lines int64) (string, error) {
	limit := int64(maxLog)
	stream, err := l.Pods.Pods(namespace).GetLogs(pod, &corev1.PodLogOptions{Container: container, TailLines: &lines, LimitBytes: &limit}).Stream(ctx)
	if err != nil {
		return "", fmt.Errorf("cannot read the log of container %q of pod %q: %w", container, pod, err)
	}
	defer stream.Close()
	text, err := io.ReadAll(io.LimitReader(stream, maxLog))
	if err != nil {
		return "", fmt.Errorf("cannot read the log of container %q of pod %q: %w", container, pod, err)
	}
	return string(text), nil
}
