package node

import (
	"bytes"
	"crypto/rand"
	"embed"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"text/template"

	"github.com/lambkin-dev/lambkin/test/cluster/layout"
)

//go:embed config
var configs embed.FS

// prepare writes everything that the node's processes read.
func prepare(c layout.Cluster, ports layout.Ports) error {
	for _, dir := range []string{"log", "run", "pki", "etcd", "registry", "kubelet/volume-plugins", "containerd", "cni", "varlog", "git", "packages"} {
		if err := os.MkdirAll(c.Path(dir), 0o755); err != nil {
			return err
		}
	}
	token := rand.Text()
	if err := writePKI(c.Path("pki"), token); err != nil {
		return fmt.Errorf("keys of the cluster: %w", err)
	}
	// Pods whose DNS policy is Default, CoreDNS above all, take this file: nobody outside is asked.
	if err := os.WriteFile(c.Path("resolv.conf"), nil, 0o644); err != nil {
		return err
	}
	for _, file := range []struct{ config, path string }{
		{"cni.conflist", c.Path("cni", "10-pods.conflist")},
		{"hosts.toml", c.Path("certs.d", layout.Registry, "hosts.toml")},
		{"containerd.toml", c.Path("containerd.toml")},
		{"kubelet.yaml", c.Path("kubelet.yaml")},
		{"kube-proxy.yaml", c.Path("kube-proxy.yaml")},
	} {
		if err := writeConfig(file.config, file.path, c, "", ""); err != nil {
			return err
		}
	}
	if err := writeConfig("kubeconfig", c.NodeKubeconfig(), c, layout.APIPort, token); err != nil {
		return err
	}
	return writeConfig("kubeconfig", c.Kubeconfig(), c, strconv.Itoa(ports.API), token)
}

func writeConfig(name, path string, c layout.Cluster, port, token string) error {
	data, err := render(name, c, port, token)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return os.WriteFile(path, data, 0o600)
}

// render fills in one file of config.
func render(name string, c layout.Cluster, port, token string) ([]byte, error) {
	t, err := template.ParseFS(configs, "config/"+name)
	if err != nil {
		return nil, fmt.Errorf("configuration %q: %w", name, err)
	}
	var out bytes.Buffer
	err = t.Execute(&out, map[string]string{
		"Name": c.Name, "Dir": c.Dir, "Cgroup": c.Cgroup(), "Port": port, "Token": token,
		"Registry": layout.Registry, "RegistryPort": layout.RegistryPort,
		"NodeIP": layout.NodeIP, "PodCIDR": layout.PodCIDR, "DNSIP": layout.DNSIP,
	})
	if err != nil {
		return nil, fmt.Errorf("configuration %q: %w", name, err)
	}
	return out.Bytes(), nil
}
