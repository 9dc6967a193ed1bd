package telemetry

import (
	"strconv"
	"strings"
	"time"
)

// appendText appends the line, or lines, that a record has in a text log; nothing if it has none there. The records of
// the hot path have functions of their own.
func appendText(dst []byte, r Record) []byte {
	switch r := r.(type) {
	case InitStart:
		return appendInitStart(dst, r)
	case InitReport:
		return appendInitReport(dst, r)
	case Extension:
		return appendExtension(dst, r)
	case Subscription:
		return appendSubscription(dst, r)
	case Fault:
		dst = append(append(dst, r.text()...), '\n')
		if r.ErrorType != "" {
			dst = append(append(dst, r.ErrorType...), '\n')
		}
	}
	return dst
}

func appendInitStart(dst []byte, r InitStart) []byte {
	if r.RuntimeVersion == "" {
		return dst
	}
	dst = append(append(dst, "INIT_START Runtime Version: "...), r.RuntimeVersion...)
	if r.RuntimeVersionARN != "" {
		dst = append(append(dst, "\tRuntime Version ARN: "...), r.RuntimeVersionARN...)
	}
	return append(dst, '\n')
}

// appendInitReport gives a line for a failed init only; a good one shows in the REPORT of the first invocation.
func appendInitReport(dst []byte, r InitReport) []byte {
	if statusLevel(r.Status, LevelInfo) == LevelInfo {
		return dst
	}
	dst = appendMillis(append(dst, "INIT_REPORT Init Duration: "...), time.Duration(r.Metrics.Duration))
	dst = append(append(dst, "\tPhase: "...), r.Phase...)
	dst = appendStatus(append(dst, '\t'), r.Status, r.ErrorType)
	return append(dst, '\n')
}

func appendExtension(dst []byte, r Extension) []byte {
	dst = append(append(append(dst, "EXTENSION\tName: "...), r.Name...), "\tState: "...)
	dst = append(append(append(dst, r.State...), "\tEvents: ["...), strings.Join(r.Events, ", ")...)
	dst = append(dst, ']')
	if r.ErrorType != "" {
		dst = append(append(dst, "\tError Type: "...), r.ErrorType...)
	}
	return append(dst, '\n')
}

func appendSubscription(dst []byte, r Subscription) []byte {
	word := "TELEMETRY"
	if r.API == LogsAPI {
		word = "LOGS"
	}
	dst = append(append(append(dst, word...), "\tName: "...), r.Name...)
	dst = append(append(append(dst, "\tState: "...), r.State...), "\tTypes: ["...)
	for i, t := range r.Types {
		if i > 0 {
			dst = append(dst, ", "...)
		}
		dst = append(append(dst, strings.ToUpper(t[:1])...), t[1:]...)
	}
	return append(dst, "]\n"...)
}

func appendStart(dst []byte, r Start) []byte {
	dst = append(append(dst, "START RequestId: "...), r.RequestID...)
	dst = append(append(dst, " Version: "...), r.Version...)
	return append(dst, '\n')
}

// appendReport gives the END and REPORT lines.
func appendReport(dst []byte, r Report) []byte {
	dst = append(append(dst, "END RequestId: "...), r.RequestID...)
	dst = append(append(dst, "\nREPORT RequestId: "...), r.RequestID...)
	m := r.Metrics
	dst = append(appendMillis(append(dst, "\tDuration: "...), time.Duration(m.Duration)), '\t')
	dst = appendField(dst, "Billed Duration: ", m.BilledMs, " ms\t")
	dst = appendField(dst, "Memory Size: ", m.MemorySizeMB, " MB\t")
	dst = appendField(dst, "Max Memory Used: ", m.MaxMemoryUsedMB, " MB\t")
	if m.InitDuration > 0 {
		dst = append(appendMillis(append(dst, "Init Duration: "...), time.Duration(m.InitDuration)), '\t')
	}
	if r.Status != StatusSuccess && r.Status != "" {
		dst = appendStatus(dst, r.Status, r.ErrorType)
	}
	return append(appendXRay(dst, r.Tracing), '\n')
}

func appendField(dst []byte, label string, value int64, unit string) []byte {
	if value == 0 {
		return dst
	}
	return append(strconv.AppendInt(append(dst, label...), value, 10), unit...)
}

func appendStatus(dst []byte, s Status, errorType string) []byte {
	dst = append(append(dst, "Status: "...), s...)
	if errorType != "" {
		dst = append(append(dst, "\tError Type: "...), errorType...)
	}
	return dst
}

// appendXRay adds the line of a sampled trace.
func appendXRay(dst []byte, t *Tracing) []byte {
	if t == nil {
		return dst
	}
	var root, sampled string
	for part := range strings.SplitSeq(t.Value, ";") {
		if v, ok := strings.CutPrefix(part, "Root="); ok {
			root = v
		}
		if v, ok := strings.CutPrefix(part, "Sampled="); ok {
			sampled = v
		}
	}
	if sampled != "1" {
		return dst
	}
	dst = append(append(dst, "\nXRAY TraceId: "...), root...)
	dst = append(append(dst, "\tSegmentId: "...), t.SpanID...)
	return append(dst, "\tSampled: true\t"...)
}

// appendMillis gives milliseconds with two decimals and their unit.
func appendMillis(dst []byte, d time.Duration) []byte {
	return append(strconv.AppendFloat(dst, float64(d)/float64(time.Millisecond), 'f', 2, 64), " ms"...)
}

// appendTimeout gives the line that a timeout has in the log.
func appendTimeout(dst []byte, at time.Time, requestID string, limit time.Duration) []byte {
	dst = append(append(appendTime(dst, at), ' '), requestID...)
	dst = strconv.AppendFloat(append(dst, " Task timed out after "...), limit.Seconds(), 'f', 2, 64)
	return append(dst, " seconds"...)
}
