// Faults is the fault run of `make faults`: it sends asynchronous events to a function while processes are killed at random,
// and then counts. Every event that was accepted must have been executed or dead-lettered; one that was neither fails the run.
//
// On one machine (-engine local) it starts `lambkin serve`, which is gateway and engine, kills it with SIGKILL and starts it
// again, and kills processes of the function. On a cluster (-engine cluster, with KUBECONFIG) it kills pods of the gateway,
// the controller and the function. The function tells what it does by HTTP, so what was executed is known here, where nobody
// is killed.
//
// The program is the function too: it is one where AWS_LAMBDA_RUNTIME_API says so.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// settings are what the flags say.
type settings struct {
	engine     string
	lambkin    string
	collector  string
	kubeconfig string
	namespace  string
	time       time.Duration
	patience   time.Duration
	rate       float64
	least      int
	callers    int
	pause      time.Duration
	seed       uint64
}

func main() {
	if os.Getenv("AWS_LAMBDA_RUNTIME_API") != "" {
		serve()
		return
	}
	s := settings{}
	flag.StringVar(&s.engine, "engine", "local", "local or cluster")
	flag.StringVar(&s.lambkin, "lambkin", "bin/lambkin", "`path` of lambkin")
	flag.StringVar(&s.collector, "collector", "", "`address` at which the function reaches this program; a loopback one, or on a cluster the machine's own, if empty")
	flag.StringVar(&s.kubeconfig, "kubeconfig", os.Getenv("KUBECONFIG"), "`file` that names the cluster")
	flag.StringVar(&s.namespace, "namespace", "lambkin-faults", "`namespace` of the function on a cluster; made, and deleted at the end")
	flag.DurationVar(&s.time, "time", 5*time.Minute, "how long events are sent and processes killed")
	flag.DurationVar(&s.patience, "patience", 10*time.Minute, "how long what is left may take afterwards; failures are tried again after one minute and after two more")
	flag.Float64Var(&s.rate, "rate", 60, "events per second that are sent at most")
	flag.IntVar(&s.least, "least", 10000, "`number` of accepted events without which the run proves nothing")
	flag.IntVar(&s.callers, "callers", 16, "`number` of callers")
	flag.DurationVar(&s.pause, "pause", 3*time.Second, "time between two kills, on average")
	flag.Uint64Var(&s.seed, "seed", uint64(time.Now().UnixNano()), "of what is killed when") //nolint:gosec // any will do
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, s); err != nil {
		fmt.Fprintln(os.Stderr, "faults:", err)
		os.Exit(1) //nolint:gocritic // nothing is left to be stopped
	}
}

// stage is where the run takes place.
type stage interface {
	// open makes the function ready, which tells url what it does.
	open(ctx context.Context, url string) error
	// endpoint is where the function's events are sent to.
	endpoint() string
	// kill ends something at random, and says what. It has been started again, or will be.
	kill(ctx context.Context) (string, error)
	// close takes down what open and kill have made.
	close()
}

func run(ctx context.Context, s settings) error {
	b := newLedger()
	c, err := collect(b, s)
	if err != nil {
		return err
	}
	defer c.close()
	st, err := newStage(s)
	if err != nil {
		return err
	}
	defer st.close()
	if err := st.open(ctx, c.url); err != nil {
		return err
	}
	if err := probe(ctx, st.endpoint(), c.url); err != nil {
		return err
	}
	_, _ = fmt.Fprintf(os.Stdout, "%s: events for %s, seed %d\n", s.engine, s.time, s.seed)
	kills := disturb(ctx, st, s, b)
	_, _ = fmt.Fprintf(os.Stdout, "%d events accepted; waiting for what is left\n", b.count().accepted)
	err = b.settle(ctx, s.patience)
	total := b.count()
	total.print(os.Stdout, kills)
	return errors.Join(err, total.verdict(s.least))
}

func newStage(s settings) (stage, error) {
	switch s.engine {
	case "local":
		return newMachine(s)
	case "cluster":
		return newCluster(s)
	default:
		return nil, fmt.Errorf("-engine is %q: it must be local or cluster", s.engine)
	}
}
