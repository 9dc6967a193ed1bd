package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/lambkin-dev/lambkin/bench/table"
)

// environments is how many execution environments the loaded pod has.
const environments = 4

// crowd is how many callers there are under load.
const crowd = 64

// bench is one run.
type bench struct {
	runtimeAPI, lambkin, handler string
	rounds, requests             int
	only                         string
	peers                        peers
	peerPath                     string

	echo, proxy *child
}

// peers are other servers to measure.
type peers []peer

type peer struct {
	name string
	argv []string
}

// String is for the flag package.
func (p *peers) String() string { return fmt.Sprint(len(*p)) }

// Set takes NAME=COMMAND ARGS….
func (p *peers) Set(text string) error {
	name, command, ok := strings.Cut(text, "=")
	if !ok || strings.TrimSpace(command) == "" {
		return fmt.Errorf("%q is not NAME=COMMAND", text)
	}
	*p = append(*p, peer{name, strings.Fields(command)})
	return nil
}

// run prints the table, and fails if a bound does not hold.
func (b *bench) run(w io.Writer) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	if b.echo, _, err = start([]string{self, "yardstick", "echo", "{addr}"}, nil); err != nil {
		return err
	}
	defer b.echo.stop()
	if b.proxy, _, err = start([]string{self, "yardstick", "proxy", "{addr}", "http://" + b.echo.addr}, nil); err != nil {
		return err
	}
	defer b.proxy.stop()
	rows, err := b.measure()
	if err != nil {
		return err
	}
	return table.Write(w, rows)
}

func (b *bench) measure() (rows []table.Row, err error) {
	for _, m := range []struct {
		name string
		run  func() ([]table.Row, error)
	}{
		{"load", b.underLoad},
		{"single", b.singleCaller},
		{"large", b.largePayload},
		{"stream", b.largeStream},
		{"start", b.startUp},
		{"serve", b.localEngine},
		{"signed", b.signedInvoke},
		{"list", b.lists},
		{"async", b.asyncEvents},
	} {
		if !strings.Contains(m.name, b.only) {
			continue
		}
		more, err := m.run()
		if err != nil {
			return nil, fmt.Errorf("%s: %w", m.name, err)
		}
		rows = append(rows, more...)
	}
	return rows, nil
}

// startPod starts runtime-api with the Go function.
func (b *bench) startPod(n int, args ...string) (*child, time.Duration, error) {
	argv := []string{b.runtimeAPI, "-addr", "{addr}", "-environments", fmt.Sprint(n), "-timeout", "60", "--", b.handler}
	return start(append(argv, args...), nil)
}

func invokeURL(c *child) string {
	return "http://" + c.addr + "/2015-03-31/functions/function/invocations"
}

// server is one side of a comparison.
type server struct {
	name string
	*child
	url  string
	sign func(*http.Request) (*http.Request, error) // nil if requests go unsigned
}

func (b *bench) servers(n int) ([]server, func(), error) {
	pod, _, err := b.startPod(n)
	if err != nil {
		return nil, nil, err
	}
	list := []server{{name: "echo", child: b.echo, url: "http://" + b.echo.addr + "/"},
		{name: "proxy", child: b.proxy, url: "http://" + b.proxy.addr + "/"}, {name: "runtime-api", child: pod, url: invokeURL(pod)}}
	stops := []func(){pod.stop}
	for _, p := range b.peers {
		c, _, err := start(p.argv, []string{"PORT={port}"})
		if err != nil {
			return nil, nil, errors.Join(err, nil)
		}
		list = append(list, server{name: p.name, child: c, url: "http://" + c.addr + b.peerPath})
		stops = append(stops, c.stop)
	}
	return list, func() {
		for _, stop := range stops {
			stop()
		}
	}, nil
}

// compare sends the same load to all servers in turn, round after round, and gives for each the median of every figure.
func (b *bench) compare(servers []server, l load) (map[string]measured, error) {
	all := make(map[string][]measured)
	for round := range b.rounds + 1 {
		for _, s := range servers {
			l.url, l.sign = s.url, s.sign
			m, err := l.run(s.child)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", s.name, err)
			}
			if round > 0 { // the first one warms up
				all[s.name] = append(all[s.name], m)
			}
		}
	}
	middle := make(map[string]measured)
	for name, ms := range all {
		middle[name] = measured{
			wall:   table.Median(pick(ms, func(m measured) time.Duration { return m.wall })),
			median: table.Median(pick(ms, func(m measured) time.Duration { return m.median })),
			cpu:    table.Median(pick(ms, func(m measured) time.Duration { return m.cpu })),
		}
	}
	return middle, nil
}

func pick[T any](ms []measured, f func(measured) T) []T {
	out := make([]T, len(ms))
	for i, m := range ms {
		out[i] = f(m)
	}
	return out
}

func (b *bench) underLoad() ([]table.Row, error) {
	servers, stop, err := b.servers(environments)
	if err != nil {
		return nil, err
	}
	defer stop()
	m, err := b.compare(servers, load{callers: crowd, total: b.requests, body: []byte(`{"hello":"world"}`)})
	if err != nil {
		return nil, err
	}
	rows := []table.Row{
		table.Ratio("CPU of `runtime-api` per invocation, 64 callers, 4 environments, in units of the echo server's CPU per request",
			m["runtime-api"].cpu.Seconds()/m["echo"].cpu.Seconds(), table.AtMost(3.0)),
		table.Ratio("requests/s, 64 callers, 4 environments, in units of a third of the echo server's",
			m["runtime-api"].perSecond(b.requests)/(m["echo"].perSecond(b.requests)/3), table.AtLeast(0.5)),
		{What: "the same with the one-hop proxy instead of `runtime-api`: CPU; requests/s", Value: fmt.Sprintf("%.2f; %.2f",
			m["proxy"].cpu.Seconds()/m["echo"].cpu.Seconds(), m["proxy"].perSecond(b.requests)/(m["echo"].perSecond(b.requests)/3))},
	}
	for _, p := range b.peers {
		rows = append(rows, table.Row{What: "the same with " + p.name, Value: fmt.Sprintf("%.2f; %.2f",
			m[p.name].cpu.Seconds()/m["echo"].cpu.Seconds(), m[p.name].perSecond(b.requests)/(m["echo"].perSecond(b.requests)/3))})
	}
	return rows, nil
}

func (b *bench) singleCaller() ([]table.Row, error) {
	servers, stop, err := b.servers(1)
	if err != nil {
		return nil, err
	}
	defer stop()
	m, err := b.compare(servers, load{callers: 1, total: b.requests / 4, body: []byte(`{"hello":"world"}`)})
	if err != nil {
		return nil, err
	}
	return []table.Row{table.Ratio("median of one caller, warm, in units of the one-hop proxy's median",
		m["runtime-api"].median.Seconds()/m["proxy"].median.Seconds(), table.AtMost(1.1))}, nil
}

func (b *bench) largePayload() ([]table.Row, error) {
	servers, stop, err := b.servers(1)
	if err != nil {
		return nil, err
	}
	defer stop()
	body := append(append([]byte{'"'}, bytes.Repeat([]byte("x"), 6<<20-2)...), '"')
	// The proxy is no yardstick here: it cuts off what it has not passed on when the echo begins.
	servers = slices.DeleteFunc(servers, func(s server) bool { return s.name == "proxy" })
	m, err := b.compare(servers, load{callers: 1, total: 20, body: body})
	if err != nil {
		return nil, err
	}
	return []table.Row{table.Ratio("6 MB there and back, in units of the echo server's time",
		m["runtime-api"].median.Seconds()/m["echo"].median.Seconds(), table.AtMost(3.0))}, nil
}
