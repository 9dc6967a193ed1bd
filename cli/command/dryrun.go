package command

import (
	"fmt"
	"strconv"
)

// dryRun is the value of --dry and --dry-run: a yes or no, or kubectl's words for them.
type dryRun string

// The values that kubectl knows and that mean something here.
const (
	dryNone   dryRun = ""
	dryClient dryRun = "client"
)

// String gives the value for help texts.
func (d *dryRun) String() string { return string(*d) }

// Type names the values for help texts; a yes or no, which needs no value.
func (d *dryRun) Type() string { return "bool" }

// Set takes a value.
func (d *dryRun) Set(text string) error {
	yes, err := strconv.ParseBool(text)
	switch {
	case text == "client" || (err == nil && yes):
		*d = dryClient
	case text == "none" || err == nil:
		*d = dryNone
	default:
		return fmt.Errorf("%q: want nothing, client or none; what a server would say is not asked", text)
	}
	return nil
}

// dry reports whether nothing may be written.
func (a *App) dry() bool { return a.flags.dry != dryNone }
