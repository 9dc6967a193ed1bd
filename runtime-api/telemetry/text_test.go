package telemetry

import (
	"testing"
	"time"
)

func TestTextLines(t *testing.T) {
	cases := map[string]struct {
		record Record
		want   string
	}{
		"InitStart": {
			InitStart{RuntimeVersion: "python:3.12.v56", RuntimeVersionARN: "arn:aws:lambda:us-east-1::runtime:abc"},
			"INIT_START Runtime Version: python:3.12.v56\tRuntime Version ARN: arn:aws:lambda:us-east-1::runtime:abc\n",
		},
		"InitStartNoARN":   {InitStart{RuntimeVersion: "provided"}, "INIT_START Runtime Version: provided\n"},
		"InitStartUnknown": {InitStart{}, ""},
		"InitReportGood":   {InitReport{Status: StatusSuccess}, ""},
		"InitReportTimeout": {
			InitReport{Phase: PhaseInit, Status: StatusTimeout, Metrics: InitMetrics{Milliseconds(10009940 * time.Microsecond)}},
			"INIT_REPORT Init Duration: 10009.94 ms\tPhase: init\tStatus: timeout\n",
		},
		"InitReportError": {
			InitReport{Phase: PhaseInvoke, Status: StatusError, ErrorType: "Runtime.ExitError"},
			"INIT_REPORT Init Duration: 0.00 ms\tPhase: invoke\tStatus: error\tError Type: Runtime.ExitError\n",
		},
		"Extension": {
			Extension{Name: "ext", State: "Ready", Events: []string{"INVOKE", "SHUTDOWN"}},
			"EXTENSION\tName: ext\tState: Ready\tEvents: [INVOKE, SHUTDOWN]\n",
		},
		"ExtensionFailed": {
			Extension{Name: "ext", State: "Exited", ErrorType: "Extension.Crash"},
			"EXTENSION\tName: ext\tState: Exited\tEvents: []\tError Type: Extension.Crash\n",
		},
		"Telemetry": {
			Subscription{API: TelemetryAPI, Name: "ext", State: "Subscribed", Types: []string{"platform", "function"}},
			"TELEMETRY\tName: ext\tState: Subscribed\tTypes: [Platform, Function]\n",
		},
		"Logs": {
			Subscription{API: LogsAPI, Name: "ext", State: "Subscribed", Types: []string{"extension"}},
			"LOGS\tName: ext\tState: Subscribed\tTypes: [Extension]\n",
		},
		"Fault":         {Fault{"r1", "exit status 1", "Extension.Crash"}, "RequestId: r1 Error: exit status 1\nExtension.Crash\n"},
		"FaultBare":     {Fault{RequestID: "r1", Message: "m"}, "RequestId: r1 Error: m\n"},
		"InitRuntime":   {InitRuntimeDone{Status: StatusError}, ""},
		"DroppedBuffer": {LogsDropped{1, 1, "x"}, ""},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if got := string(appendText([]byte("kept|"), tc.record)); got != "kept|"+tc.want {
				t.Errorf("got %q, want %q", got, "kept|"+tc.want)
			}
		})
	}
}

func TestReportLine(t *testing.T) {
	metrics := ReportMetrics{Duration: Milliseconds(2530 * time.Microsecond), BilledMs: 3, MemorySizeMB: 128, MaxMemoryUsedMB: 36}
	cold := metrics
	cold.InitDuration = Milliseconds(108530 * time.Microsecond)
	const head = "END RequestId: r1\nREPORT RequestId: r1\tDuration: 2.53 ms\tBilled Duration: 3 ms\tMemory Size: 128 MB\tMax Memory Used: 36 MB\t"
	cases := map[string]struct {
		report Report
		want   string
	}{
		"Warm":    {Report{RequestID: "r1", Status: StatusSuccess, Metrics: metrics}, head + "\n"},
		"Cold":    {Report{RequestID: "r1", Status: StatusSuccess, Metrics: cold}, head + "Init Duration: 108.53 ms\t\n"},
		"Timeout": {Report{RequestID: "r1", Status: StatusTimeout, Metrics: metrics}, head + "Status: timeout\n"},
		"Error": {
			Report{RequestID: "r1", Status: StatusError, ErrorType: "Runtime.ExitError", Metrics: cold},
			head + "Init Duration: 108.53 ms\tStatus: error\tError Type: Runtime.ExitError\n",
		},
		"Traced": {
			Report{RequestID: "r1", Status: StatusSuccess, Metrics: metrics, Tracing: &Tracing{SpanID: "s", Value: "Root=1-a;Parent=b;Sampled=1"}},
			head + "\nXRAY TraceId: 1-a\tSegmentId: s\tSampled: true\t\n",
		},
		"NotSampled": {
			Report{RequestID: "r1", Status: StatusSuccess, Metrics: metrics, Tracing: &Tracing{Value: "Root=1-a;Sampled=0"}},
			head + "\n",
		},
		"Multi": {
			Report{RequestID: "r1", Status: StatusSuccess, Metrics: ReportMetrics{Duration: metrics.Duration}},
			"END RequestId: r1\nREPORT RequestId: r1\tDuration: 2.53 ms\t\n",
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if got := string(appendReport(nil, tc.report)); got != tc.want {
				t.Errorf("got  %q\nwant %q", got, tc.want)
			}
		})
	}
}

func TestTimeoutLine(t *testing.T) {
	got := string(appendTimeout(nil, at, "r1", 1500*time.Millisecond))
	if want := "2026-01-31T00:00:00.123Z r1 Task timed out after 1.50 seconds"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
