package main

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"io"
	"net"
	"net/http"
	"net/http/cgi"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"
)

// gitRepo is a repository on this machine, made by git itself.
type gitRepo struct {
	t    *testing.T
	root string // of the server
	dir  string
}

func newGitRepo(t *testing.T) *gitRepo {
	t.Helper()
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("git is not installed: install git")
	}
	root := t.TempDir()
	r := &gitRepo{t: t, root: root, dir: filepath.Join(root, "fn.git")}
	if err := os.Mkdir(r.dir, 0o755); err != nil {
		t.Fatal(err)
	}
	r.git("init", "--quiet", "--initial-branch=main")
	return r
}

// git runs git in the repository.
func (r *gitRepo) git(args ...string) string {
	r.t.Helper()
	cmd := exec.CommandContext(r.t.Context(), "git", args...)
	cmd.Dir = r.dir
	cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_SYSTEM=/dev/null",
		"GIT_AUTHOR_NAME=a", "GIT_AUTHOR_EMAIL=a@example.com", "GIT_COMMITTER_NAME=a", "GIT_COMMITTER_EMAIL=a@example.com")
	out, err := cmd.CombinedOutput()
	if err != nil {
		r.t.Fatalf("git %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return strings.TrimSpace(string(out))
}

// commit writes files and commits them.
func (r *gitRepo) commit(files map[string]string) string {
	r.t.Helper()
	for name, text := range files {
		file := filepath.Join(r.dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			r.t.Fatal(err)
		}
		mode := os.FileMode(0o644)
		if strings.HasPrefix(text, "#!") {
			mode = 0o755
		}
		if err := os.WriteFile(file, []byte(text), mode); err != nil {
			r.t.Fatal(err)
		}
	}
	r.git("add", "--all")
	r.git("commit", "--quiet", "--message", "more")
	return r.git("rev-parse", "HEAD")
}

// backend is git's own HTTP server.
func (r *gitRepo) backend() http.Handler {
	r.t.Helper()
	path := filepath.Join(r.git("--exec-path"), "git-http-backend")
	if _, err := os.Stat(path); err != nil {
		r.t.Skip("git has no http-backend: install git")
	}
	return &cgi.Handler{
		Path: path, Stderr: io.Discard,
		Env: []string{"GIT_PROJECT_ROOT=" + r.root, "GIT_HTTP_EXPORT_ALL=1", "GIT_CONFIG_COUNT=1", "GIT_CONFIG_KEY_0=safe.directory", "GIT_CONFIG_VALUE_0=*"},
	}
}

// serve serves the repository over HTTP to everybody.
func (r *gitRepo) serve() string {
	server := httptest.NewServer(r.backend())
	r.t.Cleanup(server.Close)
	return server.URL + "/fn.git"
}

// locked serves it to one user.
func (r *gitRepo) locked(user, password string) http.Handler {
	inner := r.backend()
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if u, p, ok := req.BasicAuth(); !ok || u != user || p != password {
			w.Header().Set("WWW-Authenticate", "Basic")
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		inner.ServeHTTP(w, req)
	})
}

// newKey makes a key pair: the private one in PEM form, and its signer.
func newKey(t *testing.T) (private string, signer ssh.Signer) {
	t.Helper()
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	block, err := ssh.MarshalPrivateKey(key, "")
	if err != nil {
		t.Fatal(err)
	}
	signer, err = ssh.NewSignerFromKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(block)), signer
}

// serveSSH serves the repository over ssh to who has the key. It gives the server's address and its line of known_hosts.
func (r *gitRepo) serveSSH(client ssh.PublicKey) (address, known string) {
	r.t.Helper()
	_, host := newKey(r.t)
	config := &ssh.ServerConfig{PublicKeyCallback: func(conn ssh.ConnMetadata, key ssh.PublicKey) (*ssh.Permissions, error) {
		if conn.User() == "git" && string(key.Marshal()) == string(client.Marshal()) {
			return nil, nil
		}
		return nil, os.ErrPermission
	}}
	config.AddHostKey(host)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		r.t.Fatal(err)
	}
	var wg sync.WaitGroup
	r.t.Cleanup(func() { listener.Close(); wg.Wait() })
	wg.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			wg.Go(func() { r.session(conn, config) })
		}
	})
	address = listener.Addr().String()
	return address, knownhosts.Line([]string{address}, host.PublicKey())
}

// session serves one connection, on which one command runs.
func (r *gitRepo) session(conn net.Conn, config *ssh.ServerConfig) {
	defer conn.Close()
	_, channels, requests, err := ssh.NewServerConn(conn, config)
	if err != nil {
		return
	}
	go ssh.DiscardRequests(requests)
	for offered := range channels {
		channel, requests, err := offered.Accept()
		if err != nil {
			return
		}
		for req := range requests {
			var payload struct{ Command string }
			if req.Type != "exec" || ssh.Unmarshal(req.Payload, &payload) != nil || !strings.HasPrefix(payload.Command, "git-upload-pack ") {
				_ = req.Reply(false, nil)
				continue
			}
			_ = req.Reply(true, nil)
			cmd := exec.Command("git", "-c", "safe.directory=*", "upload-pack", r.dir)
			cmd.Stdin, cmd.Stdout = channel, channel
			code := uint32(0)
			if cmd.Run() != nil {
				code = 1
			}
			_, _ = channel.SendRequest("exit-status", false, ssh.Marshal(struct{ Status uint32 }{code}))
			channel.Close()
		}
	}
}
