// Package bucket reads objects out of Amazon S3 or any store with its API: one signed GET for each. The store and the
// credentials are the operator's; who may ask for which object is for callers to say.
package bucket

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
)

const (
	// maxError is how much of a refusal is read, in bytes.
	maxError = 64 << 10
	// patience is how long a store may take until it begins to answer.
	patience = 30 * time.Second
)

// Store is a store of objects. Its zero value has none.
type Store struct {
	// Endpoint is the store's address, such as https://s3.eu-west-1.amazonaws.com. Buckets are the first part of paths.
	Endpoint string
	// Region is what signatures are for; us-east-1 if empty, which stores other than AWS's mostly take.
	Region string
	// Credentials sign the requests; without an access key they go unsigned.
	Credentials aws.Credentials
	// Client sends them; if nil, one that follows no redirects and gives up on a store that does not begin to answer.
	Client *http.Client
	// Clock gives the time; time.Now if nil.
	Clock func() time.Time
}

// Object is what to read.
type Object struct {
	Bucket  string
	Key     string
	Version string // of the object; empty means the latest
}

// Error is the store's refusal.
type Error struct {
	Code    string // such as NoSuchKey
	Message string // the store's sentence
	Status  int    // of HTTP
}

// Error gives code and sentence.
func (e *Error) Error() string { return e.Code + ": " + e.Message }

// FromEnvironment reads where the store is out of the variables that AWS's own tools know: AWS_ENDPOINT_URL_S3, AWS_REGION or
// AWS_DEFAULT_REGION, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN. Without the first it gives nil.
func FromEnvironment(getenv func(string) string) (*Store, error) {
	endpoint := strings.TrimSpace(getenv("AWS_ENDPOINT_URL_S3"))
	if endpoint == "" {
		return nil, nil
	}
	u, err := url.Parse(endpoint)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" || u.RawQuery != "" {
		return nil, errors.New("AWS_ENDPOINT_URL_S3 is no address such as https://s3.example.com") // which may hold secrets
	}
	s := &Store{Endpoint: strings.TrimSuffix(endpoint, "/"), Region: getenv("AWS_REGION")}
	if s.Region == "" {
		s.Region = getenv("AWS_DEFAULT_REGION")
	}
	s.Credentials = aws.Credentials{
		AccessKeyID: getenv("AWS_ACCESS_KEY_ID"), SecretAccessKey: getenv("AWS_SECRET_ACCESS_KEY"), SessionToken: getenv("AWS_SESSION_TOKEN"),
	}
	return s, nil
}

// Open begins to read an object; the context bounds the reading too. What the store refuses is an [*Error]. The caller closes
// the reader and bounds what it reads.
func (s *Store) Open(ctx context.Context, o Object) (io.ReadCloser, error) {
	req, err := s.request(ctx, o)
	if err != nil {
		return nil, err
	}
	res, err := s.client().Do(req)
	if err != nil {
		return nil, fmt.Errorf("the store of objects does not answer: %w", err)
	}
	if res.StatusCode == http.StatusOK {
		return res.Body, nil
	}
	defer func() { _ = res.Body.Close() }()
	return nil, refusal(res)
}

// request makes the signed request for an object.
func (s *Store) request(ctx context.Context, o Object) (*http.Request, error) {
	u, err := url.Parse(s.Endpoint)
	if err != nil {
		return nil, errors.New("the address of the store of objects is none")
	}
	escaped := u.EscapedPath() + "/" + escape(o.Bucket) + "/" + escape(o.Key)
	u.Path, u.RawPath = u.Path+"/"+o.Bucket+"/"+o.Key, escaped
	if o.Version != "" {
		u.RawQuery = url.Values{"versionId": {o.Version}}.Encode()
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return nil, errors.New("the name of the object makes no request")
	}
	nothing := sha256.Sum256(nil)
	digest := hex.EncodeToString(nothing[:])
	req.Header.Set("X-Amz-Content-Sha256", digest)
	if s.Credentials.AccessKeyID == "" {
		return req, nil
	}
	region := s.Region
	if region == "" {
		region = "us-east-1"
	}
	signer := v4.NewSigner(func(o *v4.SignerOptions) { o.DisableURIPathEscaping = true })
	if err := signer.SignHTTP(ctx, s.Credentials, req, digest, "s3", region, s.now()); err != nil {
		return nil, fmt.Errorf("sign the request for an object: %w", err)
	}
	return req, nil
}

// escape is S3's form of a name in a path: all but letters, digits, -._~ and slashes is in percents.
func escape(name string) string {
	var b strings.Builder
	for _, c := range []byte(name) {
		if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte("-._~/", c) >= 0 {
			b.WriteByte(c)
			continue
		}
		fmt.Fprintf(&b, "%%%02X", c)
	}
	return b.String()
}

func (s *Store) now() time.Time {
	if s.Clock != nil {
		return s.Clock()
	}
	return time.Now()
}

func (s *Store) client() *http.Client {
	if s.Client != nil {
		return s.Client
	}
	return &http.Client{
		Transport:     &http.Transport{Proxy: http.ProxyFromEnvironment, ResponseHeaderTimeout: patience, DisableKeepAlives: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// refusal reads what a store refuses with. A body that is none of S3's is left out: it may be of anybody's.
func refusal(res *http.Response) error {
	var body struct {
		XMLName xml.Name `xml:"Error"`
		Code    string
		Message string
	}
	err := xml.NewDecoder(io.LimitReader(res.Body, maxError)).Decode(&body)
	if err != nil || body.Code == "" {
		return &Error{Code: fmt.Sprintf("HTTP%d", res.StatusCode), Message: http.StatusText(res.StatusCode), Status: res.StatusCode}
	}
	return &Error{Code: body.Code, Message: body.Message, Status: res.StatusCode}
}
