package buildtemplates

// Override is what an operator says of a runtime: it replaces the members of the catalogue's entry that it sets, or makes
// a new entry.
type Override struct {
	// Base is the image that functions of the runtime are put on.
	Base string `json:"base,omitempty"`
	// Build is the image that the build's steps run in. If it has a program named lambkin-build on its PATH, that is run
	// instead of the family's script: in the function's folder, with SOURCE, FUNCTION_PATH, RUNTIME, HANDLER, ARCHITECTURE
	// and CACHE in its environment, and with OUTPUT, the folder where it leaves what is put into the image.
	Build string `json:"build,omitempty"`
	// Family is the family whose bootstrap and build steps a new runtime has, such as nodejs or provided.
	Family string `json:"family,omitempty"`
}
