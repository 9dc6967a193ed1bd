// Package protocoltest says what a client of the Lambda Runtime API has to do, as tests at the wire.
//
// Every client, ours and real ones alike, brings a fixture: a set of functions with the same names and the same meaning
// in its language. [Run] starts the client on them, one process per case, against a [Platform] that records what comes.
//
// The functions of a fixture are:
//
//	echo      gives the event back
//	nothing   returns the language's nothing
//	fail      fails with the message "boom"
//	large     returns a string of event.size letters
//	context   returns what it knows of its invocation: requestId, arn, name, version, memory, group, stream, tenant,
//	          remaining (milliseconds), custom (member "k" of the client context's custom part), identity (Cognito id)
//	trace     returns the variable _X_AMZN_TRACE_ID, or null
//	count     returns how often it was called in this process
//	binary    returns the bytes 0 to 255
//	log       logs event.text through the language's logging
//	meet      creates the file event.mine, waits for event.peer to exist, and returns its request id
//	exit      ends the process with status 3
//	stream    streams "one", "two", "three"; prelude does so behind {"statusCode":201}
//	midfail   streams "one", then fails with the message "boom"; prefail fails so before it has written anything
package protocoltest

import (
	"context"
	"sync"
	"testing"
)

// Client is one implementation of a Runtime API client, with its fixture.
type Client struct {
	// Name is how the table calls it.
	Name string
	// Missing says what has to be installed before the client can run here; empty if nothing.
	Missing string
	// Dir is the folder of the fixture, the function's code.
	Dir string
	// Command gives arguments and further environment of a process that serves a function of the fixture.
	Command func(function string) (argv, env []string)
	// Traits are the spellings in which clients differ by design.
	Traits Traits
	// Deviations says, by case, why a client does not do what the case demands. Such a case is not run.
	Deviations map[string]string
}

// Traits are the words that each language's clients use for the same thing.
type Traits struct {
	// FailType is the error type of the function fail.
	FailType string
	// FailMessage is its message, if it is not the bare "boom".
	FailMessage string
	// TraceField is the member of an error document that holds the stack.
	TraceField string
	// InitTypes gives the handler strings that cannot be loaded and the error type of each.
	InitTypes map[string]string
	// BadEventType is the error type for an event that is not JSON.
	BadEventType string
	// BinaryType is the content type of binary results.
	BinaryType string
}

// testCase is one thing that clients have to do.
type testCase struct {
	name string
	// reason says who depends on it.
	reason string
	run    func(t *testing.T, s *session)
}

// Report collects which client passes which case. The zero value is ready. It is safe for concurrent use.
type Report struct {
	mu    sync.Mutex
	lines []line
}

type line struct {
	client  *Client
	results map[string]result
}

type result struct {
	passed bool
	note   string // why it was not run; empty if it was
}

// Run runs every case against the client and notes the results in the report.
func Run(t *testing.T, c *Client, report *Report) {
	l := line{client: c, results: map[string]result{}}
	defer func() { report.add(l) }()
	for _, tc := range cases() {
		note := c.Missing
		if note == "" {
			note = c.Deviations[tc.name]
		}
		passed := t.Run(tc.name, func(t *testing.T) {
			if note != "" {
				t.Skip(note)
			}
			t.Log(tc.reason)
			tc.run(t, newSession(t, c))
		})
		l.results[tc.name] = result{passed: passed, note: note}
	}
}

func (r *Report) add(l line) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.lines = append(r.lines, l)
}

// session is one client's run of one case.
type session struct {
	client   *Client
	platform *Platform
	ctx      context.Context //nolint:containedctx // bounds the whole case
}

func newSession(t *testing.T, c *Client) *session {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	return &session{client: c, platform: NewPlatform(t), ctx: ctx}
}

// start runs the client on a function of the fixture.
func (s *session) start(t *testing.T, function string, env ...string) *Process {
	t.Helper()
	argv, more := s.client.Command(function)
	return StartProcess(t, s.platform, argv, append(more, env...), s.client.Dir)
}

// invoke sends one event and waits for the answer.
func (s *session) invoke(t *testing.T, e Event) Outcome {
	t.Helper()
	o, err := s.platform.Invoke(s.ctx, e)
	if err != nil {
		t.Fatal(err)
	}
	return o
}

// respond sends one event and demands that the answer is a response with the given body.
func (s *session) respond(t *testing.T, e Event, want string) Outcome {
	t.Helper()
	o := s.invoke(t, e)
	if o.Path != "response" {
		t.Fatalf("event %q ended with %s: %.500s", e.ID, o.Path, o.Body)
	}
	if got := compact(t, o.Body); got != want {
		t.Fatalf("event %q: result %.200q, want %.200q", e.ID, got, want)
	}
	return o
}
