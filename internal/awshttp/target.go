package awshttp

import (
	"net/http"
	"net/url"

	"github.com/lambkin-dev/lambkin/internal/lambda"
)

// ParseTarget reads which function a request names: segment is the FunctionName as it stands in the path, possibly
// percent-encoded (SDKs encode the colons of an ARN), and the Qualifier query parameter is merged into it.
// It fails with ValidationException or InvalidParameterValueException.
func ParseTarget(segment string, r *http.Request) (lambda.Reference, error) {
	name, err := url.PathUnescape(segment)
	if err != nil {
		name = segment // ParseReference says what is wrong with it
	}
	ref, err := lambda.ParseReference(name)
	if err != nil || r.URL.RawQuery == "" {
		return ref, err
	}
	return ref.WithQualifier(r.URL.Query().Get("Qualifier"))
}
