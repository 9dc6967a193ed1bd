// Package client speaks the Lambda Runtime API 2018-06-01 for runners written in Go: programs that take events for a
// function that cannot do so itself.
//
// Functions use github.com/aws/aws-lambda-go. Its loop is not for runners: it ends the process on the first answer that
// the platform refuses (413 for one that is too large), hands over no raw headers, and logs every error document.
package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/url"
	"runtime"
	"strconv"
	"strings"
	"time"

	"github.com/lambkin-dev/lambkin/internal/lambda"
)

// maxEvent bounds an event: the largest request payload, grown by what an HTTP event's base64 and JSON add to a body.
const maxEvent = 2 * lambda.MaxRequestPayload

// HeaderPrefix begins the name of every header that describes an invocation.
const HeaderPrefix = "Lambda-Runtime-"

// ErrRefused says that the platform did not want an answer: it was too large, too late or not awaited. The caller of
// the function has been told by the platform, and the next event may be taken.
var ErrRefused = errors.New("the platform refused the answer")

// Client is a client of one Runtime API. It is safe for concurrent use.
type Client struct {
	base  string
	agent string
	http  *http.Client
}

// New makes a client for an address as AWS_LAMBDA_RUNTIME_API holds it, host:port. name is that of the runner.
func New(address, name string) (*Client, error) {
	if _, _, err := net.SplitHostPort(address); err != nil {
		return nil, fmt.Errorf("runtime API address %q: %w; is AWS_LAMBDA_RUNTIME_API set?", address, err)
	}
	// No proxy may come between, no limit on idle time: an environment may wait for its next event for hours.
	transport := &http.Transport{MaxIdleConnsPerHost: 64, DisableCompression: true}
	return &Client{
		base:  "http://" + address + "/2018-06-01/runtime",
		agent: "lambkin-" + name + "/" + runtime.Version(),
		http:  &http.Client{Transport: transport},
	}, nil
}

// Invocation is one event, with what the platform says about it.
type Invocation struct {
	// ID is the request id.
	ID string
	// Header holds all Lambda-Runtime-* headers.
	Header http.Header
	// Payload is the event, byte for byte.
	Payload []byte
}

// Deadline is when the platform will end the invocation; the zero time if it does not say.
func (in *Invocation) Deadline() time.Time {
	ms, err := strconv.ParseInt(in.Header.Get("Lambda-Runtime-Deadline-Ms"), 10, 64)
	if err != nil {
		return time.Time{}
	}
	return time.UnixMilli(ms)
}

// Failure is how a function failed, as the caller reads it.
type Failure struct {
	Message    string `json:"errorMessage"`
	Type       string `json:"errorType"`
	StackTrace any    `json:"stackTrace,omitempty"`
}

// Error gives type and message.
func (f *Failure) Error() string { return f.Type + ": " + f.Message }

// Failuref makes a Failure with a formatted message.
func Failuref(errorType, format string, args ...any) *Failure {
	return &Failure{Type: errorType, Message: fmt.Sprintf(format, args...)}
}

// asFailure finds the Failure in err's chain; what is none is the runner's own fault.
func asFailure(err error) *Failure {
	failure := new(Failure)
	if errors.As(err, &failure) {
		return failure
	}
	return &Failure{Type: "Runtime.Unknown", Message: err.Error()}
}

// Next waits for the next event, without limit.
func (c *Client) Next(ctx context.Context) (*Invocation, error) {
	req, err := c.request(ctx, http.MethodGet, "/invocation/next", nil)
	if err != nil {
		return nil, err
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, fmt.Errorf("get the next event: %w", err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("get the next event: status %d", resp.StatusCode)
	}
	payload, err := io.ReadAll(io.LimitReader(resp.Body, maxEvent+1))
	if err != nil {
		return nil, fmt.Errorf("read the next event: %w", err)
	}
	if len(payload) > maxEvent {
		return nil, fmt.Errorf("read the next event: it has more than %d bytes", maxEvent)
	}
	return &Invocation{
		ID:      resp.Header.Get("Lambda-Runtime-Aws-Request-Id"),
		Header:  runtimeHeaders(resp.Header),
		Payload: payload,
	}, nil
}

// Respond sends a result. It is declared as JSON if it is JSON.
func (c *Client) Respond(ctx context.Context, id string, body []byte) error {
	contentType := "application/octet-stream"
	if json.Valid(body) {
		contentType = "application/json"
	}
	return c.post(ctx, "/invocation/"+url.PathEscape(id)+"/response", body, http.Header{"Content-Type": {contentType}})
}

// Fail ends an invocation with an error.
func (c *Client) Fail(ctx context.Context, id string, failure *Failure) error {
	return c.report(ctx, "/invocation/"+url.PathEscape(id)+"/error", failure)
}

// InitError says that the function could not be started. The runner must exit after it.
func (c *Client) InitError(ctx context.Context, failure *Failure) error {
	return c.report(ctx, "/init/error", failure)
}

func (c *Client) report(ctx context.Context, path string, failure *Failure) error {
	body, err := json.Marshal(failure)
	if err != nil {
		return fmt.Errorf("encode the error %q: %w", failure.Type, err)
	}
	header := http.Header{"Content-Type": {"application/json"}}
	errorType := failure.Type
	if !strings.HasPrefix(errorType, "Runtime.") {
		errorType = "Function." + errorType
	}
	if isPlain(errorType) {
		header.Set("Lambda-Runtime-Function-Error-Type", errorType)
	}
	return c.post(ctx, path, body, header)
}

// isPlain keeps type names of Go, which may hold anything, out of a header that only telemetry reads.
func isPlain(errorType string) bool {
	for _, r := range errorType {
		if r != '.' && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z') {
			return false
		}
	}
	return len(errorType) <= 128
}

func (c *Client) post(ctx context.Context, path string, body []byte, header http.Header) error {
	req, err := c.request(ctx, http.MethodPost, path, body)
	if err != nil {
		return err
	}
	maps.Copy(req.Header, header)
	resp, err := c.http.Do(req)
	if err != nil {
		return fmt.Errorf("post to %s: %w", path, err)
	}
	defer resp.Body.Close()
	reply, err := io.ReadAll(io.LimitReader(resp.Body, 512))
	if resp.StatusCode != http.StatusAccepted {
		return fmt.Errorf("%w: status %d %s", ErrRefused, resp.StatusCode, bytes.TrimSpace(reply))
	}
	if err != nil {
		return fmt.Errorf("read the reply to %s: %w", path, err)
	}
	return nil
}

func (c *Client) request(ctx context.Context, method, path string, body []byte) (*http.Request, error) {
	req, err := http.NewRequestWithContext(ctx, method, c.base+path, bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", method, path, err)
	}
	req.Header.Set("User-Agent", c.agent)
	return req, nil
}

func runtimeHeaders(all http.Header) http.Header {
	kept := make(http.Header)
	for name, values := range all {
		if strings.HasPrefix(name, HeaderPrefix) {
			kept[name] = values
		}
	}
	return kept
}
