package e2e

import (
	"cmp"
	"context"
	"flag"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"time"
)

// shot is what came of one request.
type shot struct{ status, body string }

// loadMain is the command
//
//	load -n REQUESTS -c CALLERS [-rate PER-SECOND] [-method POST] [-body TEXT] URL
//
// It sends a number of requests, as many at once as there are callers, and prints how many ended how:
//
//	status 200 400
//	body "1" 203 51%
//	lost 0
//
// A request is lost if it ended without a status or with one from 500 on. The exit code is 0 whatever became of them.
func loadMain() {
	f := flag.NewFlagSet("load", flag.ExitOnError)
	n := f.Int("n", 100, "`number` of requests")
	callers := f.Int("c", 10, "`number` of requests at once")
	rate := f.Float64("rate", 0, "most requests begun in a `second`; 0 for as many as there can be")
	method := f.String("method", http.MethodGet, "HTTP `method`")
	body := f.String("body", "", "`text` that is sent")
	_ = f.Parse(os.Args[1:]) // ends the process itself
	if f.NArg() != 1 {
		fmt.Fprintln(os.Stderr, "usage: load [flags] URL")
		os.Exit(2)
	}
	client := clientOf(engineOf(os.Getenv))
	report(os.Stdout, volley(*n, *callers, *rate, func() shot { return shoot(client, *method, f.Arg(0), *body) }))
}

// volley makes n shots with so many callers.
func volley(n, callers int, rate float64, one func() shot) []shot {
	shots := make([]shot, n)
	next := make(chan int)
	var all sync.WaitGroup
	for range callers {
		all.Go(func() {
			for i := range next {
				shots[i] = one()
			}
		})
	}
	begun := time.Now()
	for i := range n {
		if rate > 0 {
			time.Sleep(time.Until(begun.Add(time.Duration(float64(i) / rate * float64(time.Second)))))
		}
		next <- i
	}
	close(next)
	all.Wait()
	return shots
}

func shoot(client *http.Client, method, url, body string) shot {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, url, strings.NewReader(body))
	if err != nil {
		return shot{status: "none", body: err.Error()}
	}
	res, err := client.Do(req)
	if err != nil {
		return shot{status: "none", body: err.Error()}
	}
	defer func() { _ = res.Body.Close() }()
	text, err := io.ReadAll(io.LimitReader(res.Body, 1<<10))
	if err != nil {
		return shot{status: "none", body: err.Error()}
	}
	return shot{status: fmt.Sprint(res.StatusCode), body: strings.TrimSpace(string(text))}
}

func report(w io.Writer, shots []shot) {
	statuses, bodies, lost := map[string]int{}, map[string]int{}, 0
	for _, s := range shots {
		statuses[s.status]++
		bodies[s.body]++
		if s.status == "none" || s.status >= "500" {
			lost++
		}
	}
	for _, status := range slices.Sorted(maps.Keys(statuses)) {
		fmt.Fprintf(w, "status %s %d\n", status, statuses[status])
	}
	often := slices.SortedFunc(maps.Keys(bodies), func(a, b string) int { return cmp.Or(bodies[b]-bodies[a], strings.Compare(a, b)) })
	for _, body := range often[:min(len(often), 20)] {
		fmt.Fprintf(w, "body %s %d %.0f%%\n", body, bodies[body], 100*float64(bodies[body])/float64(len(shots)))
	}
	fmt.Fprintf(w, "lost %d\n", lost)
}
