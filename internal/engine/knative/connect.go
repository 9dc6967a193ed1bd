package knative

import (
	"fmt"
	"net/http"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	typedauthentication "k8s.io/client-go/kubernetes/typed/authentication/v1"
	typedauthorization "k8s.io/client-go/kubernetes/typed/authorization/v1"
	typedcorev1 "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/lambkin-dev/lambkin/api/v1alpha1"
	"github.com/lambkin-dev/lambkin/internal/engine/remote"
	"github.com/lambkin-dev/lambkin/internal/platform"
)

// NewForConfig gives the functions of a namespace as a person with a kubeconfig has them: objects and logs with that
// person's own rights, code and invocations, also asynchronous
// ones, through the gateway. It does not connect yet.
func NewForConfig(cfg *rest.Config, namespace string) (*Engine, error) {
	c, err := newConnection(cfg)
	if err != nil {
		return nil, err
	}
	next := c.http.Transport
	if next == nil {
		next = http.DefaultTransport
	}
	proving := &planeTransport{next: next, accounts: c.accounts(namespace), namespace: namespace}
	plane := gatewayPlane{remote.NewPlane(&http.Client{Transport: proving, Timeout: c.http.Timeout}, c.gateway(), namespace)}
	return &Engine{
		Client: c.client, Namespace: namespace, Identity: platform.Default().Identity.Lambda(),
		Code: plane, Invoker: plane, Async: plane, Pods: c.pods,
	}, nil
}

// connection is one API server.
type connection struct {
	server string // its address, without a slash at the end
	http   *http.Client
	client client.Client
	pods   Pods
	core   typedcorev1.CoreV1Interface
	config *rest.Config
}

func (c *connection) accounts(namespace string) typedcorev1.ServiceAccountInterface {
	return c.core.ServiceAccounts(namespace)
}

// reviews asks about tokens and rights.
func (c *connection) reviews() (*Reviews, error) {
	tokens, err := typedauthentication.NewForConfigAndClient(c.config, c.http)
	if err != nil {
		return nil, fmt.Errorf("connect to %q: %w", c.config.Host, err)
	}
	rights, err := typedauthorization.NewForConfigAndClient(c.config, c.http)
	if err != nil {
		return nil, fmt.Errorf("connect to %q: %w", c.config.Host, err)
	}
	return &Reviews{tokens: tokens.TokenReviews(), rights: rights.SubjectAccessReviews(), now: time.Now}, nil
}

func newConnection(cfg *rest.Config) (*connection, error) {
	cfg = rest.CopyConfig(cfg)
	cfg.QPS = -1                                      // the API server itself is fair to all
	cfg.WarningHandlerWithContext = rest.NoWarnings{} // they are about versions of APIs, which callers cannot choose
	hc, err := rest.HTTPClientFor(cfg)
	if err != nil {
		return nil, fmt.Errorf("connect to %q: %w", cfg.Host, err)
	}
	scheme, err := newScheme()
	if err != nil {
		return nil, err
	}
	cl, err := client.New(cfg, client.Options{HTTPClient: hc, Scheme: scheme, Mapper: newMapper(scheme)})
	if err != nil {
		return nil, fmt.Errorf("connect to %q: %w", cfg.Host, err)
	}
	core, err := typedcorev1.NewForConfigAndClient(cfg, hc)
	if err != nil {
		return nil, fmt.Errorf("connect to %q: %w", cfg.Host, err)
	}
	server, _, err := rest.DefaultServerUrlFor(cfg)
	if err != nil {
		return nil, fmt.Errorf("connect to %q: %w", cfg.Host, err)
	}
	return &connection{server: strings.TrimSuffix(server.String(), "/"), http: hc, client: cl, pods: corePods{core}, core: core, config: cfg}, nil
}

// gateway is the address of the gateway as the API server's service proxy has it.
func (c *connection) gateway() string {
	return c.server + "/api/v1/namespaces/" + platform.Namespace + "/services/http:" + platform.GatewayService + ":" + platform.GatewayPort + "/proxy"
}

// newScheme knows the kinds that the engine reads and writes.
func newScheme() (*runtime.Scheme, error) {
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{v1alpha1.AddToScheme, corev1.AddToScheme} {
		if err := add(scheme); err != nil {
			return nil, fmt.Errorf("register kinds: %w", err)
		}
	}
	return scheme, nil
}

// newMapper says where our kinds are, so that nobody has to ask the API server for it first.
func newMapper(scheme *runtime.Scheme) meta.RESTMapper {
	m := meta.NewDefaultRESTMapper([]schema.GroupVersion{v1alpha1.GroupVersion(), corev1.SchemeGroupVersion})
	for kind := range scheme.KnownTypes(v1alpha1.GroupVersion()) {
		m.Add(v1alpha1.GroupVersion().WithKind(kind), meta.RESTScopeNamespace)
	}
	for _, kind := range []string{"ConfigMap", "Secret", "Pod"} {
		m.Add(corev1.SchemeGroupVersion.WithKind(kind), meta.RESTScopeNamespace)
	}
	return m
}
