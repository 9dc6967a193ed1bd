package telemetry

import (
	"encoding/json"
	"fmt"
	"strings"
)

// Format is how an environment's log looks.
type Format string

// The formats, spelled as in LoggingConfig.LogFormat.
const (
	Text Format = "Text"
	JSON Format = "JSON"
)

// Level says how important a log line is. The zero value filters nothing.
type Level int

// The levels of LoggingConfig, the least important first.
const (
	LevelTrace Level = iota + 1
	LevelDebug
	LevelInfo
	LevelWarn
	LevelError
	LevelFatal
)

// ParseLevel reads a level in any case; "" gives the zero value. It also knows the names that Python's logging has for
// two of them.
func ParseLevel(s string) (Level, error) {
	switch strings.ToUpper(s) {
	case "":
		return 0, nil
	case "TRACE":
		return LevelTrace, nil
	case "DEBUG":
		return LevelDebug, nil
	case "INFO":
		return LevelInfo, nil
	case "WARN", "WARNING":
		return LevelWarn, nil
	case "ERROR":
		return LevelError, nil
	case "FATAL", "CRITICAL":
		return LevelFatal, nil
	}
	return 0, fmt.Errorf("log level %.32q is not one of TRACE, DEBUG, INFO, WARN, ERROR, FATAL", s)
}

// lineLevel is the level of a JSON object that a function logged; INFO if it has none that we know.
func lineLevel(object []byte) Level {
	var line struct {
		Level string `json:"level"`
	}
	if json.Unmarshal(object, &line) != nil {
		return LevelInfo // "level" is not a string
	}
	if l, err := ParseLevel(line.Level); err == nil && l != 0 {
		return l
	}
	return LevelInfo
}

// recordLevel is the level of a platform event
// (https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-log-level.html).
func recordLevel(r Record) Level {
	switch r := r.(type) {
	case InitStart:
		if r.RuntimeVersion == "" {
			return LevelDebug
		}
	case InitRuntimeDone:
		return statusLevel(r.Status, LevelDebug)
	case InitReport:
		if r.InitializationType == InitOnDemand {
			return statusLevel(r.Status, LevelDebug)
		}
		return statusLevel(r.Status, LevelInfo)
	case RuntimeDone:
		return statusLevel(r.Status, LevelDebug)
	case Report:
		return statusLevel(r.Status, LevelInfo)
	case Extension:
		if r.ErrorType != "" {
			return LevelWarn
		}
	case LogsDropped, Fault:
		return LevelWarn
	}
	return LevelInfo
}

// statusLevel is good for success and WARN for anything else.
func statusLevel(s Status, good Level) Level {
	if s == StatusSuccess || s == "" {
		return good
	}
	return LevelWarn
}
