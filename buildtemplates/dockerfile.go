package buildtemplates

import "github.com/lambkin-dev/lambkin/bootstrap"

// buildahScript builds the image and leaves it as an OCI layout, so that this step needs no credentials to push.
const buildahScript = `echo "buildah build --file $DOCKERFILE"
buildah --root "$HOME/images" --runroot "$TMPDIR/run" build --file "$DOCKERFILE" --arch "$TARGET_ARCH" \
  --timestamp 0 --format oci --tag function .
buildah --root "$HOME/images" --runroot "$TMPDIR/run" push function "oci:$OUTPUT:function"
`

// dockerfile are images that are built here.
func dockerfile() family {
	return family{
		name: Dockerfile, recipe: recipe{script: buildahScript, elsewhere: true, image: true},
		images: func(bootstrap.Runtime) images { return images{build: "quay.io/buildah/stable:latest"} },
	}
}
