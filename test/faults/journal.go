package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"
)

// What a journal tells of an event.
const (
	began = "began"
	ended = "ended"
	dead  = "dead"
)

// collector is told by the function what it does, and takes dead letters. It writes each down before it answers, as a line of
// what and request id at the end of a file, so the file is the truth whoever is killed, the collector too.
type collector struct {
	mu   sync.Mutex
	file *os.File
}

func openCollector(file string) (*collector, error) {
	f, err := os.OpenFile(file, os.O_CREATE|os.O_APPEND|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	return &collector{file: f}, nil
}

// handler is how the function, those who send dead letters and the run reach the collector.
func (c *collector) handler() http.Handler {
	mux := http.NewServeMux()
	for _, what := range []string{began, ended} {
		mux.HandleFunc("POST /"+what+"/{id}", func(w http.ResponseWriter, r *http.Request) { c.take(w, what, r.PathValue("id")) })
	}
	mux.HandleFunc("POST /dead", func(w http.ResponseWriter, r *http.Request) { c.take(w, dead, r.Header.Get("Ce-Subject")) })
	mux.HandleFunc("GET /journal", c.give)
	return mux
}

// take writes a line. Who told it is told if that failed, and will say it again.
func (c *collector) take(w http.ResponseWriter, what, id string) {
	if id == "" || strings.ContainsAny(id, " \n") {
		http.Error(w, fmt.Sprintf("%q is no request id", id), http.StatusBadRequest)
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, err := c.file.WriteString(what + " " + id + "\n"); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
	}
}

// give answers with what was written since a place, in bytes from the beginning.
func (c *collector) give(w http.ResponseWriter, r *http.Request) {
	from, err := strconv.ParseInt(r.URL.Query().Get("from"), 10, 64)
	if err != nil || from < 0 {
		http.Error(w, "from must be a number of bytes", http.StatusBadRequest)
		return
	}
	c.mu.Lock()
	about, err := c.file.Stat()
	c.mu.Unlock()
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	_, _ = io.Copy(w, io.NewSectionReader(c.file, from, max(0, about.Size()-from))) // who reads asks for the rest again
}

// serveCollector collects at an address until ctx ends.
func serveCollector(ctx context.Context, address, file string) error {
	c, err := openCollector(file)
	if err != nil {
		return err
	}
	defer c.file.Close()
	server := &http.Server{Addr: address, Handler: c.handler(), ReadHeaderTimeout: 10 * time.Second}
	defer context.AfterFunc(ctx, func() { _ = server.Close() })() // nothing is expected any more
	if err := server.ListenAndServe(); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("listen for the function: %w", err)
	}
	return nil
}

// journal is what a collector at url has written, as far as it was read.
type journal struct {
	url  string
	read int64 // bytes
}

// catchUp reads on to the end. What it has handed over before an error it does not hand over again.
func (j *journal) catchUp(ctx context.Context, take func(what, id string)) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, j.url+"?from="+strconv.FormatInt(j.read, 10), http.NoBody)
	if err != nil {
		return err
	}
	resp, err := client().Do(req)
	if err != nil {
		return fmt.Errorf("read the journal: %w", err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("read the journal at %s: %s", j.url, resp.Status)
	}
	lines := bufio.NewReader(resp.Body)
	for {
		line, err := lines.ReadString('\n')
		if errors.Is(err, io.EOF) {
			return nil // what is left of a line comes whole the next time
		}
		if err != nil {
			return fmt.Errorf("read the journal: %w", err)
		}
		j.read += int64(len(line))
		what, id, ok := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		if !ok {
			return fmt.Errorf("the journal holds %q, which is no line of ours", line)
		}
		take(what, id)
	}
}
