package telemetry

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// fakeSink is a subscriber's program: it keeps batches, fails as told, and may be slow.
type fakeSink struct {
	fail func(attempt int) error
	slow time.Duration

	mu       sync.Mutex
	attempts int
	numbers  []uint64
	batches  []string
	closed   bool
}

func (s *fakeSink) send(ctx context.Context, number uint64, batch []byte) error {
	select {
	case <-time.After(s.slow):
	case <-ctx.Done():
		return ctx.Err()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.attempts++
	if s.fail != nil {
		if err := s.fail(s.attempts); err != nil {
			return err
		}
	}
	s.numbers = append(s.numbers, number)
	s.batches = append(s.batches, string(batch))
	return nil
}

func (s *fakeSink) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
}

// got gives the batches that were delivered.
func (s *fakeSink) got() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.batches...)
}

// records decodes a batch.
func records(t *testing.T, batch string) []event {
	t.Helper()
	var list []event
	if err := json.Unmarshal([]byte(batch), &list); err != nil {
		t.Fatalf("batch %.100q: %v", batch, err)
	}
	return list
}

// event is a delivered event.
type event struct {
	Time   string
	Type   string
	Record json.RawMessage
}

// start makes a running subscriber in front of a sink. It ends with the test.
func startSubscriber(t *testing.T, sink *fakeSink, edit func(*subscriber)) *subscriber {
	t.Helper()
	r, err := parseRequest(TelemetryAPI, false, []byte(`{"schemaVersion":"2022-07-01","types":["platform","function"],`+
		`"destination":{"protocol":"HTTP","URI":"http://sandbox:8080"},"buffering":{"maxItems":1000,"maxBytes":262144,"timeoutMs":100}}`))
	if err != nil {
		t.Fatal(err)
	}
	s := newSubscriber("ext", TelemetryAPI, r)
	s.sink = sink
	if edit != nil {
		edit(s)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var run sync.WaitGroup
	run.Go(func() { s.run(ctx) })
	t.Cleanup(func() { cancel(); s.end(); run.Wait() })
	return s
}

func line(text string) Line { return Line{Text: []byte(text)} }

func TestBatchGoesOutInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sink := new(fakeSink)
		s := startSubscriber(t, sink, nil)
		begin := time.Now()
		s.add(begin, line("one"))
		time.Sleep(60 * time.Millisecond)
		s.add(time.Now(), line("two"))
		time.Sleep(39 * time.Millisecond)
		synctest.Wait()
		if n := len(sink.got()); n != 0 {
			t.Fatalf("%d batches before the oldest event waited 100 ms", n)
		}
		time.Sleep(time.Millisecond)
		synctest.Wait()
		want := []string{fmt.Sprintf(`[{"time":%q,"type":"function","record":"one"},{"time":%q,"type":"function","record":"two"}]`,
			begin.UTC().Format(timeFormat), begin.Add(60*time.Millisecond).UTC().Format(timeFormat))}
		if diff := cmp.Diff(want, sink.got()); diff != "" {
			t.Errorf("-want +got:\n%s", diff)
		}
		time.Sleep(time.Hour)
		synctest.Wait()
		if n := len(sink.got()); n != 1 {
			t.Errorf("%d batches; nothing new, nothing to send", n)
		}
	})
}

func TestBatchGoesOutWhenFull(t *testing.T) {
	cases := map[string]struct {
		lines int
		text  string
		want  int // events in the first batch
	}{
		"Items": {1000, "x", 1000},
		"Bytes": {3, strings.Repeat("x", 100_000), 3},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				sink := new(fakeSink)
				s := startSubscriber(t, sink, nil)
				for range tc.lines {
					s.add(at, line(tc.text))
				}
				synctest.Wait() // no time passes
				if got := sink.got(); len(got) != 1 || len(records(t, got[0])) != tc.want {
					t.Errorf("got %d batches, want one of %d events at once", len(got), tc.want)
				}
			})
		})
	}
}

func TestDeliveryIsRepeated(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sink := &fakeSink{fail: func(attempt int) error {
			if attempt < attempts {
				return errors.New("busy")
			}
			return nil
		}}
		s := startSubscriber(t, sink, nil)
		s.add(at, line("one"))
		time.Sleep(time.Second)
		s.add(at, line("two"))
		time.Sleep(time.Second)
		synctest.Wait()
		if got := sink.got(); len(got) != 2 || !strings.Contains(got[0], "one") || strings.Contains(got[1], "logsDropped") {
			t.Errorf("got %q, want both lines and nothing dropped", got)
		}
		if diff := cmp.Diff([]uint64{1, 2}, sink.numbers); diff != "" {
			t.Errorf("an attempt does not change the batch's number: %s", diff)
		}
	})
}

func TestDroppedAfterLastAttempt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sink := &fakeSink{fail: func(attempt int) error {
			if attempt <= 2*attempts {
				return errors.New("busy")
			}
			return nil
		}}
		s := startSubscriber(t, sink, nil)
		s.add(at, line("one"))
		time.Sleep(5 * time.Second)
		s.add(at, line("two"))
		time.Sleep(5 * time.Second)
		s.add(at, line("three"))
		time.Sleep(5 * time.Second)
		synctest.Wait()
		got := sink.got()
		if len(got) != 1 {
			t.Fatalf("got %d batches, want the third one only", len(got))
		}
		list := records(t, got[0])
		size := len(`{"time":"2026-01-31T00:00:00.123Z","type":"function","record":"one"}`)
		want := fmt.Sprintf(`{"droppedBytes":%d,"droppedRecords":2,"reason":%q}`, 2*size, reasonDead)
		if len(list) != 2 || list[1].Type != "platform.logsDropped" || string(list[1].Record) != want {
			t.Errorf("got %s, want both lost lines counted once: %s", got[0], want)
		}
	})
}

// A subscriber that hangs costs bounded memory, and learns how much it missed.
func TestSlowSubscriberIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sink := &fakeSink{slow: time.Second}
		s := startSubscriber(t, sink, nil)
		s.add(at, line("first"))
		time.Sleep(101 * time.Millisecond) // it is on its way now
		for range 10_000 {
			s.add(at, line("more"))
		}
		s.mu.Lock()
		kept, size := s.pending.items, cap(s.pending.body)+cap(s.spare)
		s.mu.Unlock()
		if kept != 2000 || size > 2*262144+4096 {
			t.Errorf("%d events, %d bytes are kept", kept, size)
		}
		time.Sleep(5 * time.Second)
		synctest.Wait()
		got := sink.got()
		list := records(t, got[1])
		last := list[len(list)-1]
		var dropped LogsDropped
		if err := json.Unmarshal(last.Record, &dropped); err != nil || len(got) != 2 || len(list) != 2001 {
			t.Fatalf("got %d batches, the second of %d events: %v", len(got), len(list), err)
		}
		if last.Type != "platform.logsDropped" || dropped.Records != 8000 || dropped.Reason != reasonSlow || dropped.Bytes != 8000*69 {
			t.Errorf("got %s %+v, want 8000 records dropped", last.Type, dropped)
		}
	})
}

// One event may be larger than the whole buffer; it still goes out.
func TestHugeEvent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sink := new(fakeSink)
		s := startSubscriber(t, sink, nil)
		s.add(at, line(strings.Repeat("\x01", MaxLine)))
		synctest.Wait()
		if got := sink.got(); len(got) != 1 || len(records(t, got[0])) != 1 {
			t.Errorf("got %d batches, want 1", len(got))
		}
	})
}

// Without platform events nobody wants to hear of dropped ones, and no empty batch goes out.
func TestDroppedWithoutPlatform(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sink := &fakeSink{fail: func(attempt int) error {
			if attempt <= attempts {
				return errors.New("busy")
			}
			return nil
		}}
		s := startSubscriber(t, sink, func(s *subscriber) { s.sources = function })
		s.add(at, line("lost"))
		time.Sleep(5 * time.Second)
		s.add(at, line("kept"))
		time.Sleep(time.Second)
		s.end()
		synctest.Wait()
		if got := sink.got(); len(got) != 1 || len(records(t, got[0])) != 1 {
			t.Errorf("got %q", got)
		}
		if !sink.closed {
			t.Error("the sink was not closed")
		}
	})
}

// What was dropped is told even if nothing else comes.
func TestDroppedIsToldAtTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sink := &fakeSink{fail: func(attempt int) error {
			if attempt <= attempts {
				return errors.New("busy")
			}
			return nil
		}}
		s := startSubscriber(t, sink, nil)
		s.add(at, line("lost"))
		time.Sleep(time.Minute)
		s.end()
		synctest.Wait()
		if got := sink.got(); len(got) != 1 || records(t, got[0])[0].Type != "platform.logsDropped" {
			t.Errorf("got %q", got)
		}
	})
}

func TestAttemptIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sink := &fakeSink{slow: time.Hour}
		s := startSubscriber(t, sink, nil)
		s.add(at, line("one"))
		time.Sleep(100*time.Millisecond + attempts*attemptTimeout + 4*firstPause)
		synctest.Wait()
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.dropped.Records != 1 {
			t.Errorf("dropped %+v; a program that never answers is given up", s.dropped)
		}
	})
}
