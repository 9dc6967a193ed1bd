package image

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"os"
	"strings"

	"github.com/lambkin-dev/lambkin/internal/lambda"
)

// Where things are in a function's image.
const (
	// RuntimePath is the program that starts functions. The runtime image brings it.
	RuntimePath = "/lambkin/runtime-api"
	// TaskRoot is where the code is, and the working directory.
	TaskRoot = "/var/task"
	// LayerRoot is where the Lambda layers are.
	LayerRoot = "/opt"
	// Nobody is who images run as that name no user or root.
	Nobody = "65532:65532"
)

// Spec says what a function image is made of. Images are named by references, best by digest.
type Spec struct {
	// Base is the image or index below everything.
	Base string
	// Runtime is the image or index whose layers are laid over the base and whose [RuntimePath] becomes the entry point;
	// what the image would have started is handed to it after "--", unless there is Code, for which it needs no telling.
	// Empty leaves the entry point as it is.
	Runtime string
	// Layers are zips of Lambda layers, the lowest first. They go to [LayerRoot].
	Layers []Archive
	// Code is the zip that goes to [TaskRoot]. Nil says that the code is in the base.
	Code *Archive
	// Architecture picks the image if base or runtime is an index: "amd64" or "arm64". If it is empty and the base is an
	// index, the result is an index of all Linux platforms for which there are a base and a runtime.
	Architecture string
	// EntryPoint, Command and WorkingDirectory replace those of the base; nil or empty keeps them. With Code the
	// working directory is [TaskRoot] unless it is set here.
	EntryPoint, Command []string
	WorkingDirectory    string
	// Env is set over the base's variables.
	Env map[string]string
	// User is who runs, as in a Dockerfile. Empty keeps the base's, or [Nobody] if that is root or not said.
	User string
	// Source is written into the annotations and labels.
	Source Source
}

// Source says where an image comes from. Empty fields are left out.
type Source struct {
	// URL and Revision are of the source code: a repository and a commit.
	URL, Revision string
	// Runtime and Handler are those of the function.
	Runtime, Handler string
}

// Archive is a zip that is somewhere.
type Archive struct {
	// SHA256 is the digest in hex. If it is set it is checked.
	SHA256 string
	// Size is the number of bytes. It is a bound on what is read.
	Size int64
	// Open gives the bytes from the beginning. It may be called again if reading fails. What it gives is read where it
	// is if it can be read at any place (as a file can), and copied to a temporary file otherwise.
	Open func(ctx context.Context) (io.ReadCloser, error)
}

// FileArchive is a zip in a file.
func FileArchive(path string) (Archive, error) {
	f, err := os.Open(path)
	if err != nil {
		return Archive{}, err
	}
	defer f.Close()
	hash := sha256.New()
	size, err := io.Copy(hash, f)
	if err != nil {
		return Archive{}, err
	}
	return Archive{
		SHA256: hex.EncodeToString(hash.Sum(nil)),
		Size:   size,
		Open:   func(context.Context) (io.ReadCloser, error) { return os.Open(path) },
	}, nil
}

// BytesArchive is a zip in memory.
func BytesArchive(data []byte) Archive {
	sum := sha256.Sum256(data)
	return Archive{
		SHA256: hex.EncodeToString(sum[:]),
		Size:   int64(len(data)),
		Open: func(context.Context) (io.ReadCloser, error) {
			return struct {
				*bytes.Reader
				io.Closer
			}{bytes.NewReader(data), io.NopCloser(nil)}, nil
		},
	}
}

// Result is what was made.
type Result struct {
	// Reference names the image by digest: REPOSITORY@sha256:….
	Reference string
	// Digest is sha256:… of the manifest or index.
	Digest string
	// MediaType says which of the two it is.
	MediaType string
	// Size is how many bytes the image takes up in a registry: manifests, configurations and layers, over all platforms.
	Size int64
	// Reused says that all of it was there already.
	Reused bool
}

// check refuses a spec that cannot become an image.
func (s *Spec) check() error {
	if s.Base == "" {
		return lambda.Errorf(lambda.CodeInvalidParameterValue, "An image needs a base image to be made from.")
	}
	if s.Code == nil && len(s.Layers) > 0 {
		return lambda.Errorf(lambda.CodeInvalidParameterValue, "Functions that are images cannot have layers; put their files into the image.")
	}
	if len(s.Layers) > lambda.MaxLayers {
		return lambda.Errorf(lambda.CodeInvalidParameterValue, "Function cannot reference more than %d layers.", lambda.MaxLayers)
	}
	for name := range s.Env {
		if name == "" || strings.ContainsAny(name, "=\x00") {
			return lambda.Errorf(lambda.CodeInvalidParameterValue, "%q is no name for an environment variable.", name)
		}
	}
	return nil
}
