package command

import (
	"cmp"
	"context"
	"errors"
	"strings"

	"github.com/spf13/pflag"

	"github.com/lambkin-dev/lambkin/api/v1alpha1"
	"github.com/lambkin-dev/lambkin/cli/source"
)

// remoteFlags say where code is that is not here.
type remoteFlags struct {
	image, protocol          string
	git, revision, gitSecret string
	url, sha256              string
	build                    bool // what is at the URL is source
	path, dockerfile         string
}

func (r *remoteFlags) declare(f *pflag.FlagSet) {
	f.StringVar(&r.image, "image", "", "container image, by tag or digest")
	f.StringVar(&r.protocol, "protocol", "", "what the image speaks: lambda, or http on $PORT; found out by default")
	f.StringVar(&r.git, "git", "", "git repository to build from: https, http or ssh")
	f.StringVar(&r.revision, "revision", "", "branch, tag or commit of the repository")
	f.StringVar(&r.gitSecret, "git-secret", "", "Secret with the repository's credentials; see \"lambkin set git-auth\"")
	f.StringVar(&r.url, "url", "", "zip that the engine fetches; with --build an archive of source")
	f.StringVar(&r.sha256, "sha256", "", "digest that the archive must have, in hex")
	f.StringVar(&r.path, "path", "", "folder in the repository or archive that holds the function")
	f.StringVar(&r.dockerfile, "dockerfile", "", "build an image from this file")
}

// given reports whether any place is named.
func (r *remoteFlags) given() bool { return r.image != "" || r.git != "" || r.url != "" }

// kind is the flag that names the place.
func (r *remoteFlags) kind() string {
	switch {
	case r.image != "":
		return "image"
	case r.git != "":
		return "git"
	default:
		return "url"
	}
}

// place is what that flag says.
func (r *remoteFlags) place() string { return cmp.Or(r.image, r.git, r.url) }

// code is the flags as a member of an object.
func (r *remoteFlags) code() (*v1alpha1.Code, error) {
	if err := r.check(); err != nil {
		return nil, err
	}
	from := &v1alpha1.Source{Path: r.path, Dockerfile: r.dockerfile}
	archive := &v1alpha1.RemoteArchive{Location: r.url, SHA256: r.sha256}
	switch {
	case r.image != "":
		return &v1alpha1.Code{Image: &v1alpha1.Image{URI: r.image, Protocol: v1alpha1.Protocol(r.protocol)}}, nil
	case r.git != "":
		from.Git = &v1alpha1.Git{URL: r.git, Revision: r.revision, SecretName: r.gitSecret}
		return &v1alpha1.Code{Source: from}, nil
	case r.build || r.dockerfile != "":
		from.Archive = archive
		return &v1alpha1.Code{Source: from}, nil
	default:
		return &v1alpha1.Code{URL: archive}, nil
	}
}

// check refuses flags that say something about another place than the one that is named.
func (r *remoteFlags) check() error {
	for _, f := range []struct{ name, value, needs string }{
		{"protocol", r.protocol, "image"}, {"revision", r.revision, "git"}, {"git-secret", r.gitSecret, "git"}, {"sha256", r.sha256, "url"},
	} {
		if f.value != "" && (!r.given() || f.needs != r.kind()) {
			return usagef("--%s is for --%s", f.name, f.needs)
		}
	}
	switch {
	case r.path != "" && !r.given():
		return usagef("--path is for --git and --url; a folder is named as PATH")
	case (r.path != "" || r.dockerfile != "") && r.image != "":
		return usagef("an image is deployed as it is: --path and --dockerfile are for code that is built")
	case r.path != "" && r.url != "" && !r.build && r.dockerfile == "":
		return usagef("--path is for archives of source: give --build too")
	}
	return nil
}

// setCode gives a function code that is not here. What goes with it is what the person says, else what the function had.
func (o *deployOptions) setCode(fn *v1alpha1.Function, code *v1alpha1.Code) error {
	before := fn.Spec.DeepCopy()
	forgetCode(fn)
	code.DeepCopyInto(&fn.Spec.Code)
	if code.Image != nil || (code.Source != nil && code.Source.Dockerfile != "") {
		if o.settings.runtime != "" || o.settings.handler != "" {
			return usagef("an image brings its own runtime and handler: --runtime and --handler are for other code")
		}
		fn.Spec.Layers = nil
		return o.finishSource(fn, before)
	}
	fn.Spec.Runtime = cmp.Or(source.RuntimeID(o.settings.runtime), before.Runtime)
	fn.Spec.Handler = cmp.Or(o.settings.handler, before.Handler)
	if fn.Spec.Runtime == "" {
		return usagef("which runtime is it for? Say it with --runtime, and the handler with --handler")
	}
	if fn.Spec.Handler == "" && ownClient(fn.Spec.Runtime) {
		fn.Spec.Handler = "bootstrap"
	}
	if fn.Spec.Handler == "" {
		return usagef("what does the runtime call? Say it with --handler, such as index.handler")
	}
	return o.finishSource(fn, before)
}

// ownClient reports whether programs of a runtime need no handler.
func ownClient(runtime string) bool {
	return strings.HasPrefix(runtime, "provided") || runtime == "rust" || runtime == "go"
}

// finishSource puts into a source what flags say of its build. What they do not name stays as it was.
func (o *deployOptions) finishSource(fn *v1alpha1.Function, before *v1alpha1.FunctionSpec) error {
	s := fn.Spec.Code.Source
	if s == nil {
		if o.test != "" || len(o.buildEnv) > 0 {
			return usagef("--test and --build-env are for code that is built on a cluster, and here nothing is")
		}
		return nil
	}
	if old := before.Code.Source; old != nil {
		s.Test, s.Env, s.Timeout = old.Test, old.Env, old.Timeout
	}
	s.Test = cmp.Or(o.test, s.Test)
	env, err := withPairs(s.Env, o.buildEnv, "--build-env")
	s.Env = env
	return err
}

// pack makes the archive of code that is here and tells the object about it: code that runs as it is, or, on a cluster,
// source of what has to be built first.
func (o *deployOptions) pack(ctx context.Context, t target, fn *v1alpha1.Function) (*source.Package, error) {
	defer o.app.IO.Begin("pack " + t.path).Done()
	before := fn.Spec.DeepCopy()
	if t.described == nil {
		forgetCode(fn)
	}
	src, err := o.toBuild(t, fn)
	if err != nil {
		return nil, err
	}
	if src == nil {
		pkg, err := source.Pack(ctx, t.path, packOptions(fn, o.settings, o.installsHere(), o.app.Tools))
		if err != nil {
			return nil, err
		}
		fn.Spec.Runtime, fn.Spec.Handler = pkg.Runtime, pkg.Handler
		fn.Spec.Code = v1alpha1.Code{Zip: blobOf(pkg)}
		return pkg, o.finishSource(fn, before)
	}
	pkg, err := src.Pack()
	if err != nil {
		return nil, err
	}
	o.app.IO.Notef("%s: built on the cluster, because of its %s", t.name, src.Why)
	fn.Spec.Runtime, fn.Spec.Handler = src.Runtime, src.Handler
	fn.Spec.Code = v1alpha1.Code{Source: &v1alpha1.Source{Upload: blobOf(pkg), Path: src.Path, Dockerfile: src.Dockerfile}}
	return pkg, o.finishSource(fn, before)
}

func blobOf(pkg *source.Package) *v1alpha1.Blob {
	return &v1alpha1.Blob{SHA256: pkg.SHA256, Size: int64(len(pkg.Zip))}
}

// installsHere reports whether dependencies are installed on this machine.
func (o *deployOptions) installsHere() bool {
	return o.localBuild || (o.build && !o.app.onCluster())
}

// toBuild is the source of what has to be built on the cluster; nil if nothing has to.
func (o *deployOptions) toBuild(t target, fn *v1alpha1.Function) (*source.Source, error) {
	if !o.app.onCluster() {
		if o.remote.dockerfile != "" {
			return nil, errClusterOnly
		}
		return nil, nil //nolint:nilnil // nothing is built there
	}
	folder, err := source.IsFolder(t.path)
	if err != nil || !folder || o.localBuild {
		return nil, err
	}
	opts := packOptions(fn, o.settings, false, o.app.Tools)
	if o.remote.dockerfile != "" {
		if opts.Runtime != "" {
			return nil, usagef("--dockerfile and --runtime exclude one another: an image brings its own runtime")
		}
		return &source.Source{Root: t.path, Why: o.remote.dockerfile, Dockerfile: o.remote.dockerfile}, nil
	}
	src, err := source.Inspect(t.path, opts)
	if errors.Is(err, source.ErrNothing) || (err == nil && src.Why == "" && !o.build) {
		return nil, nil //nolint:nilnil // it runs as it is, or packing it says what is wrong
	}
	if src.Why == "" {
		src.Why = "--build"
	}
	return &src, err
}
