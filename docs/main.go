// Docs writes the pages of this folder that are made of tables in the code. `make generate` runs it.
package main

import (
	"fmt"
	"os"

	"github.com/lambkin-dev/lambkin/internal/gateway"
)

//go:generate go run . operations.md

const operations = `# The Lambda API: what is served

Made by ` + "`make generate`" + ` from the routes of ` + "`internal/gateway`" + `, which are made from the model of the pinned AWS SDK. An
operation that is refused answers with a typed error and never with a wrong success; a member that cannot be honoured is
refused by name and never ignored.

`

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: docs FILE")
		os.Exit(2)
	}
	if err := os.WriteFile(os.Args[1], []byte(operations+gateway.Compatibility()), 0o600); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
