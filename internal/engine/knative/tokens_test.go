package knative

import (
	"context"
	"errors"
	"testing"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/lambkin-dev/lambkin/internal/lambda"
)

// tokenReview answers for one token.
type tokenReview struct {
	asked int
	err   error
}

func (a *tokenReview) Create(_ context.Context, r *authenticationv1.TokenReview, _ metav1.CreateOptions) (*authenticationv1.TokenReview, error) {
	a.asked++
	if a.err != nil {
		return nil, a.err
	}
	if r.Spec.Token == "good" {
		r.Status = authenticationv1.TokenReviewStatus{Authenticated: true, Audiences: r.Spec.Audiences, User: authenticationv1.UserInfo{Username: "system:serviceaccount:shop:runner"}}
	}
	if r.Spec.Token == "other" { // an authenticator that knows of no audiences
		r.Status = authenticationv1.TokenReviewStatus{Authenticated: true}
	}
	return r, nil
}

type rightReview struct{ asked int }

func (a *rightReview) Create(_ context.Context, r *authorizationv1.SubjectAccessReview, _ metav1.CreateOptions) (*authorizationv1.SubjectAccessReview, error) {
	a.asked++
	r.Status.Allowed = r.Spec.User == "ada" && r.Spec.ResourceAttributes.Verb == "get" && r.Spec.ResourceAttributes.Group == "lambkin.dev"
	return r, nil
}

func TestReviews(t *testing.T) {
	tokens, rights := new(tokenReview), new(rightReview)
	now := time.Now()
	r := &Reviews{tokens: tokens, rights: rights, now: func() time.Time { return now }}
	ctx := t.Context()
	for range 2 {
		u, err := r.Token(ctx, "good", TokenAudience)
		must(t, err)
		if namespace, name := u.ServiceAccount(); namespace != "shop" || name != "runner" {
			t.Errorf("the token is that of %+v", u)
		}
	}
	if tokens.asked != 1 {
		t.Errorf("asked %d times about a token that was good a moment ago", tokens.asked)
	}
	now = now.Add(reviewTime)
	_, err := r.Token(ctx, "good", TokenAudience)
	must(t, err)
	if tokens.asked != 2 {
		t.Errorf("an answer is believed for ever")
	}
	for _, token := range []string{"bad", "other", ""} {
		_, err = r.Token(ctx, token, TokenAudience)
		wantCode(t, token, err, lambda.CodeUnrecognizedClient)
	}
	tokens.err = errors.New("away")
	_, err = r.Token(ctx, "new", TokenAudience)
	wantCode(t, "no API server", err, lambda.CodeServiceUnavailable)
	for who, want := range map[string]bool{"ada": true, "bob": false} {
		for range 2 {
			got, err := r.Allowed(ctx, TokenUser{Name: who}, Right{Namespace: "shop", Verb: "get", Resource: "functions"})
			must(t, err)
			if got != want {
				t.Errorf("%s may: %t", who, got)
			}
		}
	}
	if rights.asked != 2 {
		t.Errorf("asked %d times", rights.asked)
	}
}
