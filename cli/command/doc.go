// Package command is lambkin's command line: one verb per file. A file holds an options struct (dependencies above, flags
// below), a maker new…Command that declares flags and help, and a run method that does the work against the engine port
// and tells it to cli/terminal. Run is the whole program; tests call it as main does.
package command
