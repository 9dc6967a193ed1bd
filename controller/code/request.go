package code

import (
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/lambkin-dev/lambkin/api/v1alpha1"
)

// Request asks for the image of one generation of a Function, or of a Version.
type Request struct {
	// Owner is the Function or Version. Builds belong to it and go with it.
	Owner client.Object
	// FunctionName is the name of the Function's object, by which repositories and builds are named.
	FunctionName string
	// Spec is the function's configuration, defaulted. It is not changed.
	Spec *v1alpha1.FunctionSpec
	// Generation is the generation that Spec is of.
	Generation int64
	// Image is the image by digest where it is known already, as in a Version that was published with one; it is then
	// not made again.
	Image string
	// LastBuild is what Result.Build was the last time; nil before the first build.
	LastBuild *v1alpha1.BuildStatus
}

// Result is an image, or what is being waited for: exactly one of Image and Doing is set.
type Result struct {
	// Image is the image by digest.
	Image string
	// Doing is a sentence that says what is being waited for, such as "Build f-abc12: step build is running."
	Doing string
	// Protocol is what the container speaks. A container that speaks HTTP is to be run as it is, without runtime-api.
	Protocol v1alpha1.Protocol
	// CodeSHA256 is the digest of the code in base64, as the Lambda API gives it; of the image for image functions.
	CodeSHA256 string
	// CodeSize is the size of the code in bytes; 0 for images.
	CodeSize int64
	// Build is the build that was started last; nil if the code is of a kind that is not built.
	Build *v1alpha1.BuildStatus
	// Deviations are sentences about what the spec asks for and does not get in this image.
	Deviations []string
}
