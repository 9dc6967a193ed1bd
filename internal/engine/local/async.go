package local

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/google/uuid"

	"github.com/lambkin-dev/lambkin/internal/engine/local/queue"
	"github.com/lambkin-dev/lambkin/internal/lambda"
)

const (
	// firstRefusal and lastRefusal bound the wait after a refusal, which doubles each time.
	firstRefusal = time.Second
	lastRefusal  = 5 * time.Minute
	// postTimeout is how long a destination may take, and postAge how long it is tried.
	postTimeout = 30 * time.Second
	postAge     = 6 * time.Hour
)

// pending is what waits in the queue: an event for a function, or, with a URL, a record for a destination.
type pending struct {
	ID              string            `json:"id,omitempty"`
	Function        lambda.Reference  `json:"function"`
	ClientContext   string            `json:"clientContext,omitempty"`
	CognitoIdentity string            `json:"cognitoIdentity,omitempty"`
	TenantID        string            `json:"tenantId,omitempty"`
	Trace           string            `json:"trace,omitempty"`
	TraceStarted    bool              `json:"traceStarted,omitempty"`
	CloudEvent      string            `json:"cloudEvent,omitempty"`
	URL             string            `json:"url,omitempty"`
	Headers         map[string]string `json:"headers,omitempty"`
	Accepted        time.Time         `json:"accepted"`
	Attempts        int               `json:"attempts,omitempty"` // that came to an end
	Refusals        int               `json:"refusals,omitempty"` // in a row
	body            []byte            // the event's payload, or what is posted
}

// openQueue goes on with what waits.
func (e *Engine) openQueue() (err error) {
	cfg := queue.Config{MaxItems: e.cfg.MaxEvents, Logger: e.log}
	e.async, err = queue.Open(e.store.DB(), cfg, e.process)
	return err
}

// Enqueue accepts an event for a function that is there now.
func (e *Engine) Enqueue(ctx context.Context, in *lambda.Invocation) error {
	if err := e.usable(ctx); err != nil {
		return err
	}
	if len(in.Payload) > lambda.MaxAsyncPayload {
		return tooLarge(lambda.MaxAsyncPayload)
	}
	r, err := e.find(in.Function)
	if err != nil {
		return err
	}
	if _, _, err := r.follow(in.Function.Qualifier, e.draw); err != nil {
		return e.notFound(in.Function)
	}
	it, err := pendingOf(in, time.Now()).item(time.Now())
	if err != nil {
		return err
	}
	return e.async.Put(it)
}

func pendingOf(in *lambda.Invocation, now time.Time) pending {
	return pending{
		ID: or(in.ID, uuid.NewString()), Function: in.Function, ClientContext: in.ClientContext,
		CognitoIdentity: in.CognitoIdentity, TenantID: in.TenantID, Trace: in.Trace, TraceStarted: in.TraceStarted, CloudEvent: in.CloudEvent,
		Accepted: now, body: in.Payload,
	}
}

func (p *pending) invocation() *lambda.Invocation {
	return &lambda.Invocation{
		ID: p.ID, Function: p.Function, Payload: p.body, ClientContext: p.ClientContext,
		CognitoIdentity: p.CognitoIdentity, TenantID: p.TenantID, Trace: p.Trace, TraceStarted: p.TraceStarted, CloudEvent: p.CloudEvent,
	}
}

// item is p for the queue: the length of its JSON, its JSON, and the body as it is.
func (p pending) item(due time.Time) (queue.Item, error) {
	head, err := json.Marshal(p)
	if err != nil {
		return queue.Item{}, fmt.Errorf("cannot encode an event: %w", err)
	}
	body := binary.AppendUvarint(make([]byte, 0, len(head)+len(p.body)+binary.MaxVarintLen32), uint64(len(head)))
	body = append(append(body, head...), p.body...)
	return queue.Item{Group: p.group(), Due: due, Body: body}, nil
}

// group keeps slow destinations apart from functions.
func (p pending) group() string {
	if p.URL != "" {
		return "post:" + string(p.Function.Name)
	}
	return string(p.Function.Name)
}

func decodePending(body []byte) (pending, error) {
	var p pending
	n, skip := binary.Uvarint(body)
	if skip <= 0 || n > uint64(len(body)-skip) {
		return p, errors.New("the stored event is damaged")
	}
	head, rest := body[skip:skip+int(n)], body[skip+int(n):] //nolint:gosec // compared with a length above
	if err := json.Unmarshal(head, &p); err != nil {
		return p, fmt.Errorf("the stored event is damaged: %w", err)
	}
	p.body = rest
	return p, nil
}

// process handles what is due. It is the queue's handler.
func (e *Engine) process(ctx context.Context, it queue.Item) queue.Outcome {
	p, err := decodePending(it.Body)
	if err != nil {
		e.log.Error("an event is given up", "group", it.Group, "error", err)
		return queue.Outcome{}
	}
	if p.URL != "" {
		return e.again(p, e.post(ctx, p))
	}
	result, err := e.Invoke(ctx, p.invocation())
	if err != nil && (e.closed.Load() || ctx.Err() != nil) {
		return queue.Outcome{Again: &it} // not the function's fault; it is tried again after the next Open
	}
	r := e.route(p.Function.Name)
	if r == nil {
		e.log.Warn("an event is given up because its function was deleted", "function", p.Function.Name, "requestId", p.ID)
		return queue.Outcome{}
	}
	return e.outcome(p, judge(p, e.policyOf(r, p.Function, result), result, err, time.Now()))
}

// outcome carries out a verdict.
func (e *Engine) outcome(p pending, v verdict) queue.Outcome {
	if !v.retry.IsZero() {
		p.Attempts, p.Refusals = v.attempts, v.refusals
		it, err := p.item(v.retry)
		if err != nil {
			e.log.Error("an event is given up", "function", p.Function.Name, "requestId", p.ID, "error", err)
			return queue.Outcome{}
		}
		return queue.Outcome{Again: &it}
	}
	var out queue.Outcome
	for _, m := range v.mail {
		it, err := m.item(time.Now())
		if err != nil {
			e.log.Error("a record is given up", "function", p.Function.Name, "requestId", p.ID, "error", err)
			continue
		}
		out.More = append(out.More, it)
	}
	return out
}

// post sends a record to an HTTP destination.
func (e *Engine) post(ctx context.Context, p pending) error {
	ctx, cancel := context.WithTimeout(ctx, postTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, p.URL, bytes.NewReader(p.body))
	if err != nil {
		return withoutURL(err)
	}
	req.Header.Set("Content-Type", "application/json")
	for name, value := range p.Headers {
		req.Header.Set(name, value)
	}
	resp, err := e.http.Do(req)
	if err != nil {
		return withoutURL(err)
	}
	defer resp.Body.Close()
	if _, err := io.Copy(io.Discard, io.LimitReader(resp.Body, 64<<10)); err != nil {
		return fmt.Errorf("cannot read the answer: %w", err)
	}
	if resp.StatusCode/100 != 2 {
		return fmt.Errorf("the server answers %s", resp.Status)
	}
	return nil
}

// again tries a record that could not be delivered later, until it is too old.
func (e *Engine) again(p pending, err error) queue.Outcome {
	if err == nil {
		return queue.Outcome{}
	}
	due := time.Now().Add(refusalWait(p.Refusals))
	if due.Sub(p.Accepted) > postAge {
		e.log.Error("a record is given up", "destination", redacted(p.URL), "requestId", p.ID, "error", err)
		return queue.Outcome{}
	}
	e.log.Warn("a record could not be delivered; trying again", "destination", redacted(p.URL), "requestId", p.ID, "error", err)
	return e.outcome(p, verdict{retry: due, attempts: p.Attempts, refusals: p.Refusals + 1})
}

// refusalWait doubles with each refusal.
func refusalWait(refusals int) time.Duration {
	return min(firstRefusal<<min(refusals, 16), lastRefusal)
}
