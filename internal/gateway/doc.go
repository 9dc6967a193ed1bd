// Package gateway is the AWS Lambda HTTP API over an [engine.Engine]: it translates AWS's requests into the objects of
// api/v1alpha1 and those objects into AWS's replies, and does nothing else. AWS's tools work
// against it unchanged.
//
// One table, generated from the SDK's model, holds every operation; each is implemented, implemented in part, or
// refused with a typed error that says what to do instead. [Compatibility] prints which. Nothing is accepted and
// ignored: a member that has no meaning here is refused by name.
//
// Errors carry the type, status and, where the real service's sentence is known, the words of AWS, because tools match
// on them ("An update is in progress for resource").
package gateway
