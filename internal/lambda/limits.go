package lambda

import "time"

// Limits of the Lambda service that callers and functions rely on
// (https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html). Sizes are bytes.
const (
	// MaxRequestPayload is the largest synchronous request payload.
	MaxRequestPayload = 6291456
	// MaxResponsePayload is the largest buffered response payload, inclusive.
	MaxResponsePayload = 6291556
	// MaxAsyncPayload is the largest asynchronous request payload.
	MaxAsyncPayload = 1048576
	// MaxStreamedResponse is the largest streamed response.
	MaxStreamedResponse = 200 << 20
	// MaxClientContext is the largest X-Amz-Client-Context header, before base64 is decoded.
	MaxClientContext = 3583
	// MaxLogTail is how much of an invocation's log X-Amz-Log-Result carries.
	MaxLogTail = 4096
	// MaxZip is the largest code archive that may be uploaded directly.
	MaxZip = 52428800
	// MaxUnzipped is the largest size of code and layers together once extracted.
	MaxUnzipped = 262144000
	// MaxEnvironment is the largest sum of all environment variables' names and values.
	MaxEnvironment = 4096
	// MaxLayers is how many layers a function may have.
	MaxLayers = 5
	// MaxExtensions is how many extensions may register with one environment.
	MaxExtensions = 10
	// MaxTimeout is the longest an invocation may run.
	MaxTimeout = 900 * time.Second
	// InitTimeout is how long an on-demand environment may take to initialize before init is retried within the
	// first invocation.
	InitTimeout = 10 * time.Second
	// ProvisionedInitTimeout is how long an environment of provisioned concurrency may take, unless the function's own
	// timeout is longer.
	ProvisionedInitTimeout = 130 * time.Second
)

// LatestVersion is the qualifier of the unpublished, mutable version.
const LatestVersion = "$LATEST"
