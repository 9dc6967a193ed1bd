// Package event works off asynchronous invocations. Each is an object that is there from the moment its caller gets 202 until
// the function, or a destination after the last attempt, has taken it; what becomes of it after an attempt is decided by
// internal/delivery, as on one machine.
//
// Nothing is lost, whatever dies when: an object goes only after what follows from it is there, and the names and request
// ids of what follows are derived from it, so that doing a step again makes nothing twice. An attempt whose outcome could
// not be written down for the lack of an API server is not made again as long as the process lives; after a crash it is,
// with the same request id.
package event
