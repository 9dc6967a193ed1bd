// Ingress serves Knative's Ingress objects of one class: a reverse proxy for hosts that everyone may call and another for
// hosts of the cluster alone. It is meant for one replica on a test cluster and has no TLS.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	netclient "knative.dev/networking/pkg/client/clientset/versioned"
)

// drain is how long requests under way may take when the ingress is told to end.
const drain = 25 * time.Second

type options struct {
	class, publicService, localService string
}

func main() {
	log := slog.New(slog.NewTextHandler(os.Stderr, nil))
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1:], log); err != nil {
		log.Error("ingress", "error", err)
		os.Exit(1) //nolint:gocritic // nothing is left to stop
	}
}

func run(ctx context.Context, args []string, log *slog.Logger) error {
	var o options
	flags := flag.NewFlagSet("ingress", flag.ContinueOnError)
	flags.StringVar(&o.class, "class", "", "class of the Ingress objects to serve")
	flags.StringVar(&o.publicService, "public-service", "", "host name of the Service for public hosts")
	flags.StringVar(&o.localService, "local-service", "", "host name of the Service for hosts of the cluster alone")
	if err := flags.Parse(args); err != nil {
		return fmt.Errorf("flags: %w", err)
	}
	config, err := rest.InClusterConfig()
	if err != nil {
		return fmt.Errorf("not in a cluster: %w", err)
	}
	config.QPS, config.Burst = 100, 200
	config.WarningHandler = rest.NoWarnings{} // Endpoints are deprecated, we know
	kube, err := kubernetes.NewForConfig(config)
	if err != nil {
		return fmt.Errorf("client of Kubernetes: %w", err)
	}
	network, err := netclient.NewForConfig(config)
	if err != nil {
		return fmt.Errorf("client of Knative: %w", err)
	}
	c, err := newController(ctx, o, kube, network, log)
	if err != nil {
		return err
	}
	return c.serve(ctx)
}

// serve keeps up to date and serves, until ctx ends or one of the two does.
func (c *controller) serve(ctx context.Context) error {
	c.update(ctx)
	work, ctx := errgroup.WithContext(ctx)
	work.Go(func() error { c.run(ctx); return nil })
	work.Go(func() error { return serve(ctx, ":8080", c.public) })
	work.Go(func() error { return serve(ctx, ":8081", c.local) })
	work.Go(func() error { return serve(ctx, ":8082", http.HandlerFunc(healthy)) })
	return work.Wait()
}

func healthy(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path != "/healthz" {
		http.NotFound(w, r)
	}
}

// serve speaks HTTP/1 and HTTP/2 without TLS until ctx ends, and then lets requests under way end.
func serve(ctx context.Context, address string, h http.Handler) error {
	var protocols http.Protocols
	protocols.SetHTTP1(true)
	protocols.SetUnencryptedHTTP2(true)
	s := &http.Server{Addr: address, Protocols: &protocols, Handler: h, ReadHeaderTimeout: time.Minute}
	ended := make(chan error, 1)
	go func() { ended <- s.ListenAndServe() }()
	select {
	case err := <-ended:
		return fmt.Errorf("serving %q: %w", address, err)
	case <-ctx.Done():
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), drain)
	defer cancel()
	if err := s.Shutdown(ctx); err != nil {
		return errors.Join(fmt.Errorf("requests under way at %q: %w", address, err), s.Close())
	}
	return nil
}
