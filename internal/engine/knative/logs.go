package knative

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/lambkin-dev/lambkin/api/v1alpha1"
	"github.com/lambkin-dev/lambkin/internal/engine"
	"github.com/lambkin-dev/lambkin/internal/lambda"
)

const (
	// maxPods is how many pods' logs are read at once: of more, the youngest.
	maxPods = 100
	// podPoll is how often one who follows looks for new pods.
	podPoll = time.Second
	// revisionLabel is on all pods of Knative Services.
	revisionLabel = "serving.knative.dev/revision"
)

// Logs writes the log of a function to w: the lines of all its pods, those that are there already in the order of their
// times. The logs of pods that have gone are gone with them.
func (e *Engine) Logs(ctx context.Context, fn lambda.Name, opts engine.LogOptions, w io.Writer) error {
	object := v1alpha1.ObjectName(string(fn))
	function := new(v1alpha1.Function)
	err := e.read(ctx, object, function)
	if lambda.CodeOf(err) == lambda.CodeResourceNotFound || err == nil && function.LambdaName() != string(fn) {
		return lambda.Errorf(lambda.CodeResourceNotFound, "Function not found: %s", lambda.Reference{Name: fn}.ARN(e.Identity))
	}
	if err != nil {
		return err
	}
	l := &logReader{pods: e.Pods, namespace: e.Namespace, out: &lineWriter{w: w}, tailers: make(map[types.UID]*tailer),
		// Pods of builds carry the first label too, but only Knative's have the second.
		selector: v1alpha1.LabelFunction + "=" + object + "," + revisionLabel}
	err = l.past(ctx, opts)
	if err == nil && opts.Follow {
		err = l.follow(ctx, opts)
	}
	if errors.Is(err, errNoWriter) {
		return err
	}
	err = objectError(ctx, "log of function", string(fn), err)
	if opts.Follow && ctx.Err() != nil {
		err = nil // that is how following ends
	}
	return err
}

// logReader reads the logs of a function's pods.
type logReader struct {
	pods      Pods
	namespace string
	selector  string
	out       *lineWriter
	tailers   map[types.UID]*tailer // of all pods met so far
}

// meet lists the pods and gives the tailers of the youngest.
func (l *logReader) meet(ctx context.Context) ([]*tailer, error) {
	pods, err := l.pods.List(ctx, l.namespace, l.selector)
	if err != nil {
		return nil, err
	}
	slices.SortFunc(pods, func(a, b corev1.Pod) int {
		return -a.CreationTimestamp.Compare(b.CreationTimestamp.Time)
	})
	var met []*tailer
	for i := range pods[:min(len(pods), maxPods)] {
		uid := pods[i].UID
		if l.tailers[uid] == nil {
			l.tailers[uid] = &tailer{pods: l.pods, namespace: l.namespace, name: pods[i].Name, uid: uid}
		}
		met = append(met, l.tailers[uid])
	}
	return met, nil
}

// past writes what is there already.
func (l *logReader) past(ctx context.Context, opts engine.LogOptions) error {
	met, err := l.meet(ctx)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	var group sync.WaitGroup
	defer group.Wait()
	defer cancel() // an error ends the others
	streams := make([]*stream, len(met))
	for i, t := range met {
		streams[i] = &stream{lines: make(chan line, 64)}
		group.Go(func() { streams[i].fill(ctx, t, podOptions(opts)) })
	}
	last := lastLines{keep: opts.Tail, out: l.out}
	if err := merge(streams, func(one line) error {
		if one.at.Before(opts.Since) {
			return nil
		}
		return last.take(one)
	}); err != nil {
		return err
	}
	return last.flush()
}

// podOptions ask one pod for no more than is needed of it.
func podOptions(opts engine.LogOptions) corev1.PodLogOptions {
	var o corev1.PodLogOptions
	if !opts.Since.IsZero() {
		since := metav1.NewTime(opts.Since.Truncate(time.Second))
		o.SinceTime = &since
	}
	if opts.Tail > 0 {
		n := int64(opts.Tail)
		o.TailLines = &n
	}
	return o
}

// stream is a pod's log on its way to the merge.
type stream struct {
	lines chan line
	err   error // once lines is closed
	next  line
	open  bool
}

// fill reads a log to its end.
func (s *stream) fill(ctx context.Context, t *tailer, opts corev1.PodLogOptions) {
	defer close(s.lines)
	s.err = t.read(ctx, opts, func(l line) error {
		select {
		case s.lines <- l:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	})
}

// advance takes the next line.
func (s *stream) advance() error {
	if s.next, s.open = <-s.lines; !s.open {
		return s.err
	}
	return nil
}

// merge gives the lines of all streams by time; lines of one stream keep their order.
func merge(streams []*stream, emit func(line) error) error {
	for _, s := range streams {
		if err := s.advance(); err != nil {
			return err
		}
	}
	for {
		var first *stream
		for _, s := range streams {
			if s.open && (first == nil || s.next.at.Before(first.next.at)) {
				first = s
			}
		}
		if first == nil {
			return nil
		}
		if err := emit(first.next); err != nil {
			return err
		}
		if err := first.advance(); err != nil {
			return err
		}
	}
}

// lastLines keeps the last lines of what it takes, or, if it is to keep none, passes all on.
type lastLines struct {
	keep  int
	lines []line // a ring once it is full
	at    int    // the oldest
	out   *lineWriter
}

func (k *lastLines) take(l line) error {
	switch {
	case k.keep <= 0:
		return k.out.write(l)
	case len(k.lines) < k.keep:
		k.lines = append(k.lines, l)
	default:
		k.lines[k.at] = l
		k.at = (k.at + 1) % k.keep
	}
	return nil
}

func (k *lastLines) flush() error {
	for i := range k.lines {
		if err := k.out.write(k.lines[(k.at+i)%len(k.lines)]); err != nil {
			return err
		}
	}
	return nil
}

// follow writes what is added, by pods that are there and by pods to come, until ctx ends or w takes no more.
func (l *logReader) follow(ctx context.Context, opts engine.LogOptions) error {
	ctx, cancel := context.WithCancelCause(ctx)
	var group sync.WaitGroup
	defer group.Wait()
	defer cancel(nil)
	var mu sync.Mutex
	reading := make(map[types.UID]bool)
	tick := time.NewTicker(podPoll)
	defer tick.Stop()
	for {
		met, err := l.meet(ctx)
		if err != nil && ctx.Err() == nil {
			return err
		}
		for _, t := range met {
			mu.Lock()
			if !reading[t.uid] && len(reading) < maxPods {
				reading[t.uid] = true
				group.Go(func() {
					if err := l.followPod(ctx, t, opts.Since); err != nil && ctx.Err() == nil {
						cancel(err)
					}
					mu.Lock()
					defer mu.Unlock()
					delete(reading, t.uid)
				})
			}
			mu.Unlock()
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-tick.C:
		}
	}
}

// followPod goes on where the tailer is. A connection that breaks is left to the next round, which takes it up again.
func (l *logReader) followPod(ctx context.Context, t *tailer, since time.Time) error {
	err := t.read(ctx, corev1.PodLogOptions{Follow: true}, func(one line) error {
		if one.at.Before(since) {
			return nil
		}
		return l.out.write(one)
	})
	if errors.Is(err, errNoWriter) {
		return err
	}
	return nil
}

// errNoWriter says that nobody takes lines any more.
var errNoWriter = errors.New("cannot write log")

// lineWriter writes lines one at a time.
type lineWriter struct {
	mu sync.Mutex
	w  io.Writer
}

func (l *lineWriter) write(one line) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if _, err := io.WriteString(l.w, strings.TrimSuffix(string(one.text), "\n")+"\n"); err != nil {
		return fmt.Errorf("%w: %w", errNoWriter, err)
	}
	return nil
}
