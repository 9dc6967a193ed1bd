package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"

	"github.com/lambkin-dev/lambkin/internal/platform"
)

// options are what the flags say. What concerns functions is in the operator's configuration instead, which may change
// while the controller runs.
type options struct {
	kubeconfig     string
	metricsAddr    string
	healthAddr     string
	elect          bool
	electNamespace string
	concurrency    int
	events         int
	eventQPS       float64
	qps            float64
	burst          int
	tempDir        string
	// destinationKeys is the folder of credentials for destinations.
	destinationKeys string
	logLevel        slog.Level
}

// read takes the options from flags. Asked for help it prints the usage and gives flag.ErrHelp.
func read(args []string, usage io.Writer) (options, error) {
	o := options{}
	f := flag.NewFlagSet("controller", flag.ContinueOnError)
	f.SetOutput(io.Discard) // faults are told once, by whoever reads the error
	f.StringVar(&o.kubeconfig, "kubeconfig", "", "kubeconfig `file`; $KUBECONFIG, the pod's own account or ~/.kube/config if empty")
	f.StringVar(&o.metricsAddr, "metrics-addr", ":8080", "`address` of /metrics; 0 for none")
	f.StringVar(&o.healthAddr, "health-addr", ":8081", "`address` of /healthz and /readyz; 0 for none")
	f.BoolVar(&o.elect, "leader-elect", true, "work only while holding the lease, so that several controllers can run")
	f.StringVar(&o.electNamespace, "leader-election-namespace", platform.Namespace, "`namespace` of the lease")
	f.IntVar(&o.concurrency, "concurrency", 8, "`number` of objects of each kind that are reconciled at once")
	f.IntVar(&o.events, "event-concurrency", 64, "`number` of asynchronous invocations that run at once")
	f.Float64Var(&o.eventQPS, "event-api-qps", 1000, "most requests a second to the API server for asynchronous invocations, of which each needs two; the others do not wait behind them")
	f.Float64Var(&o.qps, "kube-api-qps", 100, "most requests a second to the API server, on average")
	f.IntVar(&o.burst, "kube-api-burst", 200, "most requests at once to the API server")
	f.StringVar(&o.tempDir, "temp-dir", "", "`folder` for code on its way into images, emptied of leftovers at the start; the system's, left as it is, if empty")
	f.StringVar(&o.destinationKeys, "destination-credentials", "/etc/lambkin/destinations", "`folder` with the files AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN for queues, topics and event buses")
	f.TextVar(&o.logLevel, "log-level", slog.LevelInfo, "least `level` that is logged: debug, info, warn or error")
	f.Usage = func() {}
	err := f.Parse(args)
	if errors.Is(err, flag.ErrHelp) {
		fmt.Fprint(usage, "Bring about on a cluster what functions ask for.\n\nFlags:\n")
		f.SetOutput(usage)
		f.PrintDefaults()
		return o, flag.ErrHelp
	}
	if err != nil {
		return o, fmt.Errorf("%w (see controller -help)", err)
	}
	if f.NArg() > 0 {
		return o, fmt.Errorf("%q is no flag (see controller -help)", f.Arg(0))
	}
	return o, o.check()
}

// check finds what no single flag can.
func (o *options) check() error {
	if o.concurrency < 1 || o.events < 1 {
		return errors.New("-concurrency and -event-concurrency must be at least 1")
	}
	if o.qps <= 0 || o.burst < 1 || o.eventQPS < 1 {
		return errors.New("-kube-api-qps and -kube-api-burst must be greater than 0, and -event-api-qps at least 1")
	}
	return nil
}
