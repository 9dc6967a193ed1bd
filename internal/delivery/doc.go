// Package delivery decides what becomes of asynchronous events: when they are tried again, when they are given up, and what
// is sent where at the end. It keeps nothing and runs nothing; engines have their own ways to do that and share the
// decisions, so that a function behaves the same on one machine and on a cluster.
//
// The rules are those of AWS (https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html). A failure
// of the function is tried again a few times, after one minute and after two. A refusal of the service, such as a throttle,
// is no attempt: it is tried again after a wait that doubles up to five minutes, until the event is too old.
package delivery
