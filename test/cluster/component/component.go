// Package component lists the programs that make up a test cluster and builds them from Go modules, all in one module:
// client-go, the Kubernetes API and Knative's library are compiled once for all of them.
package component

import (
	"path"
	"slices"
)

// Group is a set of programs that are built in one call, so that what they share is compiled once and in parallel.
// Groups exist because several programs are called controller or webhook; within a group names are unique.
type Group struct {
	Name string
	// Packages are the import paths of the programs' main packages.
	Packages []string
	// Own programs come from this module's source and are built every time; others change only with go.mod.
	Own bool
}

// Groups are all programs of a cluster.
func Groups() []Group {
	return []Group{
		{Name: "k8s", Packages: []string{
			"go.etcd.io/etcd/server/v3",
			"k8s.io/kubernetes/cmd/kube-apiserver",
			"k8s.io/kubernetes/cmd/kube-controller-manager",
			"k8s.io/kubernetes/cmd/kube-scheduler",
			"k8s.io/kubernetes/cmd/kubelet",
			"k8s.io/kubernetes/cmd/kube-proxy",
		}},
		{Name: "serving", Packages: under("knative.dev/serving/cmd/",
			"queue", "activator", "autoscaler", "controller", "webhook")},
		{Name: "eventing", Packages: under("knative.dev/eventing/cmd/",
			"controller", "webhook", "in_memory/channel_controller", "in_memory/channel_dispatcher", "broker/ingress",
			"broker/filter", "mtchannel_broker", "mtping", "apiserver_receive_adapter", "jobsink", "auth_proxy")},
		{Name: "tekton", Packages: under("github.com/tektoncd/pipeline/cmd/",
			"controller", "webhook", "events", "resolvers", "entrypoint", "nop", "workingdirinit", "sidecarlogresults")},
		{Name: "tools", Packages: under("github.com/google/go-containerregistry/cmd/", "crane")},
		{Name: "own", Own: true, Packages: under("./", "coredns", "pause", "hello", "ingress")},
	}
}

func under(prefix string, names ...string) []string {
	paths := make([]string, len(names))
	for i, name := range names {
		paths[i] = prefix + name
	}
	return paths
}

// Binary is the name of the program that Go makes of a main package.
func Binary(pkg string) string {
	if pkg == "go.etcd.io/etcd/server/v3" {
		return "server" // Go leaves a version at the end out
	}
	return path.Base(pkg)
}

// ImageGroups are the groups whose programs run in pods.
func ImageGroups() []Group {
	return slices.DeleteFunc(Groups(), func(g Group) bool { return g.Own || g.Name == "k8s" || g.Name == "tools" })
}

// Image is the name, without registry, of the image that holds a program.
func Image(group, pkg string) string {
	return "system/" + group + "-" + path.Base(pkg) + ":1"
}
