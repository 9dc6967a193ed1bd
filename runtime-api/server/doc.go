// Package server holds the HTTP faces of the pod server, one file per API: the Runtime API, the Extensions API, the
// Telemetry and Logs APIs that the processes of one execution environment speak ([API]), and the front door that
// callers speak ([FrontDoor]). Handlers only translate; what they translate to is in invoke, extension and telemetry.
package server
