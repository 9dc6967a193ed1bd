package telemetry

import (
	"encoding/json"
	"time"
)

// API is one of the two ways to subscribe.
type API string

// The two ways. Their names are the prefixes of their error types.
const (
	TelemetryAPI API = "Telemetry" // PUT /2022-07-01/telemetry
	LogsAPI      API = "Logs"      // PUT /2020-08-15/logs
)

// Schema is a version of the events' form. Versions are dates, so later ones compare greater.
type Schema string

// The versions. The first two belong to the Logs API.
const (
	Schema20200815 Schema = "2020-08-15"
	Schema20210318 Schema = "2021-03-18"
	Schema20220701 Schema = "2022-07-01"
	Schema20221213 Schema = "2022-12-13"
	Schema20250129 Schema = "2025-01-29"
)

// source says which stream an event belongs to; subscribers choose among them.
type source uint8

const (
	platform source = 1 << iota
	function
	extension
)

// Line is one line that the function or an extension printed.
type Line struct {
	// Text is without the newline. It is read before the call that takes it returns, and not kept.
	Text []byte
	// FromExtension tells an extension's line from the function's.
	FromExtension bool
	// Object says that Text is a JSON object of a function that logs JSON.
	Object bool
}

// Type is "function" or "extension".
func (l Line) Type() string {
	if l.FromExtension {
		return "extension"
	}
	return "function"
}

// sourceOf says which stream a record belongs to.
func sourceOf(r Record) source {
	l, ok := r.(Line)
	switch {
	case !ok:
		return platform
	case l.FromExtension:
		return extension
	}
	return function
}

// view is what subscribers of this version see of a record: a value to encode, or nil if the version does not have it.
func (v Schema) view(r Record) any {
	if l, ok := r.(Line); ok {
		return v.line(l)
	}
	if v < Schema20220701 {
		return v.logsView(r)
	}
	switch r := r.(type) {
	case End, Fault, timeoutFault:
		return nil
	case Subscription:
		if r.API == LogsAPI {
			return nil
		}
	case Start:
		if v < Schema20250129 {
			r.FunctionARN = ""
		}
		return r
	}
	return r
}

// line gives JSON objects as such from 2022-12-13 on, and all else as strings.
func (v Schema) line(l Line) any {
	if l.Object && v >= Schema20221213 {
		return json.RawMessage(l.Text)
	}
	return string(l.Text)
}

// logsView is view for the versions of the Logs API, which know fewer events and members.
func (v Schema) logsView(r Record) any {
	switch r := r.(type) {
	case Start:
		return Start{RequestID: r.RequestID, Version: r.Version, Tracing: r.Tracing}
	case RuntimeDone:
		if v < Schema20210318 {
			return nil
		}
		return struct {
			RequestID string `json:"requestId"`
			Status    Status `json:"status"`
		}{r.RequestID, r.Status}
	case Report:
		return struct {
			RequestID string        `json:"requestId"`
			Metrics   ReportMetrics `json:"metrics"`
			Tracing   *Tracing      `json:"tracing,omitempty"`
		}{r.RequestID, r.Metrics, r.Tracing}
	case Fault:
		return r.text()
	case Subscription:
		if r.API == LogsAPI {
			return r
		}
	case timeoutFault, End, Extension, LogsDropped:
		return r
	}
	return nil
}

// appendEvent appends the event as JSON without a newline; nothing if this version does not have it.
func (v Schema) appendEvent(dst []byte, at time.Time, r Record) []byte {
	view := v.view(r)
	if view == nil {
		return dst
	}
	return appendEnvelope(dst, at, r.Type(), view)
}

// appendEnvelope appends {"time","type","record"}.
func appendEnvelope(dst []byte, at time.Time, kind string, record any) []byte {
	start := len(dst)
	dst = appendTime(append(dst, `{"time":"`...), at)
	dst = append(append(append(dst, `","type":"`...), kind...), `","record":`...)
	w := sliceWriter{dst}
	enc := json.NewEncoder(&w)
	enc.SetEscapeHTML(false)
	if enc.Encode(record) != nil {
		return dst[:start] // a Line that claims to be an object and is not
	}
	w.b[len(w.b)-1] = '}' // in place of the encoder's newline
	return w.b
}

// sliceWriter is an io.Writer onto a slice.
type sliceWriter struct{ b []byte }

func (w *sliceWriter) Write(p []byte) (int, error) {
	w.b = append(w.b, p...)
	return len(p), nil
}
