package event

import (
	"strings"
)

// v2Event is payload 2.0: what is absent is left out
// (https://docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html).
type v2Event struct {
	Version         string            `json:"version"`
	RouteKey        string            `json:"routeKey"`
	RawPath         string            `json:"rawPath"`
	RawQueryString  string            `json:"rawQueryString"`
	Cookies         []string          `json:"cookies,omitempty"`
	Headers         map[string]string `json:"headers"`
	Query           map[string]string `json:"queryStringParameters,omitempty"`
	RequestContext  v2Context         `json:"requestContext"`
	Body            string            `json:"body,omitempty"`
	IsBase64Encoded bool              `json:"isBase64Encoded"`
}

type v2Context struct {
	AccountID    string `json:"accountId"`
	APIID        string `json:"apiId"`
	DomainName   string `json:"domainName"`
	DomainPrefix string `json:"domainPrefix"`
	HTTP         v2HTTP `json:"http"`
	RequestID    string `json:"requestId"`
	RouteKey     string `json:"routeKey"`
	Stage        string `json:"stage"`
	Time         string `json:"time"`
	TimeEpoch    int64  `json:"timeEpoch"`
}

type v2HTTP struct {
	Method    string `json:"method"`
	Path      string `json:"path"`
	Protocol  string `json:"protocol"`
	SourceIP  string `json:"sourceIp"`
	UserAgent string `json:"userAgent"`
}

// defaultRoute is the route and stage of an API that has no others.
const defaultRoute = "$default"

func (r *Request) v2() v2Event {
	o, domain := r.origin(), r.domain()
	fields := r.fields(o)
	cookies := splitCookies(fields["Cookie"])
	delete(fields, "Cookie")
	e := v2Event{
		Version: "2.0", RouteKey: defaultRoute, RawPath: r.Path, RawQueryString: r.RawQuery, Cookies: cookies,
		Headers: joined(lowered(fields)), Query: joined(lists(r.query(true))),
		RequestContext: v2Context{
			AccountID: r.accountID(), APIID: r.apiID(), DomainName: domain, DomainPrefix: prefix(domain),
			HTTP: v2HTTP{
				Method: r.Method, Path: r.path(), Protocol: r.Proto, SourceIP: o.ip, UserAgent: r.Header.Get("User-Agent"),
			},
			RequestID: r.ID, RouteKey: defaultRoute, Stage: defaultRoute,
			Time: r.Time.UTC().Format(clock), TimeEpoch: r.Time.UnixMilli(),
		},
	}
	if len(r.Body) > 0 {
		e.Body, e.IsBase64Encoded = r.encoded(isText(r.Header))
	}
	return e
}

// splitCookies takes Cookie headers apart.
func splitCookies(headers []string) []string {
	var cookies []string
	for _, h := range headers {
		for c := range strings.SplitSeq(h, ";") {
			if c = strings.TrimSpace(c); c != "" {
				cookies = append(cookies, c)
			}
		}
	}
	return cookies
}
