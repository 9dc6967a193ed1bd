package command

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/lambkin-dev/lambkin/api/v1alpha1"
	"github.com/lambkin-dev/lambkin/cli/manifest"
	"github.com/lambkin-dev/lambkin/cli/source"
	"github.com/lambkin-dev/lambkin/cli/terminal"
	"github.com/lambkin-dev/lambkin/internal/engine"
	"github.com/lambkin-dev/lambkin/internal/lambda"
)

const deployHelp = `Deploys the code at PATH (default: this folder) as the function NAME (default: the folder's name).

PATH is a folder, a zip, a script, or a program. What it is written in and what the handler is called is found out; flags
and a function.yaml in the folder say otherwise. With a function.yaml that file is the whole truth, without one flags
change what they name and leave the rest of an existing function as it is.

Go is compiled. Dependencies are never installed unasked: --build runs npm, pip or bundle in a copy of the folder, and a
folder whose dependencies are missing is refused. .git, caches and what .lambkinignore names are left out. The same input
gives the same archive, so deploying without a change changes nothing.

-f takes a serverless.yaml of tm, or a manifest with several functions; then NAMEs select some of them.`

// oneByOne is told to those who ask for several at once, as tm let them.
const oneByOne = "functions are taken one after another, which is quick enough without image builds"

type deployOptions struct {
	app *App

	settings  settingsFlags
	from      string
	build     bool
	publish   bool
	alias     string
	wait      bool
	patience  time.Duration
	buildArgs []string
	revision  string
	parallel  int
}

// target is one function to deploy.
type target struct {
	name      string
	path      string             // where the code is; empty if the object says it
	described *v1alpha1.Function // out of a manifest; nil without one
	notes     []string
	assumed   bool // the one argument was taken for a name, since nothing is there by that path
}

func newDeployCommand(app *App) *cobra.Command {
	o := &deployOptions{app: app}
	c := &cobra.Command{
		Use:     "deploy [NAME] [PATH]",
		Aliases: []string{"create"},
		Short:   "Deploy code as a function",
		Long:    deployHelp,
		Example: "  lambkin deploy\n  lambkin deploy hello ./src --memory 512 --env STAGE=dev\n  lambkin deploy hello build.zip --alias live\n  lambkin deploy -f serverless.yaml",
		RunE: func(cmd *cobra.Command, args []string) error {
			targets, err := o.targets(args)
			if err != nil {
				return err
			}
			return o.run(cmd.Context(), targets)
		},
	}
	f := c.Flags()
	o.settings.declare(f)
	_ = c.RegisterFlagCompletionFunc("runtime", completeRuntimes) // as below
	f.StringVarP(&o.from, "from", "f", "", "manifest or serverless.yaml; code after \"deploy service NAME\"")
	f.BoolVar(&o.build, "build", false, "install dependencies with npm, pip or bundle")
	f.BoolVar(&o.publish, "publish", false, "publish a version")
	f.StringVar(&o.alias, "alias", "", "publish a version and point this alias to it")
	f.BoolVar(&o.wait, "wait", true, "wait until the function is ready")
	f.DurationVar(&o.patience, "build-timeout", time.Minute, "how long to wait")
	f.StringArrayVar(&o.buildArgs, "build-argument", nil, "tm's build argument; HANDLER=… is understood")
	f.StringVar(&o.revision, "revision", "", "tm's git revision")
	f.IntVarP(&o.parallel, "parallel", "c", 1, "tm's number of functions deployed at once")
	f.Lookup("build-argument").Hidden = true
	f.Lookup("revision").Hidden = true
	_ = f.MarkDeprecated("parallel", oneByOne) // it fails only for flags that are not declared
	return c
}

// targets finds out what the arguments mean.
func (o *deployOptions) targets(args []string) ([]target, error) {
	if err := o.oldFlags(); err != nil {
		return nil, err
	}
	if len(args) > 0 && slices.Contains(clusterKinds(), args[0]) {
		return nil, fmt.Errorf("deploy %s: %w", args[0], errClusterOnly)
	}
	if len(args) > 0 && slices.Contains([]string{"service", "services", "svc"}, args[0]) && (o.from != "" || len(args) > 1) {
		return o.serviceTarget(args[1:])
	}
	if o.from != "" {
		return o.manifestTargets(args)
	}
	name, path, err := nameAndPath(args)
	if err != nil {
		return nil, err
	}
	t, err := o.folderTarget(name, path)
	t.assumed = len(args) == 1 && path == "."
	return []target{t}, err
}

// oldFlags takes what tm's flags mean here, and refuses those that mean nothing.
func (o *deployOptions) oldFlags() error {
	for _, arg := range o.buildArgs {
		handler, ok := strings.CutPrefix(arg, "HANDLER=")
		if !ok {
			return usagef("--build-argument %q: only HANDLER=… has a meaning here", arg)
		}
		o.settings.handler = handler
	}
	if o.revision != "" {
		return fmt.Errorf("--revision: %w", errClusterOnly)
	}
	return nil
}

// serviceTarget is tm's "deploy service NAME -f SOURCE".
func (o *deployOptions) serviceTarget(args []string) ([]target, error) {
	if len(args) != 1 {
		return nil, usagef("usage: deploy service NAME -f SOURCE")
	}
	if strings.Contains(o.from, "://") || strings.HasPrefix(o.from, "git@") {
		return nil, fmt.Errorf("source %q: %w", o.from, errClusterOnly)
	}
	t, err := o.folderTarget(args[0], cmp.Or(o.from, "."))
	return []target{t}, err
}

// nameAndPath reads [NAME] [PATH]. A lone argument is a path if it looks like one or exists.
func nameAndPath(args []string) (name, path string, err error) {
	switch len(args) {
	case 0:
		return "", ".", nil
	case 1:
		if looksLikePath(args[0]) {
			return "", args[0], nil
		}
		if info, err := os.Stat(args[0]); err == nil && (info.IsDir() || filepath.Ext(args[0]) != "") {
			return "", args[0], nil
		}
		return args[0], ".", nil
	case 2:
		return args[0], args[1], nil
	default:
		return "", "", usagef("got %d arguments, usage: deploy [NAME] [PATH]", len(args))
	}
}

func looksLikePath(s string) bool {
	return s == "." || s == ".." || strings.ContainsRune(s, filepath.Separator) || strings.HasPrefix(s, "~")
}

// folderTarget is the code at a path, described by its own manifest if it has one.
func (o *deployOptions) folderTarget(name, path string) (target, error) {
	t := target{name: name, path: path}
	info, err := os.Stat(path)
	if err != nil {
		return t, fmt.Errorf("find the code: %w", err)
	}
	if info.IsDir() {
		doc, err := manifest.InFolder(path)
		if err != nil {
			return t, err
		}
		if doc != nil {
			t.described, _ = doc.Object.(*v1alpha1.Function)
			t.path = doc.Source
			t.name = cmp.Or(name, lambdaName(t.described))
		}
	}
	if t.name == "" {
		t.name, err = nameOf(path)
	}
	return t, err
}

// nameOf makes a function's name of a path.
func nameOf(path string) (string, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return "", fmt.Errorf("name the function: %w", err)
	}
	name := filepath.Base(abs)
	if info, err := os.Stat(abs); err == nil && !info.IsDir() {
		name = strings.TrimSuffix(name, filepath.Ext(name))
	}
	if !lambda.Name(name).Valid() {
		return "", usagef("%q is no name for a function: give one, as in \"lambkin deploy NAME %s\"", name, path)
	}
	return name, nil
}

// manifestTargets are the functions of a file, or those of them that are named. Names of a serverless.yaml may be given
// without the service's.
func (o *deployOptions) manifestTargets(names []string) ([]target, error) {
	from := o.from
	if info, err := os.Stat(from); err == nil && info.IsDir() {
		from = filepath.Join(from, "serverless.yaml")
	}
	docs, err := manifest.ReadPath(from, o.app.IO.In)
	if err != nil {
		return nil, err
	}
	var all, chosen []target
	for _, doc := range docs {
		fn, ok := doc.Object.(*v1alpha1.Function)
		if !ok {
			return nil, fmt.Errorf("%s holds a %s: use \"lambkin apply -f\"", from, kindOf(doc.Object))
		}
		all = append(all, target{name: lambdaName(fn), path: doc.Source, described: fn, notes: doc.Notes})
	}
	if len(names) == 0 {
		return all, nil
	}
	for _, name := range names {
		i := slices.IndexFunc(all, func(t target) bool {
			return t.name == name || t.name == t.described.Labels[manifest.ServiceLabel]+"-"+name
		})
		if i < 0 {
			return nil, fmt.Errorf("%s has no function %q", from, name)
		}
		chosen = append(chosen, all[i])
	}
	return chosen, nil
}

func (o *deployOptions) run(ctx context.Context, targets []target) error {
	e, err := o.app.client()
	if err != nil {
		return err
	}
	var failed int
	for _, t := range targets {
		err := o.deploy(ctx, e, t)
		if err == nil {
			continue
		}
		if len(targets) == 1 || ctx.Err() != nil {
			return err
		}
		failed++
		o.app.tell(err, "lambkin deploy")
	}
	if failed > 0 {
		return fmt.Errorf("%d of %d functions were not deployed", failed, len(targets))
	}
	return nil
}

// deploy brings one function up: compose, pack, upload, write, wait, release, report.
func (o *deployOptions) deploy(ctx context.Context, e engine.Engine, t target) error {
	began := o.app.now()
	for _, note := range t.notes {
		o.app.IO.Notef("%s: %s", t.name, o.app.IO.Paint(terminal.Warn, note))
	}
	fn, pkg, err := o.prepare(ctx, e, t)
	if errors.Is(err, source.ErrNothing) && t.assumed {
		return fmt.Errorf("deploy %s: there is no file or folder %q, and in this folder: %w", t.name, t.name, err)
	}
	if err != nil {
		return fmt.Errorf("deploy %s: %w", t.name, err)
	}
	if o.app.flags.dry {
		return o.printDry(fn)
	}
	did, err := o.bring(ctx, e, fn, pkg)
	if err != nil {
		return fmt.Errorf("deploy %s: %w", t.name, err)
	}
	if o.wait {
		o.app.noteDeviations(fn)
	}
	version, err := o.release(ctx, e, fn)
	if err != nil {
		return fmt.Errorf("deploy %s: %w", t.name, err)
	}
	return o.report(fn, pkg, did, version, o.app.now().Sub(began))
}

// prepare makes the object and, if its code is here, the archive that goes with it.
func (o *deployOptions) prepare(ctx context.Context, e engine.Objects, t target) (*v1alpha1.Function, *source.Package, error) {
	existing := new(v1alpha1.Function)
	err := e.Get(ctx, v1alpha1.ObjectName(t.name), existing)
	if isNotFound(err) || (o.app.flags.dry && err != nil) {
		existing, err = nil, nil
	}
	if err != nil {
		return nil, nil, err
	}
	fn, err := compose(t.name, t.described, existing, o.settings)
	if err != nil {
		return nil, nil, err
	}
	if t.path == "" {
		return fn, nil, validate(fn)
	}
	if t.described == nil {
		forgetCode(fn)
	}
	pkg, err := o.pack(ctx, t, fn)
	if err != nil {
		return nil, nil, err
	}
	return fn, pkg, validate(fn)
}

// pack makes the archive and tells the object about it.
func (o *deployOptions) pack(ctx context.Context, t target, fn *v1alpha1.Function) (*source.Package, error) {
	defer o.app.IO.Begin("pack " + t.path).Done()
	pkg, err := source.Pack(ctx, t.path, packOptions(fn, o.settings, o.build, o.app.Tools))
	if err != nil {
		return nil, err
	}
	fn.Spec.Runtime, fn.Spec.Handler = pkg.Runtime, pkg.Handler
	fn.Spec.Code = v1alpha1.Code{Zip: &v1alpha1.Blob{SHA256: pkg.SHA256, Size: int64(len(pkg.Zip))}}
	return pkg, nil
}

// bring uploads, writes and waits.
func (o *deployOptions) bring(ctx context.Context, e engine.Engine, fn *v1alpha1.Function, pkg *source.Package) (change, error) {
	if pkg != nil {
		blob, err := uploadZip(ctx, e, pkg)
		if err != nil {
			return "", err
		}
		fn.Spec.Code.Zip = blob
	}
	did, err := write(ctx, e, fn)
	if err != nil || !o.wait {
		return did, err
	}
	defer o.app.IO.Begin("wait for " + lambdaName(fn)).Done()
	return did, waitReady(ctx, e, fn, o.patience)
}

// release publishes a version and moves the alias, if asked to.
func (o *deployOptions) release(ctx context.Context, e engine.Objects, fn *v1alpha1.Function) (*v1alpha1.Version, error) {
	if !o.publish && o.alias == "" {
		return nil, nil //nolint:nilnil // no version was asked for
	}
	v, _, err := publish(ctx, e, fn, o.settings.description)
	if err != nil || o.alias == "" {
		return v, err
	}
	_, err = pointAlias(ctx, e, lambdaName(fn), o.alias, fmt.Sprint(v.Spec.Version))
	return v, err
}

func (o *deployOptions) printDry(fn *v1alpha1.Function) error {
	fn.ResourceVersion = ""
	fn.Default()
	if o.app.flags.output == "json" || o.app.flags.output == "name" {
		return o.app.printOne(fn, nil)
	}
	return manifest.Write(o.app.IO.Out, typed(fn))
}

func (o *deployOptions) report(fn *v1alpha1.Function, pkg *source.Package, did change, v *v1alpha1.Version, took time.Duration) error {
	if o.app.forMachines() {
		return o.app.printOne(fn, nil)
	}
	line := fmt.Sprintf("function/%s %s", lambdaName(fn), o.app.IO.Paint(terminal.Good, string(did)))
	details := []string{cmp.Or(fn.Spec.Runtime, "image"), fn.Spec.Handler}
	if pkg != nil {
		details = append(details, terminal.Bytes(int64(len(pkg.Zip))))
	}
	details = append(details, terminal.Took(took))
	if v != nil {
		details = append(details, fmt.Sprintf("version %d", v.Spec.Version))
	}
	details = slices.DeleteFunc(details, func(s string) bool { return s == "" })
	o.app.IO.Printf("%s (%s)\n%s\n", line, strings.Join(details, ", "), o.app.functionURL(fn))
	return nil
}
