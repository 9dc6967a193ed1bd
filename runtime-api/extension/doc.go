// Package extension keeps the extensions of one incarnation of an execution environment: who they are, how far each
// has come and which event each gets next (Extensions API 2020-01-01). It is a state machine only: HTTP is in
// runtime-api/server, processes are the owner's.
//
// An external extension is an executable in /opt/extensions and is known by its file name before it registers. An
// internal one is started by the runtime and exists from its registration on. Each moves
//
//	Started → Registered → Ready ⇄ Running
//
// where Ready means "a call of event/next said that there is nothing left to do" and Running "it was handed an event".
// InitError, ExitError, LaunchError and Exited end it.
//
// The owner of an environment uses a [Registry] in this order:
//
//  1. start the external extensions, wait for [Registry.Registered];
//  2. start the runtime; at its first next, [Registry.CloseRegistration] and wait for [Registry.Ready];
//  3. for each invocation [Registry.Invoke], and before the next one wait for [Registry.Idle];
//  4. in the end [Registry.Shutdown], which turns the extensions' exits into an expected thing.
//
// All the time [Registry.Failed] may close: an extension gave up or died, and the environment has to be replaced,
// together with its Registry.
package extension
