package command

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/lambkin-dev/lambkin/cli/host"
	"github.com/lambkin-dev/lambkin/internal/bucket"
	"github.com/lambkin-dev/lambkin/internal/lambda"
)

// clusterLinger is how long a gateway that is to end goes on, so that those who balance load learn of it.
const clusterLinger = 5 * time.Second

type serveOptions struct {
	app *App

	engine     string
	addr       string
	dataDir    string
	domain     string
	allowHosts []string
	grace      time.Duration
	verbose    bool
	buckets    *bucket.Store
	noAuth     bool
	urlDomain  string
	tls        host.TLSFiles
}

func newServeCommand(app *App) *cobra.Command {
	o := &serveOptions{app: app}
	c := &cobra.Command{
		Use:   "serve",
		Short: "Run functions on this machine",
		Long: "Serves the AWS Lambda API, plain HTTP for each function and lambkin's own commands at one address, until\n" +
			"interrupted. Everything is kept in one folder.\n\n" +
			"Requests need a signature by an access key. The first start makes one and keeps it where lambkin finds it; \"lambkin\n" +
			"keys\" makes more. With --no-auth everybody who reaches the server may do everything, so it then listens on the\n" +
			"loopback address only. Functions get the AWS_… credentials and endpoints that it was started with;\n" +
			"code in buckets is fetched from AWS_ENDPOINT_URL_S3 with them, and records of asynchronous invocations are sent to\n" +
			"queues, topics and event buses at AWS_ENDPOINT_URL_SQS, …_SNS and …_EVENTBRIDGE.\n\n" +
			"With --engine=cluster it is the gateway of a cluster, as which it runs in a pod: the functions are the cluster's,\n" +
			"which is that of the pod unless --kubeconfig or KUBECONFIG names another.",
		Example: "  lambkin serve\n  lambkin serve --addr 127.0.0.1:9001 --data-dir ./data\n  lambkin serve --engine=cluster --addr :8080",
		Args:    exactly(0),
		PreRunE: func(cmd *cobra.Command, _ []string) error { return o.complete(cmd.Flags().Changed) },
		RunE:    func(cmd *cobra.Command, _ []string) error { return o.run(cmd.Context()) },
	}
	f := c.Flags()
	f.StringVar(&o.engine, "engine", engineLocal, "what runs the functions: local or cluster")
	f.StringVar(&o.addr, "addr", "127.0.0.1:9000", "address to listen on")
	f.StringVar(&o.dataDir, "data-dir", "", "folder for all data (XDG_DATA_HOME/lambkin)")
	f.StringVar(&o.domain, "cluster-domain", "cluster.local", "with --engine=cluster: end of all names within the cluster")
	f.StringArrayVar(&o.allowHosts, "allow-host", nil, "further name under which the server may be called")
	f.BoolVar(&o.noAuth, "no-auth", false, "ask nobody for a signature (on the loopback address only)")
	f.StringVar(&o.tls.Cert, "tls-cert", "", "PEM file with a certificate, to serve HTTPS; read again when it changes")
	f.StringVar(&o.tls.Key, "tls-key", "", "PEM file with the certificate's key")
	f.StringVar(&o.tls.Addr, "tls-addr", "", "address for HTTPS beside --addr, which then stays plain; the files may come later")
	f.StringVar(&o.urlDomain, "url-domain", "", "domain, with a port if need be, of function URLs ID.lambda-url.REGION.DOMAIN")
	f.DurationVar(&o.grace, "grace", 10*time.Second, "how long running invocations may go on after an interrupt (with --engine=cluster 15m20s)")
	f.BoolVarP(&o.verbose, "verbose", "v", false, "log what the engine does")
	return c
}

// complete sets what depends on the engine, and refuses flags of the other one.
func (o *serveOptions) complete(given func(flag string) bool) error {
	foreign := []string{"kubeconfig", "context", "cluster-domain"}
	switch o.engine {
	case engineLocal:
	case engineCluster:
		foreign = []string{"context", "data-dir", "no-auth"}
		if !given("grace") {
			o.grace = lambda.MaxTimeout + 20*time.Second // the longest invocation comes to its end
		}
	default:
		return usagef("--engine is %q: it must be %s or %s", o.engine, engineLocal, engineCluster)
	}
	for _, flag := range foreign {
		if given(flag) {
			return usagef("--%s has no meaning with --engine=%s", flag, o.engine)
		}
	}
	return nil
}

// served is a server of either engine.
type served interface {
	Failed() <-chan error
	Close(ctx context.Context) error
}

func (o *serveOptions) run(ctx context.Context) error {
	level := slog.LevelInfo
	if o.verbose {
		level = slog.LevelDebug
	}
	log := slog.New(slog.NewTextHandler(o.app.IO.Err, &slog.HandlerOptions{Level: level}))
	buckets, err := bucket.FromEnvironment(o.app.getenv)
	if err != nil {
		return err
	}
	o.buckets = buckets
	start := o.startLocal
	if o.engine == engineCluster {
		start = o.startCluster
	}
	s, err := start(ctx, log)
	if err != nil {
		return err
	}
	var failed error
	select {
	case <-ctx.Done():
		o.app.IO.Notef("Stopping; running invocations have %s.", o.grace)
	case failed = <-s.Failed():
	}
	deadline, cancel := context.WithTimeout(context.WithoutCancel(ctx), o.grace)
	defer cancel()
	if err := s.Close(deadline); err != nil && failed == nil {
		failed = err
	}
	return failed
}

func (o *serveOptions) startLocal(ctx context.Context, log *slog.Logger) (served, error) {
	dir := orText(o.dataDir, o.app.dataDir())
	messages, err := o.app.messages()
	if err != nil {
		return nil, err
	}
	s, err := host.Start(ctx, host.Config{
		Addr: o.addr, DataDir: dir, AllowHosts: o.allowHosts, Identity: Identity(), Environ: o.app.awsEnvironment(), Buckets: o.buckets, Messages: messages,
		Log: log, Audit: log,
		NoAuth: o.noAuth, URLDomain: o.urlDomain, TLS: o.tls,
	})
	if errors.Is(err, host.ErrOpen) {
		return nil, usagef("--no-auth with --addr %s: %w", o.addr, err)
	}
	if err != nil {
		return nil, err
	}
	o.welcome(s, dir)
	return s, nil
}

func (o *serveOptions) startCluster(ctx context.Context, log *slog.Logger) (served, error) {
	s, err := host.StartCluster(ctx, host.ClusterConfig{
		Addr: o.addr, Kubeconfig: orText(o.app.flags.kubeconfig, o.app.getenv("KUBECONFIG")), Domain: o.domain, AllowHosts: o.allowHosts,
		Linger: clusterLinger, Buckets: o.buckets, Log: log, TLS: o.tls, URLDomain: o.urlDomain,
	})
	if err != nil {
		return nil, err
	}
	o.app.IO.Printf("The gateway serves at %s\n", s.URL)
	return s, nil
}

// welcome says how to reach the server, in lines that a shell can take.
func (o *serveOptions) welcome(s *host.Server, dir string) {
	credentials, own := "AWS_SHARED_CREDENTIALS_FILE="+s.Credentials, ""
	if s.Credentials == "" {
		credentials = "AWS_ACCESS_KEY_ID=lambkin AWS_SECRET_ACCESS_KEY=lambkin"
	} else if dir != o.app.dataDir() {
		own = "  export LAMBKIN_CREDENTIALS=" + s.Credentials + "\n"
	}
	o.app.IO.Printf(`Lambkin serves at %[1]s, data in %[2]s

  export LAMBKIN_ENDPOINT=%[1]s
%[5]s  export AWS_ENDPOINT_URL_LAMBDA=%[1]s AWS_DEFAULT_REGION=%[3]s AWS_REGION=%[3]s %[4]s
  aws --endpoint-url %[1]s lambda list-functions

`, s.URL, dir, Identity().Region, credentials, own)
	if s.SecureURL != "" {
		o.app.IO.Notef("HTTPS is served at %s as soon as %s is there.", s.SecureURL, o.tls.Cert)
	}
	if s.Credentials == "" {
		o.app.IO.Notef("Nobody is asked for a signature: every program on this machine may do everything.")
	}
	if s.Sandbox != nil {
		o.app.IO.Notef("Functions see this machine's own files: %v (\"lambkin doctor\" tells more).", s.Sandbox)
	}
}

// dataDir follows the XDG base directory specification.
func (a *App) dataDir() string {
	dir := a.getenv("XDG_DATA_HOME")
	if !filepath.IsAbs(dir) {
		dir = filepath.Join(a.getenv("HOME"), ".local", "share")
	}
	return filepath.Join(dir, "lambkin")
}

// awsEnvironment is what functions need to reach AWS, or what stands for it, as this process would.
func (a *App) awsEnvironment() []string {
	names := []string{
		"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN",
		"AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3", endpointSQS, endpointSNS, endpointEventBridge, "AWS_ENDPOINT_URL_DYNAMODB",
		"AWS_ENDPOINT_URL_LAMBDA", "AWS_ENDPOINT_URL_SECRETS_MANAGER", "AWS_ENDPOINT_URL_SSM", "AWS_ENDPOINT_URL_KINESIS",
	}
	var env []string
	for _, name := range names {
		if v := a.getenv(name); v != "" {
			env = append(env, fmt.Sprintf("%s=%s", name, strings.TrimSpace(v)))
		}
	}
	return env
}
