package cluster

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
)

// dockerHub is the key under which every tool looks for Docker Hub's credentials.
const dockerHub = "https://index.docker.io/v1/"

// RegistryHost is the key of a registry in a docker configuration: a host with its port, without scheme and path. What
// people write for Docker Hub becomes the one key that its clients look for.
func RegistryHost(text string) (string, error) {
	host := strings.TrimPrefix(strings.TrimPrefix(text, "https://"), "http://")
	host, _, _ = strings.Cut(host, "/")
	u, err := url.Parse("//" + host)
	if err != nil || u.Host != host || host == "" || u.User != nil {
		return "", fmt.Errorf("%q is no registry: want a host such as registry.example or localhost:5000", text)
	}
	if slices.Contains([]string{"docker.io", "index.docker.io", "registry-1.docker.io", "hub.docker.com"}, host) {
		return dockerHub, nil
	}
	return host, nil
}

// withLogin gives a docker configuration in which a registry has these credentials. All else, other registries above
// all, stays as it is; the same credentials again change no byte. Its errors never hold any part of it.
func withLogin(config []byte, host, username, password string) ([]byte, error) {
	top, err := members(config)
	if err != nil {
		return nil, err
	}
	auths, err := members(top["auths"])
	if err != nil {
		return nil, err
	}
	entry, err := members(auths[host])
	if err != nil {
		return nil, err
	}
	before := maps.Clone(entry)
	for name, value := range map[string]string{
		"username": username, "password": password, "auth": base64.StdEncoding.EncodeToString([]byte(username + ":" + password)),
	} {
		if entry[name], err = json.Marshal(value); err != nil {
			return nil, fmt.Errorf("write the credentials of %q: %w", host, err)
		}
	}
	delete(entry, "identitytoken") // it would go before the password
	if maps.EqualFunc(before, entry, func(a, b json.RawMessage) bool { return bytes.Equal(a, b) }) {
		return config, nil
	}
	for _, level := range []struct {
		in   map[string]json.RawMessage
		name string
		of   map[string]json.RawMessage
	}{{auths, host, entry}, {top, "auths", auths}} {
		if level.in[level.name], err = json.Marshal(level.of); err != nil {
			return nil, fmt.Errorf("write the credentials of %q: %w", host, err)
		}
	}
	merged, err := json.Marshal(top)
	if err != nil {
		return nil, fmt.Errorf("write the credentials of %q: %w", host, err)
	}
	return merged, nil
}

// members are those of a JSON object; none if there is no text.
func members(text []byte) (map[string]json.RawMessage, error) {
	found := map[string]json.RawMessage{}
	if len(bytes.TrimSpace(text)) == 0 {
		return found, nil
	}
	if json.Unmarshal(text, &found) != nil || found == nil {
		return nil, errNoDockerConfig
	}
	return found, nil
}
