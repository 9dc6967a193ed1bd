// Package remote carries the engine port over HTTP: [Handler] puts an engine behind a server, [New] is an engine that
// speaks to such a server. Both ends live here so that they cannot drift apart, and an engine behind Handler and New
// passes the same suite as the engine itself.
//
// Objects follow the REST grammar of Kubernetes, so that its clients and its habits work here too:
//
//	GET|POST           /apis/lambkin.dev/v1alpha1/namespaces/default/{plural}
//	GET|PUT|DELETE     /apis/lambkin.dev/v1alpha1/namespaces/default/{plural}/{name}
//	POST|GET           /lambkin/v1/code?limit=BYTES, /lambkin/v1/code/{sha256}?size=BYTES
//	GET                /lambkin/v1/logs/{function}?follow=true&since=RFC3339&tail=N
//	POST               /lambkin/v1/functions/{function}/invocations, …/response-streaming-invocations
//
// The gateway of a cluster serves code and invocations for each namespace, below /lambkin/v1/namespaces/{namespace}/, and
// nothing else: objects and logs are the cluster's own to give. That half is a [Plane]. Pods serve invocations alone, at the
// paths of the Lambda API; their client is [FrontDoor].
//
// Errors are metav1.Status documents with every fault of a refused object as a cause; the code of the Lambda API rides
// along in X-Amzn-Errortype, so nothing is lost on the way. Invocations speak AWS's Invoke and InvokeWithResponseStream by
// the same code as the gateway; they have paths of their own because the port says more than that API has a place for (the
// request id, the CloudEvents attributes, the content type), which rides in headers of package awshttp.
//
// The server has no passwords on one's own machine, so [Guard] keeps web pages out of it.
package remote
