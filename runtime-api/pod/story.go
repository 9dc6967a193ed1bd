package pod

import (
	"context"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"github.com/lambkin-dev/lambkin/internal/lambda"
	"github.com/lambkin-dev/lambkin/runtime-api/invoke"
	"github.com/lambkin-dev/lambkin/runtime-api/process"
	"github.com/lambkin-dev/lambkin/runtime-api/telemetry"
)

// story tells what happens in one incarnation: to the function's log and to extensions that subscribed.
type story struct {
	cfg      Config
	initType string
	bus      *telemetry.Bus
	log      *telemetry.Logger
	runtime  atomic.Pointer[process.Process]
	first    sync.Once // the first invocation ends the time for subscriptions

	coldStart atomic.Int64 // nanoseconds of an init that no invocation has reported yet
}

func newStory(in *incarnation) *story {
	s := &story{cfg: in.cfg, initType: in.cfg.initializationType(in.place.index), bus: telemetry.NewBus(in.cfg.PerEnvironment > 1)}
	application, err := telemetry.ParseLevel(in.cfg.ApplicationLogLevel)
	if err != nil {
		in.cfg.Logger.Warn("unknown application log level", "error", err)
	}
	system, err := telemetry.ParseLevel(in.cfg.SystemLogLevel)
	if err != nil {
		in.cfg.Logger.Warn("unknown system log level", "error", err)
	}
	s.log = telemetry.NewLogger(telemetry.LoggerConfig{
		Out:              in.cfg.Output,
		Bus:              s.bus,
		Format:           telemetry.Format(in.cfg.LogFormat),
		System:           system,
		Application:      application,
		MultiConcurrency: in.cfg.PerEnvironment > 1,
	})
	return s
}

// runtimeOutput is where the runtime prints to.
func (s *story) runtimeOutput() (stdout, stderr io.Writer) {
	out := s.log.Function()
	return out, out
}

// extensionOutput is where an extension prints to.
func (s *story) extensionOutput() (stdout, stderr io.Writer) {
	out := s.log.Extension()
	return out, out
}

func (s *story) runtimeStarted(p *process.Process) { s.runtime.Store(p) }

func phase(withinInvocation bool) string {
	if withinInvocation {
		return telemetry.PhaseInvoke
	}
	return telemetry.PhaseInit
}

func (s *story) initStart(within bool) {
	s.log.Emit(telemetry.InitStart{
		InitializationType: s.initType,
		Phase:              phase(within),
		RuntimeVersion:     s.cfg.Runtime,
		FunctionName:       string(s.cfg.Function),
		FunctionVersion:    s.cfg.Version,
		InstanceMaxMemory:  int64(s.cfg.Memory) << 20,
	})
}

// initDone tells how init ended. The time of one that succeeded outside an invocation is reported with the first one.
func (s *story) initDone(within bool, took time.Duration, f *invoke.Failure) {
	status, errorType := telemetry.StatusSuccess, ""
	if f != nil {
		status, errorType = statusOf(f.Type), f.Type
	}
	if f == nil && !within {
		s.coldStart.Store(int64(took))
	}
	s.log.Emit(telemetry.InitRuntimeDone{
		InitializationType: s.initType,
		Phase:              phase(within),
		Status:             status,
		ErrorType:          errorType,
	})
	s.log.Emit(telemetry.InitReport{
		InitializationType: s.initType,
		Phase:              phase(within),
		Status:             status,
		ErrorType:          errorType,
		Metrics:            telemetry.InitMetrics{Duration: telemetry.Milliseconds(took)},
	})
}

// statusOf is how an invocation or init with this error type ended.
func statusOf(errorType string) telemetry.Status {
	switch errorType {
	case "":
		return telemetry.StatusSuccess
	case invoke.TypeTimeout:
		return telemetry.StatusTimeout
	default:
		return telemetry.StatusError
	}
}

func (s *story) started(t *invoke.Task) {
	s.first.Do(s.bus.CloseSubscriptions)
	s.log.Start(telemetry.Start{
		RequestID:   t.In.ID,
		Version:     s.cfg.Version,
		FunctionARN: t.In.Function.ARN(s.cfg.Identity),
		Tracing:     tracing(t.In.Trace),
	}, t.In.LogTail)
}

func tracing(trace string) *telemetry.Tracing {
	if trace == "" {
		return nil
	}
	return &telemetry.Tracing{Type: "X-Amzn-Trace-Id", Value: trace}
}

// ended tells how an invocation ended and adds the tail of its log to the result.
func (s *story) ended(t *invoke.Task, r *lambda.Result) {
	status := statusOf(r.ErrorType)
	if status == telemetry.StatusTimeout {
		s.log.TimedOut(t.In.ID, s.cfg.Timeout)
	}
	s.log.RuntimeDone(telemetry.RuntimeDone{
		RequestID: t.In.ID,
		Status:    status,
		ErrorType: r.ErrorType,
		Metrics: telemetry.RuntimeDoneMetrics{
			Duration:      telemetry.Milliseconds(r.Duration),
			ProducedBytes: int64(len(r.Payload)),
		},
		Tracing: tracing(t.In.Trace),
	})
	r.LogTail = s.log.Finish(s.report(t, r, status))
}

func (s *story) report(t *invoke.Task, r *lambda.Result, status telemetry.Status) telemetry.Report {
	coldStart := time.Duration(s.coldStart.Swap(0))
	report := telemetry.Report{
		RequestID: t.In.ID,
		Status:    status,
		ErrorType: r.ErrorType,
		Metrics: telemetry.ReportMetrics{
			Duration:     telemetry.Milliseconds(r.Duration),
			BilledMs:     telemetry.Billed(r.Duration, coldStart),
			MemorySizeMB: int64(s.cfg.Memory),
			InitDuration: telemetry.Milliseconds(coldStart),
		},
		Tracing: tracing(t.In.Trace),
	}
	if p := s.runtime.Load(); p != nil {
		report.Metrics.MaxMemoryUsedMB = (p.PeakMemory() + 1<<20 - 1) >> 20
	}
	return report
}

// close delivers what subscribers have not got yet.
func (s *story) close() { s.bus.Shutdown(context.Background()) }
