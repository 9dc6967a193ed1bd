package telemetry

import (
	"testing"
	"time"
)

// at is the time of events in tests.
var at = time.Date(2026, 1, 31, 0, 0, 0, 123e6, time.UTC)

func TestEventForms(t *testing.T) {
	trace := &Tracing{SpanID: "54565fb41ac79632", Type: "X-Amzn-Trace-Id", Value: "Root=1-2-3;Parent=4;Sampled=1"}
	start := Start{RequestID: "r1", Version: "$LATEST", FunctionARN: "arn", Tracing: trace}
	const tracing = `"tracing":{"spanId":"54565fb41ac79632","type":"X-Amzn-Trace-Id","value":"Root=1-2-3;Parent=4;Sampled=1"}`
	done := RuntimeDone{
		RequestID: "r1", Status: StatusError, ErrorType: "Runtime.ExitError",
		Metrics: RuntimeDoneMetrics{Duration: Milliseconds(140 * time.Millisecond), ProducedBytes: 16},
		Spans:   []Span{{Name: "responseLatency", Start: Timestamp(at), Duration: Milliseconds(23020 * time.Microsecond)}},
	}
	report := Report{
		RequestID: "r1", Status: StatusTimeout, ErrorType: "Sandbox.Timedout",
		Metrics: ReportMetrics{
			Duration: Milliseconds(694120 * time.Microsecond), BilledMs: 695, MemorySizeMB: 128, MaxMemoryUsedMB: 66,
			InitDuration: Milliseconds(397680 * time.Microsecond),
		},
	}
	const metrics = `"metrics":{"durationMs":694.12,"billedDurationMs":695,"memorySizeMB":128,"maxMemoryUsedMB":66,"initDurationMs":397.68}`
	object := Line{Text: []byte(`{"level":"INFO", "message":"<hi>"}`), Object: true}
	logs, telemetry := Subscription{LogsAPI, "ext", "Subscribed", []string{"platform"}}, Subscription{TelemetryAPI, "ext", "Subscribed", []string{"function"}}

	cases := map[string]struct {
		reason  string
		schemas []Schema
		record  Record
		want    string // of type and record; empty if the schema does not have the event
	}{
		"InitStart": {
			reason: "only the Telemetry API tells of init", schemas: []Schema{Schema20220701, Schema20250129},
			record: InitStart{
				InitializationType: InitOnDemand, Phase: PhaseInit, RuntimeVersion: "nodejs:20.v1", RuntimeVersionARN: "arn",
				FunctionName: "fn", FunctionVersion: "$LATEST", InstanceID: "i", InstanceMaxMemory: 256,
			},
			want: `"platform.initStart","record":{"initializationType":"on-demand","phase":"init","runtimeVersion":"nodejs:20.v1",` +
				`"runtimeVersionArn":"arn","functionName":"fn","functionVersion":"$LATEST","instanceId":"i","instanceMaxMemory":256}`,
		},
		"InitStartLogs": {schemas: []Schema{Schema20200815, Schema20210318}, record: InitStart{}},
		"InitRuntimeDone": {
			schemas: []Schema{Schema20220701, Schema20221213, Schema20250129},
			record:  InitRuntimeDone{InitializationType: InitOnDemand, Phase: PhaseInvoke, Status: StatusError, ErrorType: "Runtime.ExitError"},
			want: `"platform.initRuntimeDone","record":{"initializationType":"on-demand","phase":"invoke","status":"error",` +
				`"errorType":"Runtime.ExitError"}`,
		},
		"InitReport": {
			schemas: []Schema{Schema20220701, Schema20221213, Schema20250129},
			record: InitReport{
				InitializationType: InitProvisioned, Phase: PhaseInit, Status: StatusSuccess,
				Metrics: InitMetrics{Milliseconds(125330 * time.Microsecond)},
			},
			want: `"platform.initReport","record":{"initializationType":"provisioned-concurrency","phase":"init","status":"success",` +
				`"metrics":{"durationMs":125.33}}`,
		},
		"Extension": {
			schemas: []Schema{Schema20200815, Schema20210318, Schema20220701, Schema20250129},
			record:  Extension{Name: "ext", State: "Ready", Events: []string{"INVOKE", "SHUTDOWN"}},
			want:    `"platform.extension","record":{"name":"ext","state":"Ready","events":["INVOKE","SHUTDOWN"]}`,
		},
		"TelemetrySubscription": {
			schemas: []Schema{Schema20220701, Schema20250129}, record: telemetry,
			want: `"platform.telemetrySubscription","record":{"name":"ext","state":"Subscribed","types":["function"]}`,
		},
		"TelemetrySubscriptionLogs": {
			reason:  "each API tells of its own subscriptions",
			schemas: []Schema{Schema20200815, Schema20210318}, record: telemetry,
		},
		"LogsSubscription": {
			schemas: []Schema{Schema20200815, Schema20210318}, record: logs,
			want: `"platform.logsSubscription","record":{"name":"ext","state":"Subscribed","types":["platform"]}`,
		},
		"LogsSubscriptionTelemetry": {schemas: []Schema{Schema20220701, Schema20250129}, record: logs},
		"Start2025": {
			reason: "functionArn is new in 2025", schemas: []Schema{Schema20250129}, record: start,
			want: `"platform.start","record":{"requestId":"r1","version":"$LATEST","functionArn":"arn",` + tracing + `}`,
		},
		"Start": {
			schemas: []Schema{Schema20200815, Schema20210318, Schema20220701, Schema20221213}, record: start,
			want: `"platform.start","record":{"requestId":"r1","version":"$LATEST",` + tracing + `}`,
		},
		"RuntimeDone": {
			schemas: []Schema{Schema20220701, Schema20221213, Schema20250129}, record: done,
			want: `"platform.runtimeDone","record":{"requestId":"r1","status":"error","errorType":"Runtime.ExitError",` +
				`"metrics":{"durationMs":140,"producedBytes":16},` +
				`"spans":[{"name":"responseLatency","start":"2026-01-31T00:00:00.123Z","durationMs":23.02}]}`,
		},
		"RuntimeDone2021": {
			reason: "the newer Logs schema has a short form", schemas: []Schema{Schema20210318}, record: done,
			want: `"platform.runtimeDone","record":{"requestId":"r1","status":"error"}`,
		},
		"RuntimeDone2020": {schemas: []Schema{Schema20200815}, record: done},
		"Report": {
			schemas: []Schema{Schema20220701, Schema20221213, Schema20250129}, record: report,
			want: `"platform.report","record":{"requestId":"r1","status":"timeout","errorType":"Sandbox.Timedout",` + metrics + `}`,
		},
		"ReportLogs": {
			schemas: []Schema{Schema20200815, Schema20210318}, record: report,
			want: `"platform.report","record":{"requestId":"r1",` + metrics + `}`,
		},
		"ReportMulti": {
			reason: "with several invocations at once only the duration is known", schemas: []Schema{Schema20250129},
			record: Report{RequestID: "r1", Status: StatusSuccess, Metrics: ReportMetrics{Duration: Milliseconds(time.Millisecond)}},
			want:   `"platform.report","record":{"requestId":"r1","status":"success","metrics":{"durationMs":1}}`,
		},
		"End": {
			schemas: []Schema{Schema20200815, Schema20210318}, record: End{"r1"},
			want: `"platform.end","record":{"requestId":"r1"}`,
		},
		"EndTelemetry": {schemas: []Schema{Schema20220701, Schema20221213, Schema20250129}, record: End{"r1"}},
		"Fault": {
			schemas: []Schema{Schema20200815, Schema20210318}, record: Fault{"r1", "Runtime exited with error: exit status 1", "Runtime.ExitError"},
			want: `"platform.fault","record":"RequestId: r1 Error: Runtime exited with error: exit status 1"`,
		},
		"FaultTelemetry": {schemas: []Schema{Schema20220701, Schema20250129}, record: Fault{}},
		"TimeoutFault": {
			schemas: []Schema{Schema20200815}, record: timeoutFault("Task timed out"),
			want: `"platform.fault","record":"Task timed out"`,
		},
		"TimeoutFaultTelemetry": {schemas: []Schema{Schema20220701, Schema20250129}, record: timeoutFault("x")},
		"LogsDropped": {
			schemas: []Schema{Schema20200815, Schema20210318, Schema20220701, Schema20250129}, record: LogsDropped{12345, 123, "slow"},
			want: `"platform.logsDropped","record":{"droppedBytes":12345,"droppedRecords":123,"reason":"slow"}`,
		},
		"Object": {
			reason: "JSON lines are objects from 2022-12-13 on", schemas: []Schema{Schema20221213, Schema20250129}, record: object,
			want: `"function","record":{"level":"INFO","message":"<hi>"}`,
		},
		"ObjectAsString": {
			schemas: []Schema{Schema20200815, Schema20210318, Schema20220701}, record: object,
			want: `"function","record":"{\"level\":\"INFO\", \"message\":\"<hi>\"}"`,
		},
		"ExtensionLine": {
			schemas: []Schema{Schema20200815, Schema20250129}, record: Line{Text: []byte("a\xffb\t"), FromExtension: true},
			want: `"extension","record":"a\ufffdb\t"`,
		},
		"NotAnObject": {
			reason:  "a line that lies about itself must not break the batch",
			schemas: []Schema{Schema20221213}, record: Line{Text: []byte("}{"), Object: true},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			for _, s := range tc.schemas {
				want := "kept"
				if tc.want != "" {
					want += `{"time":"2026-01-31T00:00:00.123Z","type":` + tc.want + `}`
				}
				if got := string(s.appendEvent([]byte("kept"), at, tc.record)); got != want {
					t.Errorf("%s: %s:\n got %s\nwant %s", s, tc.reason, got, want)
				}
			}
		})
	}
}
