package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"time"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/lambkin-dev/lambkin/api/v1alpha1"
	"github.com/lambkin-dev/lambkin/internal/platform"
	"github.com/lambkin-dev/lambkin/internal/signature"
)

// cluster is one with Lambkin installed. Who has its kubeconfig reaches gateway and collector through the API server, at the
// address of a proxy here.
type cluster struct {
	settings
	dir    string
	api    *url.URL
	client http.RoundTripper // to api
	made   bool              // the namespace is ours
	proxy  *httptest.Server
	chance *rand.Rand
}

func newCluster(s settings) (*cluster, error) {
	if s.kubeconfig == "" {
		return nil, errors.New("KUBECONFIG or -kubeconfig must say which cluster, with Lambkin installed")
	}
	cfg, err := clientcmd.BuildConfigFromFlags("", s.kubeconfig)
	if err != nil {
		return nil, fmt.Errorf("find the cluster: %w", err)
	}
	transport, err := rest.TransportFor(cfg)
	if err != nil {
		return nil, err
	}
	api, err := url.Parse(cfg.Host)
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "lambkin-faults-")
	if err != nil {
		return nil, err
	}
	return &cluster{settings: s, dir: dir, api: api, client: transport, chance: rand.New(rand.NewPCG(s.seed, 1))}, nil //nolint:gosec // not a secret
}

// caller is somebody who may invoke the functions of a namespace, and do nothing else.
const caller = `
apiVersion: v1
kind: ServiceAccount
metadata: {name: caller, namespace: %[1]q}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: caller, namespace: %[1]q}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: lambkin-invoke}
subjects: [{kind: ServiceAccount, name: caller, namespace: %[1]q}]
`

// collecting is a collector. Its image is the function's, which holds this program and which the cluster has.
const collecting = `
apiVersion: v1
kind: Pod
metadata: {name: collector, namespace: %[1]q, labels: {app.kubernetes.io/name: faults-collector}}
spec:
  automountServiceAccountToken: false
  securityContext: {runAsNonRoot: true, fsGroup: 65532, seccompProfile: {type: RuntimeDefault}}
  containers:
    - name: collector
      image: %[2]q
      command: [/var/task/bootstrap, -collect, ":8080", -journal, /journal/events]
      ports: [{name: http, containerPort: 8080}]
      readinessProbe: {httpGet: {path: "/journal?from=0", port: http}, periodSeconds: 1}
      resources: {requests: {cpu: 10m, memory: 32Mi}, limits: {memory: 256Mi}}
      securityContext: {allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: {drop: [ALL]}}
      volumeMounts: [{name: journal, mountPath: /journal}]
  volumes: [{name: journal, emptyDir: {}}]
---
apiVersion: v1
kind: Service
metadata: {name: collector, namespace: %[1]q}
spec:
  selector: {app.kubernetes.io/name: faults-collector}
  ports: [{name: http, port: 80, targetPort: http}]
`

// readyTime is how long the collector may take to be ready: its image is there, or must be pulled by one more node.
const readyTime = "2m"

// open makes a namespace, and function and collector in it.
func (c *cluster) open(ctx context.Context) (scene, error) {
	if _, err := c.kubectl(ctx, "", "create", "namespace", c.namespace); err != nil {
		return scene{}, err
	}
	c.made = true
	if _, err := c.kubectl(ctx, fmt.Sprintf(caller, c.namespace), "create", "-f", "-"); err != nil {
		return scene{}, err
	}
	at := scene{tell: "http://collector." + c.namespace + ".svc"}
	code, err := packSelf(c.dir, at.tell)
	if err != nil {
		return scene{}, err
	}
	env := []string{"HOME=" + c.dir, "XDG_CONFIG_HOME=", "LAMBKIN_ENDPOINT=", "KUBECONFIG=" + c.kubeconfig}
	for _, args := range [][]string{{"config", "use", "cluster", "-n", c.namespace}, {"deploy", functionName, code}} {
		if err := c.run(ctx, env, args...); err != nil {
			return scene{}, err
		}
	}
	image, err := c.kubectl(ctx, "", "-n", c.namespace, "get", "functions.lambkin.dev", functionName, "-o", "jsonpath={.status.image}")
	if err != nil {
		return scene{}, err
	}
	if _, err := c.kubectl(ctx, fmt.Sprintf(collecting, c.namespace, image), "create", "-f", "-"); err != nil {
		return scene{}, err
	}
	if _, err := c.kubectl(ctx, "", "-n", c.namespace, "wait", "--for=condition=Ready", "--timeout="+readyTime, "pod/collector"); err != nil {
		return scene{}, err
	}
	token, err := c.token(ctx)
	if err != nil {
		return scene{}, err
	}
	c.proxy = httptest.NewServer(c.doors(token))
	at.function, at.journal = c.proxy.URL+"/gateway/namespaces/"+c.namespace+functionPath, c.proxy.URL+"/collector/journal"
	return at, nil
}

// token proves to the gateway who calls, for as long as events are sent. The API server gives none for less than ten minutes.
func (c *cluster) token(ctx context.Context) (string, error) {
	return c.kubectl(ctx, "", "-n", c.namespace, "create", "token", "caller", "--audience", v1alpha1.Group,
		"--duration", (c.time + 10*time.Minute).String())
}

// doors leads to gateway and collector.
func (c *cluster) doors(token string) http.Handler {
	mux := http.NewServeMux()
	for door, service := range map[string]string{
		"/gateway":   platform.Namespace + "/services/" + platform.GatewayPort + ":" + platform.GatewayService + ":" + platform.GatewayPort,
		"/collector": c.namespace + "/services/http:collector:http",
	} {
		base := c.api.JoinPath("/").JoinPath("api/v1/namespaces", service, "proxy")
		mux.Handle(door+"/", http.StripPrefix(door, &httputil.ReverseProxy{
			Transport: c.client,
			Rewrite: func(r *httputil.ProxyRequest) {
				r.SetURL(base)
				r.Out.Host = r.In.Host // an address, which the gateway takes from everybody
				if door == "/gateway" {
					r.Out.Header.Set(signature.Header, "Bearer "+token)
				}
			},
			ErrorHandler: func(w http.ResponseWriter, _ *http.Request, err error) { http.Error(w, err.Error(), http.StatusBadGateway) },
		}))
	}
	return mux
}

// kubectl gives what kubectl says about input, without what is around it.
func (c *cluster) kubectl(ctx context.Context, input string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, "kubectl", append([]string{"--kubeconfig", c.kubeconfig}, args...)...)
	cmd.Stdin = strings.NewReader(input)
	out, err := cmd.Output()
	if failed := new(exec.ExitError); errors.As(err, &failed) {
		return "", fmt.Errorf("kubectl %q: %w\n%s", args, err, failed.Stderr)
	}
	return strings.TrimSpace(string(out)), err
}

// kill ends one of the pods of gateway, controller or function at once. Their Deployments make others.
func (c *cluster) kill(ctx context.Context) (string, error) {
	targets := []struct{ what, namespace, label string }{
		{"a gateway's pod", platform.Namespace, "app.kubernetes.io/name=lambkin-gateway"},
		{"a controller's pod", platform.Namespace, "app.kubernetes.io/name=lambkin-controller"},
		{"a function's pod", c.namespace, "lambkin.dev/function=" + functionName},
	}
	t := targets[c.chance.IntN(len(targets))]
	out, err := c.kubectl(ctx, "", "-n", t.namespace, "get", "pods", "-l", t.label, "--field-selector", "status.phase=Running", "-o", "name")
	if err != nil {
		return "", err
	}
	names := strings.Fields(out)
	if len(names) == 0 {
		return "", fmt.Errorf("%s: none runs", t.what)
	}
	_, err = c.kubectl(ctx, "", "-n", t.namespace, "delete", names[c.chance.IntN(len(names))], "--grace-period=0", "--force", "--wait=false")
	return t.what, err
}

// close deletes the namespace, if open has made it.
func (c *cluster) close() {
	defer os.RemoveAll(c.dir) //nolint:errcheck // a rest in the temporary directory does no harm
	if c.proxy != nil {
		c.proxy.Close()
	}
	if !c.made {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if _, err := c.kubectl(ctx, "", "delete", "namespace", c.namespace, "--wait=false"); err != nil {
		fmt.Fprintln(os.Stderr, "faults:", err)
	}
}
