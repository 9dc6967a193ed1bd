package knative

import (
	"context"
	"crypto/sha256"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	typedauthentication "k8s.io/client-go/kubernetes/typed/authentication/v1"
	typedauthorization "k8s.io/client-go/kubernetes/typed/authorization/v1"

	"github.com/lambkin-dev/lambkin/api/v1alpha1"
	"github.com/lambkin-dev/lambkin/internal/lambda"
)

const (
	// TokenAudience is what the token of a ServiceAccount must be for that stands for access to the Lambda API.
	TokenAudience = v1alpha1.Group
	// PlaneAudience is what the tokens are for that lambkin itself uses. They prove that their holder may make tokens of a
	// namespace's ServiceAccounts, which is as much as to run pods there.
	PlaneAudience = v1alpha1.Group + "/plane"

	// reviewTime is how long an answer of the API server is believed, and so how long a right lives on that was taken away.
	reviewTime = 10 * time.Second
	maxReviews = 10_000
)

// TokenUser is who a token belongs to.
type TokenUser struct {
	// Name is system:serviceaccount:NAMESPACE:NAME.
	Name, UID string
	Groups    []string
	Extra     map[string][]string
}

// ServiceAccount gives the namespace and name of the ServiceAccount that the user is; empty if it is none.
func (u TokenUser) ServiceAccount() (namespace, name string) {
	rest, ok := strings.CutPrefix(u.Name, "system:serviceaccount:")
	if !ok {
		return "", ""
	}
	namespace, name, _ = strings.Cut(rest, ":")
	return namespace, name
}

// Right is what somebody may do with objects of our group.
type Right struct {
	Namespace, Verb, Resource, Subresource, Name string
}

// Reviews asks the API server about tokens and rights. Answers are kept for a moment.
type Reviews struct {
	tokens typedauthentication.TokenReviewInterface
	rights typedauthorization.SubjectAccessReviewInterface
	now    func() time.Time

	mu   sync.Mutex
	kept map[[sha256.Size]byte]review
}

// review is one answer.
type review struct {
	user    TokenUser
	allowed bool
	until   time.Time
}

// remember gives a kept answer, or asks and keeps it. Errors are not kept.
func (r *Reviews) remember(question string, ask func() (review, error)) (review, error) {
	key := sha256.Sum256([]byte(question)) // tokens are not kept themselves
	r.mu.Lock()
	known, ok := r.kept[key]
	r.mu.Unlock()
	if ok && r.now().Before(known.until) {
		return known, nil
	}
	answer, err := ask()
	if err != nil {
		return review{}, err
	}
	answer.until = r.now().Add(reviewTime)
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.kept == nil || len(r.kept) >= maxReviews {
		r.kept = make(map[[sha256.Size]byte]review)
	}
	r.kept[key] = answer
	return answer, nil
}

// Token finds out who a token belongs to. It fails with UnrecognizedClientException if that is nobody, or the token is for
// something else.
func (r *Reviews) Token(ctx context.Context, token, audience string) (TokenUser, error) {
	found, err := r.remember("token\x00"+audience+"\x00"+token, func() (review, error) {
		asked := &authenticationv1.TokenReview{Spec: authenticationv1.TokenReviewSpec{Token: token, Audiences: []string{audience}}}
		got, err := r.tokens.Create(ctx, asked, metav1.CreateOptions{})
		if err != nil {
			return review{}, unanswered(fmt.Errorf("review a token: %w", err))
		}
		if !got.Status.Authenticated || !slices.Contains(got.Status.Audiences, audience) {
			return review{}, lambda.Errorf(lambda.CodeUnrecognizedClient, "The security token included in the request is invalid. "+
				"A ServiceAccount's token must be for the audience %s.", audience)
		}
		u := got.Status.User
		extra := make(map[string][]string, len(u.Extra))
		for name, values := range u.Extra {
			extra[name] = values
		}
		return review{user: TokenUser{Name: u.Username, UID: u.UID, Groups: u.Groups, Extra: extra}}, nil
	})
	return found.user, err
}

// Allowed asks whether somebody may do something.
func (r *Reviews) Allowed(ctx context.Context, u TokenUser, right Right) (bool, error) {
	found, err := r.remember(fmt.Sprintf("right\x00%s\x00%s\x00%+v", u.Name, u.UID, right), func() (review, error) {
		extra := make(map[string]authorizationv1.ExtraValue, len(u.Extra))
		for name, values := range u.Extra {
			extra[name] = values
		}
		asked := &authorizationv1.SubjectAccessReview{Spec: authorizationv1.SubjectAccessReviewSpec{
			User: u.Name, UID: u.UID, Groups: u.Groups, Extra: extra,
			ResourceAttributes: &authorizationv1.ResourceAttributes{
				Group: v1alpha1.Group, Version: v1alpha1.GroupVersion().Version, Namespace: right.Namespace, Verb: right.Verb,
				Resource: right.Resource, Subresource: right.Subresource, Name: right.Name,
			},
		}}
		got, err := r.rights.Create(ctx, asked, metav1.CreateOptions{})
		if err != nil {
			return review{}, unanswered(fmt.Errorf("review a right: %w", err))
		}
		return review{allowed: got.Status.Allowed && !got.Status.Denied}, nil
	})
	return found.allowed, err
}
