package v1alpha1

import "time"

// What the Lambda API gives a function that does not say otherwise.
const (
	defaultMemorySize         = 128
	defaultTimeout            = 3
	defaultEphemeralStorage   = 512
	defaultLogLevel           = "INFO"
	defaultRetryAttempts      = 2
	defaultEventAgeSeconds    = 21600
	defaultEnvironmentsPerPod = 1
	defaultPerEnvironment     = 1
)

// LambdaName is the function's name in the AWS API: spec.functionName, or the object's name where that is empty.
func (f *Function) LambdaName() string {
	if f.Spec.FunctionName != "" {
		return f.Spec.FunctionName
	}
	return f.Name
}

// Default fills in what was left out with the Lambda API's defaults. Members of spec.async stay unset, because the
// Lambda API shows the difference; [Async.RetryAttempts] and [Async.EventAge] give what holds.
func (f *Function) Default() {
	f.Spec.FunctionName = f.LambdaName()
	if f.Name == "" {
		f.Name = ObjectName(f.Spec.FunctionName)
	}
	f.Spec.setDefaults()
}

// TakesDefaults reports whether the Lambda API's defaults hold for what the spec leaves out, whatever is found out later.
// They do not hold for a container that answers HTTP itself, which knows nothing of Lambda, and an image that does not say
// what it speaks may be one.
func (s *FunctionSpec) TakesDefaults() bool {
	if s.Code.packageType() == PackageTypeZip {
		return true
	}
	return s.Code.Image != nil && s.Code.Image.Protocol == ProtocolLambda
}

// Effective is a copy of the spec with the defaults that hold for it. found is what its container is known to speak, as
// status.protocol tells it: where that is HTTP, what the spec leaves out is up to the cluster and stays empty.
func (s *FunctionSpec) Effective(found Protocol) *FunctionSpec {
	e := s.DeepCopy()
	if found != ProtocolHTTP {
		e.setDefaults()
	}
	return e
}

func (s *FunctionSpec) setDefaults() {
	if s.PackageType == "" {
		s.PackageType = s.Code.packageType()
	}
	if len(s.Architectures) == 0 {
		s.Architectures = []Architecture{ArchitectureX86}
	}
	s.MemorySize = orDefault(s.MemorySize, defaultMemorySize)
	s.Timeout = orDefault(s.Timeout, defaultTimeout)
	s.EphemeralStorage = orDefault(s.EphemeralStorage, &EphemeralStorage{Size: defaultEphemeralStorage})
	s.Tracing = orDefault(s.Tracing, &Tracing{Mode: TracingModePassThrough})
	s.Tracing.Mode = orDefault(s.Tracing.Mode, TracingModePassThrough)

	s.HTTP = orDefault(s.HTTP, &HTTP{})
	s.HTTP.EventFormat = orDefault(s.HTTP.EventFormat, EventFormatV2)
	s.HTTP.InvokeMode = orDefault(s.HTTP.InvokeMode, InvokeModeBuffered)

	s.Concurrency = orDefault(s.Concurrency, &Concurrency{})
	s.Concurrency.EnvironmentsPerPod = orDefault(s.Concurrency.EnvironmentsPerPod, defaultEnvironmentsPerPod)
	s.Concurrency.PerEnvironment = orDefault(s.Concurrency.PerEnvironment, defaultPerEnvironment)

	s.Logging = orDefault(s.Logging, &Logging{})
	s.Logging.setDefaults(s.FunctionName)
}

func (l *Logging) setDefaults(functionName string) {
	l.Format = orDefault(l.Format, LogFormatText)
	if l.LogGroup == "" && functionName != "" {
		l.LogGroup = "/aws/lambda/" + functionName
	}
	if l.Format == LogFormatJSON {
		l.ApplicationLogLevel = orDefault(l.ApplicationLogLevel, defaultLogLevel)
		l.SystemLogLevel = orDefault(l.SystemLogLevel, defaultLogLevel)
	}
}

// packageType is the package type that goes with the code given: Image for an image or what makes one, else Zip.
func (c *Code) packageType() PackageType {
	if c.Image != nil || (c.Source != nil && c.Source.Dockerfile != "") {
		return PackageTypeImage
	}
	return PackageTypeZip
}

// RetryAttempts is how often a failed asynchronous event is tried again; 2 where nothing says otherwise. The receiver
// may be nil.
func (a *Async) RetryAttempts() int32 {
	if a == nil || a.MaximumRetryAttempts == nil {
		return defaultRetryAttempts
	}
	return *a.MaximumRetryAttempts
}

// EventAge is how long an asynchronous event may wait; six hours where nothing says otherwise. The receiver may be nil.
func (a *Async) EventAge() time.Duration {
	if a == nil || a.MaximumEventAgeInSeconds == nil {
		return defaultEventAgeSeconds * time.Second
	}
	return time.Duration(*a.MaximumEventAgeInSeconds) * time.Second
}

// TerminatesLoops reports whether calls are refused that the function has caused itself too often. The receiver may be nil.
func (s *FunctionSpec) TerminatesLoops() bool {
	return s == nil || s.RecursiveLoop != RecursiveLoopAllow
}

// IsolatesTenants reports whether every call has to name a tenant. The receiver may be nil.
func (s *FunctionSpec) IsolatesTenants() bool { return s != nil && s.Tenancy != nil }

// orDefault is v, or the default where v is its type's zero value.
func orDefault[T comparable](v, byDefault T) T {
	var zero T
	if v == zero {
		return byDefault
	}
	return v
}
