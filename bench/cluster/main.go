// Bench-cluster measures Lambkin on a Kubernetes cluster against yardsticks in the same run on the same cluster and prints
// ratios. Run it with `make bench-cluster`.
//
// The yardsticks are a plain Knative Service with the same program, image base, resources and queue-proxy settings; a
// Tekton TaskRun with two steps that packs and pushes an image; and buildah. Whatever is compared is done in turn, so that
// a busy machine is busy for both.
package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"slices"
	"strings"
	"syscall"

	ctrl "sigs.k8s.io/controller-runtime"

	"github.com/go-logr/logr"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	ctrl.SetLogger(logr.Discard())
	if err := run(ctx, os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "bench-cluster:", err)
		os.Exit(1)
	}
}

// options are what the flags say.
type options struct {
	only, page string
	handler    string
	rounds     int
	functions  int
	disturb    bool
}

func (o *options) parse(args []string) error {
	f := flag.NewFlagSet("bench-cluster", flag.ContinueOnError)
	f.StringVar(&o.only, "only", "", "run only these measurements, `NAMES` with commas between them: "+strings.Join(names(), ", "))
	f.StringVar(&o.page, "page", "", "write the table as a page to this `file` too")
	f.StringVar(&o.handler, "handler", "bin/bench-cluster-handler", "`path` of the program that is function and server")
	f.IntVar(&o.rounds, "rounds", 9, "`number` of rounds, of which the median counts")
	f.IntVar(&o.functions, "functions", 5000, "`number` of functions that the controller is given at once; a tenth of it comes first")
	f.BoolVar(&o.disturb, "disturb", os.Getenv("CLUSTER_DIR") != "", "the cluster is ours alone: its controllers may be stopped for a while")
	if err := f.Parse(args); err != nil {
		return err
	}
	if f.NArg() > 0 || o.rounds < 1 || o.functions < tenth {
		return fmt.Errorf("%q: there must be no arguments but flags, at least 1 round and %d functions", args, tenth)
	}
	for name := range strings.SplitSeq(o.only, ",") {
		if o.only != "" && !slices.Contains(names(), name) {
			return fmt.Errorf("-only %q: there are %s", name, strings.Join(names(), ", "))
		}
	}
	return nil
}

func run(ctx context.Context, args []string, out io.Writer) error {
	o := options{}
	if err := o.parse(args); err != nil {
		return err
	}
	b, err := connect(ctx, o, os.Getenv)
	if err != nil {
		return err
	}
	defer b.leave()
	var page bytes.Buffer
	fmt.Fprint(&page, preface(o.rounds))
	err = b.run(ctx, io.MultiWriter(out, &page))
	if o.page != "" {
		err = errors.Join(err, os.WriteFile(o.page, page.Bytes(), 0o600))
	}
	return err
}

// preface says what the page's table is.
func preface(rounds int) string {
	return fmt.Sprintf(`# Benchmark on a cluster

Printed by `+"`make bench-cluster BENCH='-page docs/benchmark-cluster.md'`"+` on the test cluster of `+"`make cluster-up`"+`, one node with
%d processors that also runs the benchmark (%s/%s, %s). Each ratio is the median of %d pairs or more; the two of a pair are
measured one right after the other, in changing order, and behind the ratio stand the medians of both. Only the ratios mean
something elsewhere.

A *plain* Service is a Knative Service that runs the very program that is the function, as an HTTP server: on the same base
image, with the resources, concurrency, time limits and scaling of the Service that the controller makes of the function.
Queue-proxy has the share of a processor that Knative gives it. Images are on the node when cold starts are measured; where
something is deployed, its code is new to the node on both sides.

A warm request to a function goes through two processes more often than one to a server: from `+"`runtime-api`"+` to the runtime
and back, which with AWS's Go client is a process that takes several times the processor time of the server's answer. On
a node with few processors, which the client, the ingress and queue-proxy share, that shows in full. [Benchmark](benchmark.md)
tells what `+"`runtime-api`"+` itself takes.

Many functions are created at once, half of them a zip that is baked and half an image that is run as it is, first a tenth
and then all others, while the controllers of Knative and Tekton are stopped. *Flat* means that one of the later ones costs
at most 1.5 times what one of the first does: processor time of the controller's process, and memory in use after garbage
collection. The API server counts the controller's requests.

`, runtime.NumCPU(), runtime.GOOS, runtime.GOARCH, runtime.Version(), rounds)
}
