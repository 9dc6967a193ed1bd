package command

import (
	"cmp"
	"fmt"
	"os"
	slashes "path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/lambkin-dev/lambkin/api/v1alpha1"
	"github.com/lambkin-dev/lambkin/cli/manifest"
	"github.com/lambkin-dev/lambkin/internal/lambda"
)

// target is one function to deploy.
type target struct {
	name      string
	path      string             // where the code is; empty if the object or code says it
	code      *v1alpha1.Code     // code that is not here: an image, a repository, a URL
	described *v1alpha1.Function // out of a manifest; nil without one
	secrets   []string           // of which each key is to be a variable
	notes     []string
	assumed   bool // the one argument was taken for a name, since nothing is there by that path
}

// targets finds out what the arguments mean.
func (o *deployOptions) targets(args []string) ([]target, error) {
	if err := o.oldFlags(); err != nil {
		return nil, err
	}
	if len(args) > 0 && slices.Contains(clusterKinds(), args[0]) {
		return nil, fmt.Errorf("deploy %s: %w", args[0], o.app.noSuchKind())
	}
	if len(args) > 0 && slices.Contains([]string{"service", "services", "svc"}, args[0]) && (o.from != "" || len(args) > 1) {
		return o.serviceTarget(args[1:])
	}
	if o.remote.given() {
		t, err := o.remoteTarget(args)
		return []target{t}, err
	}
	if err := o.remote.check(); err != nil {
		return nil, err
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
		name, value, ok := strings.Cut(arg, "=")
		switch {
		case ok && name == "HANDLER":
			o.settings.handler = value
		case ok && o.app.onCluster():
			o.buildEnv = append(o.buildEnv, arg)
		default:
			return usagef("--build-argument %q: only HANDLER=… has a meaning here", arg)
		}
	}
	if o.remote.revision != "" && !o.app.onCluster() {
		return fmt.Errorf("--revision: %w", errClusterOnly)
	}
	return nil
}

// serviceTarget is tm's "deploy service NAME -f SOURCE": a path, a repository or an image.
func (o *deployOptions) serviceTarget(args []string) ([]target, error) {
	if len(args) != 1 {
		return nil, usagef("usage: deploy service NAME -f SOURCE")
	}
	from := cmp.Or(o.from, ".")
	switch {
	case manifest.IsURL(from) && !o.app.onCluster():
		return nil, fmt.Errorf("source %q: %w", from, errClusterOnly)
	case manifest.IsURL(from):
		o.remote.git = from
	case o.app.onCluster() && manifest.IsImage(from):
		o.remote.image = from
	default:
		if err := o.remote.check(); err != nil {
			return nil, err
		}
		t, err := o.folderTarget(args[0], from)
		return []target{t}, err
	}
	t, err := o.remoteTarget(args)
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
		all = append(all, target{name: lambdaName(fn), path: doc.Source, described: fn, secrets: doc.Secrets, notes: doc.Notes})
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

// remoteTarget is code that is not here. Without a name it is called after the last part of where it is.
func (o *deployOptions) remoteTarget(args []string) (target, error) {
	if len(args) > 1 {
		return target{}, usagef("got %d arguments, usage: deploy NAME --%s …", len(args), o.remote.kind())
	}
	code, err := o.remote.code()
	if err != nil {
		return target{}, err
	}
	if code.Source != nil && !o.app.onCluster() {
		return target{}, fmt.Errorf("--%s: %w", o.remote.kind(), errClusterOnly)
	}
	if len(args) == 1 {
		return target{name: args[0], code: code}, nil
	}
	name := slashes.Base(strings.TrimSuffix(o.remote.place(), "/"))
	if code.Image != nil {
		name, _, _ = strings.Cut(name, "@")
		name, _, _ = strings.Cut(name, ":")
	}
	name = strings.TrimSuffix(name, slashes.Ext(name))
	if !lambda.Name(name).Valid() {
		return target{}, usagef("%q is no name for a function: give one, as in \"lambkin deploy NAME --%s …\"", name, o.remote.kind())
	}
	return target{name: name, code: code}, nil
}
