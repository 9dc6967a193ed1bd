package telemetry

import (
	"math"
	"strconv"
	"time"
)

// Record is the content of one event. The types that implement it are those of this file and [Line].
type Record interface {
	// Type is the event's type, such as "platform.start".
	Type() string
}

// Status is how a phase ended.
type Status string

// Statuses of init, of the runtime's work and of invocations.
const (
	StatusSuccess Status = "success"
	StatusFailure Status = "failure" // the platform failed
	StatusError   Status = "error"   // the function, its runtime or an extension failed
	StatusTimeout Status = "timeout"
)

// Phases in which an environment is initialized.
const (
	PhaseInit   = "init"
	PhaseInvoke = "invoke" // init was repeated within an invocation
)

// Initialization types, as in AWS_LAMBDA_INITIALIZATION_TYPE.
const (
	InitOnDemand         = "on-demand"
	InitProvisioned      = "provisioned-concurrency"
	InitSnapStart        = "snap-start"
	InitManagedInstances = "lambda-managed-instances"
)

// Milliseconds is a duration that goes out as a number of milliseconds with up to three decimals.
type Milliseconds time.Duration

// MarshalJSON gives the number.
func (m Milliseconds) MarshalJSON() ([]byte, error) {
	us := math.Round(float64(m) / float64(time.Microsecond))
	return strconv.AppendFloat(nil, us/1000, 'f', -1, 64), nil
}

// Timestamp is a point in time that goes out in UTC with milliseconds: 2026-01-31T00:00:00.000Z.
type Timestamp time.Time

// MarshalJSON gives the quoted text.
func (t Timestamp) MarshalJSON() ([]byte, error) {
	return append(appendTime([]byte{'"'}, time.Time(t)), '"'), nil
}

// timeFormat is how all times of events and log lines look.
const timeFormat = "2006-01-02T15:04:05.000Z"

func appendTime(dst []byte, t time.Time) []byte { return t.UTC().AppendFormat(dst, timeFormat) }

// Tracing is the X-Ray context of a record.
type Tracing struct {
	SpanID string `json:"spanId,omitempty"`
	Type   string `json:"type"` // "X-Amzn-Trace-Id"
	Value  string `json:"value"`
}

// Span is one measured part of an invocation: responseLatency, responseDuration or runtimeOverhead.
type Span struct {
	Name     string       `json:"name"`
	Start    Timestamp    `json:"start"`
	Duration Milliseconds `json:"durationMs"`
}

// InitStart says that initialization begins.
type InitStart struct {
	InitializationType string `json:"initializationType"`
	Phase              string `json:"phase"`
	RuntimeVersion     string `json:"runtimeVersion,omitempty"`
	RuntimeVersionARN  string `json:"runtimeVersionArn,omitempty"`
	FunctionName       string `json:"functionName,omitempty"`
	FunctionVersion    string `json:"functionVersion,omitempty"`
	InstanceID         string `json:"instanceId,omitempty"`
	InstanceMaxMemory  int64  `json:"instanceMaxMemory,omitempty"` // bytes
}

// InitRuntimeDone says that the runtime has called next for the first time, or failed before.
type InitRuntimeDone struct {
	InitializationType string `json:"initializationType"`
	Phase              string `json:"phase"`
	Status             Status `json:"status"`
	ErrorType          string `json:"errorType,omitempty"`
	Spans              []Span `json:"spans,omitempty"`
}

// InitReport says how long initialization took.
type InitReport struct {
	InitializationType string      `json:"initializationType"`
	Phase              string      `json:"phase"`
	Status             Status      `json:"status,omitempty"`
	ErrorType          string      `json:"errorType,omitempty"`
	Metrics            InitMetrics `json:"metrics"`
	Spans              []Span      `json:"spans,omitempty"`
}

// InitMetrics are the numbers of an InitReport.
type InitMetrics struct {
	Duration Milliseconds `json:"durationMs"`
}

// Extension says how far an extension has come.
type Extension struct {
	Name      string   `json:"name"`
	State     string   `json:"state"`
	Events    []string `json:"events"`
	ErrorType string   `json:"errorType,omitempty"`
}

// Subscription says that an extension subscribed through one of the two APIs.
type Subscription struct {
	API   API      `json:"-"`
	Name  string   `json:"name"`
	State string   `json:"state"` // "Subscribed"
	Types []string `json:"types"`
}

// Start says that an invocation begins.
type Start struct {
	RequestID   string   `json:"requestId"`
	Version     string   `json:"version,omitempty"`
	FunctionARN string   `json:"functionArn,omitempty"` // goes out from schema 2025-01-29 on
	Tracing     *Tracing `json:"tracing,omitempty"`
}

// RuntimeDone says that the runtime has finished an invocation.
type RuntimeDone struct {
	RequestID string             `json:"requestId"`
	Status    Status             `json:"status"`
	ErrorType string             `json:"errorType,omitempty"`
	Metrics   RuntimeDoneMetrics `json:"metrics"`
	Spans     []Span             `json:"spans,omitempty"`
	Tracing   *Tracing           `json:"tracing,omitempty"`
}

// RuntimeDoneMetrics are the numbers of a RuntimeDone.
type RuntimeDoneMetrics struct {
	Duration      Milliseconds `json:"durationMs"`
	ProducedBytes int64        `json:"producedBytes,omitempty"`
}

// Report sums an invocation up.
type Report struct {
	RequestID string        `json:"requestId"`
	Status    Status        `json:"status"`
	ErrorType string        `json:"errorType,omitempty"`
	Metrics   ReportMetrics `json:"metrics"`
	Spans     []Span        `json:"spans,omitempty"`
	Tracing   *Tracing      `json:"tracing,omitempty"`
}

// ReportMetrics are the numbers of a Report. Zeros other than the duration are left out: with several invocations at
// once in a process only the duration has a meaning.
type ReportMetrics struct {
	Duration        Milliseconds `json:"durationMs"`
	BilledMs        int64        `json:"billedDurationMs,omitempty"` // see Billed
	MemorySizeMB    int64        `json:"memorySizeMB,omitempty"`
	MaxMemoryUsedMB int64        `json:"maxMemoryUsedMB,omitempty"`
	InitDuration    Milliseconds `json:"initDurationMs,omitempty"` // only of the invocation that came with a cold start
}

// Billed is what an invocation and its cold start, if it came with one, would cost: whole milliseconds, rounded up.
func Billed(duration, init time.Duration) int64 {
	total := duration + init
	return int64((total + time.Millisecond - 1) / time.Millisecond)
}

// End says that an invocation is over. Only the Logs API knows it; [Logger.Finish] sends it.
type End struct {
	RequestID string `json:"requestId"`
}

// Fault tells why an invocation or an environment failed. Only the Logs API and the log know it.
type Fault struct {
	RequestID string
	Message   string // such as "Runtime exited with error: exit status 1"
	ErrorType string // such as "Runtime.ExitError"
}

// text is the fault as one line.
func (f Fault) text() string { return "RequestId: " + f.RequestID + " Error: " + f.Message }

// LogsDropped says that a subscriber was too slow or did not answer.
type LogsDropped struct {
	Bytes   int64  `json:"droppedBytes"`
	Records int64  `json:"droppedRecords"`
	Reason  string `json:"reason"`
}

// Type is "platform.initStart".
func (InitStart) Type() string { return "platform.initStart" }

// Type is "platform.initRuntimeDone".
func (InitRuntimeDone) Type() string { return "platform.initRuntimeDone" }

// Type is "platform.initReport".
func (InitReport) Type() string { return "platform.initReport" }

// Type is "platform.extension".
func (Extension) Type() string { return "platform.extension" }

// Type is "platform.telemetrySubscription" or "platform.logsSubscription".
func (s Subscription) Type() string {
	if s.API == LogsAPI {
		return "platform.logsSubscription"
	}
	return "platform.telemetrySubscription"
}

// Type is "platform.start".
func (Start) Type() string { return "platform.start" }

// Type is "platform.runtimeDone".
func (RuntimeDone) Type() string { return "platform.runtimeDone" }

// Type is "platform.report".
func (Report) Type() string { return "platform.report" }

// Type is "platform.end".
func (End) Type() string { return "platform.end" }

// Type is "platform.fault".
func (Fault) Type() string { return "platform.fault" }

// Type is "platform.logsDropped".
func (LogsDropped) Type() string { return "platform.logsDropped" }

// timeoutFault is the Fault of an invocation that ran out of time; its text is the log's line.
type timeoutFault string

// Type is "platform.fault".
func (timeoutFault) Type() string { return "platform.fault" }
