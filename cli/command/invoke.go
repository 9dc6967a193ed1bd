package command

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/lambkin-dev/lambkin/cli/terminal"
	"github.com/lambkin-dev/lambkin/functions"
	"github.com/lambkin-dev/lambkin/internal/engine"
	"github.com/lambkin-dev/lambkin/internal/lambda"
)

type invokeOptions struct {
	app *App

	name          string
	data          string
	event         string
	listEvents    bool
	async         bool
	log           bool
	qualifier     string
	stream        bool
	clientContext string

	shown streamTo // what --stream has printed
}

func newInvokeCommand(app *App) *cobra.Command {
	o := &invokeOptions{app: app}
	c := &cobra.Command{
		Use:   "invoke NAME[:QUALIFIER]",
		Short: "Run a function and print its answer",
		Long: "The event is -d's text, -d @FILE's content, a sample (--event), or standard input if something is piped in; else {}.\n" +
			"The answer goes to standard output, everything else to standard error. A function that fails gives exit code 3.",
		Example: "  lambkin invoke hello -d '{\"name\":\"you\"}'\n  lambkin invoke orders:live --event sqs --log\n  cat event.json | lambkin invoke hello",
		Args: func(cmd *cobra.Command, args []string) error {
			if o.listEvents {
				return nil
			}
			return exactly(1)(cmd, args)
		},
		ValidArgsFunction: app.completeFunctions,
		RunE: func(cmd *cobra.Command, args []string) error {
			if o.listEvents {
				return o.printEvents()
			}
			o.name = args[0]
			return o.run(cmd.Context())
		},
	}
	f := c.Flags()
	f.StringVarP(&o.data, "data", "d", "", "event as text, @FILE for a file's content, - for standard input")
	f.StringVar(&o.event, "event", "", "a sample event, such as sqs, s3 or apigateway")
	f.BoolVar(&o.listEvents, "list-events", false, "list the sample events")
	f.BoolVar(&o.async, "async", false, "queue the event and do not wait")
	f.BoolVar(&o.log, "log", false, "print the end of the log to standard error")
	f.StringVarP(&o.qualifier, "qualifier", "q", "", "version or alias")
	f.BoolVar(&o.stream, "stream", false, "print the answer as it comes")
	f.StringVar(&o.clientContext, "client-context", "", "JSON that the function sees as its client context")
	c.MarkFlagsMutuallyExclusive("async", "stream")
	c.MarkFlagsMutuallyExclusive("async", "log")
	c.MarkFlagsMutuallyExclusive("data", "event")
	// It fails only for flags that are not declared.
	_ = c.RegisterFlagCompletionFunc("event", cobra.FixedCompletions(functions.EventNames(), cobra.ShellCompDirectiveNoFileComp))
	return c
}

func (o *invokeOptions) printEvents() error {
	for _, name := range functions.EventNames() {
		o.app.IO.Printf("%s\n", name)
	}
	return nil
}

func (o *invokeOptions) run(ctx context.Context) error {
	ref, err := reference(o.name, o.qualifier)
	if err != nil {
		return err
	}
	payload, err := o.payload()
	if err != nil {
		return err
	}
	e, err := o.app.client()
	if err != nil {
		return err
	}
	o.shown.Writer = o.app.IO.Out
	in := &lambda.Invocation{Function: ref, Payload: payload, LogTail: o.log, ClientContext: o.clientContext}
	if o.async {
		return o.enqueue(ctx, e, in)
	}
	if o.stream {
		in.Stream = &o.shown
	}
	res, err := o.call(ctx, e, in)
	if isNotFound(err) {
		return o.missing(ctx, e, ref, err)
	}
	if err != nil {
		return fmt.Errorf("invoke %s: %w", o.name, err)
	}
	return o.report(res)
}

// missing tells a function that is not there from a version or alias that is not.
func (o *invokeOptions) missing(ctx context.Context, e engine.Objects, ref lambda.Reference, err error) error {
	if _, gone := o.app.function(ctx, e, string(ref.Name)); gone != nil {
		return gone
	}
	return &missingError{fmt.Sprintf("function %q has no version or alias %q: \"lambkin describe %s\" lists them", ref.Name, ref.Qualifier, ref.Name), err}
}

// call shows progress, unless the answer itself is being shown as it comes.
func (o *invokeOptions) call(ctx context.Context, e engine.Engine, in *lambda.Invocation) (*lambda.Result, error) {
	if in.Stream == nil {
		defer o.app.IO.Begin("invoke " + o.name).Done()
	}
	return e.Invoke(ctx, in)
}

func (o *invokeOptions) enqueue(ctx context.Context, e engine.Async, in *lambda.Invocation) error {
	if err := e.Enqueue(ctx, in); err != nil {
		return fmt.Errorf("invoke %s: %w", o.name, err)
	}
	o.app.IO.Notef("The event is queued; \"lambkin logs %s\" shows what becomes of it.", in.Function.Name)
	return nil
}

// payload finds the event. It is checked here, because a typing error is better told before anything happens.
func (o *invokeOptions) payload() ([]byte, error) {
	text, from, err := o.readPayload()
	if err != nil {
		return nil, err
	}
	if len(bytes.TrimSpace(text)) == 0 {
		return []byte("{}"), nil
	}
	if !json.Valid(text) {
		return nil, usagef("the event (%s) is not JSON; a plain text must be quoted, as in -d '\"text\"'", from)
	}
	return text, nil
}

func (o *invokeOptions) readPayload() (text []byte, from string, err error) {
	if o.event != "" {
		text, err = functions.Event(o.event)
		if err != nil {
			return nil, "", usagef("--event %q: want one of %s", o.event, strings.Join(functions.EventNames(), ", "))
		}
		return text, "sample " + o.event, nil
	}
	if name, ok := strings.CutPrefix(o.data, "@"); ok {
		text, err = os.ReadFile(name)
		if err != nil {
			return nil, "", fmt.Errorf("read the event: %w", err)
		}
		return text, name, nil
	}
	if o.data != "" && o.data != "-" {
		return []byte(o.data), "-d", nil
	}
	if o.data == "" && o.app.IO.InTerminal {
		return nil, "", nil
	}
	text, err = io.ReadAll(io.LimitReader(o.app.IO.In, lambda.MaxRequestPayload+1))
	if err != nil {
		return nil, "", fmt.Errorf("read the event from standard input: %w", err)
	}
	return text, "standard input", nil
}

// outcome is an invocation for machines.
type outcome struct {
	RequestID       string          `json:"requestId"`
	ExecutedVersion string          `json:"executedVersion"`
	FunctionError   string          `json:"functionError,omitempty"`
	Payload         json.RawMessage `json:"payload,omitempty"`
	Text            string          `json:"text,omitempty"`
	Log             string          `json:"log,omitempty"`
}

func (o *invokeOptions) report(res *lambda.Result) error {
	var failed error
	if res.FunctionError != "" {
		failed = &functionError{kind: orText(res.ErrorType, res.FunctionError)}
	}
	if o.app.forMachines() {
		out := outcome{RequestID: res.RequestID, ExecutedVersion: res.ExecutedVersion, FunctionError: res.ErrorType, Log: string(res.LogTail)}
		if json.Valid(res.Payload) {
			out.Payload = res.Payload
		}
		if out.Payload == nil {
			out.Text = string(res.Payload)
		}
		return errors.Join(o.app.printDocument(out), failed)
	}
	if len(res.LogTail) > 0 {
		o.app.IO.Notef("%s", o.app.IO.Paint(terminal.Dim, strings.TrimRight(string(res.LogTail), "\n")))
	}
	_, _ = o.shown.Write(res.Payload) // as with all printing
	if o.shown.last != '\n' && o.shown.last != 0 {
		o.app.IO.Printf("\n")
	}
	return failed
}

// streamTo is a ResponseStream that prints, and knows whether the last line has ended.
type streamTo struct {
	io.Writer
	last byte
}

// Start has nothing to do: the content type is of no interest here.
func (*streamTo) Start(string) error { return nil }

// Write prints p.
func (s *streamTo) Write(p []byte) (int, error) {
	if len(p) > 0 {
		s.last = p[len(p)-1]
	}
	return s.Writer.Write(p)
}

func orText(v, byDefault string) string {
	if v == "" {
		return byDefault
	}
	return v
}
