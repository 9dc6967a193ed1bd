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
	"strconv"
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

	killers map[string]string // pods, by node
	proxy   *httptest.Server
	chance  *rand.Rand
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
	return &cluster{
		settings: s, dir: dir, api: api, client: transport, killers: map[string]string{},
		chance: rand.New(rand.NewPCG(s.seed, 1)), //nolint:gosec // not a secret
	}, nil
}

// open makes a namespace, and function, collector and killers in it.
func (c *cluster) open(ctx context.Context) (scene, error) {
	if err := c.create(ctx, fmt.Sprintf(namespaceManifest, c.namespace)); err != nil {
		return scene{}, err
	}
	c.made = true
	if err := c.create(ctx, fmt.Sprintf(callerManifest, c.namespace)); err != nil {
		return scene{}, err
	}
	at := scene{tell: "http://collector." + c.namespace + ".svc"}
	image, err := c.deploy(ctx, at.tell)
	if err != nil {
		return scene{}, err
	}
	if err := c.equip(ctx, image); err != nil {
		return scene{}, err
	}
	// The API server gives no token for less than ten minutes.
	token, err := c.kubectl(ctx, "", "-n", c.namespace, "create", "token", "caller", "--audience", v1alpha1.Group,
		"--duration", (c.time + 10*time.Minute).String())
	if err != nil {
		return scene{}, err
	}
	c.proxy = httptest.NewServer(c.doors(token))
	at.function, at.journal = c.proxy.URL+"/gateway/namespaces/"+c.namespace+functionPath, c.proxy.URL+"/collector/journal"
	return at, nil
}

// deploy deploys the function and gives the image that it has become.
func (c *cluster) deploy(ctx context.Context, collector string) (image string, err error) {
	code, err := packSelf(c.dir, collector)
	if err != nil {
		return "", err
	}
	env := []string{"HOME=" + c.dir, "XDG_CONFIG_HOME=", "LAMBKIN_ENDPOINT=", "KUBECONFIG=" + c.kubeconfig}
	for _, args := range [][]string{{"config", "use", "cluster", "-n", c.namespace}, {"deploy", functionName, code}} {
		if err := c.run(ctx, env, args...); err != nil {
			return "", err
		}
	}
	return c.kubectl(ctx, "", "-n", c.namespace, "get", "functions."+v1alpha1.Group, functionName, "-o", "jsonpath={.status.image}")
}

// readyTime is how long a pod may take to be ready: its image is there, or must be pulled by one more node.
const readyTime = "2m"

// equip starts collector and killers, which are this program in the function's image: the cluster has it.
func (c *cluster) equip(ctx context.Context, image string) error {
	if err := c.create(ctx, fmt.Sprintf(collectorManifest, c.namespace, image)); err != nil {
		return err
	}
	if _, err := c.kubectl(ctx, "", "-n", c.namespace, "wait", "--for=condition=Ready", "--timeout="+readyTime, "pod/collector"); err != nil {
		return err
	}
	if !c.crash {
		return nil
	}
	if err := c.create(ctx, fmt.Sprintf(killerManifest, c.namespace, image)); err != nil {
		return err
	}
	if _, err := c.kubectl(ctx, "", "-n", c.namespace, "rollout", "status", "--timeout="+readyTime, "daemonset/killer"); err != nil {
		return fmt.Errorf("a killer is not ready (-crash=false does without): %w", err)
	}
	killers, err := c.pods(ctx, c.namespace, killerLabel)
	for _, k := range killers {
		c.killers[k.node] = k.name
	}
	return err
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
			ErrorHandler: func(w http.ResponseWriter, _ *http.Request, err error) {
				http.Error(w, err.Error(), http.StatusBadGateway)
			},
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

// create makes the objects of a manifest.
func (c *cluster) create(ctx context.Context, manifest string) error {
	_, err := c.kubectl(ctx, manifest, "create", "-f", "-")
	return err
}

// pod is one that runs.
type pod struct{ name, uid, node string }

// pods finds those with a label.
func (c *cluster) pods(ctx context.Context, namespace, label string) ([]pod, error) {
	out, err := c.kubectl(ctx, "", "-n", namespace, "get", "pods", "-l", label, "--field-selector", "status.phase=Running",
		"-o", `jsonpath={range .items[*]}{.metadata.name} {.metadata.uid} {.spec.nodeName}{"\n"}{end}`)
	var all []pod
	for line := range strings.Lines(out) {
		if f := strings.Fields(line); len(f) == 3 {
			all = append(all, pod{f[0], f[1], f[2]})
		}
	}
	return all, err
}

// target is what may be killed: the pods with a label, or only one process in one of them, which is started again where it was.
type target struct {
	what, namespace, label string
	process                bool
}

func (c *cluster) targets() []target {
	all := []target{
		{what: "a gateway's pod", namespace: platform.Namespace, label: "app.kubernetes.io/name=lambkin-gateway"},
		{what: "a controller's pod", namespace: platform.Namespace, label: "app.kubernetes.io/name=lambkin-controller"},
		{what: "a function's pod", namespace: c.namespace, label: functionLabel},
	}
	if c.crash {
		all = append(all, target{what: "a process in a function's pod", namespace: c.namespace, label: functionLabel, process: true})
	}
	return all
}

// kill ends one of the targets at once. Pods are deleted too, so that their Deployments make others without the pause that
// what fails again and again gets.
func (c *cluster) kill(ctx context.Context) (string, error) {
	all := c.targets()
	t := all[c.chance.IntN(len(all))]
	pods, err := c.pods(ctx, t.namespace, t.label)
	if err != nil {
		return "", err
	}
	if len(pods) == 0 {
		return "", fmt.Errorf("%s: none runs", t.what)
	}
	p := pods[c.chance.IntN(len(pods))]
	if c.crash {
		if err := c.killProcesses(ctx, p, t.process); err != nil {
			return "", fmt.Errorf("%s: %w", t.what, err)
		}
	}
	if !t.process {
		_, err = c.kubectl(ctx, "", "-n", t.namespace, "delete", "pod", p.name, "--grace-period=0", "--force", "--wait=false", "--ignore-not-found")
	}
	return t.what, err
}

// killProcesses has the killer of a pod's node kill its processes, or one.
func (c *cluster) killProcesses(ctx context.Context, p pod, one bool) error {
	killer, ok := c.killers[p.node]
	if !ok {
		return fmt.Errorf("node %q came after the killers", p.node)
	}
	args := []string{"-n", c.namespace, "exec", killer, "--", program, "kill", p.uid}
	if one {
		args = append(args, strconv.FormatUint(c.chance.Uint64(), 10))
	}
	_, err := c.kubectl(ctx, "", args...)
	return err
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
