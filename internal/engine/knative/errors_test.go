package knative

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/lambkin-dev/lambkin/internal/engine/remote"
	"github.com/lambkin-dev/lambkin/internal/lambda"
)

func TestObjectError(t *testing.T) {
	functions := schema.GroupResource{Group: "lambkin.dev", Resource: "functions"}
	kind := schema.GroupKind{Group: "lambkin.dev", Kind: "Function"}
	noPath := apierrors.NewGenericServerResponse(404, "get", functions, "f", "404 page not found", 0, true)
	terminating := apierrors.NewForbidden(functions, "f", errors.New("unable to create new content in namespace shop because it is being terminated"))
	terminating.ErrStatus.Details.Causes = []metav1.StatusCause{{Type: "NamespaceTerminating"}}
	cases := map[string]struct {
		reason   string
		err      error
		code     lambda.Code
		sentence string
	}{
		"NotFound":     {"the object", apierrors.NewNotFound(functions, "f"), lambda.CodeResourceNotFound, `Function "f" not found`},
		"Namespace":    {"its namespace", apierrors.NewNotFound(schema.GroupResource{Resource: "namespaces"}, "shop"), lambda.CodeInvalidParameterValue, `namespace "shop" does not exist`},
		"NoPath":       {"its kind", noPath, lambda.CodeService, "lambkin install"},
		"NoMatch":      {"same, found out earlier", &meta.NoKindMatchError{GroupKind: kind}, lambda.CodeService, "lambkin install"},
		"Exists":       {"somebody was here", apierrors.NewAlreadyExists(functions, "f"), lambda.CodeResourceConflict, "Function already exists: f"},
		"Conflict":     {"somebody was faster", apierrors.NewConflict(functions, "f", errors.New("x")), lambda.CodePreconditionFailed, "Revision Id"},
		"Forbidden":    {"the API server says what right is missing", apierrors.NewForbidden(functions, "f", errors.New(`User "a" cannot get`)), lambda.CodeAccessDenied, `User "a" cannot get`},
		"Unauthorized": {"who are you", apierrors.NewUnauthorized("no"), lambda.CodeAccessDenied, "no"},
		"Terminating":  {"the namespace is on its way out", terminating, lambda.CodeResourceConflict, "being terminated"},
		"BadRequest":   {"an admission webhook refuses", apierrors.NewBadRequest("denied by policy"), lambda.CodeInvalidParameterValue, "denied by policy"},
		"TooMany":      {"the API server protects itself", apierrors.NewTooManyRequests("slow down", 7), lambda.CodeTooManyRequests, "slow down"},
		"TooLarge":     {"more than it takes", apierrors.NewRequestEntityTooLargeError("limit is 3145728"), lambda.CodeRequestEntityTooLarge, "limit is 3145728"},
		"Database":     {"more than its database takes", apierrors.NewInternalError(errors.New("etcdserver: request is too large")), lambda.CodeRequestEntityTooLarge, `Function "f" is larger`},
		"Internal":     {"it is in trouble", apierrors.NewInternalError(errors.New("no leader")), lambda.CodeService, "no leader"},
		"Unavailable":  {"it is starting", apierrors.NewServiceUnavailable("not yet"), lambda.CodeServiceUnavailable, "not yet"},
		"Timeout":      {"it took too long", apierrors.NewTimeoutError("slow", 3), lambda.CodeServiceUnavailable, "slow"},
		"Unreachable":  {"nobody answers", io.ErrUnexpectedEOF, lambda.CodeServiceUnavailable, "does not answer: unexpected EOF"},
		"Own":          {"an error of ours is left alone", lambda.Errorf(lambda.CodeNotImplemented, "mine"), lambda.CodeNotImplemented, "mine"},
	}
	for name, tc := range cases {
		got := lambda.AsError(objectError(t.Context(), "Function", "f", tc.err))
		if got.Code != tc.code || !strings.Contains(got.Message, tc.sentence) {
			t.Errorf("%s: %s: got %v, want %s with %q", name, tc.reason, got, tc.code, tc.sentence)
		}
	}
	if err := objectError(t.Context(), "Function", "f", nil); err != nil {
		t.Errorf("nothing becomes %v", err)
	}
	throttled := lambda.AsError(objectError(t.Context(), "Function", "f", apierrors.NewTooManyRequests("slow down", 7)))
	if throttled.Reason != lambda.ReasonCallerRate || throttled.RetryAfter != 7*time.Second {
		t.Errorf("throttled: %+v", throttled)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := objectError(ctx, "Function", "f", io.ErrUnexpectedEOF); !errors.Is(err, context.Canceled) {
		t.Errorf("a caller who has gone gets %v", err)
	}
}

func TestAPIServersFaultsArrive(t *testing.T) {
	invalid := apierrors.NewInvalid(schema.GroupKind{Group: "lambkin.dev", Kind: "Function"}, "f", field.ErrorList{
		field.Invalid(field.NewPath("spec", "timeout"), 901, "must be at most 900"),
		field.Required(field.NewPath("spec", "code"), ""),
	})
	err := objectError(t.Context(), "Function", "f", invalid)
	wantCode(t, "an object that the CRD refuses", err, lambda.CodeInvalidParameterValue)
	faults := remote.FaultsOf(err)
	if len(faults) != 2 || faults[0].Field != "spec.timeout" || faults[1].Field != "spec.code" {
		t.Errorf("faults %v", faults)
	}
}
