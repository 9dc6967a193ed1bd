package delivery

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lambkin-dev/lambkin/api/v1alpha1"
	"github.com/lambkin-dev/lambkin/internal/lambda"
)

func TestObjectKeepsTheEvent(t *testing.T) {
	e := Event{
		ID: "id", Function: lambda.Reference{Partition: "aws", Name: "f", Qualifier: "live"}, ClientContext: `{"a":1}`, CognitoIdentity: `{"b":1}`,
		TenantID: "t", Trace: "Root=1", TraceStarted: true, CloudEvent: `{"type":"x"}`, URL: "http://h/", Headers: map[string]string{"a": "b"},
		Accepted: noon().Add(time.Microsecond), Attempts: 1, Refusals: 2, Body: []byte{0, 0xff},
	}
	a := &v1alpha1.AsyncInvocation{Spec: e.Spec(), Status: v1alpha1.AsyncInvocationStatus{Attempts: 1, Refusals: 2}}
	if a.Spec.Function != "f:live" {
		t.Errorf("the object is for %q", a.Spec.Function)
	}
	got, err := FromObject(a)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(e, got); diff != "" {
		t.Error(diff)
	}
}

func TestObjectOfNoFunction(t *testing.T) {
	for _, name := range []string{"", "a b", "arn:aws:s3:::bucket"} {
		a := &v1alpha1.AsyncInvocation{Spec: v1alpha1.AsyncInvocationSpec{Function: name}}
		if e, err := FromObject(a); err == nil {
			t.Errorf("an event for %q is %+v", name, e)
		}
	}
}

func TestNameOf(t *testing.T) {
	for want, ref := range map[string]lambda.Reference{
		"f":      {Name: "f"},
		"f:live": {Partition: "aws", Name: "f", Qualifier: "live"},
		"arn:aws:lambda:us-east-1:000000000000:function:f": {Partition: "aws", Region: "us-east-1", Account: "000000000000", Name: "f"},
		"arn:aws:lambda:function:123456789012:live":        {Name: "123456789012", Qualifier: "live"}, // else it would be function live of that account
	} {
		if got := nameOf(ref); got != want {
			t.Errorf("nameOf(%+v) = %q, want %q", ref, got, want)
		}
	}
}

// FuzzName holds that what a caller named survives being kept.
func FuzzName(f *testing.F) {
	for _, seed := range []string{
		"f", "f:live", "f:$LATEST", "f.with.dots", "000000000000:f", "000000000000:function:f:7", "function:f", "arn:aws:lambda:us-east-1:000000000000:function:f:live",
		"arn:aws-cn:lambda:000000000000:function:f", "arn:aws:lambda:us-east-1:f", "arn:aws-us-gov:lambda:f", "arn::lambda:f",
		"function:000000000000:live", "function:function:live", "function:function",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		want, err := lambda.ParseReference(text)
		if err != nil || len(text) > 240 { // whose full form could be longer than a reference may be
			return
		}
		got, err := lambda.ParseReference(nameOf(want))
		if err != nil || got != want {
			t.Errorf("%q is kept as %q, which is %+v, %v; want %+v", text, nameOf(want), got, err, want)
		}
	})
}
