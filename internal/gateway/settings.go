package gateway

import (
	"bytes"
	"encoding/json"
	"regexp"
	"strings"

	"github.com/lambkin-dev/lambkin/api/v1alpha1"
	"github.com/lambkin-dev/lambkin/internal/lambda"
)

// settings are the members that CreateFunction and UpdateFunctionConfiguration share. Nil means not given.
type settings struct {
	Role             *string
	Handler          *string
	Description      *string
	Runtime          *string
	Timeout          *int32
	MemorySize       *int32
	Environment      *givenEnvironment
	DeadLetterConfig *deadLetterConfig
	TracingConfig    *tracingConfig
	Layers           []string
	ImageConfig      *imageConfig
	EphemeralStorage *ephemeralStorage
	SnapStart        *struct{ ApplyOn string }
	LoggingConfig    *loggingConfig

	FileSystemConfigs []fileSystemInput

	VpcConfig              refused `why:"functions use the network of the machine or pod they run in; leave it out"`
	KMSKeyArn              refused `why:"there is no KMS here; keep secrets in Kubernetes Secrets and name them in the Function object's environment.variablesFrom"`
	CapacityProviderConfig refused `why:"there are no capacity providers here; set environmentsPerPod and perEnvironment in the Function object's concurrency"`
	DurableConfig          refused `why:"durable functions are not implemented"`
}

var (
	roleForm     = regexp.MustCompile(`^arn:(aws[a-zA-Z-]*)?:iam::\d{12}:role/?[a-zA-Z_0-9+=,.@\-_/]+$`)
	handlerForm  = regexp.MustCompile(`^[^\s]+$`)
	logGroupForm = regexp.MustCompile(`^[.\-_/#A-Za-z0-9]{1,512}$`)
	variableForm = regexp.MustCompile(`^[a-zA-Z]([a-zA-Z0-9_])+$`)
)

// check notes what breaks the model's constraints.
func (s *settings) check(f *faults) {
	f.pattern(s.Role, "role", roleForm, `arn:(aws[a-zA-Z-]*)?:iam::\d{12}:role/?[a-zA-Z_0-9+=,.@\-_/]+`)
	f.longest(s.Handler, "handler", 128)
	f.pattern(s.Handler, "handler", handlerForm, `[^\s]+`)
	f.longest(s.Description, "description", 256)
	f.within(s.Timeout, "timeout", 1, 900)
	f.within(s.MemorySize, "memorySize", 128, 10240)
	if s.EphemeralStorage != nil {
		f.within(&s.EphemeralStorage.Size, "ephemeralStorage.size", 512, 10240)
	}
	if s.TracingConfig != nil {
		f.oneOf(s.TracingConfig.Mode, "tracingConfig.mode", v1alpha1.TracingModeActive, v1alpha1.TracingModePassThrough)
	}
	if s.SnapStart != nil {
		f.oneOf(s.SnapStart.ApplyOn, "snapStart.applyOn", "PublishedVersions", "None")
	}
	s.checkEnvironment(f)
	s.checkLogging(f)
	checkLayerForms(s.Layers, f)
	checkFileSystems(s.FileSystemConfigs, f)
}

func (s *settings) checkEnvironment(f *faults) {
	if s.Environment == nil {
		return
	}
	for name := range s.Environment.Variables.values {
		if !variableForm.MatchString(name) && !strings.HasPrefix(name, "_") { // those are reserved, which is said elsewhere
			f.add(keysOf(s.Environment.Variables.values), "environment.variables", "Map keys must satisfy constraint: "+
				"[Member must satisfy regular expression pattern: [a-zA-Z]([a-zA-Z0-9_])+, Member must not be null]")
			return
		}
	}
}

func (s *settings) checkLogging(f *faults) {
	l := s.LoggingConfig
	if l == nil {
		return
	}
	f.oneOf(l.LogFormat, "loggingConfig.logFormat", "JSON", "Text")
	f.oneOf(l.ApplicationLogLevel, "loggingConfig.applicationLogLevel", "TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL")
	f.oneOf(l.SystemLogLevel, "loggingConfig.systemLogLevel", "DEBUG", "INFO", "WARN")
	if l.LogGroup != "" {
		f.pattern(&l.LogGroup, "loggingConfig.logGroup", logGroupForm, `[\.\-_/#A-Za-z0-9]+`)
	}
}

// refuse fails on what the model allows and the service, or this one, does not.
func (s *settings) refuse() error {
	if s.SnapStart != nil && s.SnapStart.ApplyOn == "PublishedVersions" {
		return invalid("SnapStart is not supported here: environments are not restored from snapshots. Leave it out or set ApplyOn to None.")
	}
	if s.Runtime != nil {
		if err := checkRuntime(*s.Runtime); err != nil {
			return err
		}
	}
	return s.refuseEnvironment()
}

// refuseEnvironment fails on variables that the platform sets, and on too many.
func (s *settings) refuseEnvironment() error {
	if s.Environment == nil {
		return nil
	}
	if keys := v1alpha1.ReservedKeys(s.Environment.Variables.values); len(keys) > 0 {
		return invalid("Lambda was unable to configure your environment variables because the environment variables you have provided "+
			"contains reserved keys that are currently not supported for modification. Reserved keys used in this request: %s", strings.Join(keys, ", "))
	}
	if len(compact(s.Environment.Variables.values)) > lambda.MaxEnvironment {
		return invalid("Lambda was unable to configure your environment variables because the environment variables you have provided "+
			"exceeded the 4KB limit. String measured: %s", s.Environment.Variables.text)
	}
	return nil
}

// variables are environment variables as a request gives them.
type variables struct {
	values map[string]string
	text   string // the JSON of the request without blanks, in its order
}

// UnmarshalJSON reads the variables and keeps their text.
func (v *variables) UnmarshalJSON(b []byte) error {
	if err := json.Unmarshal(b, &v.values); err != nil {
		return lambda.Errorf(lambda.CodeInvalidRequestContent, "Could not parse request body into json: the member Environment.Variables must be an object of texts.")
	}
	var text bytes.Buffer
	if err := json.Compact(&text, b); err != nil {
		return err //nolint:wrapcheck // same
	}
	v.text = text.String()
	return nil
}

// compact is variables as the JSON that AWS measures.
func compact(variables map[string]string) string {
	var text bytes.Buffer
	e := json.NewEncoder(&text)
	e.SetEscapeHTML(false)
	_ = e.Encode(variables) // strings always have a JSON form
	return strings.TrimSuffix(text.String(), "\n")
}

// apply writes what was given into a spec whose code is there already.
func (s *settings) apply(spec *v1alpha1.FunctionSpec) error {
	set(&spec.Role, s.Role)
	set(&spec.Handler, s.Handler)
	set(&spec.Description, s.Description)
	set(&spec.Runtime, s.Runtime)
	set(&spec.Timeout, s.Timeout)
	set(&spec.MemorySize, s.MemorySize)
	if s.Layers != nil {
		spec.Layers = s.Layers
	}
	if s.EphemeralStorage != nil {
		spec.EphemeralStorage = &v1alpha1.EphemeralStorage{Size: s.EphemeralStorage.Size}
	}
	if s.TracingConfig != nil {
		spec.Tracing = &v1alpha1.Tracing{Mode: s.TracingConfig.Mode}
	}
	if s.DeadLetterConfig != nil {
		spec.DeadLetter = destination(s.DeadLetterConfig.TargetArn)
	}
	if s.FileSystemConfigs != nil {
		spec.FileSystems = claimsOf(s.FileSystemConfigs)
	}
	s.applyEnvironment(spec)
	s.applyLogging(spec)
	return s.applyImage(spec)
}

// applyEnvironment replaces the variables that have values; those that come from Secrets are none of the API's.
func (s *settings) applyEnvironment(spec *v1alpha1.FunctionSpec) {
	if s.Environment == nil {
		return
	}
	if spec.Environment == nil {
		spec.Environment = &v1alpha1.Environment{}
	}
	spec.Environment.Variables = s.Environment.Variables.values
}

// applyImage replaces the overrides of an image.
func (s *settings) applyImage(spec *v1alpha1.FunctionSpec) error {
	if s.ImageConfig == nil {
		return nil
	}
	i := spec.Code.Image
	if i == nil && len(s.ImageConfig.EntryPoint)+len(s.ImageConfig.Command)+len(s.ImageConfig.WorkingDirectory) == 0 {
		return nil // it says nothing
	}
	if i == nil {
		return invalid("Please don't provide ImageConfig for a function with packageType Zip: there is no image that it could change.")
	}
	i.EntryPoint, i.Command, i.WorkingDirectory = s.ImageConfig.EntryPoint, s.ImageConfig.Command, s.ImageConfig.WorkingDirectory
	return nil
}

// applyLogging replaces all of it, as AWS does; what is left out gets its default.
func (s *settings) applyLogging(spec *v1alpha1.FunctionSpec) {
	if l := s.LoggingConfig; l != nil {
		spec.Logging = &v1alpha1.Logging{
			Format: v1alpha1.LogFormat(l.LogFormat), LogGroup: l.LogGroup,
			ApplicationLogLevel: l.ApplicationLogLevel, SystemLogLevel: l.SystemLogLevel,
		}
	}
}

// set writes a value that was given.
func set[T any](to, value *T) {
	if value != nil {
		*to = *value
	}
}

// destination is where records go; nil if nowhere.
func destination(target string) *v1alpha1.Destination {
	if target == "" {
		return nil
	}
	return &v1alpha1.Destination{Destination: target}
}
