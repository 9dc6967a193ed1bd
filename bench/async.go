package main

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"github.com/lambkin-dev/lambkin/bench/table"
)

const (
	// drained is how many events are drained, and drainWork how long the function works on each.
	drained   = 1000
	drainWork = 50 * time.Millisecond
	// drainPatience is how long an event may take to come to its end.
	drainPatience = 2 * time.Minute
)

// asyncEvents measures what lambkin serve does with asynchronous events, every one of which is on the disk before its
// caller hears of it.
func (b *bench) asyncEvents() ([]table.Row, error) {
	dir, err := os.MkdirTemp("", "lambkin-bench")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(dir) }() // a rest in the temporary directory does no harm
	l := local{bench: b, dir: dir}
	if l.server, _, err = l.serve("events"); err != nil {
		return nil, err
	}
	defer l.server.stop()
	if err := l.deployHandler("events"); err != nil {
		return nil, err
	}
	accept, err := l.acceptRate()
	if err != nil {
		return nil, err
	}
	drain, err := l.drain()
	return []table.Row{accept, drain}, err
}

// deployHandler deploys the function of the benchmarks.
func (l *local) deployHandler(name string) error {
	code := filepath.Join(l.dir, "code-"+name)
	if err := os.Mkdir(code, 0o755); err != nil {
		return err
	}
	if err := copyFile(l.handler, filepath.Join(code, "bootstrap")); err != nil {
		return err
	}
	return l.command("deploy", name, code, "--runtime", "provided.al2023", "--handler", "bootstrap")
}

func (l *local) eventsURL() string {
	return "http://" + l.server.addr + "/2015-03-31/functions/events/invocations"
}

// acceptRate has as many callers send events as call the function, in turn. The function works the events off meanwhile.
func (l *local) acceptRate() (table.Row, error) {
	calls := load{url: l.eventsURL(), callers: crowd, total: l.requests / 4, body: []byte(`{"hello":"world"}`)}
	events := calls
	events.event = true
	var ratios, rates []float64
	for round := range l.rounds + 1 {
		called, err := calls.run(l.server)
		if err != nil {
			return table.Row{}, err
		}
		sent, err := events.run(l.server)
		if err != nil {
			return table.Row{}, err
		}
		if _, err := l.await(1, 0); err != nil { // those before it have had their turn by then
			return table.Row{}, err
		}
		if round > 0 { // the first one warms up
			rates = append(rates, sent.perSecond(events.total))
			ratios = append(ratios, called.wall.Seconds()/sent.wall.Seconds())
		}
	}
	r := table.Ratio("`lambkin serve`: events accepted per second, each on the disk, 64 callers, in units of synchronous invocations per second", table.Median(ratios), table.AtLeast(0.5))
	r.Value += fmt.Sprintf(" (%.0f/s)", table.Median(rates))
	return r, nil
}

// drain compares the time from the first event's begin to the last one's end with that of the function's own work, spread
// over its environments.
func (l *local) drain() (table.Row, error) {
	var over []float64
	for range l.rounds {
		runs, err := l.await(drained, drainWork)
		if err != nil {
			return table.Row{}, err
		}
		over = append(over, (beyondWork(runs)-1)*100)
	}
	return table.Absolute(fmt.Sprintf("`lambkin serve`: draining %d events, beyond the time that the function itself works on them", drained), table.Median(over), "%", 5), nil
}

// interval is when a function worked.
type interval struct{ began, ended int64 }

// beyondWork is the time that the work took as a whole, in units of what it would have taken had no environment ever waited.
func beyondWork(runs []interval) float64 {
	var sum int64
	type edge struct {
		at   int64
		more int
	}
	var edges []edge
	for _, r := range runs {
		sum += r.ended - r.began
		edges = append(edges, edge{r.began, 1}, edge{r.ended, -1})
	}
	slices.SortFunc(edges, func(a, b edge) int { return int(a.at - b.at) })
	most, now := 0, 0 // environments at work
	for _, e := range edges {
		now += e.more
		most = max(most, now)
	}
	return float64(edges[len(edges)-1].at-edges[0].at) * float64(most) / float64(sum)
}

// await sends events, and waits until the function has told of each.
func (l *local) await(events int, work time.Duration) ([]interval, error) {
	told := make(chan interval, events)
	collector := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		began, errBegan := strconv.ParseInt(r.URL.Query().Get("began"), 10, 64)
		ended, errEnded := strconv.ParseInt(r.URL.Query().Get("ended"), 10, 64)
		if _, err := io.Copy(io.Discard, r.Body); err == nil && errBegan == nil && errEnded == nil {
			told <- interval{began, ended}
		}
	}))
	defer collector.Close()
	body := fmt.Appendf(nil, `{"tell":%q,"work":%d}`, collector.URL, work.Milliseconds())
	if _, err := (load{url: l.eventsURL(), callers: min(events, 50), total: events, body: body, event: true}).run(l.server); err != nil {
		return nil, err
	}
	patience := time.After(drainPatience)
	var runs []interval
	for len(runs) < events {
		select {
		case r := <-told:
			runs = append(runs, r)
		case <-patience:
			return nil, fmt.Errorf("%d of %d events have been worked off after %s", len(runs), events, drainPatience)
		}
	}
	return runs, nil
}
