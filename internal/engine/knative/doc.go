// Package knative is the engine port over a cluster with Knative: objects are those of the API server, and the controller
// does with them what the local engine does by itself; logs are those of the functions' pods.
//
// What must not go through everybody's hands has a door of its own. On a laptop code and invocations go to the gateway, over
// the API server's service proxy, so that neither registry credentials nor an ingress are needed ([NewForConfig]). In
// the gateway and the controller [Doors] calls functions at their cluster-local addresses.
//
// Reads of objects go to the API server, so a caller reads what it has written. Invocations may be routed by a cache:
// it may let a call through to what has just gone, but nothing is refused before the API server was asked.
package knative
