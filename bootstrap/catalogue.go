package bootstrap

import (
	"slices"
	"strings"
)

// Family is a group of runtimes that are started the same way.
type Family string

// The families.
const (
	Node     Family = "nodejs"
	Python   Family = "python"
	Ruby     Family = "ruby"
	Java     Family = "java"
	DotNet   Family = "dotnet"
	Provided Family = "provided" // the function brings its own client: an executable named bootstrap
	GoRPC    Family = "go1.x"    // a Go executable of the net/rpc era, served by package gorpc
	Exec     Family = "exec"     // any executable, started once per event by package stdio; ours, not AWS's
)

// Runtime is one entry of the catalogue.
type Runtime struct {
	// ID is what the Runtime member of the Lambda API holds, such as "python3.12".
	ID string
	// Family says how the runtime is started.
	Family Family
	// Version is the language's version as layers and images spell it ("3.12", "20", "8.0"); empty where there is none.
	Version string
}

// Lookup finds a runtime by its id.
func Lookup(id string) (Runtime, bool) {
	for _, r := range All() {
		if r.ID == id {
			return r, true
		}
	}
	return Runtime{}, false
}

// All gives every runtime id that the Lambda API has ever taken, retired ones included (existing functions still carry
// them), and our own, ordered by family and version.
func All() []Runtime {
	return slices.Concat(
		versions(Node, "", "4.3", "6.10", "8.10", "10.x", "12.x", "14.x", "16.x", "18.x", "20.x", "22.x", "24.x", "26.x"),
		[]Runtime{{ID: "nodejs4.3-edge", Family: Node, Version: "4"}},
		versions(Python, "2.7", "3.6", "3.7", "3.8", "3.9", "3.10", "3.11", "3.12", "3.13", "3.14", "3.15"),
		versions(Ruby, "2.5", "2.7", "3.2", "3.3", "3.4", "4.0"),
		versions(Java, "8", "8.al2", "8.al2023", "11", "11.al2023", "17", "17.al2023", "21", "25"),
		versions(DotNet, "core1.0", "core2.0", "core2.1", "core3.1", "6", "8", "10"),
		[]Runtime{
			{ID: "provided", Family: Provided},
			{ID: "provided.al2", Family: Provided},
			{ID: "provided.al2023", Family: Provided},
			{ID: "go1.x", Family: GoRPC, Version: "1"},
			{ID: "exec", Family: Exec},
		},
	)
}

// versions makes the runtimes of one family from the tails of their ids.
func versions(f Family, tails ...string) []Runtime {
	list := make([]Runtime, 0, len(tails))
	for _, tail := range tails {
		list = append(list, Runtime{ID: string(f) + tail, Family: f, Version: languageVersion(f, tail)})
	}
	return list
}

// languageVersion is an id's tail without what is not the language's: node counts majors only, java has OS variants.
func languageVersion(f Family, tail string) string {
	switch f {
	case Node, Java:
		major, _, _ := strings.Cut(tail, ".")
		return major
	case DotNet:
		return strings.TrimPrefix(tail, "core")
	default:
		return tail
	}
}
