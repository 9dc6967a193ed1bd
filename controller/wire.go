package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/go-logr/logr"
	"github.com/prometheus/client_golang/prometheus"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/klog/v2"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/metrics"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/lambkin-dev/lambkin/api/v1alpha1"
	"github.com/lambkin-dev/lambkin/controller/alias"
	"github.com/lambkin-dev/lambkin/controller/apply"
	"github.com/lambkin-dev/lambkin/controller/deploy"
	"github.com/lambkin-dev/lambkin/controller/event"
	"github.com/lambkin-dev/lambkin/controller/family"
	"github.com/lambkin-dev/lambkin/controller/function"
	"github.com/lambkin-dev/lambkin/controller/policy"
	"github.com/lambkin-dev/lambkin/controller/report"
	"github.com/lambkin-dev/lambkin/controller/resourcepolicy"
	"github.com/lambkin-dev/lambkin/controller/settings"
	"github.com/lambkin-dev/lambkin/controller/url"
	"github.com/lambkin-dev/lambkin/controller/version"
	"github.com/lambkin-dev/lambkin/controller/watch"
	"github.com/lambkin-dev/lambkin/internal/engine/knative"
	"github.com/lambkin-dev/lambkin/internal/lambda"
	"github.com/lambkin-dev/lambkin/internal/messaging"
	"github.com/lambkin-dev/lambkin/internal/outbound"
)

// run is the command: it works until ctx ends.
func run(ctx context.Context, args []string, stderr io.Writer) error {
	o, err := read(args, stderr)
	if err != nil {
		return err
	}
	logger := logr.FromSlogHandler(slog.NewJSONHandler(stderr, &slog.HandlerOptions{Level: o.logLevel}))
	ctrl.SetLogger(logger)
	klog.SetLogger(logger)
	cfg, err := clusterConfig(o)
	if err != nil {
		return err
	}
	managed, err := managerOptions(o)
	if err != nil {
		return err
	}
	m, err := newManager(cfg, managed)
	if err != nil {
		return err
	}
	w := &wiring{manager: m, options: o, log: logger, metrics: metrics.Registry, images: newImages}
	if err := w.all(ctx); err != nil {
		return err
	}
	if err := m.Start(ctx); err != nil {
		return fmt.Errorf("run the controllers: %w", err)
	}
	return nil
}

// clusterConfig finds the cluster.
func clusterConfig(o options) (*rest.Config, error) {
	cfg, err := ctrl.GetConfig()
	if o.kubeconfig != "" {
		cfg, err = clientcmd.BuildConfigFromFlags("", o.kubeconfig)
	}
	if err != nil {
		return nil, fmt.Errorf("find the cluster: %w", err)
	}
	cfg.QPS, cfg.Burst = float32(o.qps), o.burst
	return cfg, nil
}

// wiring puts the controllers together.
type wiring struct {
	manager manager.Manager
	options options
	log     logr.Logger
	metrics prometheus.Registerer
	images  func(w *wiring) (deploy.Images, error)

	settings *settings.Settings
	kinds    *watch.Kinds
	again    struct{ functions, versions, aliases, namespaces *watch.Again }
	reporter *report.Reporter
	applier  *apply.Applier
}

// all does everything but start. What the settings are, and which kinds the cluster has, is known afterwards, so that the
// first object that is looked at is looked at rightly.
func (w *wiring) all(ctx context.Context) error {
	steps := []func(context.Context) error{w.common, w.indexes, w.configuration, w.deployments, w.references, w.policies, w.invocations, w.look}
	for _, step := range steps {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return nil
}

// common makes what the controllers share.
func (w *wiring) common(context.Context) error {
	c, recorder := w.manager.GetClient(), w.manager.GetEventRecorder("lambkin-controller")
	w.reporter = &report.Reporter{Client: c, Events: recorder}
	w.applier = &apply.Applier{Client: c, Live: w.manager.GetAPIReader()}
	w.again.functions = &watch.Again{Objects: w.every(new(v1alpha1.FunctionList))}
	w.again.versions = &watch.Again{Objects: w.every(new(v1alpha1.VersionList))}
	w.again.aliases = &watch.Again{Objects: w.every(new(v1alpha1.AliasList))}
	w.again.namespaces = &watch.Again{Objects: w.everyNamespace}
	w.settings = &settings.Settings{Client: c, Events: recorder, Changed: w.anew, Valid: settings.NewValid()}
	w.kinds = &watch.Kinds{Mapper: w.manager.GetRESTMapper(), Arrived: w.anew, Log: w.log}
	if err := w.metrics.Register(w.settings.Valid); err != nil {
		return fmt.Errorf("register metrics: %w", err)
	}
	return nil
}

// anew has all looked at again that settings or kinds decide about.
func (w *wiring) anew(ctx context.Context) {
	for _, a := range []*watch.Again{w.again.functions, w.again.versions, w.again.aliases, w.again.namespaces} {
		a.All(ctx)
	}
}

func (w *wiring) every(kind client.ObjectList) func(context.Context) []reconcile.Request {
	return func(ctx context.Context) []reconcile.Request {
		return w.members().Every(ctx, kind)
	}
}

func (w *wiring) members() family.Members {
	return family.Members{Client: w.manager.GetClient(), Log: w.log}
}

// everyNamespace gives the namespaces that have functions or policies of ours.
func (w *wiring) everyNamespace(ctx context.Context) []reconcile.Request {
	seen := make(map[string]bool)
	var all []reconcile.Request
	for _, kind := range []client.ObjectList{new(v1alpha1.FunctionList), new(networkingv1.NetworkPolicyList)} {
		for _, r := range w.members().Every(ctx, kind) {
			if !seen[r.Namespace] {
				seen[r.Namespace] = true
				r.Name = ""
				all = append(all, r)
			}
		}
	}
	return all
}

func (w *wiring) indexes(ctx context.Context) error {
	if err := family.Index(ctx, w.manager.GetFieldIndexer()); err != nil {
		return err
	}
	return deploy.IndexPods(ctx, w.manager.GetFieldIndexer())
}

// configuration reads the settings and keeps them.
func (w *wiring) configuration(ctx context.Context) error {
	if err := w.settings.Load(ctx, w.manager.GetAPIReader()); err != nil {
		return err
	}
	err := builder.ControllerManagedBy(w.manager).Named("settings").For(new(corev1.ConfigMap)).WithOptions(w.setup().Options()).Complete(w.settings)
	if err != nil {
		return fmt.Errorf("set up the controller of settings: %w", err)
	}
	return nil
}

func (w *wiring) setup() watch.Setup {
	return watch.Setup{Manager: w.manager, Concurrency: w.options.concurrency, Kinds: w.kinds}
}

// deployments sets up what makes Services.
func (w *wiring) deployments(context.Context) error {
	images, err := w.images(w)
	if err != nil {
		return err
	}
	d := &deploy.Deployer{Client: w.manager.GetClient(), Applier: w.applier, Images: images, Settings: w.current, Now: time.Now}
	f := &function.Reconciler{Client: w.manager.GetClient(), Deployer: d, Reporter: w.reporter, Now: time.Now}
	if err := f.Setup(w.setup(), w.again.functions); err != nil {
		return err
	}
	v := &version.Reconciler{Client: w.manager.GetClient(), Deployer: d, Reporter: w.reporter, Now: time.Now}
	return v.Setup(w.setup(), w.again.versions)
}

// current are the settings of the moment.
func (w *wiring) current() deploy.Settings {
	return deploy.Settings{Platform: w.settings.Platform(), Features: w.settings.Features(), Serving: w.kinds.Has(deploy.ServiceKind())}
}

// references sets up what refers to functions and versions.
func (w *wiring) references(context.Context) error {
	a := &alias.Reconciler{
		Client: w.manager.GetClient(), Applier: w.applier, Reporter: w.reporter,
		Serving: func() bool { return w.kinds.Has(deploy.ServiceKind()) },
	}
	if err := a.Setup(w.setup(), w.again.aliases); err != nil {
		return err
	}
	u := &url.Reconciler{Client: w.manager.GetClient(), Reporter: w.reporter}
	if err := u.Setup(w.setup()); err != nil {
		return err
	}
	p := &resourcepolicy.Reconciler{Client: w.manager.GetClient(), Reporter: w.reporter}
	return p.Setup(w.setup())
}

func (w *wiring) policies(context.Context) error {
	p := &policy.Reconciler{Client: w.manager.GetClient(), Wanted: func() bool { return w.settings.Platform().NetworkPolicy }}
	return p.Setup(w.setup(), w.again.namespaces)
}

// invocations sets up what works off asynchronous invocations.
func (w *wiring) invocations(context.Context) error {
	doors := &knative.Doors{
		Objects: w.manager.GetAPIReader(), Cache: w.manager.GetClient(),
		Identity: w.settings.Platform().Identity.Lambda(), Transport: knative.NewTransport(),
	}
	cached, live, err := w.eventClients()
	if err != nil {
		return err
	}
	counted := event.NewMetrics()
	if err := counted.Register(w.metrics); err != nil {
		return fmt.Errorf("register metrics: %w", err)
	}
	e := &event.Reconciler{
		Metrics: counted,
		Client:  cached, Live: live, Invoker: doors.In,
		HTTP: outbound.Client(outbound.Transport()),
		Messages: &messaging.Client{
			HTTP:        outbound.Client(outbound.Transport()),
			Endpoints:   func() messaging.Endpoints { return w.settings.Platform().Destinations.Messaging() },
			Credentials: messaging.CredentialsIn(w.options.destinationKeys),
		},
		Identity:    func() lambda.Identity { return w.settings.Platform().Identity.Lambda() },
		Concurrency: w.options.events,
	}
	return e.SetupWithManager(w.manager)
}

// eventClients are for asynchronous invocations, which are many and must not keep objects waiting, nor these them: one reads
// from the cache, the other from the API server.
func (w *wiring) eventClients() (cached, live client.Client, err error) {
	cfg := rest.CopyConfig(w.manager.GetConfig())
	cfg.RateLimiter, cfg.QPS, cfg.Burst = nil, float32(w.options.eventQPS), int(w.options.eventQPS)
	options := client.Options{HTTPClient: w.manager.GetHTTPClient(), Scheme: w.manager.GetScheme(), Mapper: w.manager.GetRESTMapper()}
	if live, err = client.New(cfg, options); err != nil {
		return nil, nil, fmt.Errorf("connect for asynchronous invocations: %w", err)
	}
	options.Cache = &client.CacheOptions{Reader: w.manager.GetCache()}
	if cached, err = client.New(cfg, options); err != nil {
		return nil, nil, fmt.Errorf("connect for asynchronous invocations: %w", err)
	}
	return cached, live, nil
}

// look asks once which kinds there are, and goes on asking for those that are not.
func (w *wiring) look(context.Context) error {
	if _, err := w.kinds.Look(); err != nil {
		return err
	}
	if err := w.manager.Add(w.kinds); err != nil {
		return fmt.Errorf("watch for kinds: %w", err)
	}
	return nil
}
