// Package lambda holds the words of an invocation: what is asked of a function, what comes back, how functions
// are named, which errors a Lambda service gives and which limits hold. It is the vocabulary that the pod server,
// the gateway and the engines share, so it depends on the standard library alone.
//
// Two kinds of failure are kept apart everywhere:
//
//   - a function failure (a handler error, a timeout, a crash) is a [Result] with FunctionError set. The caller
//     gets HTTP 200 and the error as payload;
//   - a service failure (no such function, throttled, bad input) is an [*Error]. The caller gets an HTTP error.
package lambda
