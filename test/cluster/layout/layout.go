// Package layout says where a test cluster keeps what: its name, its folders and the addresses inside it.
// Everything that two clusters of one machine could fight for is derived from the name; what lies inside the cluster's
// own network namespace is the same for all.
package layout

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
)

// Addresses and names inside the cluster. No other network can see them.
const (
	NodeName    = "node"
	NodeIP      = "10.200.0.10"
	PodCIDR     = "10.244.0.0/24"
	ServiceCIDR = "10.96.0.0/16"
	ServiceIP   = "10.96.0.1"
	DNSIP       = "10.96.0.10"
	IngressIP   = "10.96.0.60"
	// Domain ends the host names of Knative Services: KSVC.NAMESPACE.example.test.
	Domain = "example.test"
	// IngressClass is the class of Knative's Ingress objects that package ingress serves.
	IngressClass = "test.ingress.networking.knative.dev"
)

// Ports of the processes that serve the whole cluster from the node.
const (
	APIPort      = "6443"
	RegistryPort = "5000"
	FilesPort    = "5080"
)

// Registry is the registry's name for everyone inside. It ends in ".local", so go-containerregistry, and with it
// Knative's controller, Tekton and crane, speaks plain HTTP to it without being told.
const Registry = "registry.kube-system.svc.cluster.local:" + RegistryPort

var validName = regexp.MustCompile(`^[a-z][a-z0-9-]{0,19}$`)

// The state folder goes unquoted into configuration files and into cluster.env.
var validDir = regexp.MustCompile(`^/[A-Za-z0-9._/-]+$`)

// Cluster is one test cluster on this machine.
type Cluster struct {
	// Name tells the clusters of a machine apart.
	Name string
	// Dir holds everything that lives as long as the cluster; `down` removes it.
	Dir string
	// Cache holds what clusters share and what outlives them: built programs, rootfs layers, packages.
	Cache string
}

// New gives the cluster of that name. Its state is kept in dir, or in a folder of its own below /var/tmp if dir is empty.
func New(name, dir string) (Cluster, error) {
	if !validName.MatchString(name) {
		return Cluster{}, fmt.Errorf("cluster name %q: want at most 20 lower-case letters, digits and hyphens", name)
	}
	if dir == "" {
		dir = filepath.Join("/var/tmp", "lambkin-cluster-"+name)
	}
	dir, err := filepath.Abs(dir)
	if err != nil {
		return Cluster{}, err
	}
	if !validDir.MatchString(dir) {
		return Cluster{}, fmt.Errorf("state folder %q: want letters, digits, dots and hyphens only", dir)
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return Cluster{}, errors.Join(errors.New("no folder for what is built; set HOME or XDG_CACHE_HOME"), err)
	}
	return Cluster{Name: name, Dir: dir, Cache: filepath.Join(cache, "lambkin-cluster")}, nil
}

// Path is a file or folder of the cluster's state.
func (c Cluster) Path(elem ...string) string {
	return filepath.Join(append([]string{c.Dir}, elem...)...)
}

// CachePath is a file or folder that outlives the cluster.
func (c Cluster) CachePath(elem ...string) string {
	return filepath.Join(append([]string{c.Cache}, elem...)...)
}

// Bin is a program that was built from this module's own source for this cluster alone, so that two checkouts with
// different sources do not overwrite one another's.
func (c Cluster) Bin(name string) string { return c.Path("bin", name) }

// Tool is the copy of this program that the cluster's processes run. The original may be a file of `go run` that is gone soon.
func (c Cluster) Tool() string { return c.Bin("cluster") }

// Cgroup is the control group of all pods, below the root of each hierarchy.
func (c Cluster) Cgroup() string { return "lambkin-" + c.Name }

// Kubeconfig is for clients on this machine, outside the cluster.
func (c Cluster) Kubeconfig() string { return c.Path("kubeconfig") }

// NodeKubeconfig is for processes in the cluster's network namespace.
func (c Cluster) NodeKubeconfig() string { return c.Path("node.kubeconfig") }

// EnvFile holds what scripts need to know, as KEY=value lines.
func (c Cluster) EnvFile() string { return c.Path("cluster.env") }
