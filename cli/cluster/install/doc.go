// Package install brings a release of Lambkin to a cluster: it reads the manifest of the release, completes the
// operator's configuration in it without losing what the cluster's own says, applies everything server-side and waits
// until it works.
package install
