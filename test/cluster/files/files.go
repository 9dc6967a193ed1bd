// Package files serves pods what outside a test cluster would come from the internet: Go modules, npm, Python and Ruby
// packages, and git repositories. One process of the node serves all of them and tells them apart by host name.
package files

import (
	"fmt"
	"net"
	"net/http"
	"net/http/cgi"
	"net/url"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/lambkin-dev/lambkin/test/cluster/layout"
)

// Folders are where the files of each kind lie.
type Folders struct {
	// Modules is the download folder of a Go module cache, which has the form of a module proxy.
	Modules string
	// Git holds bare repositories, NAME.git.
	Git string
	// NPM, Pip and Gem have the form of a registry each; package packages makes them.
	NPM, Pip, Gem string
}

// Handler serves the folders under the host names of layout's URLs. Only repositories can be written to.
func Handler(f Folders) (http.Handler, error) {
	git, err := gitHandler(f.Git)
	if err != nil {
		return nil, err
	}
	hosts := map[string]http.Handler{layout.GitURL: git}
	for u, dir := range map[string]string{
		layout.GoProxyURL: f.Modules, layout.NPMURL: f.NPM, layout.PipURL: f.Pip, layout.GemURL: f.Gem,
	} {
		hosts[u] = readOnly(http.FileServer(http.Dir(dir)))
	}
	byHost := make(map[string]http.Handler, len(hosts))
	for u, h := range hosts {
		parsed, err := url.Parse(u)
		if err != nil {
			return nil, fmt.Errorf("address %q: %w", u, err)
		}
		byHost[parsed.Hostname()] = h
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := byHost[hostName(r.Host)]
		if h == nil {
			http.Error(w, "no files are served under this host", http.StatusNotFound)
			return
		}
		h.ServeHTTP(w, r)
	}), nil
}

// hostName gives the full name of a host that callers in the cluster may shorten.
func hostName(host string) string {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	const suffix = ".kube-system.svc.cluster.local"
	name, _, _ := strings.Cut(host, ".")
	if strings.HasPrefix(suffix, host[len(name):]) {
		return name + suffix
	}
	return host
}

func readOnly(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			http.Error(w, "these files can only be read", http.StatusMethodNotAllowed)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// gitHandler runs git's own server program, which speaks the smart protocol, for each request.
func gitHandler(dir string) (http.Handler, error) {
	git, err := exec.LookPath("git")
	if err != nil {
		return nil, fmt.Errorf("git: %w", err)
	}
	abs, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	return &cgi.Handler{
		Path: git,
		Args: []string{"http-backend"},
		Env: []string{
			"GIT_PROJECT_ROOT=" + abs, "GIT_HTTP_EXPORT_ALL=1",
			// Repositories are made by whoever writes tests, and pushed to by anyone.
			"GIT_CONFIG_COUNT=2", "GIT_CONFIG_KEY_0=http.receivepack", "GIT_CONFIG_VALUE_0=true",
			"GIT_CONFIG_KEY_1=safe.directory", "GIT_CONFIG_VALUE_1=*",
		},
	}, nil
}
