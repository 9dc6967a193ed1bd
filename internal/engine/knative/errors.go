package knative

import (
	"context"
	"errors"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/lambkin-dev/lambkin/internal/engine/remote"
	"github.com/lambkin-dev/lambkin/internal/lambda"
)

// retryAfter is what callers are told who were throttled or came at a bad time.
const retryAfter = time.Second

// staleMessage is what AWS answers to a RevisionId that is no longer current.
const staleMessage = "The Revision Id provided does not match the latest Revision Id. " +
	"Call the GetFunction/GetAlias API to retrieve the latest Revision Id"

func stale() error { return lambda.Errorf(lambda.CodePreconditionFailed, staleMessage) }

func absent(kind, name string) error {
	return lambda.Errorf(lambda.CodeResourceNotFound, "%s %q not found", kind, name)
}

// objectError turns what the API server, or the way to it, said about an object into the port's errors.
func objectError(ctx context.Context, kind, name string, err error) error {
	if err == nil {
		return nil
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	known := apierrors.APIStatus(nil)
	if !errors.As(err, &known) {
		return unanswered(err)
	}
	return answered(known.Status(), kind, name, err)
}

// answered is the error of a request that the API server refused, or failed at.
func answered(status metav1.Status, kind, name string, err error) error {
	switch status.Reason {
	case metav1.StatusReasonNotFound:
		if namesObject(status, name) {
			return absent(kind, name)
		}
		return elsewhereAbsent(status)
	case metav1.StatusReasonAlreadyExists:
		return lambda.Errorf(lambda.CodeResourceConflict, "%s already exists: %s", kind, name)
	case metav1.StatusReasonConflict:
		return stale()
	case metav1.StatusReasonInternalError, metav1.StatusReasonUnknown:
		if strings.Contains(status.Message, "etcdserver: request is too large") {
			return lambda.Errorf(lambda.CodeRequestEntityTooLarge, "%s %q is larger than the cluster's database takes", kind, name)
		}
		return &lambda.Error{Code: lambda.CodeService, Message: "The API server failed: " + status.Message, Err: err}
	}
	e := remote.ErrorOf(status)
	switch {
	case apierrors.HasStatusCause(err, corev1.NamespaceTerminatingCause):
		e.Code = lambda.CodeResourceConflict
	case e.Code == lambda.CodeTooManyRequests:
		e.Reason = lambda.ReasonCallerRate
	}
	if e.Err == nil {
		e.Err = err
	}
	return e
}

// unanswered is the error of a request that no API server has answered.
func unanswered(err error) error {
	if own := new(lambda.Error); errors.As(err, &own) {
		return err
	}
	if meta.IsNoMatchError(err) {
		return elsewhereAbsent(metav1.Status{})
	}
	return &lambda.Error{
		Code: lambda.CodeServiceUnavailable, Message: "The cluster's API server does not answer: " + err.Error(), RetryAfter: retryAfter, Err: err,
	}
}

// namesObject reports whether a NotFound is about the object that was asked for, rather than about its namespace or its
// kind.
func namesObject(status metav1.Status, name string) bool {
	if status.Details == nil || status.Details.Kind == "namespaces" {
		return false
	}
	for _, c := range status.Details.Causes {
		if c.Type == metav1.CauseTypeUnexpectedServerResponse {
			return false // a path that the server does not have
		}
	}
	return name != "" && status.Details.Name == name
}

// elsewhereAbsent says that the namespace or the whole of Lambkin is missing.
func elsewhereAbsent(status metav1.Status) error {
	if status.Details != nil && status.Details.Kind == "namespaces" {
		return lambda.Errorf(lambda.CodeInvalidParameterValue, "namespace %q does not exist: make it with \"kubectl create namespace\"", status.Details.Name)
	}
	return lambda.Errorf(lambda.CodeService, "Lambkin is not installed in this cluster: it does not know the kinds of lambkin.dev. "+
		"Install it with \"lambkin install\".")
}
