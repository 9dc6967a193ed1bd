// Package cluster is what the command line knows of a Kubernetes cluster beside the engine: how a kubeconfig leads to
// one, the builds of functions with their logs, the credentials that builds and pods use, and the operator's
// configuration. Everything runs with the user's own rights.
package cluster
