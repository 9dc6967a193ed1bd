package local

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/lambkin-dev/lambkin/api/v1alpha1"
	"github.com/lambkin-dev/lambkin/internal/delivery"
	"github.com/lambkin-dev/lambkin/internal/engine"
	"github.com/lambkin-dev/lambkin/internal/engine/local/queue"
	"github.com/lambkin-dev/lambkin/internal/lambda"
	"github.com/lambkin-dev/lambkin/internal/outbound"
)

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
	label, _, err := r.follow(in.Function.Qualifier, e.draw)
	if err != nil {
		return e.notFound(in.Function)
	}
	if err := engine.CheckTenant(in, r.specOf(label)); err != nil {
		return err
	}
	it, err := item(delivery.Of(in, time.Now()), time.Now())
	if err != nil {
		return err
	}
	return e.async.Put(it)
}

// item is an event for the queue: the length of its JSON, its JSON, and the body as it is.
func item(ev delivery.Event, due time.Time) (queue.Item, error) {
	head, err := json.Marshal(ev)
	if err != nil {
		return queue.Item{}, fmt.Errorf("cannot encode an event: %w", err)
	}
	body := binary.AppendUvarint(make([]byte, 0, len(head)+len(ev.Body)+binary.MaxVarintLen32), uint64(len(head)))
	body = append(append(body, head...), ev.Body...)
	return queue.Item{Group: ev.Group(), Due: due, Body: body}, nil
}

func decodeItem(body []byte) (delivery.Event, error) {
	var ev delivery.Event
	n, skip := binary.Uvarint(body)
	if skip <= 0 || n > uint64(len(body)-skip) {
		return ev, errors.New("the stored event is damaged")
	}
	head, rest := body[skip:skip+int(n)], body[skip+int(n):] //nolint:gosec // compared with a length above
	if err := json.Unmarshal(head, &ev); err != nil {
		return ev, fmt.Errorf("the stored event is damaged: %w", err)
	}
	ev.Body = rest
	return ev, nil
}

// process handles what is due. It is the queue's handler.
func (e *Engine) process(ctx context.Context, it queue.Item) queue.Outcome {
	ev, err := decodeItem(it.Body)
	if err != nil {
		e.log.Error("an event is given up", "group", it.Group, "error", err)
		return queue.Outcome{}
	}
	if ev.URL != "" {
		return e.post(ctx, ev)
	}
	if r := e.route(ev.Function.Name); r != nil {
		if step, overdue := delivery.Overdue(ev, e.policyOf(r, ev.Function, nil), time.Now()); overdue {
			return e.outcome(ev, step)
		}
	}
	result, err := e.Invoke(ctx, ev.Invocation())
	if err != nil && (e.closed.Load() || ctx.Err() != nil) {
		return queue.Outcome{Again: &it} // not the function's fault; it is tried again after the next Open
	}
	r := e.route(ev.Function.Name)
	if r == nil {
		e.log.Warn("an event is given up because its function was deleted", "function", ev.Function.Name, "requestId", ev.ID)
		return queue.Outcome{}
	}
	return e.outcome(ev, delivery.Decide(ev, e.policyOf(r, ev.Function, result), result, err, time.Now()))
}

// policyOf reads what holds for an event.
func (e *Engine) policyOf(r *route, ref lambda.Reference, result *lambda.Result) delivery.Policy {
	label, _, err := r.follow(ref.Qualifier, e.draw)
	if result != nil {
		label, err = result.ExecutedVersion, nil
	}
	var ran *v1alpha1.FunctionSpec
	if err == nil {
		ran = r.specOf(label)
	}
	p := delivery.PolicyOf(r.specOf(lambda.LatestVersion), ran, e.cfg.Identity).Under(r.eventsOf(ref.Qualifier))
	p.Delay = e.cfg.RetryDelay
	return p
}

// outcome carries out what was decided.
func (e *Engine) outcome(ev delivery.Event, step delivery.Step) queue.Outcome {
	if step.Again() {
		ev.Attempts, ev.Refusals = step.Attempts, step.Refusals
		it, err := item(ev, step.Retry)
		if err != nil {
			e.log.Error("an event is given up", "function", ev.Function.Name, "requestId", ev.ID, "error", err)
			return queue.Outcome{}
		}
		return queue.Outcome{Again: &it}
	}
	var out queue.Outcome
	for _, letter := range step.Send {
		it, err := item(letter.Event, time.Now())
		if err != nil {
			e.log.Error("a record is given up", "function", ev.Function.Name, "requestId", ev.ID, "error", err)
			continue
		}
		out.More = append(out.More, it)
	}
	return out
}

// post sends a record to where it goes.
func (e *Engine) post(ctx context.Context, ev delivery.Event) queue.Outcome {
	err := delivery.Sender{HTTP: e.http, Messages: e.cfg.Messages}.Send(ctx, &ev)
	step := delivery.DecideRecord(ev, err, time.Now())
	to := outbound.Redacted(ev.URL)
	switch {
	case step.Again():
		e.log.Warn("a record could not be delivered; trying again", "destination", to, "requestId", ev.ID, "error", err)
	case err != nil:
		e.log.Error("a record is given up", "destination", to, "requestId", ev.ID, "error", err)
	}
	return e.outcome(ev, step)
}
