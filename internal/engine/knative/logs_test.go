package knative

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"

	"github.com/lambkin-dev/lambkin/api/v1alpha1"
	"github.com/lambkin-dev/lambkin/internal/engine"
	"github.com/lambkin-dev/lambkin/internal/lambda"
)

// fakePods are pods whose logs grow as a test says.
type fakePods struct {
	mu      sync.Mutex
	changed *sync.Cond
	pods    []*fakePod
	broken  error // of List
	reads   int   // logs that were opened
}

type fakePod struct {
	name    string
	labels  map[string]string
	lines   []string // with timestamps
	waiting bool     // its container has not started
	gone    bool     // by the time its log is asked for
	cut     int      // the next reader loses its connection after so many lines; 0: none does
}

func newPods() *fakePods {
	p := new(fakePods)
	p.changed = sync.NewCond(&p.mu)
	return p
}

// add makes a pod of function f.
func (p *fakePods) add(name string, lines ...string) *fakePod {
	p.mu.Lock()
	defer p.mu.Unlock()
	pod := &fakePod{name: name, lines: lines, labels: map[string]string{v1alpha1.LabelFunction: "f", revisionLabel: "f-00001"}}
	p.pods = append(p.pods, pod)
	return pod
}

// change lets a test alter pods, and wakes who follows them.
func (p *fakePods) change(alter func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	alter()
	p.changed.Broadcast()
}

func (p *fakePods) List(_ context.Context, ns, selector string) ([]corev1.Pod, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	selects, err := labels.Parse(selector)
	if err != nil || ns != namespace || p.broken != nil {
		return nil, errors.Join(err, p.broken)
	}
	var found []corev1.Pod
	for i, pod := range p.pods {
		if selects.Matches(labels.Set(pod.labels)) {
			found = append(found, corev1.Pod{ObjectMeta: metav1.ObjectMeta{
				Name: pod.name, UID: types.UID(pod.name), CreationTimestamp: metav1.NewTime(at(i)),
			}})
		}
	}
	return found, nil
}

// Log is what a kubelet gives: lines since a whole second, or the last ones.
func (p *fakePods) Log(ctx context.Context, _, name string, opts *corev1.PodLogOptions) (io.ReadCloser, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.reads++
	var pod *fakePod
	for _, one := range p.pods {
		if one.name == name {
			pod = one
		}
	}
	resource := schema.GroupResource{Resource: "pods"}
	switch {
	case opts.Container != container || !opts.Timestamps:
		return nil, apierrors.NewInternalError(fmt.Errorf("options %+v", opts))
	case pod == nil || pod.gone:
		return nil, apierrors.NewNotFound(resource, name)
	case pod.waiting:
		return nil, apierrors.NewBadRequest("container is waiting to start: ContainerCreating")
	}
	from := 0
	if opts.TailLines != nil {
		from = max(0, len(pod.lines)-int(*opts.TailLines))
	}
	for opts.SinceTime != nil && from < len(pod.lines) && parseLine([]byte(pod.lines[from]), time.Time{}).at.Before(opts.SinceTime.Time) {
		from++
	}
	return p.stream(ctx, pod, from, opts.Follow), nil
}

// stream gives a pod's lines, and following those to come. The caller holds the lock.
func (p *fakePods) stream(ctx context.Context, pod *fakePod, from int, follow bool) io.ReadCloser {
	r, w := io.Pipe()
	cut := pod.cut
	pod.cut = 0
	stop := context.AfterFunc(ctx, func() {
		w.CloseWithError(ctx.Err())
		p.change(func() {})
	})
	go func() {
		defer stop()
		for n := 0; ; n++ {
			p.mu.Lock()
			for follow && from >= len(pod.lines) && ctx.Err() == nil {
				p.changed.Wait()
			}
			ended := from >= len(pod.lines) || ctx.Err() != nil
			var text string
			if !ended {
				text = pod.lines[from]
			}
			p.mu.Unlock()
			if ended || cut > 0 && n == cut {
				w.Close()
				return
			}
			if _, err := io.WriteString(w, text+"\n"); err != nil {
				return
			}
			from++
		}
	}()
	return r
}

// at is a time n milliseconds into the test's day.
func at(n int) time.Time { return time.Date(2026, 1, 31, 0, 0, 0, n*1e6, time.UTC) }

// said is a line with a timestamp.
func said(n int, text string) string { return at(n).Format(time.RFC3339Nano) + " " + text }

// logging is an engine with function f and these pods.
func logging(t *testing.T, p *fakePods) *Engine {
	t.Helper()
	e, _ := newEngine(t)
	e.Pods = p
	deploy(t, e, "f")
	return e
}

func TestLogsOfAllPodsByTime(t *testing.T) {
	p := newPods()
	p.add("a", said(1, "one"), said(4, "four"), said(4, "four again"), said(2500, "late"))
	p.add("b", said(2, "two"), said(3, ""), said(5, "five\r"))
	p.add("starting", said(0, "never")).waiting = true
	p.add("gone", said(0, "never")).gone = true
	p.add("build", said(0, "never")).labels = map[string]string{v1alpha1.LabelFunction: "f"}
	p.add("other", said(0, "never")).labels = map[string]string{v1alpha1.LabelFunction: "g", revisionLabel: "g-00001"}
	e := logging(t, p)
	cases := map[string]struct {
		reason string
		opts   engine.LogOptions
		want   string
	}{
		"All":       {"lines of all pods by their times", engine.LogOptions{}, "one\ntwo\n\nfour\nfour again\nfive\r\nlate\n"},
		"Tail":      {"the last of all, not of each", engine.LogOptions{Tail: 3}, "four again\nfive\r\nlate\n"},
		"TailOne":   {"", engine.LogOptions{Tail: 1}, "late\n"},
		"TailMany":  {"more than there are", engine.LogOptions{Tail: 100}, "one\ntwo\n\nfour\nfour again\nfive\r\nlate\n"},
		"Since":     {"to the millisecond, though Kubernetes knows seconds", engine.LogOptions{Since: at(4)}, "four\nfour again\nfive\r\nlate\n"},
		"SinceTail": {"both", engine.LogOptions{Since: at(4), Tail: 2}, "five\r\nlate\n"},
		"Future":    {"nothing", engine.LogOptions{Since: at(10_000)}, ""},
	}
	for name, tc := range cases {
		var out bytes.Buffer
		must(t, e.Logs(t.Context(), "f", tc.opts, &out))
		if out.String() != tc.want {
			t.Errorf("%s: %s: got %q, want %q", name, tc.reason, out.String(), tc.want)
		}
	}
}

func TestLogsRefuse(t *testing.T) {
	p := newPods()
	p.add("a", said(1, "one"))
	e := logging(t, p)
	deploy(t, e, "Orders")
	wantCode(t, "nobody", e.Logs(t.Context(), "g", engine.LogOptions{}, io.Discard), lambda.CodeResourceNotFound)
	wantCode(t, "the name of an object", e.Logs(t.Context(), lambda.Name(v1alpha1.ObjectName("Orders")), engine.LogOptions{}, io.Discard), lambda.CodeResourceNotFound)
	r, w := io.Pipe()
	r.Close()
	for _, follow := range []bool{false, true} {
		if err := e.Logs(t.Context(), "f", engine.LogOptions{Follow: follow}, w); !errors.Is(err, io.ErrClosedPipe) {
			t.Errorf("a reader that has gone gives %v", err)
		}
	}
	p.broken = apierrors.NewForbidden(schema.GroupResource{Resource: "pods"}, "", errors.New("no"))
	wantCode(t, "somebody who may not", e.Logs(t.Context(), "f", engine.LogOptions{}, io.Discard), lambda.CodeAccessDenied)
}

// reader takes what is followed, line by line.
type reader struct {
	lines chan string
	done  chan error
	stop  context.CancelFunc
}

// follow follows the log of f until the test ends.
func follow(t *testing.T, e *Engine, opts engine.LogOptions) *reader {
	t.Helper()
	opts.Follow = true
	ctx, cancel := context.WithCancel(t.Context())
	r := &reader{lines: make(chan string, 1000), done: make(chan error, 1), stop: cancel}
	go func() { r.done <- e.Logs(ctx, "f", opts, r) }()
	t.Cleanup(cancel)
	return r
}

// Write keeps a line, which comes whole.
func (r *reader) Write(p []byte) (int, error) {
	r.lines <- string(p)
	return len(p), nil
}

// want waits for these lines, in any order but the order of each pod.
func (r *reader) want(t *testing.T, lines ...string) {
	t.Helper()
	left := map[string]int{}
	for _, l := range lines {
		left[l+"\n"]++
	}
	for range lines {
		select {
		case got := <-r.lines:
			if left[got]--; left[got] < 0 {
				t.Fatalf("got %q too often, or at the wrong time", got)
			}
		case err := <-r.done:
			t.Fatalf("following ended with %v, waiting for %v", err, left)
		case <-time.After(30 * time.Second):
			t.Fatalf("waited in vain for %v", left)
		}
	}
}

func TestFollowTakesNewPodsIn(t *testing.T) {
	p := newPods()
	a := p.add("a", said(1, "one"), said(2, "two"))
	r := follow(t, logging(t, p), engine.LogOptions{Tail: 1})
	r.want(t, "two")
	p.change(func() { a.lines = append(a.lines, said(2, "two of the same time"), said(3, "three")) })
	r.want(t, "two of the same time", "three")
	b := p.add("b", said(4, "four"))
	r.want(t, "four")
	late := p.add("late", said(5, "never"))
	p.change(func() { late.waiting = true })
	p.change(func() { b.lines = append(b.lines, said(6, "six")) })
	r.want(t, "six")
	p.change(func() { late.waiting = false })
	r.want(t, "never")
	r.stop()
	if err := <-r.done; err != nil {
		t.Errorf("following ends with its context, got %v", err)
	}
	if len(r.lines) > 0 {
		t.Errorf("more lines: %q", <-r.lines)
	}
}

// TestFollowGoesOnAfterABreak loses the connection twice; each line still comes once.
func TestFollowGoesOnAfterABreak(t *testing.T) {
	p := newPods()
	a := p.add("a", said(1, "one"))
	e := logging(t, p)
	r := follow(t, e, engine.LogOptions{})
	r.want(t, "one")
	p.change(func() { a.cut = 1 })
	p.change(func() { a.lines = append(a.lines, said(1200, "two"), said(1200, "two b"), said(1300, "three")) })
	r.want(t, "two", "two b", "three")
	p.change(func() { a.lines = append(a.lines, said(1300, "three b"), said(2600, "four")) })
	r.want(t, "three b", "four")
	r.stop()
	must(t, <-r.done)
	if len(r.lines) > 0 {
		t.Errorf("a line came twice: %q", <-r.lines)
	}
}

func TestFollowSince(t *testing.T) {
	p := newPods()
	a := p.add("a", said(1, "old"), said(1500, "new"))
	r := follow(t, logging(t, p), engine.LogOptions{Since: at(1400)})
	r.want(t, "new")
	p.change(func() { a.lines = append(a.lines, said(1600, "newer")) })
	p.add("b", said(2, "old too"), said(1700, "newest"))
	r.want(t, "newer", "newest")
	r.stop()
	must(t, <-r.done)
}

// TestManyPods has more pods than are read at once: the youngest count.
func TestManyPods(t *testing.T) {
	p := newPods()
	for i := range maxPods + 5 {
		p.add(fmt.Sprintf("pod-%d", i), said(i, fmt.Sprintf("from %d", i)))
	}
	var out bytes.Buffer
	must(t, logging(t, p).Logs(t.Context(), "f", engine.LogOptions{}, &out))
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	if len(lines) != maxPods || lines[0] != "from 5" || p.reads != maxPods {
		t.Errorf("%d lines of %d logs, the first %q", len(lines), p.reads, lines[0])
	}
}

func TestLongLinesComeInParts(t *testing.T) {
	p := newPods()
	long := strings.Repeat("x", maxLine+10)
	p.add("a", said(1, long), said(3, "three"))
	p.add("b", said(2, "two"))
	var out bytes.Buffer
	must(t, logging(t, p).Logs(t.Context(), "f", engine.LogOptions{}, &out))
	lines := strings.Split(out.String(), "\n")
	if len(lines) != 5 || lines[0]+lines[1] != long || lines[2] != "two" {
		t.Errorf("%d lines, %d and %d bytes, then %q", len(lines), len(lines[0]), len(lines[1]), lines[2:])
	}
}

// FuzzEachLine takes any log apart: nothing is lost but timestamps and line breaks.
func FuzzEachLine(f *testing.F) {
	f.Add([]byte("2026-01-31T00:00:00.5Z one\n2026-01-31T00:00:01Z two"))
	f.Add([]byte("no time\n\n \n2026-01-31T00:00:00Z\n2026-01-31T00:00:00Z \r\n"))
	f.Add([]byte("\xff\x00 2026"))
	f.Fuzz(func(t *testing.T, text []byte) {
		var got []line
		if err := eachLine(bytes.NewReader(text), func(l line) error {
			got = append(got, l)
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		want := bytes.Count(text, []byte("\n"))
		if len(text) > 0 && text[len(text)-1] != '\n' {
			want++
		}
		if len(got) != want {
			t.Errorf("%d lines of %q, want %d", len(got), text, want)
		}
		for i, part := range bytes.Split(text, []byte("\n")) {
			if i < len(got) && !bytes.HasSuffix(part, got[i].text) {
				t.Errorf("line %d of %q is %q", i, text, got[i].text)
			}
		}
	})
}
