package signature

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/lambkin-dev/lambkin/internal/lambda"
)

const (
	// Algorithm is the only one that is understood.
	Algorithm = "AWS4-HMAC-SHA256"
	// Header carries what the Authorization header would, where something on the way keeps that for itself, as the API
	// server of a cluster does before its service proxy. It goes before Authorization.
	Header = "X-Lambkin-Authorization"

	terminator = "aws4_request"
	timeForm   = "20060102T150405Z"
	dateForm   = "20060102"
	// maxExpires is how long a presigned URL may hold: seven days.
	maxExpires = 7 * 24 * time.Hour
	// maxAuthorization bounds what is parsed of a header.
	maxAuthorization = 8 << 10
)

// Names of headers and of their twins in presigned queries.
const (
	headerAuthorization = "Authorization"
	headerDate          = "X-Amz-Date"
	headerContentSHA256 = "X-Amz-Content-Sha256"
	headerToken         = "X-Amz-Security-Token"
	headerDecodedLength = "X-Amz-Decoded-Content-Length"

	queryAlgorithm     = "X-Amz-Algorithm"
	queryCredential    = "X-Amz-Credential"
	queryExpires       = "X-Amz-Expires"
	querySignedHeaders = "X-Amz-SignedHeaders"
	querySignature     = "X-Amz-Signature"
)

// claim is what a request says about its own signature.
type claim struct {
	keyID     string
	date      string // YYYYMMDD of the scope
	region    string
	service   string
	headers   []string // signed, in lower case, sorted
	signature string   // 64 hexadecimal digits
	time      time.Time
	expires   time.Duration // of a presigned URL
	presigned bool
	token     string // of a session
}

// Present reports whether a request carries a signature at all, right or wrong.
func Present(r *http.Request) bool {
	return strings.HasPrefix(authorization(r), "AWS4-") || presigned(r)
}

// authorization is the header with the signature.
func authorization(r *http.Request) string {
	if v := r.Header.Get(Header); v != "" {
		return v
	}
	return r.Header.Get(headerAuthorization)
}

// presigned reports whether the signature is in the query.
func presigned(r *http.Request) bool {
	return strings.Contains(r.URL.RawQuery, querySignature+"=") || strings.Contains(r.URL.RawQuery, queryAlgorithm+"=")
}

// parse reads what a request says about its signature. It fails with the errors that AWS gives for what is not there or
// has no meaning.
func parse(r *http.Request) (*claim, error) {
	header := authorization(r)
	switch {
	case header == "" && !presigned(r):
		return nil, lambda.Errorf(lambda.CodeMissingAuthenticationToken, "Missing Authentication Token")
	case header != "" && presigned(r):
		return nil, incomplete("The signature may be in the Authorization header or in the query, not in both.")
	case header != "":
		return parseHeader(r, header)
	default:
		return parseQuery(r)
	}
}

func incomplete(format string, args ...any) error {
	return lambda.Errorf(lambda.CodeIncompleteSignature, format, args...)
}

// parseHeader reads AWS4-HMAC-SHA256 Credential=…, SignedHeaders=…, Signature=….
func parseHeader(r *http.Request, header string) (*claim, error) {
	if len(header) > maxAuthorization || len(r.Header[headerAuthorization]) > 1 || len(r.Header[Header]) > 1 {
		return nil, incomplete("The Authorization header is too long, or there is more than one.")
	}
	algorithm, rest, _ := strings.Cut(header, " ")
	if algorithm != Algorithm {
		return nil, incomplete("Unsupported AWS 'algorithm': '%s' (only %s is understood).", printable(algorithm), Algorithm)
	}
	given := map[string]string{}
	for part := range strings.SplitSeq(rest, ",") {
		name, value, ok := strings.Cut(strings.TrimSpace(part), "=")
		if _, twice := given[name]; !ok || twice {
			return nil, incomplete("'%s' not a valid key=value pair (missing equal-sign, or given twice) in Authorization header.", printable(name))
		}
		given[name] = value
	}
	if err := complete(given); err != nil {
		return nil, err
	}
	c := &claim{signature: given["Signature"], token: r.Header.Get(headerToken)}
	if err := c.setTime(r.Header.Get(headerDate), r.Header.Get("Date")); err != nil {
		return nil, err
	}
	if err := c.setCredential(given["Credential"]); err != nil {
		return nil, err
	}
	return c, c.setHeaders(given["SignedHeaders"])
}

// complete names everything that is missing at once, as AWS does.
func complete(given map[string]string) error {
	var missing []string
	for _, name := range []string{"Credential", "Signature", "SignedHeaders"} {
		if given[name] == "" {
			missing = append(missing, "Authorization header requires '"+name+"' parameter.")
		}
	}
	if len(missing) > 0 {
		return incomplete("%s", strings.Join(missing, " "))
	}
	return nil
}

// parseQuery reads the parameters of a presigned URL.
func parseQuery(r *http.Request) (*claim, error) {
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, incomplete("The query cannot be read.")
	}
	var missing []string
	for _, name := range []string{queryAlgorithm, queryCredential, querySignature, querySignedHeaders, headerDate, queryExpires} {
		if values := query[name]; len(values) != 1 || values[0] == "" || len(values[0]) > maxAuthorization {
			missing = append(missing, "AWS query-string parameters must include '"+name+"', once.")
		}
	}
	if len(missing) > 0 {
		return nil, incomplete("%s", strings.Join(missing, " "))
	}
	if a := query.Get(queryAlgorithm); a != Algorithm {
		return nil, incomplete("Unsupported AWS 'algorithm': '%s' (only %s is understood).", printable(a), Algorithm)
	}
	seconds, err := strconv.ParseInt(query.Get(queryExpires), 10, 64)
	if err != nil || seconds < 1 || seconds > int64(maxExpires/time.Second) {
		return nil, incomplete("X-Amz-Expires must be a number of seconds from 1 to %d.", int64(maxExpires/time.Second))
	}
	c := &claim{presigned: true, signature: query.Get(querySignature), expires: time.Duration(seconds) * time.Second, token: query.Get(headerToken)}
	if err := c.setTime(query.Get(headerDate), ""); err != nil {
		return nil, err
	}
	if err := c.setCredential(query.Get(queryCredential)); err != nil {
		return nil, err
	}
	return c, c.setHeaders(query.Get(querySignedHeaders))
}

// setTime takes when the request was signed: X-Amz-Date, else Date.
func (c *claim) setTime(amz, date string) error {
	if amz == "" && date == "" {
		return incomplete("Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header.")
	}
	if amz == "" {
		t, err := http.ParseTime(date)
		if err != nil {
			return incomplete("Date must be in RFC 1123 format. Got '%s'.", printable(date))
		}
		c.time = t.UTC()
		return nil
	}
	t, err := time.Parse(timeForm, amz)
	if err != nil {
		return incomplete("Date must be in ISO-8601 'basic format'. Got '%s'. See http://en.wikipedia.org/wiki/ISO_8601", printable(amz))
	}
	c.time = t
	return nil
}

// setCredential takes KEY/DATE/REGION/SERVICE/aws4_request apart.
func (c *claim) setCredential(credential string) error {
	parts := strings.Split(credential, "/")
	if len(parts) != 5 {
		return incomplete("Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, got '%s'", printable(credential))
	}
	c.keyID, c.date, c.region, c.service = parts[0], parts[1], parts[2], parts[3]
	if parts[4] != terminator {
		return invalid("Credential should be scoped with a valid terminator: '%s', not '%s'.", terminator, printable(parts[4]))
	}
	return nil
}

// setHeaders takes the names of the signed headers.
func (c *claim) setHeaders(list string) error {
	c.headers = strings.Split(list, ";")
	if !slices.IsSorted(c.headers) || slices.Contains(c.headers, "") || list != strings.ToLower(list) ||
		len(slices.Compact(slices.Clone(c.headers))) != len(c.headers) {
		return incomplete("SignedHeaders must be names of headers in lower case, sorted, each once, parted by semicolons.")
	}
	if !slices.Contains(c.headers, "host") {
		return invalid("'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.")
	}
	return nil
}

// printable makes text of a request fit for a sentence.
func printable(s string) string {
	const most = 100
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r == '\ufffd' {
			return '?'
		}
		return r
	}, s)
	if len(s) > most {
		return strings.ToValidUTF8(s[:most], "") + "…"
	}
	return s
}
