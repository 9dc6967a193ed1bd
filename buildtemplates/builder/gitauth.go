package main

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/go-git/go-git/v5/plumbing/transport"
	githttp "github.com/go-git/go-git/v5/plumbing/transport/http"
	gitssh "github.com/go-git/go-git/v5/plumbing/transport/ssh"
	"golang.org/x/crypto/ssh"
)

// Keys of the Secrets, as Kubernetes and Tekton have them.
const (
	keyUser       = "username"
	keyPassword   = "password"
	keyPrivate    = "ssh-privatekey"
	keyKnownHosts = "known_hosts"
)

// auth makes of the Secret's keys what the URL's protocol wants; nil if there are none, which does for public repositories.
func (r *repository) auth() (transport.AuthMethod, error) {
	endpoint, err := transport.NewEndpoint(r.url)
	if err != nil {
		return nil, errNoGitURL
	}
	if endpoint.Protocol == "ssh" {
		return r.sshAuth(endpoint.User)
	}
	password, err := r.key(keyPassword)
	if err != nil || password == "" {
		return nil, err
	}
	user, err := r.key(keyUser)
	if err != nil {
		return nil, err
	}
	if user == "" {
		user = "git" // servers that take tokens want some name
	}
	return &githttp.BasicAuth{Username: user, Password: strings.TrimRight(password, "\r\n")}, nil
}

// sshAuth needs a key, and the server's, without which anybody could be the server.
func (r *repository) sshAuth(user string) (transport.AuthMethod, error) {
	private, err := r.key(keyPrivate)
	if err != nil {
		return nil, err
	}
	if private == "" {
		return nil, fmt.Errorf("ssh needs a key: %s", r.wayOut("kubernetes.io/ssh-auth, with ssh-privatekey and known_hosts"))
	}
	known := filepath.Join(r.credentials, keyKnownHosts)
	if !exists(known) {
		return nil, fmt.Errorf("ssh needs to know the server: add the key known_hosts to Secret %q, with what ssh-keyscan prints for the host", r.secret)
	}
	if user == "" {
		user = "git"
	}
	keys, err := gitssh.NewPublicKeys(user, []byte(private), "")
	if err != nil {
		return nil, fmt.Errorf("ssh-privatekey of Secret %q is no private key without a passphrase", r.secret) // the cause may quote it
	}
	hosts, err := gitssh.NewKnownHostsDb(known)
	if err != nil {
		return nil, fmt.Errorf("known_hosts of Secret %q cannot be read: %w", r.secret, err)
	}
	keys.HostKeyCallback = hosts.HostKeyCallback()
	return &sshKey{PublicKeys: keys, algorithms: hosts.HostKeyAlgorithms(r.sshHost())}, nil
}

// sshHost is the server with its port, as known_hosts names it.
func (r *repository) sshHost() string {
	endpoint, err := transport.NewEndpoint(r.url)
	if err != nil {
		return ""
	}
	port := endpoint.Port
	if port == 0 {
		port = gitssh.DefaultPort
	}
	return net.JoinHostPort(strings.Trim(endpoint.Host, "[]"), strconv.Itoa(port))
}

// sshKey also asks the server for the kinds of keys that known_hosts has, which is not its first choice otherwise.
type sshKey struct {
	*gitssh.PublicKeys
	algorithms []string
}

// ClientConfig is that of the key.
func (k *sshKey) ClientConfig() (*ssh.ClientConfig, error) {
	c, err := k.PublicKeys.ClientConfig()
	if err != nil {
		return nil, fmt.Errorf("cannot use the ssh key: %w", err)
	}
	c.HostKeyAlgorithms = k.algorithms
	return c, nil
}

// key reads one key of the Secret; empty if it is not there.
func (r *repository) key(name string) (string, error) {
	if r.credentials == "" {
		return "", nil
	}
	text, err := os.ReadFile(filepath.Join(r.credentials, name))
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("cannot read %s of Secret %q: %w", name, r.secret, err)
	}
	return string(text), nil
}

// explain says what a server's refusal means here. Servers answer a stranger alike for what is not there and for what is
// not for them.
func (r *repository) explain(err error) error {
	var failed *url.Error
	switch {
	case errors.Is(err, transport.ErrAuthenticationRequired), errors.Is(err, transport.ErrAuthorizationFailed), errors.Is(err, transport.ErrRepositoryNotFound):
		return fmt.Errorf("cannot read %s: %w; correct the address, or if it is private: %s", r.address(), err,
			r.wayOut("kubernetes.io/basic-auth, with username and password"))
	case errors.Is(err, transport.ErrEmptyRemoteRepository):
		return fmt.Errorf("%s is empty: push a commit first", r.address())
	case errors.As(err, &failed):
		return fmt.Errorf("cannot read %s: %w", r.address(), failed.Err)
	default:
		return fmt.Errorf("cannot read %s: %w", r.address(), err)
	}
}

// wayOut says how to give credentials.
func (r *repository) wayOut(secret string) string {
	if r.secret == "" {
		return "name a Secret of type " + secret
	}
	return fmt.Sprintf("Secret %q in the namespace of the build must be of type %s", r.secret, secret)
}
