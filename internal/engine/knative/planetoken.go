package knative

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	typedcorev1 "k8s.io/client-go/kubernetes/typed/core/v1"

	"github.com/lambkin-dev/lambkin/internal/lambda"
	"github.com/lambkin-dev/lambkin/internal/signature"
)

const (
	// tokenAccount is the ServiceAccount whose tokens are asked for. Every namespace has it.
	tokenAccount = "default"
	// tokenTime is how long they are good for, the shortest that there is.
	tokenTime = 10 * time.Minute
	// tokenMargin is how long before its end a token is not used any more.
	tokenMargin = time.Minute
	// tokenPatience is how long a new namespace may take to have its ServiceAccount, and tokenPoll how often it is looked for.
	tokenPatience = 10 * time.Second
	tokenPoll     = 200 * time.Millisecond
)

// planeTransport proves to the gateway that its caller may do what there is to do in a namespace: by a token of a
// ServiceAccount there, made for the gateway alone. The API server's proxy keeps the caller's own Authorization header for
// itself, so the gateway cannot see it; and it should not, as it could act as the caller with it.
type planeTransport struct {
	next      http.RoundTripper
	accounts  typedcorev1.ServiceAccountInterface
	namespace string

	mu    sync.Mutex
	token string
	until time.Time
}

// RoundTrip implements [http.RoundTripper].
func (t *planeTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	token, err := t.current(r.Context())
	if err != nil {
		if r.Body != nil {
			_ = r.Body.Close() // as a RoundTripper has to; what failed before is what is told
		}
		return nil, err
	}
	proven := r.Clone(r.Context())
	proven.Header.Set(signature.Header, "Bearer "+token)
	return t.next.RoundTrip(proven) //nolint:wrapcheck // callers look for the errors of what it stands for
}

func (t *planeTransport) current(ctx context.Context) (string, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.token != "" && time.Now().Before(t.until) {
		return t.token, nil
	}
	made, err := t.make(ctx)
	if apierrors.IsNotFound(err) {
		return "", &lambda.Error{Code: lambda.CodeResourceNotFound, Err: err, Message: fmt.Sprintf("The namespace %s has no ServiceAccount %s, "+
			"as every namespace has soon after it was made: does %s exist?", t.namespace, tokenAccount, t.namespace)}
	}
	if apierrors.IsForbidden(err) {
		return "", &lambda.Error{Code: lambda.CodeAccessDenied, Err: err, Message: fmt.Sprintf("Uploads and invocations need the right to create "+
			"serviceaccounts/token in the namespace %s, as the roles edit and admin have it: %v", t.namespace, err)}
	}
	if err != nil {
		return "", unanswered(fmt.Errorf("make a token of ServiceAccount %s/%s: %w", t.namespace, tokenAccount, err))
	}
	t.token, t.until = made.Status.Token, made.Status.ExpirationTimestamp.Add(-tokenMargin)
	return t.token, nil
}

// make asks for a token. A namespace that has just been made gets its ServiceAccount a moment later, which is waited for.
func (t *planeTransport) make(ctx context.Context) (made *authenticationv1.TokenRequest, err error) {
	seconds := int64(tokenTime / time.Second)
	request := &authenticationv1.TokenRequest{
		Spec: authenticationv1.TokenRequestSpec{Audiences: []string{PlaneAudience}, ExpirationSeconds: &seconds},
	}
	_ = wait.PollUntilContextTimeout(ctx, tokenPoll, tokenPatience, true, func(ctx context.Context) (bool, error) {
		made, err = t.accounts.CreateToken(ctx, tokenAccount, request, metav1.CreateOptions{})
		return !apierrors.IsNotFound(err), nil
	}) // what the last attempt said is the result
	return made, err //nolint:wrapcheck // its caller tells causes apart and wraps them
}
