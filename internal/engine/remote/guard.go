package remote

import (
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"github.com/lambkin-dev/lambkin/internal/lambda"
)

// Guard keeps web pages from using a server that trusts everybody on its machine. A page can do so in two ways, and each
// has its own check:
//
//   - DNS rebinding: the page's own host name is made to point at this machine. So the Host header must be an IP
//     address, localhost, a name below localhost, or one of hosts;
//   - cross-site requests: the page sends a form or a fetch to localhost. Browsers then name the page in Origin or say
//     so in Sec-Fetch-Site; such requests are refused unless the page came from this server.
//
// Programs (CLIs, SDKs, curl) send neither header and are not affected.
func Guard(next http.Handler, hosts ...string) http.Handler {
	return guard(next, hosts, true)
}

// GuardHost checks the Host header only. It is for functions' own HTTP traffic, which pages of other origins may use if
// the function allows it.
func GuardHost(next http.Handler, hosts ...string) http.Handler {
	return guard(next, hosts, false)
}

// GuardOrigin checks only that no page of another origin sends the request. It is for servers that are called by names of
// others, such as behind a proxy.
func GuardOrigin(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if crossSite(r) {
			refuseCrossSite(w, r)
			return
		}
		next.ServeHTTP(w, r)
	})
}

func refuseCrossSite(w http.ResponseWriter, r *http.Request) {
	writeError(w, r, lambda.Errorf(lambda.CodeAccessDenied, "requests from web pages of another origin are refused"))
}

func guard(next http.Handler, hosts []string, sameSite bool) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !trustedHost(r.Host, hosts) {
			writeError(w, r, lambda.Errorf(lambda.CodeAccessDenied,
				"Host %q is not a name of this server: use its address, or allow the name with \"lambkin serve --allow-host\"", r.Host))
			return
		}
		if sameSite && crossSite(r) {
			refuseCrossSite(w, r)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// trustedHost reports whether a Host header cannot be a name that somebody else controls.
func trustedHost(hostport string, hosts []string) bool {
	host := hostport
	if h, _, err := net.SplitHostPort(hostport); err == nil {
		host = h
	}
	host = strings.ToLower(strings.TrimSuffix(strings.Trim(host, "[]"), "."))
	if _, err := netip.ParseAddr(host); err == nil {
		return true
	}
	return host == "localhost" || strings.HasSuffix(host, ".localhost") || slices.Contains(hosts, host)
}

// crossSite reports whether a browser sent the request for a page of another origin.
func crossSite(r *http.Request) bool {
	if site := r.Header.Get("Sec-Fetch-Site"); site == "cross-site" || site == "same-site" {
		return true
	}
	origin := r.Header.Get("Origin")
	if origin == "" {
		return false
	}
	u, err := url.Parse(origin)
	return err != nil || u.Host != r.Host
}
