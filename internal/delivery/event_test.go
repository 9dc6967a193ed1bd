package delivery

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lambkin-dev/lambkin/internal/lambda"
)

func TestEventIsTheInvocation(t *testing.T) {
	in := &lambda.Invocation{
		ID: "id", Function: lambda.Reference{Name: "f", Qualifier: "live"}, Payload: []byte("1"), ClientContext: `{"a":1}`,
		CognitoIdentity: `{"b":1}`, TenantID: "t", Trace: "Root=1", TraceStarted: true, CloudEvent: `{"type":"x"}`,
	}
	e := Of(in, noon())
	if !e.Accepted.Equal(noon()) {
		t.Errorf("accepted %s", e.Accepted)
	}
	if diff := cmp.Diff(in, e.Invocation()); diff != "" {
		t.Errorf("what comes out is not what went in\n%s", diff)
	}
	in.ID = ""
	if a, b := Of(in, noon()), Of(in, noon()); a.ID == "" || a.ID == b.ID {
		t.Errorf("ids %q and %q, want two", a.ID, b.ID)
	}
}

// TestStoredForm holds the form that engines have on their disks.
func TestStoredForm(t *testing.T) {
	e := Event{
		ID: "i", Function: lambda.Reference{Partition: "aws", Name: "f"}, URL: "http://h/", Headers: map[string]string{"a": "b"},
		Accepted: noon(), Attempts: 1, Refusals: 2, Body: []byte("apart"),
	}
	text, err := json.Marshal(e)
	if err != nil {
		t.Fatal(err)
	}
	want := `{"id":"i","function":{"Partition":"aws","Region":"","Account":"","Name":"f","Qualifier":""},"url":"http://h/",` +
		`"headers":{"a":"b"},"accepted":"2026-01-31T12:00:00Z","attempts":1,"refusals":2}`
	if diff := cmp.Diff(want, string(text)); diff != "" {
		t.Error(diff)
	}
}

func TestGroup(t *testing.T) {
	for want, e := range map[string]Event{
		"f":      {Function: lambda.Reference{Name: "f", Qualifier: "live"}},
		"post:f": {Function: lambda.Reference{Name: "f"}, URL: "http://h/"},
	} {
		if got := e.Group(); got != want {
			t.Errorf("group %q, want %q", got, want)
		}
	}
}
