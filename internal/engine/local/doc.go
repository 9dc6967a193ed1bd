// Package local is the engine of one machine: objects and waiting events in one file, code in folders, functions as
// processes. It needs nothing but its data directory, and what it has acknowledged survives being killed at any time.
//
// How it works, in the order in which a call passes through:
//
//   - objects.go takes writes. They go to the store; then the function's [route] is renewed, so that the next call sees
//     them, and the object is queued for reconciling.
//   - reconcile.go turns a Function or Version into a unit: what is needed to run it. prepare.go does it step by step
//     (code, layers, variables, runtime) and conditions say how it went.
//   - A [slot] holds the unit that serves and starts and stops its pod: at the first call, after the last. A new unit
//     takes over for new calls while the old pod ends what it has accepted.
//   - invoke.go follows names to slots and counts what runs against the limits. async.go does the same later, from the
//     queue, and sends records of how it went, as internal/delivery decides.
//   - sweep.go removes what no object names any more.
//
// The data directory:
//
//	objects.db   objects and waiting events
//	blobs/       uploaded and fetched archives by digest
//	code/        archives extracted, by digest; opt/: layers merged, by the digest of the list
//	clients/     our runtime clients
//	logs/        functions' logs
//	tmp/         the environments' /tmp
//	secrets/     NAME/KEY: files that variables may be taken from, readable by the owner only; configmaps/ likewise
package local
