package command

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"

	"github.com/lambkin-dev/lambkin/internal/access"
	"github.com/lambkin-dev/lambkin/internal/signature"
)

// credentials find the key that signs requests to a server, and say where it came from: the file that LAMBKIN_CREDENTIALS
// names; what AWS's tools would take, if it is a key of ours; the file of the server's data directory, if it runs on this
// machine and keeps its data where servers do. There may be none: then requests go out unsigned.
func (a *App) credentials(endpoint string) (access.Credentials, string, error) {
	profile := cmp.Or(a.getenv("AWS_PROFILE"), access.DefaultProfile)
	if path := cmp.Or(a.credentialsFile, a.getenv("LAMBKIN_CREDENTIALS")); path != "" {
		c, err := access.ReadCredentials(path, access.DefaultProfile)
		if err != nil {
			return c, "", fmt.Errorf("LAMBKIN_CREDENTIALS: %w", err)
		}
		return c, path, nil
	}
	if id := a.getenv("AWS_ACCESS_KEY_ID"); strings.HasPrefix(id, access.Prefix) {
		return access.Credentials{ID: id, Secret: a.getenv("AWS_SECRET_ACCESS_KEY")}, "AWS_ACCESS_KEY_ID", nil
	}
	if path := a.getenv("AWS_SHARED_CREDENTIALS_FILE"); path != "" {
		if c, err := access.ReadCredentials(path, profile); err == nil && strings.HasPrefix(c.ID, access.Prefix) {
			return c, path, nil
		}
	}
	if !onThisMachine(endpoint) {
		return access.Credentials{}, "", nil
	}
	path := filepath.Join(a.dataDir(), access.CredentialsFile)
	c, err := access.ReadCredentials(path, access.DefaultProfile)
	if errors.Is(err, fs.ErrNotExist) {
		return access.Credentials{}, "", nil
	}
	return c, path, err
}

// onThisMachine reports whether an endpoint is a loopback address.
func onThisMachine(endpoint string) bool {
	u, err := url.Parse(endpoint)
	if err != nil {
		return false
	}
	ip := net.ParseIP(u.Hostname())
	return ip != nil && ip.IsLoopback() || u.Hostname() == "localhost"
}

// signingClient sends requests to a server, signed if there is a key.
func (a *App) signingClient(endpoint string) (*http.Client, error) {
	c, _, err := a.credentials(endpoint)
	if err != nil || c.ID == "" {
		return &http.Client{}, err
	}
	return &http.Client{Transport: &signature.Transport{
		Credentials: signature.Credentials{KeyID: c.ID, Secret: c.Secret}, Region: Identity().Region, Service: "lambda",
	}}, nil
}
