// Bench measures Lambkin against yardsticks in the same run on the same machine and prints ratios. Run it with
// `make bench`.
//
// The yardsticks are a bare net/http echo server and a one-hop httputil.ReverseProxy in front of it; the function is a Go
// handler with AWS's own client. A peer is measured beside ours with
//
//	-peer 'NAME=COMMAND with {addr} or {port}' -peer-env 'K=V with {port}' -peer-path /invocations/path
package main

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"runtime"
	"time"
)

func main() {
	if len(os.Args) > 2 && os.Args[1] == "yardstick" {
		fail(yardstick(os.Args[2:]))
		return
	}
	b := bench{}
	flag.StringVar(&b.runtimeAPI, "runtime-api", "bin/runtime-api", "`path` of the runtime-api binary")
	flag.StringVar(&b.lambkin, "lambkin", "bin/lambkin", "`path` of the lambkin binary")
	flag.StringVar(&b.handler, "handler", "bin/bench-handler", "`path` of the function")
	flag.IntVar(&b.rounds, "rounds", 5, "`number` of rounds, of which the median counts")
	flag.IntVar(&b.requests, "requests", 20000, "`number` of requests in a round")
	flag.StringVar(&b.only, "only", "", "run only the measurements whose name has this `text`")
	flag.Var(&b.peers, "peer", "a peer to measure beside ours, `NAME=COMMAND…`; may be repeated")
	flag.StringVar(&b.peerPath, "peer-path", "/", "`path` of the peers' front door")
	page := flag.String("page", "", "write the table as a page to this `file` too")
	flag.Parse()
	var table bytes.Buffer
	err := b.run(io.MultiWriter(os.Stdout, &table))
	if *page != "" {
		err = errors.Join(err, os.WriteFile(*page, append([]byte(preface(b)), table.Bytes()...), 0o600))
	}
	fail(err)
}

// preface says what the page's table is.
func preface(b bench) string {
	return fmt.Sprintf(`# Benchmark

Printed by `+"`make bench BENCH='-page docs/benchmark.md'`"+`: medians of %d rounds of %d requests, all in one run on one machine
with %d processors (%s/%s, %s). Only the ratios mean something elsewhere. The yardsticks are a bare net/http echo server
and a one-hop httputil.ReverseProxy before it; the function is a Go handler with AWS's own client. CONTRIBUTING.md says how
to measure another server beside ours.

An invocation is three exchanges: the caller's, the runtime's request for work and its response. About two thirds of what
they cost the pod server is the kernel's: three writes to loopback sockets that each wake another process, and AWS's Go
client sends every response in three segments, which are three wake-ups more. A profile of the rest shows no part above a
few percent. With one caller the client's own way through the function's process is more than half of the time.

`, b.rounds, b.requests, runtime.NumCPU(), runtime.GOOS, runtime.GOARCH, runtime.Version())
}

func fail(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// yardstick serves one of the yardsticks: echo ADDR, or proxy ADDR URL.
func yardstick(args []string) error {
	handler := http.Handler(http.HandlerFunc(echo))
	if args[0] == "proxy" {
		var err error
		if handler, err = proxy(args[2]); err != nil {
			return err
		}
	}
	srv := &http.Server{Addr: args[1], Handler: handler, ReadHeaderTimeout: time.Minute}
	return srv.ListenAndServe()
}
