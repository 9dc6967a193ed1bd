package files

import (
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// serve gives the address of a server of folders, each of which holds a file "what" with its kind.
func serve(t *testing.T) (address string, f Folders) {
	t.Helper()
	dir := t.TempDir()
	f = Folders{
		Modules: filepath.Join(dir, "modules"), Git: filepath.Join(dir, "git"),
		NPM: filepath.Join(dir, "npm"), Pip: filepath.Join(dir, "pip"), Gem: filepath.Join(dir, "gem"),
	}
	for _, folder := range []string{f.Modules, f.Git, f.NPM, f.Pip, f.Gem} {
		if err := os.Mkdir(folder, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(folder, "what"), []byte(filepath.Base(folder)), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	h, err := Handler(f)
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s.URL, f
}

func ask(t *testing.T, method, url, host string) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Host = host
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(body)
}

func TestHosts(t *testing.T) {
	address, _ := serve(t)
	tests := map[string]struct {
		reason, method, host string
		code                 int
		body                 string
	}{
		"full name": {reason: "as the URLs have it", host: "goproxy.kube-system.svc.cluster.local", code: 200, body: "modules"},
		"short":     {reason: "as callers may write it", host: "npm.kube-system", code: 200, body: "npm"},
		"svc":       {reason: "as callers may write it", host: "pip.kube-system.svc", code: 200, body: "pip"},
		"port":      {reason: "some clients send it always", host: "gem.kube-system.svc.cluster.local:80", code: 200, body: "gem"},
		"unknown":   {reason: "nothing is served by accident", host: "other.kube-system", code: 404},
		"elsewhere": {reason: "a name that only begins like ours", host: "npm.example.com", code: 404},
		"write":     {reason: "what many tests share stays as it is", method: http.MethodPut, host: "npm.kube-system", code: 405},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			method := tc.method
			if method == "" {
				method = http.MethodGet
			}
			code, body := ask(t, method, address+"/what", tc.host)
			if code != tc.code || (tc.body != "" && body != tc.body) {
				t.Errorf("%s as %q: %d %q, want %d %q: %s", method, tc.host, code, body, tc.code, tc.body, tc.reason)
			}
		})
	}
}

func FuzzHostName(f *testing.F) {
	f.Add("npm.kube-system:80")
	f.Add("")
	f.Add("[::1]:80")
	f.Add("..")
	f.Add("[:]:")
	f.Fuzz(func(t *testing.T, host string) {
		if got := hostName(host); !strings.Contains(host, got) && !strings.HasSuffix(got, ".kube-system.svc.cluster.local") {
			t.Errorf("hostName(%q) = %q, which is neither what was asked for nor a Service", host, got)
		}
	})
}

// git runs the real client; the server is its proxy, so that it can be called by its name in the cluster.
func git(t *testing.T, proxy, dir string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "git", append([]string{
		"-c", "user.name=t", "-c", "user.email=t@example.test", "-c", "init.defaultBranch=main",
	}, args...)...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "http_proxy="+proxy, "no_proxy=", "GIT_CONFIG_NOSYSTEM=1", "HOME="+t.TempDir())
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("git %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return strings.TrimSpace(string(out))
}

func TestGit(t *testing.T) {
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("git is not installed")
	}
	address, f := serve(t)
	const url = "http://git.kube-system.svc.cluster.local/app.git"
	bare := filepath.Join(f.Git, "app.git")
	git(t, address, f.Git, "init", "--quiet", "--bare", bare)

	work := filepath.Join(t.TempDir(), "work")
	git(t, address, "/", "clone", "--quiet", url, work)
	if err := os.WriteFile(filepath.Join(work, "main.go"), []byte(strings.Repeat("x", 2<<20)), 0o644); err != nil {
		t.Fatal(err)
	}
	git(t, address, work, "add", ".")
	git(t, address, work, "commit", "--quiet", "-m", "first")
	git(t, address, work, "push", "--quiet", "origin", "HEAD:main")

	// The folder is shared with this machine: what was pushed is there, and what is written there can be fetched.
	want := git(t, address, work, "rev-parse", "HEAD")
	if got := git(t, address, bare, "rev-parse", "main"); got != want {
		t.Errorf("after a push main is %s, want %s", got, want)
	}
	shallow := filepath.Join(t.TempDir(), "shallow")
	git(t, address, "/", "clone", "--quiet", "--depth=1", "--branch=main", url, shallow)
	if got := git(t, address, shallow, "rev-parse", "HEAD"); got != want {
		t.Errorf("a shallow clone is at %s, want %s", got, want)
	}
}

func TestGitOfNothing(t *testing.T) {
	address, _ := serve(t)
	code, _ := ask(t, http.MethodGet, address+"/none.git/info/refs?service=git-upload-pack", "git.kube-system.svc.cluster.local")
	if code != http.StatusNotFound {
		t.Errorf("a repository that is not there: %d, want 404", code)
	}
	code, _ = ask(t, http.MethodGet, address+"/../../etc/passwd", "git.kube-system.svc.cluster.local")
	if code == http.StatusOK {
		t.Error("a file outside of the repositories was served")
	}
}
