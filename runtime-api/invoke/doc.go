// Package invoke is the life of an invocation inside one pod, without HTTP and without processes.
//
// An invocation that is accepted becomes a [Task] in the [Queue]. A [Session], the platform's side of the conversation
// with one runtime process, takes it when that process asks for work, and ends it. The life of a task:
//
//	queued ──► running ──► done        the runtime answered, or failed, or its time ran out, or it died
//	   └─────► done                    the caller left, waited too long, or the pod shuts down: never executed
//
// What holds at every moment, whatever fails:
//
//   - a task ends exactly once; whoever comes second finds it ended and gets the documented refusal;
//   - a task is handed to a poller only while its caller still waits, and returns to the head of the queue if the
//     poller turns out to be gone;
//   - a full queue refuses at once; nothing waits without a bound;
//   - the time a function is given starts at hand-over, never while it waits in the queue.
//
// The states and refusals of a Session are those of the Lambda Runtime API
// (https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html).
package invoke
