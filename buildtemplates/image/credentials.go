package image

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
)

// Login is what a registry is shown: a name and a password, or one of the tokens. The zero value is nobody.
type Login struct {
	Username, Password string
	// IdentityToken is exchanged for an access token.
	IdentityToken string
	// RegistryToken is sent as it is.
	RegistryToken string
}

// Credentials find the login for a repository, such as "registry.example/acme/base". The zero Login is no error: most images can
// be read by anybody.
type Credentials func(ctx context.Context, repository string) (Login, error)

// FirstOf asks one after the other until one knows a login. Nil among them is the docker configuration of the process.
func FirstOf(sources ...Credentials) Credentials {
	return func(ctx context.Context, repository string) (Login, error) {
		for _, c := range sources {
			if c == nil {
				c = processCredentials
			}
			if login, err := c(ctx, repository); err != nil || login != (Login{}) {
				return login, err
			}
		}
		return Login{}, nil
	}
}

// processCredentials are those that crane would use.
func processCredentials(ctx context.Context, repository string) (Login, error) {
	auth, err := authn.Resolve(ctx, authn.DefaultKeychain, resource(repository))
	if err != nil {
		return Login{}, fmt.Errorf("cannot find credentials for %q: %w", repository, err)
	}
	c, err := authn.Authorization(ctx, auth)
	if err != nil {
		return Login{}, fmt.Errorf("cannot find credentials for %q: %w", repository, err)
	}
	return Login{Username: c.Username, Password: c.Password, IdentityToken: c.IdentityToken, RegistryToken: c.RegistryToken}, nil
}

// resource is a repository's name as go-containerregistry wants it.
type resource string

// String gives the whole name.
func (r resource) String() string { return string(r) }

// RegistryStr gives the host.
func (r resource) RegistryStr() string {
	host, _, _ := strings.Cut(string(r), "/")
	return host
}

// keychain carries Credentials into go-containerregistry.
type keychain struct{ find Credentials }

// Resolve is ResolveContext for callers without a context.
func (k keychain) Resolve(target authn.Resource) (authn.Authenticator, error) {
	return k.ResolveContext(context.Background(), target)
}

// ResolveContext finds the login for a repository.
func (k keychain) ResolveContext(ctx context.Context, target authn.Resource) (authn.Authenticator, error) {
	login, err := FirstOf(k.find)(ctx, target.String())
	if err != nil {
		return nil, err
	}
	if login == (Login{}) {
		return authn.Anonymous, nil
	}
	return authn.FromConfig(authn.AuthConfig{
		Username: login.Username, Password: login.Password, IdentityToken: login.IdentityToken, RegistryToken: login.RegistryToken,
	}), nil
}

// DockerConfig gives the logins of docker configurations, such as the .dockerconfigjson of pull secrets, earlier ones
// first. As in Kubernetes a key may have a path and the parts of its host may be patterns; the longest key that fits
// wins. Helpers that the files name are not run.
func DockerConfig(files ...[]byte) (Credentials, error) {
	var sources []Credentials
	for _, file := range files {
		var config struct {
			Auths map[string]authn.AuthConfig `json:"auths"`
		}
		if err := json.Unmarshal(file, &config); err != nil {
			return nil, errors.New("cannot read docker configuration: it is not of the form {\"auths\": {HOST: {\"auth\": …}}}") // the cause may quote a password
		}
		sources = append(sources, logins(config.Auths).find)
	}
	return FirstOf(sources...), nil
}

// logins are the entries of one docker configuration.
type logins map[string]authn.AuthConfig

func (l logins) find(_ context.Context, repository string) (Login, error) {
	var best string
	var found Login
	for _, key := range slices.Sorted(maps.Keys(l)) {
		pattern := strings.TrimSuffix(strings.TrimPrefix(strings.TrimPrefix(key, "https://"), "http://"), "/")
		pattern = strings.TrimSuffix(strings.TrimSuffix(pattern, "/v1"), "/v2")
		if !covers(pattern, repository) || len(pattern) <= len(best) {
			continue
		}
		best = pattern
		c := l[key]
		found = Login{Username: c.Username, Password: c.Password, IdentityToken: c.IdentityToken, RegistryToken: c.RegistryToken}
	}
	return found, nil
}

// covers reports whether a key of a docker configuration is meant for a repository.
func covers(pattern, repository string) bool {
	patternHost, patternPath, _ := strings.Cut(pattern, "/")
	host, rest, _ := strings.Cut(repository, "/")
	if r, err := name.NewRegistry(patternHost); err == nil {
		patternHost = r.RegistryStr() // Docker Hub has two names
	}
	if patternPath != "" && rest != patternPath && !strings.HasPrefix(rest, patternPath+"/") {
		return false
	}
	want, got := strings.Split(patternHost, "."), strings.Split(host, ".")
	if len(want) != len(got) {
		return false
	}
	for i := range want {
		if ok, err := path.Match(want[i], got[i]); err != nil || !ok {
			return false
		}
	}
	return true
}
