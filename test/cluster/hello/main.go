// Hello is a container for tests of the cluster itself. It greets, and can be told to take time, memory and processor;
// CloudEvents that are posted to it can be asked for again.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	port := os.Getenv("PORT")
	if port == "" {
		port = "8080"
	}
	s := &http.Server{Addr: ":" + port, Handler: handler(), ReadHeaderTimeout: time.Minute}
	ended := make(chan error, 1)
	context.AfterFunc(ctx, func() { ended <- s.Shutdown(context.Background()) })
	if err := s.ListenAndServe(); !errors.Is(err, http.ErrServerClosed) {
		slog.Error("hello", "error", err)
		os.Exit(1) //nolint:gocritic // nothing is left to stop
	}
	<-ended
}

func handler() http.Handler {
	e := &events{}
	mux := http.NewServeMux()
	mux.HandleFunc("/sleep", sleep)
	mux.HandleFunc("/alloc", allocate)
	mux.HandleFunc("/burn", burn)
	mux.HandleFunc("/events", e.list)
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Ce-Id") != "" {
			e.add(w, r)
			return
		}
		_, _ = io.Copy(io.Discard, r.Body) // whatever it is
		fmt.Fprintf(w, "hello %s from %s rev=%s host=%s\n", os.Getenv("TARGET"), os.Getenv("HOSTNAME"), os.Getenv("K_REVISION"), r.Host)
	})
	return mux
}

// sleep answers after the time that d says.
func sleep(w http.ResponseWriter, r *http.Request) {
	d, err := time.ParseDuration(r.FormValue("d"))
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	select {
	case <-time.After(d):
		fmt.Fprintf(w, "slept on %s\n", os.Getenv("HOSTNAME"))
	case <-r.Context().Done():
	}
}

// allocate takes as many MiB of memory as mb says.
func allocate(w http.ResponseWriter, r *http.Request) {
	mb, err := strconv.Atoi(r.FormValue("mb"))
	if err != nil || mb < 0 {
		http.Error(w, "mb: want a number", http.StatusBadRequest)
		return
	}
	memory := make([]byte, mb<<20)
	for i := 0; i < len(memory); i += os.Getpagesize() {
		memory[i] = 1
	}
	fmt.Fprintf(w, "allocated %d MiB\n", len(memory)>>20)
}

// burn keeps a processor busy for the time that d says.
func burn(w http.ResponseWriter, r *http.Request) {
	d, err := time.ParseDuration(r.FormValue("d"))
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	loops := 0
	for end := time.Now().Add(d); time.Now().Before(end); {
		loops++
	}
	fmt.Fprintf(w, "loops %d\n", loops)
}

// events are the CloudEvents that came.
type events struct {
	mu  sync.Mutex
	all []string
}

func (e *events) add(w http.ResponseWriter, r *http.Request) {
	const most = 1 << 20
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, most))
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	h := r.Header
	e.mu.Lock()
	defer e.mu.Unlock()
	e.all = append(e.all, fmt.Sprintf("event id=%s type=%s source=%s body=%s", h.Get("Ce-Id"), h.Get("Ce-Type"), h.Get("Ce-Source"), body))
	w.WriteHeader(http.StatusAccepted)
}

func (e *events) list(w http.ResponseWriter, _ *http.Request) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, event := range e.all {
		fmt.Fprintln(w, strings.ReplaceAll(event, "\n", " "))
	}
}
