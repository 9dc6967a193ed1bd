package main

import "github.com/lambkin-dev/lambkin/internal/gateway"

const aboutOperations = `# The Lambda API: what is served

Made by ` + "`make generate`" + ` from the routes of ` + "`internal/gateway`" + `, which are made from the model of the pinned AWS SDK. An
operation that is refused answers with a typed error and never with a wrong success; a member that cannot be honoured is
refused by name and never ignored.

`

// operations is the page of the Lambda API's operations.
func operations(string) (string, error) { return aboutOperations + gateway.Compatibility(), nil }
