package main

import (
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"

	"github.com/lambkin-dev/lambkin/buildtemplates/image"
)

// registryFlags say how to talk to registries.
type registryFlags struct{ dockerConfig, caFile, plainHTTP string }

func (r *registryFlags) add(f *flag.FlagSet) {
	f.StringVar(&r.dockerConfig, "docker-config", "", "`file` with the logins for registries, as .dockerconfigjson; it need not exist")
	f.StringVar(&r.caFile, "ca-file", "", "`file` with further certificate authorities in PEM form; it need not exist")
	f.StringVar(&r.plainHTTP, "plain-http", "", "`hosts` of registries to speak to without TLS, separated by commas")
}

// registry makes the client. No credentials but those in the file are used.
func (r *registryFlags) registry() (*image.Registry, error) {
	made := &image.Registry{}
	for host := range strings.SplitSeq(r.plainHTTP, ",") {
		if host = strings.TrimSpace(host); host != "" {
			made.PlainHTTP = append(made.PlainHTTP, host)
		}
	}
	if exists(r.caFile) {
		made.CAFiles = []string{r.caFile}
	}
	logins, err := os.ReadFile(r.dockerConfig)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("cannot read the logins for registries: %w", err)
	}
	if len(logins) > 0 {
		if made.Credentials, err = image.DockerConfig(logins); err != nil {
			return nil, fmt.Errorf("%q: %w", r.dockerConfig, err)
		}
	}
	return made, nil
}

func exists(file string) bool {
	if file == "" {
		return false
	}
	_, err := os.Stat(file)
	return err == nil
}

// stored names bytes in the code store.
type stored struct {
	sha256 string
	size   int64
}

// parseStored reads SHA256:SIZE.
func parseStored(text string) (stored, error) {
	digest, size, ok := strings.Cut(text, ":")
	n, err := strconv.ParseInt(size, 10, 64)
	if !ok || err != nil || n <= 0 || len(digest) != 64 || strings.Trim(digest, "0123456789abcdef") != "" {
		return stored{}, fmt.Errorf("%.100q is not SHA256:SIZE of something in the code store", text)
	}
	return stored{digest, n}, nil
}
