package host

import (
	"context"
	"net/http"
	"strings"

	"github.com/lambkin-dev/lambkin/api/v1alpha1"
	"github.com/lambkin-dev/lambkin/internal/access"
	"github.com/lambkin-dev/lambkin/internal/engine/knative"
	"github.com/lambkin-dev/lambkin/internal/gateway"
	"github.com/lambkin-dev/lambkin/internal/lambda"
	"github.com/lambkin-dev/lambkin/internal/platform"
	"github.com/lambkin-dev/lambkin/internal/policy"
	"github.com/lambkin-dev/lambkin/internal/signature"
)

// reviews is what the API server knows of tokens and rights.
type reviews interface {
	// Token finds out who a token belongs to. It fails with UnrecognizedClientException if that is nobody.
	Token(ctx context.Context, token, audience string) (knative.TokenUser, error)
	// Allowed asks whether somebody may do something.
	Allowed(ctx context.Context, u knative.TokenUser, right knative.Right) (bool, error)
}

// bearer is the token of a request; empty if there is none.
func bearer(r *http.Request, header string) string {
	scheme, token, _ := strings.Cut(r.Header.Get(header), " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return ""
	}
	return strings.TrimSpace(token)
}

// tokens makes callers of tokens.
type tokens struct {
	reviews  reviews
	identity lambda.Identity
}

// caller is who has a ServiceAccount's token. What it may do in a namespace, its own if none is given, is for the API server
// to know.
func (t tokens) caller(ctx context.Context, token, namespace string) (*access.Caller, error) {
	user, err := t.reviews.Token(ctx, token, knative.TokenAudience)
	if err != nil {
		return nil, err
	}
	own, name := user.ServiceAccount()
	if own == "" {
		return nil, lambda.Errorf(lambda.CodeUnrecognizedClient, "The security token included in the request is invalid: it is not that of a ServiceAccount.")
	}
	if namespace == "" {
		namespace = own
	}
	return &access.Caller{
		Principal: t.principal(own, name), Namespace: namespace,
		Review: func(ctx context.Context, q access.Question) (policy.Effect, error) {
			ok, err := t.reviews.Allowed(ctx, user, rightOf(q, namespace))
			if !ok {
				return policy.None, err
			}
			return policy.Allow, nil
		},
	}, nil
}

// principal is a ServiceAccount as policies name it.
func (t tokens) principal(namespace, name string) policy.Principal {
	return policy.Principal{Account: t.identity.Account, ARN: "arn:aws:iam::" + t.identity.Account + ":role/" + namespace + "/" + name}
}

// rightOf is what Kubernetes calls an action of the Lambda API: to invoke is to create functions/invocations, and what
// changes a part of a function is an update of it.
func rightOf(q access.Question, namespace string) knative.Right {
	_, action, _ := strings.Cut(q.Action, ":")
	right := knative.Right{Namespace: namespace, Resource: "functions", Verb: "update", Name: functionName(q.Resource)}
	for _, kind := range []struct{ word, resource string }{
		{"Permission", "resourcepolicies"}, {"Policy", "resourcepolicies"},
		{"Layer", "layerversions"}, {"FunctionUrl", "functionurlconfigs"}, {"Alias", "aliases"}, {"VersionsByFunction", "versions"}, {"PublishVersion", "versions"},
	} {
		if strings.Contains(action, kind.word) && action != "InvokeFunctionUrl" {
			right.Resource, right.Name = kind.resource, ""
			break
		}
	}
	if strings.Contains(action, "CodeSigningConfig") && !strings.Contains(action, "FunctionCodeSigningConfig") {
		right.Resource, right.Name = "codesigningconfigs", ""
	}
	whole := right.Resource != "functions" && right.Resource != "resourcepolicies"
	switch {
	case strings.HasPrefix(action, "Invoke"):
		right.Verb, right.Subresource = "create", "invocations"
	case strings.HasPrefix(action, "List"):
		right.Verb, right.Name = "list", ""
	case strings.HasPrefix(action, "Get"):
		right.Verb = "get"
	case action == "CreateFunction", action == "PutCode", whole && (strings.HasPrefix(action, "Create") || strings.HasPrefix(action, "Publish")):
		right.Verb, right.Name = "create", ""
	case action == "DeleteFunction", action == "DeleteResourcePolicy", whole && strings.HasPrefix(action, "Delete"):
		right.Verb = "delete"
	}
	return right
}

// functionName is the name of the object of a function's ARN; empty if it is none.
func functionName(arn string) string {
	ref, err := lambda.ParseReference(arn)
	if err != nil || !strings.Contains(arn, ":function:") {
		return ""
	}
	return v1alpha1.ObjectName(string(ref.Name))
}

// apiAuth takes what proves callers of the Lambda API: a signature, or the token of a ServiceAccount.
type apiAuth struct {
	signatures gateway.Authenticator
	tokens     tokens
	namespace  string // that the path names; empty if none
}

// Authenticate implements [gateway.Authenticator].
func (a apiAuth) Authenticate(w http.ResponseWriter, r *http.Request) (*access.Caller, *http.Request, error) {
	token := bearer(r, signature.Header)
	if token == "" {
		token = bearer(r, "Authorization")
	}
	if token == "" {
		return a.signatures.Authenticate(w, r)
	}
	caller, err := a.tokens.caller(r.Context(), token, a.namespace)
	return caller, r, err
}

// planeAuth takes what proves callers of the plane: a token that shows who may make such tokens in a namespace, or whatever
// the Lambda API takes.
type planeAuth struct{ c *configured }

// Authenticate implements [gateway.Authenticator].
func (a planeAuth) Authenticate(w http.ResponseWriter, r *http.Request) (*access.Caller, *http.Request, error) {
	namespace, _, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, planePath+"v1"+platform.NamespacesPath), "/")
	other := apiAuth{
		signatures: &gateway.Signatures{Keys: a.c.gate.keys, Identity: a.c.settings.Identity.Lambda(), TempDir: a.c.gate.tempDir},
		tokens:     tokens{a.c.gate.reviews, a.c.settings.Identity.Lambda()}, namespace: namespace,
	}
	token := bearer(r, signature.Header)
	if token == "" {
		return other.Authenticate(w, r)
	}
	user, err := a.c.gate.reviews.Token(r.Context(), token, knative.PlaneAudience)
	if lambda.CodeOf(err) == lambda.CodeUnrecognizedClient {
		return other.Authenticate(w, r)
	}
	if err != nil {
		return nil, nil, err
	}
	own, name := user.ServiceAccount()
	full, _ := access.Named(access.PolicyFull)
	document, err := policy.ParseIdentity([]byte(full))
	if err != nil {
		return nil, nil, err
	}
	return &access.Caller{Principal: other.tokens.principal(own, name), Namespace: own, Identity: document}, r, nil
}
