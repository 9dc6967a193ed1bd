package local

import (
	"net/http/httptest"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/api/meta"

	"github.com/lambkin-dev/lambkin/api/v1alpha1"
	"github.com/lambkin-dev/lambkin/internal/lambda"
	"github.com/lambkin-dev/lambkin/internal/messaging"
	"github.com/lambkin-dev/lambkin/internal/messaging/double"
)

const aQueue = "arn:aws:sqs:us-east-1:000000000000:q"

func sqsAt(url string) *messaging.Client {
	return &messaging.Client{
		Endpoints: func() messaging.Endpoints {
			return messaging.Endpoints{SQS: messaging.Endpoint{URL: url}, Hint: "set one"}
		},
		Credentials: func() (messaging.Credentials, error) {
			return messaging.Credentials{AccessKeyID: double.KeyID, SecretAccessKey: double.Secret}, nil
		},
	}
}

func toQueue(s *v1alpha1.FunctionSpec) {
	s.Async = &v1alpha1.Async{OnSuccess: &v1alpha1.Destination{Destination: aQueue}}
}

// TestQueueIsTriedAgain holds that a queue that is away for a while gets its record.
func TestQueueIsTriedAgain(t *testing.T) {
	services := new(double.Services)
	services.Fail(1)
	s := httptest.NewServer(services)
	defer s.Close()
	e := opened(t, Config{Messages: sqsAt(s.URL)}, &theater{})
	deployed(t, e, "f", toQueue)
	must(t, e.Enqueue(t.Context(), call(t, "f", `{"n":1}`)))
	eventually(t, func() bool { return e.async.Len() == 0 })
	if got := services.Messages(); len(got) != 1 || got[0].To != "/000000000000/q" || !strings.Contains(got[0].Body, `"condition":"Success"`) {
		t.Errorf("the queue got %+v", got)
	}
}

// TestUnknownServices holds that what cannot be reached is refused when it is named, and told if it was named before.
func TestUnknownServices(t *testing.T) {
	dir := t.TempDir()
	e := opened(t, Config{DataDir: dir}, &theater{})
	fn := function(t, e, "f")
	toQueue(&fn.Spec)
	wantCode(t, "a queue without an endpoint", e.Create(t.Context(), fn), lambda.CodeInvalidParameterValue)
	fn.Spec.Async = nil
	must(t, e.Create(t.Context(), fn))
	fn = decided(t, e, "f")
	toQueue(&fn.Spec)
	wantCode(t, "the same in an update", e.Update(t.Context(), fn), lambda.CodeInvalidParameterValue)
	must(t, e.Close(t.Context()))

	e = opened(t, Config{DataDir: dir, Messages: sqsAt("http://127.0.0.1:1")}, &theater{})
	must(t, e.Update(t.Context(), fn))
	decided(t, e, "f")
	must(t, e.Close(t.Context()))

	e = opened(t, Config{DataDir: dir}, &theater{})
	eventually(t, func() bool {
		must(t, e.Get(t.Context(), "f", fn))
		c := meta.FindStatusCondition(fn.Status.Conditions, v1alpha1.ConditionExact)
		return c != nil && c.Reason == string(v1alpha1.ReasonApproximated) && strings.Contains(c.Message, "no endpoint for SQS")
	})
}
