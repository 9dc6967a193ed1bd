package apply

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"strings"
	"syscall"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	servingv1 "knative.dev/serving/pkg/apis/serving/v1"

	"github.com/lambkin-dev/lambkin/api/v1alpha1"
)

func TestRefusals(t *testing.T) {
	services := servingv1.Resource("services")
	denied := func(said string) error {
		return apierrors.NewBadRequest(`admission webhook "validation.webhook.serving.knative.dev" denied the request: ` + said)
	}
	cases := map[string]struct {
		why    string
		err    error
		reason v1alpha1.Reason
		says   string
	}{
		"Timeout": {
			"Knative's bound on timeouts has a way out.",
			denied("validation failed: expected 0 <= 910 <= 600: spec.template.spec.timeoutSeconds"),
			v1alpha1.ReasonConfigurationUnsupported, "raise max-revision-timeout-seconds in ConfigMap knative-serving/config-defaults",
		},
		"Concurrency": {
			"So has the one on concurrency.",
			denied("validation failed: expected 0 <= 5000 <= 1000: spec.template.spec.containerConcurrency"),
			v1alpha1.ReasonConfigurationUnsupported, "container-concurrency-max-limit",
		},
		"Scale": {
			"And the one on pods.",
			denied("validation failed: expected 0 <= 500 <= 100: autoscaling.knative.dev/max-scale"),
			v1alpha1.ReasonConfigurationUnsupported, "max-scale-limit",
		},
		"Webhook": {
			"What a webhook says is told without the words around it, in one line.",
			denied("no images\nfrom there"), v1alpha1.ReasonRefused, `Service "orders" was refused: no images from there`,
		},
		"Quota": {
			"A quota of objects is a refusal.",
			apierrors.NewForbidden(services, "orders", errors.New("exceeded quota: services, requested: 1, used: 5, limited: 5")),
			v1alpha1.ReasonRefused, "exceeded quota",
		},
		"Rights": {
			"So are missing rights.",
			apierrors.NewForbidden(services, "orders", errors.New(`User "x" cannot patch resource`)),
			v1alpha1.ReasonRefused, "cannot patch resource",
		},
		"Schema": {
			"So is what the kind's schema does not take.",
			apierrors.NewInvalid(schema.GroupKind{Kind: "Service"}, "orders", nil),
			v1alpha1.ReasonRefused, "invalid",
		},
		"KindUnknown": {
			"Without the kind there is no Knative.",
			&meta.NoKindMatchError{GroupKind: schema.GroupKind{Group: "serving.knative.dev", Kind: "Service"}},
			v1alpha1.ReasonKnativeMissing, "serving.knative.dev/v1",
		},
		"KindGone": {
			"Where it was once, the API server finds no such resource.",
			apierrors.NewGenericServerResponse(http.StatusNotFound, "patch", services, "orders", "404 page not found", 0, true),
			v1alpha1.ReasonKnativeMissing, "install Knative Serving",
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			err := refusal(service("u1"), tc.err)
			wantReason(t, err, tc.reason)
			if !strings.Contains(err.Error(), tc.says) || strings.Contains(err.Error(), "\n") {
				t.Errorf("%s got %q, want %q in one line", tc.why, err, tc.says)
			}
		})
	}
}

func TestOtherErrors(t *testing.T) {
	terminating := apierrors.NewForbidden(servingv1.Resource("services"), "orders", errors.New("being terminated"))
	terminating.ErrStatus.Details.Causes = []metav1.StatusCause{{Type: corev1.NamespaceTerminatingCause}}
	if err := refusal(service("u1"), terminating); !errors.Is(err, ErrGoing) {
		t.Errorf("in a namespace that is going: got %v, want ErrGoing", err)
	}
	down := apierrors.NewInternalError(fmt.Errorf("failed calling webhook: connection refused"))
	err := refusal(service("u1"), down)
	if f := new(v1alpha1.Failure); errors.As(err, &f) || !apierrors.IsInternalError(err) {
		t.Errorf("a webhook that does not answer: got %v, want no reason and the cause", err)
	}
	conflict := apierrors.NewConflict(servingv1.Resource("services"), "orders", errors.New("uid mismatch"))
	if err := refusal(service("u1"), conflict); !apierrors.IsConflict(err) {
		t.Errorf("got %v, want a conflict", err)
	}
	absent := apierrors.NewNotFound(servingv1.Resource("services"), "orders")
	if isKindMissing(absent) {
		t.Error("an object that is not there is taken for a kind that is not there")
	}
}

func TestIsUnanswered(t *testing.T) {
	services := servingv1.Resource("services")
	for name, tc := range map[string]struct {
		err  error
		want bool
	}{
		"Webhook":   {apierrors.NewInternalError(errors.New("failed calling webhook")), true},
		"Overload":  {apierrors.NewTooManyRequests("later", 1), true},
		"Away":      {apierrors.NewServiceUnavailable("not now"), true},
		"Slow":      {apierrors.NewServerTimeout(services, "patch", 1), true},
		"Refused":   {&net.OpError{Op: "dial", Net: "tcp", Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)}, true},
		"Deadline":  {context.DeadlineExceeded, true},
		"Nothing":   {nil, false},
		"Forbidden": {apierrors.NewForbidden(services, "orders", errors.New("quota")), false},
		"Conflict":  {apierrors.NewConflict(services, "orders", errors.New("changed")), false},
		"Judged":    {fmt.Errorf("%w: %w", v1alpha1.Failf(v1alpha1.ReasonRegistryUnavailable, "no"), context.DeadlineExceeded), false},
		"Other":     {errors.New("boom"), false},
	} {
		t.Run(name, func(t *testing.T) {
			if got := IsUnanswered(tc.err); got != tc.want {
				t.Errorf("got %t", got)
			}
			if tc.err == nil {
				return
			}
			if err := refusal(new(servingv1.Service), tc.err); IsUnanswered(err) != tc.want {
				t.Errorf("as Apply gives it, %v: want %t", err, tc.want)
			}
		})
	}
}
