package main

import (
	"fmt"
	"strings"

	"github.com/lambkin-dev/lambkin/bootstrap"
	"github.com/lambkin-dev/lambkin/buildtemplates"
)

const aboutRuntimes = `# Runtimes on a cluster

Made by ` + "`make generate`" + ` from the catalogue in ` + "`buildtemplates`" + `. On one machine there are no images: there the language must
be installed, and what is not is said when a function is created.

A zip is put on the base image as it is. A source is built first, by the steps of its family, in the build image; lock
files are kept to. An operator may name other images for a runtime and add runtimes, below ` + "`runtimes`" + ` of the configuration:

    runtimes:
      python3.12:
        base: registry.example/base/python:3.12     # what functions are put on
        build: registry.example/build/python:3.12   # what the test and build steps run in
      zig:                                          # a runtime of your own
        family: provided                            # starts an executable named bootstrap
        base: registry.example/base/zig:1
        build: registry.example/build/zig:1

A base image needs what the language needs and nothing of ours or of AWS's; our runtime is laid over it. AWS's own base
images work too and are used with AWS's own runtime clients.

| runtime | base image | build image | note |
|---|---|---|---|
`

// ownIDs are the runtimes that the Lambda API does not know.
func ownIDs() []string {
	return []string{buildtemplates.Go, buildtemplates.Rust, buildtemplates.Dockerfile, buildtemplates.Image}
}

// runtimes is the page of runtimes.
func runtimes(string) (string, error) {
	var page strings.Builder
	page.WriteString(aboutRuntimes)
	ids := ownIDs()
	for _, r := range bootstrap.All() {
		ids = append(ids, r.ID)
	}
	var gone []string
	for _, id := range ids {
		e, err := buildtemplates.Lookup(id, nil)
		if err != nil {
			gone = append(gone, "`"+id+"`")
			continue
		}
		fmt.Fprintf(&page, "| `%s` | %s | %s | %s |\n", id, code(e.Base), code(e.Build), cell(e.Note))
	}
	if len(gone) > 0 {
		fmt.Fprintf(&page, "\nNo image is known any more for %s. Name one in the configuration to use them.\n", strings.Join(gone, ", "))
	}
	return page.String(), nil
}

// code is an image's name, or a dash where there is none.
func code(name string) string {
	if name == "" {
		return "–"
	}
	return "`" + name + "`"
}

// cell is text that does not break a table.
func cell(text string) string {
	return strings.ReplaceAll(strings.Join(strings.Fields(text), " "), "|", `\|`)
}
