package node

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/lambkin-dev/lambkin/test/cluster/layout"
)

// RegistryVerb and FilesVerb are the verbs of this program that serve the cluster from the node.
const (
	RegistryVerb = "registry"
	FilesVerb    = "files"
)

// Daemons are the names of the processes that a node runs and that may be stopped.
func Daemons() []string {
	var all []string
	for _, d := range slices.Concat(foundation(layout.Cluster{}, ""), controlPlane(layout.Cluster{}, "")) {
		all = append(all, d.name)
	}
	return all
}

func known(dir, name string) error {
	if !slices.Contains(Daemons(), name) {
		return fmt.Errorf("no daemon %q in the node of %q; there are %s", name, dir, strings.Join(Daemons(), ", "))
	}
	return nil
}

// startDaemons starts what nothing else needs first, and what needs an API server when there is one.
func startDaemons(ctx context.Context, s *supervisor, c layout.Cluster, shared string) {
	for _, d := range foundation(c, shared) {
		s.start(d)
	}
	if err := awaitAPI(ctx); err != nil {
		s.log.Error("no API server", "error", err)
		return
	}
	for _, d := range controlPlane(c, shared) {
		s.start(d)
	}
	s.log.Info("all daemons started")
}

func foundation(c layout.Cluster, shared string) []daemon {
	bin := func(name string) string { return filepath.Join(shared, "k8s", name) }
	tool := func(args ...string) []string {
		return append([]string{c.Tool(), "-name", c.Name, "-state", c.Dir}, args...)
	}
	return []daemon{
		{"registry", tool(RegistryVerb)},
		{"files", tool(FilesVerb)},
		{"etcd", []string{
			bin("server"), "--name", "node", "--data-dir", c.Path("etcd"),
			"--listen-client-urls", "http://127.0.0.1:2379", "--advertise-client-urls", "http://127.0.0.1:2379",
			"--listen-peer-urls", "http://127.0.0.1:2380", "--initial-advertise-peer-urls", "http://127.0.0.1:2380",
			"--initial-cluster", "node=http://127.0.0.1:2380",
			"--unsafe-no-fsync", "--log-level", "warn", "--quota-backend-bytes", "2147483648",
		}},
		{"kube-apiserver", []string{
			bin("kube-apiserver"), "--etcd-servers=http://127.0.0.1:2379", "--service-cluster-ip-range=" + layout.ServiceCIDR,
			"--advertise-address=" + layout.NodeIP, "--bind-address=0.0.0.0", "--secure-port=" + layout.APIPort,
			"--tls-cert-file=" + c.Path("pki", "apiserver.crt"), "--tls-private-key-file=" + c.Path("pki", "apiserver.key"),
			"--service-account-issuer=https://kubernetes.default.svc.cluster.local",
			"--service-account-key-file=" + c.Path("pki", "sa.pub"), "--service-account-signing-key-file=" + c.Path("pki", "sa.key"),
			"--token-auth-file=" + c.Path("pki", "tokens.csv"), "--authorization-mode=Node,RBAC", "--allow-privileged=true",
			"--profiling=false", "--max-requests-inflight=800", "--max-mutating-requests-inflight=400", "--event-ttl=1h",
			// For logs and exec it would look up the node's name in DNS otherwise.
			"--kubelet-preferred-address-types=InternalIP",
		}},
		{"containerd", []string{lookPath("containerd"), "--config", c.Path("containerd.toml")}},
	}
}

// controlPlane runs without leader election: there is one of each.
func controlPlane(c layout.Cluster, shared string) []daemon {
	bin := func(name string) string { return filepath.Join(shared, "k8s", name) }
	kubeconfig := "--kubeconfig=" + c.NodeKubeconfig()
	return []daemon{
		{"kube-controller-manager", []string{
			bin("kube-controller-manager"), kubeconfig, "--service-account-private-key-file=" + c.Path("pki", "sa.key"),
			"--root-ca-file=" + c.Path("pki", "apiserver.crt"), "--leader-elect=false", "--cluster-cidr=" + layout.PodCIDR,
			"--allocate-node-cidrs=false", "--cloud-provider=", "--profiling=false", "--bind-address=127.0.0.1",
			"--kube-api-qps=100", "--kube-api-burst=200",
		}},
		{"kube-scheduler", []string{bin("kube-scheduler"), kubeconfig, "--leader-elect=false", "--bind-address=127.0.0.1"}},
		{"kubelet", []string{
			bin("kubelet"), "--config=" + c.Path("kubelet.yaml"), kubeconfig, "--hostname-override=" + layout.NodeName,
			"--node-ip=" + layout.NodeIP, "--root-dir=" + c.Path("kubelet"),
		}},
		{"kube-proxy", []string{bin("kube-proxy"), "--config=" + c.Path("kube-proxy.yaml"), "--hostname-override=" + layout.NodeName}},
	}
}

// lookPath gives the name itself if there is no such program: starting it will say so.
func lookPath(name string) string {
	path, err := exec.LookPath(name)
	if err != nil {
		return name
	}
	return path
}

// awaitAPI waits until the API server says that it is ready.
func awaitAPI(ctx context.Context) error {
	client := &http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{
		TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, //nolint:gosec // a question to ourselves that tells no secret
	}}
	defer client.CloseIdleConnections()
	for {
		if apiReady(ctx, client) {
			return nil
		}
		if err := sleep(ctx, 100*time.Millisecond); err != nil {
			return err
		}
	}
}

func apiReady(ctx context.Context, client *http.Client) bool {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://"+net.JoinHostPort("127.0.0.1", layout.APIPort)+"/readyz", nil)
	if err != nil {
		return false
	}
	resp, err := client.Do(req)
	if err != nil {
		return false
	}
	defer resp.Body.Close()
	_, err = io.Copy(io.Discard, resp.Body)
	return err == nil && resp.StatusCode == http.StatusOK
}
