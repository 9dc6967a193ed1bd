// Controller brings about on a cluster what the objects of the API ask for: images from code, Knative Services from
// functions and versions, Routes from aliases; and it works off asynchronous invocations. See controller -help for its
// flags.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	err := run(ctx, os.Args[1:], os.Stderr)
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "controller:", err)
		os.Exit(1) //nolint:gocritic // nothing is left that a deferred call would clean up
	}
}
