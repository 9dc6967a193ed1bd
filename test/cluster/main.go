// Cluster makes a Kubernetes cluster with Knative Serving, Knative Eventing and Tekton on this machine, for end-to-end
// tests: a real API server, kubelet and containerd, all built from Go modules, in one network namespace without a way out.
package main

import (
	"os"

	"github.com/lambkin-dev/lambkin/test/cluster/command"
)

func main() { os.Exit(command.Main(os.Args[1:])) }
