package telemetry

import "testing"

func TestParseLevel(t *testing.T) {
	cases := map[string]Level{
		"": 0, "TRACE": LevelTrace, "debug": LevelDebug, "Info": LevelInfo, "WARN": LevelWarn, "WARNING": LevelWarn,
		"ERROR": LevelError, "FATAL": LevelFatal, "CRITICAL": LevelFatal,
	}
	for in, want := range cases {
		if got, err := ParseLevel(in); err != nil || got != want {
			t.Errorf("ParseLevel(%q) = %v, %v; want %v", in, got, err, want)
		}
	}
	if _, err := ParseLevel("LOUD"); err == nil {
		t.Error("LOUD is not a level")
	}
}

func TestLineLevel(t *testing.T) {
	cases := map[string]struct {
		line string
		want Level
	}{
		"Known":   {`{"level":"debug"}`, LevelDebug},
		"Missing": {`{"message":"x"}`, LevelInfo},
		"Unknown": {`{"level":"LOUD"}`, LevelInfo},
		"Number":  {`{"level":30}`, LevelInfo},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if got := lineLevel([]byte(tc.line)); got != tc.want {
				t.Errorf("got %v, want %v", got, tc.want)
			}
		})
	}
}

func TestRecordLevel(t *testing.T) {
	cases := map[string]struct {
		record Record
		want   Level
	}{
		"InitStart":          {InitStart{RuntimeVersion: "v"}, LevelInfo},
		"InitStartUnknown":   {InitStart{}, LevelDebug},
		"InitRuntimeDone":    {InitRuntimeDone{Status: StatusSuccess}, LevelDebug},
		"InitRuntimeFailed":  {InitRuntimeDone{Status: StatusError}, LevelWarn},
		"InitReport":         {InitReport{InitializationType: InitOnDemand, Status: StatusSuccess}, LevelDebug},
		"InitReportAhead":    {InitReport{InitializationType: InitProvisioned, Status: StatusSuccess}, LevelInfo},
		"InitReportTimeout":  {InitReport{InitializationType: InitOnDemand, Status: StatusTimeout}, LevelWarn},
		"Start":              {Start{}, LevelInfo},
		"RuntimeDone":        {RuntimeDone{Status: StatusSuccess}, LevelDebug},
		"RuntimeDoneFailure": {RuntimeDone{Status: StatusFailure}, LevelWarn},
		"Report":             {Report{Status: StatusSuccess}, LevelInfo},
		"ReportError":        {Report{Status: StatusError}, LevelWarn},
		"Extension":          {Extension{State: "Ready"}, LevelInfo},
		"ExtensionFailed":    {Extension{ErrorType: "Extension.Crash"}, LevelWarn},
		"Subscription":       {Subscription{}, LevelInfo},
		"LogsDropped":        {LogsDropped{}, LevelWarn},
		"Fault":              {Fault{}, LevelWarn},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if got := recordLevel(tc.record); got != tc.want {
				t.Errorf("got %v, want %v", got, tc.want)
			}
		})
	}
}
