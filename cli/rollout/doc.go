// Package rollout moves an alias from one version of a function to another in steps, counts how many calls of the new
// version fail, and goes back if there are too many. It needs nothing but the engine's port, so it is the same on one
// machine and on a cluster.
//
// Calls are counted where they are told of: in the function's log, whose START line names the version and whose REPORT
// line says how it went. Containers that answer HTTP themselves write no such lines; for them, and where nobody calls,
// there are probes.
package rollout
