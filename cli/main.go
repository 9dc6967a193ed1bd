// Lambkin is the command line of Lambkin, and with "lambkin serve" its server for one machine.
package main

import (
	"os"

	"github.com/lambkin-dev/lambkin/bootstrap/runner"
	"github.com/lambkin-dev/lambkin/cli/command"
	"github.com/lambkin-dev/lambkin/runtime-api/process"
)

func main() {
	process.MaybeHelper()
	runner.MaybeRun()
	os.Exit(command.Main())
}
