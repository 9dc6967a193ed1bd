package protocoltest

import (
	"encoding/json"
	"strings"
	"testing"
)

func caseLogs(t *testing.T, s *session) {
	process := s.start(t, "log")
	s.invoke(t, Event{ID: "id-one", Payload: `{"text":"first marker\nsecond half"}`})
	s.invoke(t, Event{ID: "id-two", Payload: `{"text":"other marker"}`})
	record := lineWith(t, process, "first marker")
	if !strings.Contains(record, "id-one") || !strings.Contains(record, "second half") {
		t.Errorf("record %q: want request id and the whole text on one line", record)
	}
	if record := lineWith(t, process, "other marker"); !strings.Contains(record, "id-two") {
		t.Errorf("record %q: want the request id of its own invocation", record)
	}
}

func caseJSONLogs(t *testing.T, s *session) {
	process := s.start(t, "log", "AWS_LAMBDA_LOG_FORMAT=JSON", "AWS_LAMBDA_LOG_LEVEL=WARN")
	s.invoke(t, Event{ID: "id-json", Payload: `{"text":"a \"marker\"\nof two lines"}`})
	record := struct{ Timestamp, Level, Message, RequestID string }{}
	if err := json.Unmarshal([]byte(lineWith(t, process, "marker")), &record); err != nil {
		t.Fatalf("record is no JSON object: %v", err)
	}
	if record.RequestID != "id-json" || record.Message != "a \"marker\"\nof two lines" || record.Timestamp == "" {
		t.Errorf("record %+v: want time, request id and the text unchanged", record)
	}
	if !strings.HasPrefix(record.Level, "WARN") {
		t.Errorf("level %q, want WARN", record.Level)
	}
	if strings.Contains(process.Output(t), "below the level") {
		t.Errorf("a record below AWS_LAMBDA_LOG_LEVEL was written: %s", process.Output(t))
	}
}

// lineWith finds the line of the output that holds text. Clients write records before they answer, so it is there.
func lineWith(t *testing.T, process *Process, text string) string {
	t.Helper()
	for line := range strings.Lines(process.Output(t)) {
		if strings.Contains(line, text) {
			return strings.TrimRight(line, "\n")
		}
	}
	t.Fatalf("no line with %q in %q", text, process.Output(t))
	return ""
}
