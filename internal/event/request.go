package event

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"mime"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"
	"unicode/utf8"
)

// Request is an HTTP request with what a front door adds to it. Nothing in it is changed or kept.
type Request struct {
	Method   string
	Path     string // as on the wire, percent-encoded
	RawQuery string
	Proto    string // HTTP/1.1
	Host     string
	Header   http.Header
	Body     []byte
	RemoteIP string // of the peer
	TLS      bool   // whether the peer speaks TLS to us

	// ID is the request id, which is also the invocation's.
	ID string
	// Time is when the request arrived.
	Time time.Time
	// Trace is the X-Ray trace header that the function sees.
	Trace string
	// APIID names the API in the event; empty takes the first label of the host.
	APIID string
	// AccountID is the owner of the API; empty is "anonymous", as for function URLs without authorization.
	AccountID string
	// TargetGroup is the ARN in load balancer events.
	TargetGroup string
	// TrustForwarded says that the peer is a proxy of ours whose X-Forwarded-* headers are true. Otherwise they are
	// replaced by what we see.
	TrustForwarded bool
}

// NewRequest takes from r what is in it. The body is passed apart, as reading and bounding it is the server's task.
func NewRequest(r *http.Request, body []byte) *Request {
	ip, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		ip = r.RemoteAddr
	}
	return &Request{
		Method: r.Method, Path: r.URL.EscapedPath(), RawQuery: r.URL.RawQuery, Proto: r.Proto, Host: r.Host,
		Header: r.Header, Body: body, RemoteIP: ip, TLS: r.TLS != nil,
	}
}

// origin is where a request came from, seen through the proxies that we trust.
type origin struct{ ip, chain, proto, port string }

func (r *Request) origin() origin {
	o := origin{ip: r.RemoteIP, chain: r.RemoteIP, proto: "http", port: "80"}
	if r.TLS {
		o.proto, o.port = "https", "443"
	}
	if _, port, err := net.SplitHostPort(r.Host); err == nil && port != "" {
		o.port = port
	}
	if !r.TrustForwarded {
		return o
	}
	if chain := strings.Join(r.Header["X-Forwarded-For"], ", "); chain != "" {
		o.chain = chain
		if ip, err := netip.ParseAddr(strings.TrimSpace(firstOf(chain))); err == nil {
			o.ip = ip.String()
		}
	}
	if proto := firstOf(r.Header.Get("X-Forwarded-Proto")); proto == "http" || proto == "https" {
		if proto != o.proto {
			o.port = map[string]string{"http": "80", "https": "443"}[proto]
		}
		o.proto = proto
	}
	if port := firstOf(r.Header.Get("X-Forwarded-Port")); port != "" {
		o.port = port
	}
	return o
}

// firstOf is the first member of a comma-separated list.
func firstOf(list string) string {
	head, _, _ := strings.Cut(list, ",")
	return strings.TrimSpace(head)
}

// fields are the request's headers as an event shows them: with Host, the trace, and where the request came from.
func (r *Request) fields(o origin) http.Header {
	h := r.Header.Clone()
	if h == nil {
		h = http.Header{}
	}
	for key, value := range map[string]string{
		"Host": r.Host, "X-Forwarded-For": o.chain, "X-Forwarded-Proto": o.proto, "X-Forwarded-Port": o.port, TraceHeader: r.Trace,
	} {
		if value != "" {
			h[key] = []string{value}
		}
	}
	return h
}

// path is the decoded path; the encoded one if it cannot be decoded.
func (r *Request) path() string {
	if p, err := url.PathUnescape(r.Path); err == nil {
		return p
	}
	return r.Path
}

// domain is the host without its port.
func (r *Request) domain() string {
	if host, _, err := net.SplitHostPort(r.Host); err == nil {
		return host
	}
	return r.Host
}

// prefix is the domain's first label, or the whole of an IP address.
func prefix(domain string) string {
	if _, err := netip.ParseAddr(domain); err == nil {
		return domain
	}
	label, _, _ := strings.Cut(domain, ".")
	return label
}

func (r *Request) apiID() string {
	if r.APIID != "" {
		return r.APIID
	}
	return prefix(r.domain())
}

func (r *Request) accountID() string {
	if r.AccountID != "" {
		return r.AccountID
	}
	return "anonymous"
}

// parameter is one name and value of a query, in the order of the request.
type parameter struct{ name, value string }

// query splits the query. With decode, names and values are percent-decoded; what cannot be is kept as it is.
func (r *Request) query(decode bool) []parameter {
	var all []parameter
	for pair := range strings.SplitSeq(r.RawQuery, "&") {
		if pair == "" {
			continue
		}
		name, value, _ := strings.Cut(pair, "=")
		if decode {
			name, value = unescape(name), unescape(value)
		}
		all = append(all, parameter{name, value})
	}
	return all
}

func unescape(s string) string {
	if u, err := url.QueryUnescape(s); err == nil {
		return u
	}
	return s
}

// lists groups parameters by name; nil if there are none.
func lists(all []parameter) map[string][]string {
	var m map[string][]string
	for _, p := range all {
		if m == nil {
			m = map[string][]string{}
		}
		m[p.name] = append(m[p.name], p.value)
	}
	return m
}

// last takes the last value of each name; nil stays nil.
func last(m map[string][]string) map[string]string {
	return each(m, func(values []string) string { return values[len(values)-1] })
}

// joined takes all values of each name, with commas between; nil stays nil.
func joined(m map[string][]string) map[string]string {
	return each(m, func(values []string) string { return strings.Join(values, ",") })
}

func each(m map[string][]string, pick func([]string) string) map[string]string {
	if m == nil {
		return nil
	}
	out := make(map[string]string, len(m))
	for name, values := range m {
		if len(values) > 0 {
			out[name] = pick(values)
		}
	}
	return out
}

// lowered has h's names in lower case.
func lowered(h http.Header) map[string][]string {
	m := make(map[string][]string, len(h))
	for name, values := range h {
		key := strings.ToLower(name)
		m[key] = append(m[key], values...)
	}
	return m
}

// encoded is the body as it stands in JSON: text as it is, anything else in base64.
func (r *Request) encoded(text bool) (body string, isBase64 bool) {
	if text && utf8.Valid(r.Body) {
		return string(r.Body), false
	}
	return base64.StdEncoding.EncodeToString(r.Body), true
}

// isText reports whether a body of these headers is passed as text by function URLs and load balancers: text types,
// JSON, XML and JavaScript, unless the body is compressed.
func isText(h http.Header) bool {
	if h.Get("Content-Encoding") != "" {
		return false
	}
	media, _, err := mime.ParseMediaType(h.Get("Content-Type"))
	if err != nil && media == "" {
		return false
	}
	return isTextType(media)
}

func isTextType(media string) bool {
	switch media {
	case "application/json", "application/xml", "application/javascript":
		return true
	default:
		return strings.HasPrefix(media, "text/") || strings.HasSuffix(media, "+json") || strings.HasSuffix(media, "+xml")
	}
}

// clock is the time format of request contexts, that of web server logs.
const clock = "02/Jan/2006:15:04:05 -0700"

// marshal is v as compact JSON with <, > and & as they are. The types of this package always have a JSON form.
func marshal(v any) []byte {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(v) // strings, numbers and maps of them: nothing can fail
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}
