package knative

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

const (
	// container is the one that a function runs in; the name is Knative's.
	container = "user-container"
	// maxLine is the length from which on a line is passed on in parts.
	maxLine = 1 << 20
)

// line is a line of a log without its end. A part of one that is too long has the time of its first part.
type line struct {
	at   time.Time
	text []byte
}

// tailer reads the log of one pod, and remembers how far it has come.
type tailer struct {
	pods      Pods
	namespace string
	name      string
	uid       types.UID

	last time.Time // time of the last line that was read
	seen int       // how many lines with this time were read
}

// read calls emit for each line that it has not given before, until the log ends or, following, the container. A pod whose
// container has not started, or which has gone, has an empty log.
func (t *tailer) read(ctx context.Context, opts corev1.PodLogOptions, emit func(line) error) error {
	opts.Container, opts.Timestamps = container, true
	if !t.last.IsZero() {
		since := metav1.NewTime(t.last.Truncate(time.Second)) // the API server knows whole seconds only
		opts.SinceTime, opts.TailLines = &since, nil
	}
	r, err := t.pods.Log(ctx, t.namespace, t.name, &opts)
	if apierrors.IsNotFound(err) || apierrors.IsBadRequest(err) {
		return nil
	}
	if err != nil {
		return err
	}
	defer r.Close()
	return eachLine(r, t.fresh(emit))
}

// fresh passes on what comes after the last line that was read. Lines that share its time are told apart by counting.
func (t *tailer) fresh(emit func(line) error) func(line) error {
	last, skip := t.last, t.seen
	return func(l line) error {
		if l.at.Before(last) {
			return nil
		}
		if l.at.Equal(last) && skip > 0 {
			skip--
			return nil
		}
		if !l.at.Equal(t.last) {
			t.last, t.seen = l.at, 0
		}
		t.seen++
		return emit(l)
	}
}

// eachLine takes a log with timestamps apart.
func eachLine(r io.Reader, emit func(line) error) error {
	lines := bufio.NewScanner(r)
	lines.Buffer(make([]byte, 0, 64<<10), maxLine)
	lines.Split(splitLine)
	var at time.Time
	for lines.Scan() {
		l := parseLine(lines.Bytes(), at)
		at = l.at
		if err := emit(l); err != nil {
			return err
		}
	}
	if err := lines.Err(); err != nil && !errors.Is(err, context.Canceled) {
		return fmt.Errorf("read a log: %w", err)
	}
	return nil
}

// splitLine is bufio.ScanLines but for carriage returns, which stay, and lines that are too long, which come in parts.
func splitLine(data []byte, atEOF bool) (advance int, token []byte, err error) {
	if i := bytes.IndexByte(data, '\n'); i >= 0 {
		return i + 1, data[:i], nil
	}
	if len(data) >= maxLine || atEOF && len(data) > 0 {
		return len(data), data, nil
	}
	return 0, nil, nil
}

// parseLine cuts the timestamp off. Without one, text has the time of the line before.
func parseLine(text []byte, before time.Time) line {
	stamp, rest, found := bytes.Cut(text, []byte(" "))
	at, err := time.Parse(time.RFC3339Nano, string(stamp))
	if err != nil {
		return line{at: before, text: bytes.Clone(text)}
	}
	if !found {
		rest = nil
	}
	return line{at: at, text: bytes.Clone(rest)}
}
