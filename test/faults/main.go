// Faults is the fault run of `make faults`: it sends asynchronous events to a function while processes are killed at random,
// and then counts. Every event that was accepted must have been executed or dead-lettered; one that was neither fails the run.
//
// On one machine (-engine local) it starts `lambkin serve`, which is gateway and engine, kills it with SIGKILL and starts it
// again, and kills processes of the function. On a cluster (-engine cluster, with KUBECONFIG) it kills the processes of pods of
// the gateway, the controller and the function, by a pod on each node that may. The function tells what it does to a collector that nobody kills, by HTTP: in this program,
// or on a cluster in a pod, as pods need not reach this machine. The collector's journal is what is counted.
//
// The program is the function too, where AWS_LAMBDA_RUNTIME_API says so, and the other pods of a run:
//
//	faults collect ADDRESS FILE   the collector, with its journal in FILE
//	faults wait                   a killer, until it is asked for something
//	faults kill UID [NUMBER]      kills the processes of a pod of this node, or the one that the number falls on
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
	kubeconfig string
	namespace  string
	crash      bool
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
	flag.StringVar(&s.kubeconfig, "kubeconfig", os.Getenv("KUBECONFIG"), "`file` that names the cluster")
	flag.StringVar(&s.namespace, "namespace", fmt.Sprintf("faults-%x", time.Now().Unix()&0xffffff), "`namespace` of the function on a cluster; made, and deleted at the end")
	flag.BoolVar(&s.crash, "crash", true, "kill processes on a cluster with SIGKILL, which takes privileged pods; else pods are only deleted, and have a moment to end")
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
	if err := work(ctx, s, flag.Args()); err != nil {
		fmt.Fprintln(os.Stderr, "faults:", err)
		os.Exit(1) //nolint:gocritic // nothing is left to be stopped
	}
}

// work does what the arguments say, and without any runs.
func work(ctx context.Context, s settings, args []string) error {
	verb := ""
	if len(args) > 0 {
		verb = args[0]
	}
	switch {
	case len(args) == 0:
		return run(ctx, s)
	case verb == "collect" && len(args) == 3:
		return serveCollector(ctx, args[1], args[2])
	case verb == "wait" && len(args) == 1:
		<-ctx.Done()
		return nil
	case verb == "kill" && len(args) == 2:
		return killProcesses(args[1], "")
	case verb == "kill" && len(args) == 3:
		return killProcesses(args[1], args[2])
	default:
		return fmt.Errorf("%q: there are no arguments, collect ADDRESS FILE, wait, or kill UID [NUMBER]", args)
	}
}

// stage is where the run takes place.
type stage interface {
	// open makes function and collector ready.
	open(ctx context.Context) (scene, error)
	// kill ends something at random, and says what. It has been started again, or will be.
	kill(ctx context.Context) (string, error)
	// close takes down what open and kill have made.
	close()
}

// scene is an open stage by its URLs.
type scene struct {
	function string // invocations of the function
	tell     string // where the function tells what it does, as the function calls it
	journal  string // what was told
}

func run(ctx context.Context, s settings) error {
	st, err := newStage(s)
	if err != nil {
		return err
	}
	defer st.close()
	at, err := st.open(ctx)
	if err != nil {
		return err
	}
	if err := rehearse(ctx, at); err != nil {
		return err
	}
	j := &journal{url: at.journal}
	if err := j.catchUp(ctx, func(string, string) {}); err != nil { // the rehearsal's are no events
		return err
	}
	_, _ = fmt.Fprintf(os.Stdout, "%s: events for %s, seed %d\n", s.engine, s.time, s.seed)
	l := newLedger()
	kills := disturb(ctx, st, at, s, l)
	_, _ = fmt.Fprintf(os.Stdout, "%d events accepted; waiting for what is left\n", l.count().accepted)
	err = settle(ctx, l, j, s.patience)
	total := l.count()
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
