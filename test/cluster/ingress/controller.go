package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	corelisters "k8s.io/client-go/listers/core/v1"
	"k8s.io/client-go/tools/cache"
	"knative.dev/networking/pkg/apis/networking/v1alpha1"
	netclient "knative.dev/networking/pkg/client/clientset/versioned"
	netinformers "knative.dev/networking/pkg/client/informers/externalversions"
	netlisters "knative.dev/networking/pkg/client/listers/networking/v1alpha1"

	"github.com/lambkin-dev/lambkin/test/cluster/ingress/proxy"
	"github.com/lambkin-dev/lambkin/test/cluster/ingress/route"
)

// patience is how long a request waits for a backend: an Ingress may be seen a moment before the Endpoints it leads to.
const patience = 5 * time.Second

// controller keeps the proxies' tables and the Ingresses' status in step with the API server.
type controller struct {
	options       options
	log           *slog.Logger
	network       netclient.Interface
	ingresses     netlisters.IngressLister
	services      corelisters.ServiceLister
	endpoints     corelisters.EndpointsLister
	public, local *proxy.Proxy

	changed chan struct{} // an Ingress changed
	backend broadcast     // a Service or Endpoints changed
}

// newController starts to watch and returns when everything there is has been seen.
func newController(ctx context.Context, o options, kube kubernetes.Interface, network netclient.Interface, log *slog.Logger) (*controller, error) {
	core := informers.NewSharedInformerFactory(kube, 0)
	nets := netinformers.NewSharedInformerFactory(network, 0)
	c := &controller{
		options: o, log: log, network: network,
		ingresses: nets.Networking().V1alpha1().Ingresses().Lister(),
		services:  core.Core().V1().Services().Lister(),
		endpoints: core.Core().V1().Endpoints().Lister(),
		changed:   make(chan struct{}, 1),
	}
	c.public, c.local = proxy.New(c.resolve, log), proxy.New(c.resolve, log)
	err := errors.Join(
		watch(nets.Networking().V1alpha1().Ingresses().Informer(), c.poke),
		watch(core.Core().V1().Services().Informer(), c.backend.send),
		watch(core.Core().V1().Endpoints().Informer(), c.backend.send),
	)
	if err != nil {
		return nil, err
	}
	core.Start(ctx.Done())
	nets.Start(ctx.Done())
	core.WaitForCacheSync(ctx.Done())
	nets.WaitForCacheSync(ctx.Done())
	return c, context.Cause(ctx)
}

func watch(informer cache.SharedIndexInformer, changed func()) error {
	_, err := informer.AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc:    func(any) { changed() },
		UpdateFunc: func(any, any) { changed() },
		DeleteFunc: func(any) { changed() },
	})
	if err != nil {
		return fmt.Errorf("watch: %w", err)
	}
	return nil
}

// poke says that there is work; work that waits already covers it.
func (c *controller) poke() {
	select {
	case c.changed <- struct{}{}:
	default:
	}
}

// run brings the tables and the status up to date after each change, until ctx ends.
func (c *controller) run(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-c.changed:
			c.update(ctx)
		}
	}
}

// update does what sync does, and has it done again soon if it failed.
func (c *controller) update(ctx context.Context) {
	if err := c.sync(ctx); err != nil {
		c.log.Warn("status not written, trying again", "error", err)
		time.AfterFunc(200*time.Millisecond, c.poke)
	}
}

// sync takes new rules into use before it says that they are: there is one of us, so nobody else must be asked.
func (c *controller) sync(ctx context.Context) error {
	all, err := c.ingresses.List(labels.Everything())
	if err != nil {
		return fmt.Errorf("list of ingresses: %w", err)
	}
	ours := route.Ours(c.options.class, all)
	public, local := route.Tables(ours)
	c.public.Use(public)
	c.local.Use(local)
	var errs []error
	for _, i := range ours {
		errs = append(errs, c.markReady(ctx, i))
	}
	return errors.Join(errs...)
}

func (c *controller) markReady(ctx context.Context, old *v1alpha1.Ingress) error {
	i := old.DeepCopy()
	i.Status.InitializeConditions()
	i.Status.MarkNetworkConfigured()
	i.Status.MarkLoadBalancerReady(
		[]v1alpha1.LoadBalancerIngressStatus{{DomainInternal: c.options.publicService}},
		[]v1alpha1.LoadBalancerIngressStatus{{DomainInternal: c.options.localService}},
	)
	i.Status.ObservedGeneration = i.Generation
	if equality.Semantic.DeepEqual(i.Status, old.Status) {
		return nil
	}
	_, err := c.network.NetworkingV1alpha1().Ingresses(i.Namespace).UpdateStatus(ctx, i, metav1.UpdateOptions{})
	if apierrors.IsNotFound(err) || apierrors.IsConflict(err) {
		return nil // it changed meanwhile; we are told
	}
	if err != nil {
		return fmt.Errorf("status of ingress %s/%s: %w", i.Namespace, i.Name, err)
	}
	return nil
}

// resolve implements proxy.Resolver.
func (c *controller) resolve(ctx context.Context, split *v1alpha1.IngressBackendSplit) (route.Target, error) {
	timeout := time.NewTimer(patience)
	defer timeout.Stop()
	for {
		changed := c.backend.next()
		target, err := c.target(split)
		if err == nil && len(target.Addresses) > 0 {
			return target, nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return route.Target{}, context.Cause(ctx)
		case <-timeout.C:
			return route.Target{}, errors.Join(errors.New("no endpoint is ready"), err)
		}
	}
}

func (c *controller) target(split *v1alpha1.IngressBackendSplit) (route.Target, error) {
	service, err := c.services.Services(split.ServiceNamespace).Get(split.ServiceName)
	if err != nil {
		return route.Target{}, fmt.Errorf("service: %w", err)
	}
	var endpoints *corev1.Endpoints //nolint:staticcheck // Serving tells the data plane through Endpoints
	if service.Spec.Type != corev1.ServiceTypeExternalName {
		endpoints, err = c.endpoints.Endpoints(split.ServiceNamespace).Get(split.ServiceName)
		if err != nil && !apierrors.IsNotFound(err) {
			return route.Target{}, fmt.Errorf("endpoints: %w", err)
		}
	}
	return route.NewTarget(split, service, endpoints)
}

// broadcast wakes everyone who waits for the next change.
type broadcast struct {
	mu sync.Mutex
	ch chan struct{}
}

// next gives a channel that is closed with the next change.
func (b *broadcast) next() <-chan struct{} {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.ch == nil {
		b.ch = make(chan struct{})
	}
	return b.ch
}

func (b *broadcast) send() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.ch != nil {
		close(b.ch)
		b.ch = nil
	}
}
