// Package resources makes the Kubernetes objects that run functions: Knative Services for functions and versions, Routes
// for aliases, a NetworkPolicy for a namespace. Each is a function of its arguments: no client, no clock, no error that
// trying again could mend. The same arguments make the same object, byte for byte, so that nothing changes on the
// cluster where nothing has changed for the function.
package resources
