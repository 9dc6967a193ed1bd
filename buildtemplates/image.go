package buildtemplates

import "github.com/lambkin-dev/lambkin/bootstrap"

// image are container images that exist.
func image() family {
	return family{name: Image, images: func(bootstrap.Runtime) images { return images{} }}
}
