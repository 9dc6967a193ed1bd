package queue_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	bolt "go.etcd.io/bbolt"

	"github.com/lambkin-dev/lambkin/internal/engine/local/queue"
	"github.com/lambkin-dev/lambkin/internal/lambda"
)

func database(t testing.TB, path string) *bolt.DB {
	t.Helper()
	db, err := bolt.Open(path, 0o600, &bolt.Options{NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

// diary notes what was handled, in order.
type diary struct {
	mu    sync.Mutex
	lines []string
}

func (d *diary) note(format string, args ...any) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.lines = append(d.lines, fmt.Sprintf(format, args...))
}

func (d *diary) read() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.lines)
}

func open(t testing.TB, db *bolt.DB, cfg queue.Config, h queue.Handler) *queue.Queue {
	t.Helper()
	q, err := queue.Open(db, cfg, h)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		q.Close(ctx)
	})
	return q
}

func put(t testing.TB, q *queue.Queue, group, body string, in time.Duration) {
	t.Helper()
	if err := q.Put(queue.Item{Group: group, Due: time.Now().Add(in), Body: []byte(body)}); err != nil {
		t.Fatal(err)
	}
}

// settle waits until everything that is due has been handled. Disk writes are not waits that synctest knows, so time
// may stand still for them.
func settle(q *queue.Queue, want int) {
	for q.Len() != want {
		time.Sleep(time.Millisecond)
	}
	synctest.Wait()
}

func TestHandledOnceWhenDue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var d diary
		began := time.Now()
		q := open(t, database(t, filepath.Join(t.TempDir(), "db")), queue.Config{}, func(_ context.Context, it queue.Item) queue.Outcome {
			d.note("%s/%s at %s", it.Group, it.Body, time.Since(began).Round(time.Minute))
			return queue.Outcome{}
		})
		put(t, q, "f", "late", 2*time.Minute)
		put(t, q, "f", "soon", time.Minute)
		put(t, q, "f", "now", 0)
		settle(q, 0)
		want := []string{"f/now at 0s", "f/soon at 1m0s", "f/late at 2m0s"}
		if diff := cmp.Diff(want, d.read()); diff != "" {
			t.Errorf("each once, when it is due\n%s", diff)
		}
	})
}

func TestOutcomes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var d diary
		q := open(t, database(t, filepath.Join(t.TempDir(), "db")), queue.Config{}, func(_ context.Context, it queue.Item) queue.Outcome {
			d.note("%s", it.Body)
			switch string(it.Body) {
			case "first":
				again := it
				again.Due, again.Body = time.Now().Add(time.Minute), []byte("second")
				return queue.Outcome{Again: &again}
			case "second":
				return queue.Outcome{More: []queue.Item{{Group: "other", Due: time.Now(), Body: []byte("record")}}}
			default:
				return queue.Outcome{}
			}
		})
		put(t, q, "f", "first", 0)
		settle(q, 0)
		if diff := cmp.Diff([]string{"first", "second", "record"}, d.read()); diff != "" {
			t.Errorf("an item goes on as its outcome says\n%s", diff)
		}
	})
}

func TestGroupsTakeTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db := database(t, filepath.Join(t.TempDir(), "db"))
		var d diary
		gate := make(chan struct{})
		q := open(t, db, queue.Config{Parallel: 1}, func(_ context.Context, it queue.Item) queue.Outcome {
			<-gate
			d.note("%s%s", it.Group, it.Body)
			return queue.Outcome{}
		})
		put(t, q, "blocker", "", 0)
		for i := range 4 {
			put(t, q, "busy", fmt.Sprint(i), 0)
		}
		put(t, q, "quiet", "0", 0)
		close(gate)
		settle(q, 0)
		want := []string{"blocker", "busy0", "quiet0", "busy1", "busy2", "busy3"}
		if diff := cmp.Diff(want, d.read()); diff != "" {
			t.Errorf("a group with much to do must not hold up another\n%s", diff)
		}
	})
}

func TestParallelIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		running, most := map[string]int{}, map[string]int{}
		count := func(keys []string, by int) {
			mu.Lock()
			defer mu.Unlock()
			for _, k := range keys {
				running[k] += by
				most[k] = max(most[k], running[k])
			}
		}
		q := open(t, database(t, filepath.Join(t.TempDir(), "db")), queue.Config{Parallel: 5, PerGroup: 3}, func(_ context.Context, it queue.Item) queue.Outcome {
			keys := []string{"all", it.Group}
			count(keys, 1)
			time.Sleep(time.Second)
			count(keys, -1)
			return queue.Outcome{}
		})
		for range 10 {
			put(t, q, "a", "x", time.Minute)
			put(t, q, "b", "x", time.Minute)
		}
		settle(q, 0)
		if most["all"] != 5 || most["a"] != 3 || most["b"] != 3 {
			t.Errorf("at most 5 at once and 3 of a group, got %v", most)
		}
	})
}

func TestFull(t *testing.T) {
	block := func(ctx context.Context, _ queue.Item) queue.Outcome {
		<-ctx.Done()
		return queue.Outcome{}
	}
	cases := map[string]struct {
		reason string
		cfg    queue.Config
	}{
		"Items": {reason: "The number is bounded.", cfg: queue.Config{MaxItems: 2}},
		"Bytes": {reason: "The size is bounded.", cfg: queue.Config{MaxBytes: 25}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			q := open(t, database(t, filepath.Join(t.TempDir(), "db")), tc.cfg, block)
			put(t, q, "f", "0123456789", 0)
			put(t, q, "f", "0123456789", time.Hour)
			err := q.Put(queue.Item{Group: "f", Due: time.Now(), Body: []byte("0123456789")})
			if lambda.CodeOf(err) != lambda.CodeTooManyRequests || q.Len() != 2 {
				t.Errorf("%s\nPut = %v with %d items, want TooManyRequestsException", tc.reason, err, q.Len())
			}
		})
	}
}

func TestCloseKeepsWhatIsNotFinished(t *testing.T) {
	path := filepath.Join(t.TempDir(), "db")
	db := database(t, path)
	started := make(chan struct{})
	q := open(t, db, queue.Config{PerGroup: 1}, func(ctx context.Context, _ queue.Item) queue.Outcome {
		close(started)
		<-ctx.Done()
		return queue.Outcome{}
	})
	put(t, q, "f", "interrupted", 0)
	put(t, q, "f", "waiting", time.Millisecond)
	<-started
	now, cancel := context.WithCancel(t.Context())
	cancel()
	q.Close(now)

	var d diary
	again := open(t, db, queue.Config{PerGroup: 1}, func(_ context.Context, it queue.Item) queue.Outcome {
		d.note("%s", it.Body)
		return queue.Outcome{}
	})
	for again.Len() > 0 {
		time.Sleep(time.Millisecond)
	}
	if diff := cmp.Diff([]string{"interrupted", "waiting"}, d.read()); diff != "" {
		t.Errorf("after a Close everything unfinished is handled\n%s", diff)
	}
}

func TestCloseWaitsForHandlers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db := database(t, filepath.Join(t.TempDir(), "db"))
		var d diary
		started := make(chan struct{})
		q := open(t, db, queue.Config{PerGroup: 1}, func(ctx context.Context, it queue.Item) queue.Outcome {
			close(started)
			time.Sleep(time.Minute)
			d.note("%s %v", it.Body, ctx.Err())
			return queue.Outcome{}
		})
		put(t, q, "f", "running", 0)
		put(t, q, "f", "waiting", 0)
		<-started
		q.Close(t.Context())
		if diff := cmp.Diff([]string{"running <nil>"}, d.read()); diff != "" || q.Len() != 1 {
			t.Errorf("Close lets what runs end and starts nothing; %d left\n%s", q.Len(), diff)
		}
	})
}

func TestPutManyAtOnce(t *testing.T) {
	const n = 200
	var mu sync.Mutex
	seen := map[string]int{}
	q := open(t, database(t, filepath.Join(t.TempDir(), "db")), queue.Config{}, func(_ context.Context, it queue.Item) queue.Outcome {
		mu.Lock()
		defer mu.Unlock()
		seen[string(it.Body)]++
		return queue.Outcome{}
	})
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() { put(t, q, fmt.Sprint(i%7), fmt.Sprint(i), 0) })
	}
	wg.Wait()
	for q.Len() > 0 {
		time.Sleep(time.Millisecond)
	}
	mu.Lock()
	defer mu.Unlock()
	for i := range n {
		if seen[fmt.Sprint(i)] != 1 {
			t.Errorf("item %d was handled %d times, want once", i, seen[fmt.Sprint(i)])
		}
	}
}

func TestPutFails(t *testing.T) {
	db := database(t, filepath.Join(t.TempDir(), "db"))
	q := open(t, db, queue.Config{}, func(context.Context, queue.Item) queue.Outcome { return queue.Outcome{} })
	if err := q.Put(queue.Item{Group: string(make([]byte, 257))}); err == nil || q.Len() != 0 {
		t.Errorf("an impossible group: %v with %d items, want an error and none", err, q.Len())
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if err := q.Put(queue.Item{Group: "f"}); err == nil || errors.As(err, new(*lambda.Error)) || q.Len() != 0 {
		t.Errorf("a closed file: %v with %d items, want a plain error and none", err, q.Len())
	}
}

func TestDamagedFile(t *testing.T) {
	db := database(t, filepath.Join(t.TempDir(), "db"))
	err := db.Update(func(tx *bolt.Tx) error {
		b, err := tx.CreateBucketIfNotExists([]byte("later"))
		if err != nil {
			return err
		}
		return b.Put([]byte("\x00\x00\x00\x00\x00\x00\x00\x01"), []byte("short"))
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := queue.Open(db, queue.Config{}, nil); err == nil {
		t.Error("Open takes a damaged item for good")
	}
}
