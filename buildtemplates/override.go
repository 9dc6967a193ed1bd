package buildtemplates

// Override is what an operator says of a runtime: it replaces the members of the catalogue's entry that it sets, or makes
// a new entry.
type Override struct {
	// Base is the image that functions of the runtime are put on.
	Base string `json:"base,omitempty"`
	// Build is the image that the build's steps run in.
	Build string `json:"build,omitempty"`
	// Family is the family whose bootstrap and build steps a new runtime has, such as nodejs or provided.
	Family string `json:"family,omitempty"`
}
