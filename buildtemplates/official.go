package buildtemplates

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/lambkin-dev/lambkin/bootstrap"
)

// dockerOfficial gives the images that Docker's library has of a language: the slim one to run on, the whole one, with
// compilers, to build in. Both are of the same release of Debian, so what is compiled in one runs on the other. Versions
// before the oldest that our client runs on get that.
func dockerOfficial(repository string, r bootstrap.Runtime, oldest string) images {
	version, note := r.Version, ""
	if before(version, oldest) {
		version = oldest
		note = fmt.Sprintf("runtime %q runs on %s %s, the oldest there is", r.ID, repository, oldest)
	}
	name := "docker.io/library/" + repository + ":" + version
	return images{base: name + "-slim", build: name, note: note}
}

// before compares versions of one or two numbers.
func before(version, other string) bool {
	return key(version) < key(other)
}

func key(version string) int {
	major, minor, _ := strings.Cut(version, ".")
	a, _ := strconv.Atoi(major)
	b, _ := strconv.Atoi(minor)
	return a<<16 | b
}
