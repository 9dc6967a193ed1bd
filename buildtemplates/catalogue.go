package buildtemplates

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/lambkin-dev/lambkin/bootstrap"
)

// Ids of the catalogue that the Lambda API does not know.
const (
	// Go is a Go program, by another name than provided.al2023.
	Go = "go"
	// Rust is a Rust program.
	Rust = "rust"
	// Image is a container image that exists: nothing is built.
	Image = "image"
	// Dockerfile is an image that is built from a Dockerfile. Its build step alone needs more than the restricted
	// security profile of Kubernetes allows: buildah works in a user namespace, so it needs the system calls for that
	// (seccomp Unconfined) and the rights to set the ids in it (SETUID, SETGID). It is not privileged, not root, and has
	// no access to the node.
	Dockerfile = "dockerfile"
)

// Entry is one runtime of the catalogue: what its functions run on and how their code is built.
type Entry struct {
	// ID is what it was looked up by.
	ID string
	// Bootstrap is the runtime id that runtime-api starts, one of bootstrap.All; empty for [Image] and [Dockerfile].
	Bootstrap string
	// Base is the image that functions are put on; empty for [Image] and [Dockerfile].
	Base string
	// Build is the image of the test and build steps; empty for [Image].
	Build string
	// Note is a sentence for the user about what is other than on Lambda; empty if nothing is.
	Note string

	recipe recipe
}

// recipe is how code of a family is built.
type recipe struct {
	// script is for a POSIX shell. It runs in the function's folder, with the variables of a build (see shell), and
	// prints readable lines. Empty means that there is nothing to do.
	script string
	// caches are variables that tell package managers where to keep what they download, each with a folder in the cache.
	caches map[string]string
	// elsewhere says that $OUTPUT, where the script leaves what is to be baked, is not the function's folder.
	elsewhere bool
	// cross says that the build makes code for any architecture on any node.
	cross bool
	// image says that the script leaves an image, as an OCI layout in $OUTPUT.
	image bool
}

// family is a group of runtimes that are built the same way.
type family struct {
	name   string
	recipe recipe
	// newest is the bootstrap id that runtimes have which the operator adds; empty where there is no bootstrap.
	newest string
	// images gives the images of a runtime; empty ones if there are none.
	images func(bootstrap.Runtime) images
}

// images are what a runtime's functions run on and are built in, and what is to be said about them.
type images struct{ base, build, note string }

func families() []family {
	return []family{
		provided(), golang(), rust(), goRPC(), executable(), nodejs(), python(), ruby(), java(), dotnet(), image(), dockerfile(),
	}
}

// Lookup finds the runtime with an id of the Lambda API or of this package. An override replaces the images that it
// names; with a family it adds a runtime, whose images are by default those of the family's newest. Runtimes that AWS has
// retired get the oldest image that still runs them; if there is none, the error says how to name one.
func Lookup(id string, overrides map[string]Override) (Entry, error) {
	over := overrides[id]
	known, _ := bootstrap.Lookup(id)
	name := cmp.Or(over.Family, string(known.Family), id)
	all := families()
	i := slices.IndexFunc(all, func(f family) bool { return f.name == name })
	if i < 0 {
		return Entry{}, fmt.Errorf("runtime %q is not known: %s; families are %s", id, wayOut(id, "family"), strings.Join(withBootstrap(all), ", "))
	}
	f := all[i]
	if string(known.Family) != f.name {
		known, _ = bootstrap.Lookup(f.newest)
	}
	found := f.images(known)
	if over.Base != "" {
		found.base, found.note = over.Base, ""
	}
	if found.base == "" && f.newest != "" {
		return Entry{}, fmt.Errorf("runtime %q has no base image any more: %s", id, wayOut(id, "base and build"))
	}
	return Entry{
		ID: id, Bootstrap: known.ID, Base: found.base, Build: cmp.Or(over.Build, found.build), Note: found.note, recipe: f.recipe,
	}, nil
}

func wayOut(id, members string) string {
	return fmt.Sprintf("choose another, or name its %s in ConfigMap lambkin-config, under the key runtimes.%s of config.yaml", members, id)
}

func withBootstrap(all []family) []string {
	var names []string
	for _, f := range all {
		if f.newest != "" {
			names = append(names, f.name)
		}
	}
	return names
}
