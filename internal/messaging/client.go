package messaging

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"github.com/lambkin-dev/lambkin/internal/outbound"
)

// maxAnswer is how much of a service's answer is read. They are short.
const maxAnswer = 64 << 10

// Credentials sign requests.
type Credentials struct {
	AccessKeyID, SecretAccessKey, SessionToken string
}

// Message is what is sent.
type Message struct {
	// Body is text. For an event bus it is a JSON object, the event's detail.
	Body []byte
	// Attributes go with a message to a queue or a topic. Values that are numbers have the type Number.
	Attributes map[string]string
	// DetailType and Resources are an event bus's.
	DetailType string
	Resources  []string
}

// sendTimeout is how long a service may take where nobody says how long.
const sendTimeout = 30 * time.Second

// Client sends messages. Its fields are not changed once it is used. It is safe for concurrent use.
type Client struct {
	// HTTP sends requests; nil is one that gives up after half a minute.
	HTTP *http.Client
	// Endpoints says where services are now.
	Endpoints func() Endpoints
	// Credentials gives those of now. Nil, or an empty id: requests are not signed.
	Credentials func() (Credentials, error)
	// Now is the clock; nil is the machine's.
	Now func() time.Time
}

// Send returns when a service has taken the message. The context bounds how long that may take.
func (c *Client) Send(ctx context.Context, to Target, m Message) error {
	endpoints := c.Endpoints()
	endpoint := endpoints.Of(to.Kind)
	if endpoint.URL == "" {
		return endpoints.Check(to.ARN)
	}
	call := callFor(to, strings.TrimSuffix(endpoint.URL, "/"), m)
	body, err := call.encode()
	if err != nil {
		return fmt.Errorf("cannot encode a message for %s: %w", to.Kind, err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, endpoint.URL, bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("cannot send to %s: %w", to.Kind, outbound.WithoutURL(err))
	}
	if req.URL.Path == "" {
		req.URL.Path = "/"
	}
	for name, value := range call.header {
		req.Header.Set(name, value)
	}
	region := endpoint.Region
	if region == "" {
		region = to.Region
	}
	if err := c.sign(req, body, call.service, region); err != nil {
		return err
	}
	return c.exchange(req, to.Kind, call.taken)
}

// sign signs a request, if there is something to sign it with.
func (c *Client) sign(req *http.Request, body []byte, service, region string) error {
	if c.Credentials == nil {
		return nil
	}
	known, err := c.Credentials()
	if err != nil {
		return fmt.Errorf("cannot sign a request to %s: %w", service, err)
	}
	if known.AccessKeyID == "" {
		return nil
	}
	now := time.Now
	if c.Now != nil {
		now = c.Now
	}
	sum := sha256.Sum256(body)
	keys := aws.Credentials{AccessKeyID: known.AccessKeyID, SecretAccessKey: known.SecretAccessKey, SessionToken: known.SessionToken}
	if err := v4.NewSigner().SignHTTP(req.Context(), keys, req, hex.EncodeToString(sum[:]), service, region, now()); err != nil {
		return fmt.Errorf("cannot sign a request to %s: %w", service, err)
	}
	return nil
}

// exchange sends the request and looks at what the service says.
func (c *Client) exchange(req *http.Request, kind Kind, taken func(answer []byte) error) error {
	client := c.HTTP
	if client == nil {
		client = &http.Client{Timeout: sendTimeout}
	}
	resp, err := client.Do(req)
	if err != nil {
		return fmt.Errorf("cannot send to %s: %w", kind, outbound.WithoutURL(err))
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return fmt.Errorf("cannot read the answer of %s: %w", kind, err)
	}
	if resp.StatusCode/100 != 2 {
		return fmt.Errorf("%s answers %s%s", kind, resp.Status, faultOf(answer))
	}
	if err := taken(answer); err != nil {
		return fmt.Errorf("%s has not taken the message: %w", kind, err)
	}
	return nil
}
