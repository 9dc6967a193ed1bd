package command

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/lambkin-dev/lambkin/api/v1alpha1"
	"github.com/lambkin-dev/lambkin/cli/cluster"
	"github.com/lambkin-dev/lambkin/cli/manifest"
	"github.com/lambkin-dev/lambkin/cli/rollout"
	"github.com/lambkin-dev/lambkin/cli/source"
	"github.com/lambkin-dev/lambkin/cli/terminal"
	"github.com/lambkin-dev/lambkin/internal/engine"
)

const deployHelp = `Deploys the code at PATH (default: this folder) as the function NAME (default: the folder's name).

PATH is a folder, a zip, a script, or a program. What it is written in and what the handler is called is found out; flags
and a function.yaml in the folder say otherwise. With a function.yaml that file is the whole truth, without one flags
change what they name and leave the rest of an existing function as it is. --image, --git and --url name code that is
elsewhere.

On one machine Go is compiled, and dependencies are never installed unasked: --build runs npm, pip or bundle in a copy of
the folder, and a folder whose dependencies are missing is refused. On a cluster what has to be compiled or installed (a
go.mod, package.json with dependencies, requirements.txt, Gemfile, Cargo.toml, pom.xml, a Dockerfile, …) is uploaded as
source and built there; --local-build builds it here. .git, caches and what .lambkinignore names are left out. The same
input gives the same archive, so deploying without a change changes nothing.

--no-traffic leaves the function as it is and publishes the code as a version with an alias (--tag) that has a URL of its
own; "lambkin rollout" then moves another alias to it.

-f takes a serverless.yaml of tm, or a manifest with several functions; then NAMEs select some of them.`

// oneByOne is told to those who ask for several at once, as tm let them.
const oneByOne = "functions are taken one after another, which is quick enough without image builds"

// How long is waited where the person says nothing. On a cluster a build is part of it; whatever fails ends it before.
const (
	localPatience   = time.Minute
	clusterPatience = 30 * time.Minute
)

type deployOptions struct {
	app *App

	settings   settingsFlags
	remote     remoteFlags
	from       string
	build      bool
	localBuild bool
	buildOnly  bool
	rebuild    bool
	test       string
	buildEnv   []string
	publish    bool
	alias      string
	noTraffic  bool
	tag        string
	wait       bool
	noWait     bool
	patience   time.Duration
	buildArgs  []string
	parallel   int

	buildBefore string // the last build of a function that is to be built again
}

func newDeployCommand(app *App) *cobra.Command {
	o := &deployOptions{app: app}
	c := &cobra.Command{
		Use:     "deploy [NAME] [PATH]",
		Aliases: []string{"create"},
		Short:   "Deploy code as a function",
		Long:    deployHelp,
		Example: "  lambkin deploy\n  lambkin deploy hello ./src --memory 512 --env STAGE=dev\n  lambkin deploy hello build.zip --alias live\n" +
			"  lambkin deploy hello --image registry.example/hello:1\n  lambkin deploy hello --git https://git.example/hello.git --runtime go\n  lambkin deploy -f serverless.yaml",
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := o.settle(cmd); err != nil {
				return err
			}
			targets, err := o.targets(args)
			if err != nil {
				return err
			}
			return o.run(cmd.Context(), targets)
		},
	}
	o.declare(c)
	return c
}

func (o *deployOptions) declare(c *cobra.Command) {
	f := c.Flags()
	o.settings.declare(f)
	o.remote.declare(f)
	_ = c.RegisterFlagCompletionFunc("runtime", completeRuntimes) // it fails only for flags that are not declared, as below
	f.StringVarP(&o.from, "from", "f", "", "manifest or serverless.yaml; code after \"deploy service NAME\"")
	f.BoolVar(&o.build, "build", false, "install dependencies with npm, pip or bundle; on a cluster, build what looks finished too")
	f.BoolVar(&o.localBuild, "local-build", false, "compile and install on this machine, for a cluster too")
	f.BoolVar(&o.buildOnly, "build-only", false, "build on the cluster, print the image and deploy nothing")
	f.BoolVar(&o.rebuild, "rebuild", false, "build again on the cluster although nothing has changed")
	f.StringVar(&o.test, "test", "", "shell command that must succeed before anything is built on the cluster")
	f.StringArrayVar(&o.buildEnv, "build-env", nil, "variable NAME=VALUE of the build on the cluster; NAME- removes it")
	f.BoolVar(&o.publish, "publish", false, "publish a version")
	f.StringVar(&o.alias, "alias", "", "publish a version and point this alias to it")
	f.BoolVar(&o.noTraffic, "no-traffic", false, "publish a version that nobody is sent to, with a URL of its own")
	f.StringVar(&o.tag, "tag", "", "alias that a version without traffic gets (vNUMBER)")
	f.BoolVar(&o.wait, "wait", true, "wait until the function is ready")
	f.BoolVar(&o.noWait, "no-wait", false, "do not wait")
	f.DurationVar(&o.patience, "build-timeout", 0, "how long to wait, builds included (1m; 30m on a cluster)")
	f.StringArrayVar(&o.buildArgs, "build-argument", nil, "tm's build argument; HANDLER=… is understood")
	f.IntVarP(&o.parallel, "parallel", "c", 1, "tm's number of functions deployed at once")
	f.Lookup("build-argument").Hidden = true
	_ = f.MarkDeprecated("parallel", oneByOne)
	c.MarkFlagsMutuallyExclusive("image", "git", "url")
	c.MarkFlagsMutuallyExclusive("from", "image")
	c.MarkFlagsMutuallyExclusive("from", "git")
	c.MarkFlagsMutuallyExclusive("from", "url")
	c.MarkFlagsMutuallyExclusive("local-build", "build-only")
	c.MarkFlagsMutuallyExclusive("no-traffic", "alias")
	c.MarkFlagsMutuallyExclusive("no-traffic", "build-only")
}

// settle makes of flags what depends on the engine and on other flags.
func (o *deployOptions) settle(cmd *cobra.Command) error {
	p, err := o.app.place()
	if err != nil {
		return err
	}
	o.remote.build = o.build
	o.settings.splitSecrets()
	o.wait = o.wait && !o.noWait
	o.patience = cmp.Or(o.patience, o.app.patience())
	if o.tag != "" && !o.noTraffic {
		return usagef("--tag is for --no-traffic; --alias publishes a version that is sent traffic")
	}
	if (o.buildOnly || o.localBuild) && !p.cluster {
		return fmt.Errorf("--build-only and --local-build: everything is built on this machine, and deployed at once: %w", errClusterOnly)
	}
	return o.oldRegistry(cmd.Context())
}

// oldRegistry takes what tm's flags about registries mean on a cluster.
func (o *deployOptions) oldRegistry(ctx context.Context) error {
	f := o.app.flags
	if f.registrySecret != "" {
		o.settings.pods.pullSecrets = append(o.settings.pods.pullSecrets, f.registrySecret)
	}
	if f.registryHost == "" && !f.registryTLS {
		return nil
	}
	c, err := o.app.cluster()
	if err != nil {
		return err
	}
	config, err := c.Platform(ctx)
	if err != nil {
		return err
	}
	host, _, _ := strings.Cut(config.Registry.Prefix, "/")
	if f.registryHost != "" && f.registryHost != host && f.registryHost != config.Registry.Prefix {
		return fmt.Errorf("--registry-host %q: on this cluster images of functions go to %q: change that with \"lambkin install --registry\"", f.registryHost, config.Registry.Prefix)
	}
	if f.registryTLS && !config.Registry.Plain(host) {
		return fmt.Errorf("--registry-skip-tls: on this cluster %q is spoken to with TLS: change that with \"lambkin install --plain-http %s\"", host, host)
	}
	return nil
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
	if o.app.dry() {
		return o.printDry(fn)
	}
	d, err := o.carryOut(ctx, e, fn, pkg)
	if err != nil {
		return fmt.Errorf("deploy %s: %w", t.name, err)
	}
	d.took = o.app.now().Sub(began)
	return o.report(d)
}

// deployed is what became of one function.
type deployed struct {
	fn      *v1alpha1.Function
	pkg     *source.Package
	did     change
	build   cluster.Build
	version *v1alpha1.Version
	tag     *v1alpha1.Alias
	took    time.Duration
}

// carryOut does one of the things that may be done with a function and its code.
func (o *deployOptions) carryOut(ctx context.Context, e engine.Engine, fn *v1alpha1.Function, pkg *source.Package) (deployed, error) {
	d := deployed{fn: fn, pkg: pkg}
	var err error
	if o.buildOnly {
		d.did = built
		d.build, err = o.buildAside(ctx, e, fn, pkg)
		return d, err
	}
	if o.noTraffic {
		d.did = published
		d.version, d.tag, err = o.publishAside(ctx, e, fn, pkg)
		return d, err
	}
	if d.did, err = o.bring(ctx, e, fn, pkg); err != nil {
		return d, err
	}
	if o.wait {
		o.app.noteDeviations(fn)
	}
	d.version, d.tag, err = o.release(ctx, e, fn)
	return d, err
}

// prepare makes the object and, if its code is here, the archive that goes with it.
func (o *deployOptions) prepare(ctx context.Context, e engine.Objects, t target) (*v1alpha1.Function, *source.Package, error) {
	existing := new(v1alpha1.Function)
	err := e.Get(ctx, v1alpha1.ObjectName(t.name), existing)
	if isNotFound(err) || (o.app.dry() && err != nil) {
		existing, err = nil, nil
	}
	if err != nil {
		return nil, nil, err
	}
	if o.noTraffic && existing == nil {
		return nil, nil, fmt.Errorf("there is no function %q yet, so there is no traffic to keep from it: deploy it without --no-traffic first", t.name)
	}
	fn, err := compose(t.name, t.described, existing, o.app.native(ctx), o.settings)
	if err != nil {
		return nil, nil, err
	}
	if t.code != nil {
		if err := o.setCode(fn, t.code); err != nil {
			return nil, nil, err
		}
	}
	if existing != nil {
		o.buildAgain(fn, existing)
	}
	if err := o.app.takeSecrets(ctx, fn, slices.Concat(t.secrets, o.settings.wholeSecrets)); err != nil {
		return nil, nil, err
	}
	if t.path == "" {
		return fn, nil, o.validateFor(fn)
	}
	pkg, err := o.pack(ctx, t, fn)
	if err != nil {
		return nil, nil, err
	}
	return fn, pkg, o.validateFor(fn)
}

// validateFor checks a function as the engine will.
func (o *deployOptions) validateFor(fn *v1alpha1.Function) error {
	if o.app.onCluster() || fn.Spec.Code.Source == nil {
		return validate(fn)
	}
	if git := fn.Spec.Code.Source.Git; git != nil {
		return fmt.Errorf("source %q: git repositories are built on a cluster only: clone it and name the folder", git.URL)
	}
	return fmt.Errorf("code that has to be built first: %w", errClusterOnly)
}

// bring uploads, writes and waits.
func (o *deployOptions) bring(ctx context.Context, e engine.Engine, fn *v1alpha1.Function, pkg *source.Package) (change, error) {
	if pkg != nil {
		if err := uploadZip(ctx, e, pkg); err != nil {
			return "", err
		}
	}
	s := subjectOf(fn)
	s.after = o.buildBefore
	did, err := write(ctx, e, fn)
	if did == unchanged && s.after != "" {
		did = rebuilt
	}
	if err != nil || !o.wait {
		return did, err
	}
	return did, o.app.await(ctx, e, s, o.patience)
}

// release publishes a version and moves the alias, if asked to.
func (o *deployOptions) release(ctx context.Context, e engine.Objects, fn *v1alpha1.Function) (*v1alpha1.Version, *v1alpha1.Alias, error) {
	if !o.publish && o.alias == "" {
		return nil, nil, nil
	}
	v, _, err := publish(ctx, e, fn, o.settings.description)
	if err != nil || o.alias == "" {
		return v, nil, err
	}
	a, err := pointAlias(ctx, e, lambdaName(fn), o.alias, fmt.Sprint(v.Spec.Version))
	if err != nil || !o.wait || !o.app.onCluster() { // on one machine calls go there at once
		return v, a, err
	}
	return v, a, o.awaitAlias(ctx, e, a)
}

// awaitAlias waits until calls to an alias go where it points.
func (o *deployOptions) awaitAlias(ctx context.Context, e engine.Objects, a *v1alpha1.Alias) error {
	defer o.app.IO.Begin("wait for " + a.Spec.FunctionName + ":" + a.Spec.Name).Done()
	return rollout.Await(ctx, e, a)
}

// publishAside publishes what would be deployed as a version, and leaves the function, which its URL serves, as it is. The
// version gets an alias, for its URL.
func (o *deployOptions) publishAside(ctx context.Context, e engine.Engine, fn *v1alpha1.Function, pkg *source.Package) (*v1alpha1.Version, *v1alpha1.Alias, error) {
	if pkg != nil {
		if err := uploadZip(ctx, e, pkg); err != nil {
			return nil, nil, err
		}
	}
	v, _, err := publish(ctx, e, fn, o.settings.description)
	if err != nil {
		return nil, nil, err
	}
	if o.wait {
		if err := o.app.await(ctx, e, subjectOf(v), o.patience); err != nil {
			return v, nil, err
		}
	}
	tag, err := pointAlias(ctx, e, lambdaName(fn), cmp.Or(o.tag, fmt.Sprintf("v%d", v.Spec.Version)), fmt.Sprint(v.Spec.Version))
	if err != nil || !o.wait {
		return v, tag, err
	}
	return v, tag, o.awaitAlias(ctx, e, tag)
}

func (o *deployOptions) printDry(fn *v1alpha1.Function) error {
	fn.ResourceVersion, fn.Generation = "", 0
	if !o.app.onCluster() { // there, what was asked for and what is a default are not the same
		fn.Default()
	}
	if o.app.flags.output == "json" || o.app.flags.output == "name" {
		return o.app.printOne(fn, nil)
	}
	return manifest.Write(o.app.IO.Out, typed(fn))
}

func (o *deployOptions) report(d deployed) error {
	fn, subject := d.fn, "function/"+lambdaName(d.fn)
	var urls []string
	switch {
	case d.did == built && o.app.forMachines():
		return o.app.printBuilds([]cluster.Build{d.build}, d.build)
	case d.did == built:
		subject, urls = "build/"+d.build.Name, []string{d.build.Image}
	case o.app.forMachines() && d.did == published:
		return o.app.printOne(d.version, nil)
	case o.app.forMachines():
		return o.app.printOne(fn, nil)
	case d.did == published:
		subject = fmt.Sprintf("version/%s:%d", lambdaName(fn), d.version.Spec.Version)
		urls = []string{o.app.urlOf(d.tag.Status.URL, lambdaName(fn)+":"+d.tag.Spec.Name)}
	default:
		urls = []string{o.app.functionURL(fn)}
		if d.tag != nil && o.app.onCluster() {
			urls = append(urls, d.tag.Status.URL)
		}
	}
	details := []string{cmp.Or(fn.Spec.Runtime, "image"), fn.Spec.Handler}
	if d.pkg != nil {
		details = append(details, terminal.Bytes(int64(len(d.pkg.Zip))))
	}
	details = append(details, terminal.Took(d.took))
	switch {
	case d.did == published:
		details = append(details, "alias "+d.tag.Spec.Name, "no traffic")
	case d.version != nil:
		details = append(details, fmt.Sprintf("version %d", d.version.Spec.Version))
	}
	details = slices.DeleteFunc(details, func(s string) bool { return s == "" })
	o.app.IO.Printf("%s %s (%s)\n", subject, o.app.IO.Paint(terminal.Good, string(d.did)), strings.Join(details, ", "))
	for _, url := range urls {
		if url != "" {
			o.app.IO.Printf("%s\n", url)
		}
	}
	return nil
}
