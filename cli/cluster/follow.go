package cluster

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// maxLine is how many bytes of a line of a build are given; the rest of a longer one is dropped.
const maxLine = 64 << 10

// glance is how often a build is looked at that has nothing to read just now.
const glance = 250 * time.Millisecond

// skipped is what Tekton itself writes in place of a step that comes after one that failed.
const skipped = "Skipping step because a previous step failed"

// FollowBuild gives tell each line that the steps of a build print, with the step's name, until the build has ended, and
// gives the build as it ended. The lines of a build that has ended already are given too, if its pod is still there.
func (c *Cluster) FollowBuild(ctx context.Context, name string, tell func(step, line string)) (Build, error) {
	read := map[string]bool{}
	for {
		b, err := c.Build(ctx, name)
		if err != nil {
			return b, err
		}
		if i := slices.IndexFunc(b.Steps, func(s Step) bool { return readable(s) && !read[s.container] }); i >= 0 {
			s := b.Steps[i]
			read[s.container] = true
			if err := c.followStep(ctx, b.pod, s, tell); err != nil {
				return b, fmt.Errorf("read what step %q of build %q prints: %w", s.Name, name, err)
			}
			continue // the build has gone on meanwhile
		}
		if b.Succeeded != metav1.ConditionUnknown {
			return b, nil
		}
		select {
		case <-time.After(glance):
		case <-ctx.Done():
			return b, ctx.Err()
		}
	}
}

// readable reports whether a step has printed or is about to.
func readable(s Step) bool { return s.State != StepWaiting && s.State != StepSkipped }

func (c *Cluster) followStep(ctx context.Context, pod string, s Step, tell func(step, line string)) error {
	r, err := c.PodLogs(ctx, pod, &corev1.PodLogOptions{Container: s.container, Follow: true})
	if apierrors.IsNotFound(err) {
		return nil // the pod has gone, and its log with it
	}
	if err != nil {
		return err
	}
	defer func() { _ = r.Close() }()
	return eachLine(r, func(line string) {
		if !strings.HasSuffix(line, skipped) {
			tell(s.Name, line)
		}
	})
}

// eachLine gives every line, without its end and what is beyond maxLine.
func eachLine(r io.Reader, tell func(string)) error {
	lines := bufio.NewReaderSize(r, maxLine)
	for {
		line, err := lines.ReadSlice('\n')
		if len(line) > 0 {
			tell(strings.TrimRight(string(line), "\r\n"))
		}
		for errors.Is(err, bufio.ErrBufferFull) {
			_, err = lines.ReadSlice('\n')
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}
