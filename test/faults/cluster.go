package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/lambkin-dev/lambkin/internal/platform"
)

// cluster is one with Lambkin installed. Who has its kubeconfig reaches the gateway through the API server, at the address
// of a proxy here.
type cluster struct {
	settings
	dir    string
	proxy  *httptest.Server
	chance *rand.Rand
}

func newCluster(s settings) (*cluster, error) {
	dir, err := os.MkdirTemp("", "lambkin-faults-")
	if err != nil {
		return nil, err
	}
	cfg, err := clientcmd.BuildConfigFromFlags("", s.kubeconfig)
	if err != nil {
		return nil, fmt.Errorf("find the cluster: %w", err)
	}
	cfg.QPS = -1
	transport, err := rest.TransportFor(cfg)
	if err != nil {
		return nil, err
	}
	base, err := url.Parse(cfg.Host)
	if err != nil {
		return nil, err
	}
	base = base.JoinPath("/").JoinPath("api/v1/namespaces", platform.Namespace, "services",
		platform.GatewayPort+":"+platform.GatewayService+":"+platform.GatewayPort, "proxy/namespaces", s.namespace)
	return &cluster{
		settings: s, dir: dir, chance: rand.New(rand.NewPCG(s.seed, 1)), //nolint:gosec // not a secret
		proxy: httptest.NewServer(&httputil.ReverseProxy{
			Transport: transport, Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(base) },
			ErrorHandler: func(w http.ResponseWriter, _ *http.Request, _ error) { w.WriteHeader(http.StatusBadGateway) },
		}),
	}, nil
}

func (c *cluster) endpoint() string { return c.proxy.URL + "/2015-03-31/functions/faulty/invocations" }

// open makes namespace and function.
func (c *cluster) open(ctx context.Context, url string) error {
	if _, err := c.kubectl(ctx, "create", "namespace", c.namespace); err != nil {
		return err
	}
	if err := os.Setenv("HOME", c.dir); err != nil { // for the settings of lambkin
		return err
	}
	if err := os.Setenv("KUBECONFIG", c.kubeconfig); err != nil {
		return err
	}
	if out, err := exec.CommandContext(ctx, c.lambkin, "config", "use", "cluster", "-n", c.namespace).CombinedOutput(); err != nil {
		return fmt.Errorf("use the cluster: %w\n%s", err, out)
	}
	code := filepath.Join(c.dir, "code")
	if err := packSelf(code); err != nil {
		return err
	}
	return c.deploy(ctx, url, code)
}

func (c *cluster) kubectl(ctx context.Context, args ...string) (string, error) {
	out, err := exec.CommandContext(ctx, "kubectl", append([]string{"--kubeconfig", c.kubeconfig}, args...)...).CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("kubectl %q: %w\n%s", args, err, out)
	}
	return string(out), nil
}

// kill ends one of the pods of gateway, controller or function at once. Their Deployments make others.
func (c *cluster) kill(ctx context.Context) (string, error) {
	targets := []struct{ what, namespace, label string }{
		{"a gateway's pod", platform.Namespace, "app.kubernetes.io/name=lambkin-gateway"},
		{"a controller's pod", platform.Namespace, "app.kubernetes.io/name=lambkin-controller"},
		{"a function's pod", c.namespace, "lambkin.dev/function=faulty"},
	}
	t := targets[c.chance.IntN(len(targets))]
	out, err := c.kubectl(ctx, "-n", t.namespace, "get", "pods", "-l", t.label, "--field-selector", "status.phase=Running", "-o", "name")
	names := strings.Fields(out)
	if err != nil || len(names) == 0 {
		return "", fmt.Errorf("%s: none runs (%w)", t.what, err)
	}
	_, err = c.kubectl(ctx, "-n", t.namespace, "delete", names[c.chance.IntN(len(names))], "--grace-period=0", "--force", "--wait=false")
	return t.what, err
}

// close deletes the namespace.
func (c *cluster) close() {
	c.proxy.Close()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if _, err := c.kubectl(ctx, "delete", "namespace", c.namespace, "--wait=false"); err != nil {
		fmt.Fprintln(os.Stderr, "faults:", err)
	}
	_ = os.RemoveAll(c.dir) // a rest in the temporary directory does no harm
}
