// Release makes what users get: static programs, container images of them made without Docker, the manifests that install
// them, archives of the command line, and a list of what is in each (SBOM). `make release` runs it.
//
// The same commit gives the same bytes on every machine with the same Go: nothing in what is made depends on the time,
// the folder or the user.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"regexp"
	"strings"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	err := run(ctx, os.Args[1:], os.Stdout)
	if errors.Is(err, flag.ErrHelp) {
		return
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "release:", err)
		os.Exit(1) //nolint:gocritic // nothing is left that a deferred call would clean up
	}
}

// options are what flags say.
type options struct {
	root, out     string
	version       string
	registry      string
	registryPush  string
	plainHTTP     list
	architectures list
	archives      list
	values        string
	certificates  string
}

// list is a flag of words with commas between.
type list []string

// String joins the words again.
func (l *list) String() string { return strings.Join(*l, ",") }

// Set replaces the words.
func (l *list) Set(text string) error {
	*l = strings.FieldsFunc(text, func(r rune) bool { return r == ',' || r == ' ' })
	return nil
}

func run(ctx context.Context, args []string, out io.Writer) error {
	o := options{
		architectures: list{"amd64", "arm64"},
		archives:      list{"linux/amd64", "linux/arm64", "darwin/amd64", "darwin/arm64"},
	}
	if err := o.parse(args, out); err != nil {
		return err
	}
	facts, err := commit(ctx, o.root)
	if err != nil {
		return err
	}
	r := &release{options: o, commit: facts, build: goBuild(o.root), log: out}
	return r.make(ctx)
}

func (o *options) parse(args []string, out io.Writer) error {
	f := flag.NewFlagSet("release", flag.ContinueOnError)
	f.SetOutput(out)
	f.StringVar(&o.root, "root", ".", "`folder` of the checkout")
	f.StringVar(&o.out, "out", "dist", "`folder` that is made, in place of what was there")
	f.StringVar(&o.version, "version", "", "`version` that everything bears, such as v0.3.0")
	f.StringVar(&o.registry, "registry", "", "`HOST[:PORT]/PATH` below which the cluster finds the images; without it they are written to OUT/images alone")
	f.StringVar(&o.registryPush, "registry-push", "", "`HOST[:PORT]` of the same registry as this machine reaches it")
	f.Var(&o.plainHTTP, "plain-http", "`HOST[:PORT],…` that are spoken to without TLS")
	f.Var(&o.architectures, "arch", "`architectures` of the images")
	f.Var(&o.archives, "cli", "`OS/ARCH,…` to make archives of the command line for; empty for none")
	f.StringVar(&o.values, "values", "", "`file` with settings for the ConfigMap lambkin-config; none by default")
	f.StringVar(&o.certificates, "certificates", "", "PEM `file` of certificate authorities for the images; this machine's by default")
	if err := f.Parse(args); err != nil {
		return err //nolint:wrapcheck // the package has said it already
	}
	if f.NArg() > 0 {
		return fmt.Errorf("%q is no flag: see release -help", f.Arg(0))
	}
	return o.check()
}

// versionForm is what fits into a label of Kubernetes, a tag of an image and the name of a file.
var versionForm = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?$`)

// Forms of what other flags hold.
var (
	prefixForm = regexp.MustCompile(`^[^/@\s]+(/[^/:@\s]+)+$`)
	hostForm   = regexp.MustCompile(`^[^/@\s]+$`)
	targetForm = regexp.MustCompile(`^[a-z0-9]+/[a-z0-9]+$`)
)

// check finds what no single flag can.
func (o *options) check() error {
	var faults []error
	fault := func(wrong bool, format string, args ...any) {
		if wrong {
			faults = append(faults, fmt.Errorf(format, args...))
		}
	}
	fault(!versionForm.MatchString(o.version),
		"-version is %q: use up to 63 letters, digits, dots, hyphens and underscores, beginning and ending with a letter or digit", o.version)
	fault(o.registry != "" && !prefixForm.MatchString(o.registry), "-registry is %q: use HOST[:PORT]/PATH without scheme, tag or digest", o.registry)
	fault(o.registryPush != "" && !hostForm.MatchString(o.registryPush), "-registry-push is %q: use HOST[:PORT]", o.registryPush)
	fault(o.registryPush != "" && o.registry == "", "-registry-push is %q: give -registry too, which is what the cluster finds there", o.registryPush)
	fault(len(o.architectures) == 0, "-arch is empty: images need an architecture")
	for _, target := range o.archives {
		fault(!targetForm.MatchString(target), "-cli holds %q: use OS/ARCH", target)
	}
	return errors.Join(faults...)
}
