package v1alpha1

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode"

	"k8s.io/apimachinery/pkg/util/validation/field"
)

// Limits of the Lambda API, beside those that the comments of the types give.
const (
	maxHandler          = 128
	maxRuntime          = 64
	maxImageURI         = 2048
	maxWorkingDirectory = 1000
	maxLogGroup         = 512
	maxTags             = 50
	maxTagKey           = 128
	maxTagValue         = 256
	maxLayers           = 5
	maxInvocations      = 1 << 20 // no engine holds more at once
)

var (
	runtimeForm  = regexp.MustCompile(`^[a-z][a-z0-9.-]*$`)
	logGroupForm = regexp.MustCompile(`^[a-zA-Z0-9_./#-]+$`)
	roleForm     = regexp.MustCompile(`^arn:aws[a-zA-Z-]*:iam::[0-9]{12}:role/?[a-zA-Z_0-9+=,.@/-]+$`)
	layerARNForm = regexp.MustCompile(`^(arn:[a-zA-Z0-9-]+:lambda:[a-zA-Z0-9-]+:[0-9]{12}:layer:[a-zA-Z0-9-_]{1,140}):[1-9][0-9]*$`)
)

// Validate gives every fault of a function.
func (f *Function) Validate() field.ErrorList {
	spec := field.NewPath("spec")
	faults := validateLambdaName(f.Spec.FunctionName, maxFunctionName, spec.Child("functionName"))
	faults = validateObjectName(f, ObjectName(f.Spec.FunctionName), faults)
	return append(faults, f.Spec.validate(spec)...)
}

// ValidateUpdate gives every fault, and a change of the function's name or of its tenancy.
func (f *Function) ValidateUpdate(old Object) field.ErrorList {
	was, ok := old.(*Function)
	if !ok {
		return otherKind(old)
	}
	faults := immutable(f.LambdaName(), was.LambdaName(), field.NewPath("spec", "functionName"))
	faults = append(faults, immutable(f.Spec.IsolatesTenants(), was.Spec.IsolatesTenants(), field.NewPath("spec", "tenancy"))...)
	return append(faults, f.Validate()...)
}

// validate gathers the faults of a function's configuration, apart from its name, wherever it stands.
func (s *FunctionSpec) validate(at *field.Path) field.ErrorList {
	faults := validateLength(s.Description, maxDescription, at.Child("description"))
	faults = append(faults, s.validatePackage(at)...)
	faults = append(faults, s.validateSizes(at)...)
	faults = append(faults, s.Environment.validate(at.Child("environment"))...)
	faults = append(faults, validateLayers(s.Layers, at.Child("layers"))...)
	faults = append(faults, validateFileSystems(s.FileSystems, at.Child("fileSystems"))...)
	faults = append(faults, s.Concurrency.validate(at.Child("concurrency"))...)
	faults = append(faults, s.Scaling.validate(at.Child("scaling"))...)
	faults = append(faults, s.Pod.validate(at.Child("pod"))...)
	faults = append(faults, s.HTTP.validate(at.Child("http"))...)
	faults = append(faults, s.Async.validate(at.Child("async"))...)
	faults = append(faults, s.Logging.validate(at.Child("logging"))...)
	faults = append(faults, s.Tracing.validate(at.Child("tracing"))...)
	faults = append(faults, s.DeadLetter.validateDeadLetter(at.Child("deadLetter"))...)
	faults = append(faults, s.validateRules(at)...)
	if s.Role != "" && !roleForm.MatchString(s.Role) {
		faults = append(faults, field.Invalid(at.Child("role"), s.Role, "must be the ARN of an IAM role"))
	}
	return append(faults, validateTags(s.Tags, at.Child("tags"))...)
}

// validateRules checks what holds for calls and code of the function as a whole.
func (s *FunctionSpec) validateRules(at *field.Path) field.ErrorList {
	var faults field.ErrorList
	if s.RecursiveLoop != "" {
		faults = append(faults, validateEnum(s.RecursiveLoop, []RecursiveLoop{RecursiveLoopAllow, RecursiveLoopTerminate}, at.Child("recursiveLoop"))...)
	}
	if s.CodeSigningConfig != "" {
		faults = append(faults, validateCodeSigningConfigName(s.CodeSigningConfig, at.Child("codeSigningConfig"))...)
	}
	if s.Tenancy == nil {
		return faults
	}
	faults = append(faults, validateEnum(s.Tenancy.IsolationMode, []TenantIsolation{TenantIsolationPerTenant}, at.Child("tenancy", "isolationMode"))...)
	if c := s.Concurrency; c != nil && c.PerEnvironment > 1 {
		faults = append(faults, field.Forbidden(at.Child("concurrency", "perEnvironment"), "may not be above 1 for a function that isolates tenants"))
	}
	if c := s.Concurrency; c != nil && c.EnvironmentsPerPod > 1 {
		faults = append(faults, field.Forbidden(at.Child("concurrency", "environmentsPerPod"), "may not be above 1 for a function that isolates tenants: a pod has one /tmp"))
	}
	return faults
}

// validatePackage checks that package type, code, runtime and handler go together.
func (s *FunctionSpec) validatePackage(at *field.Path) field.ErrorList {
	faults := validateEnum(s.PackageType, []PackageType{PackageTypeZip, PackageTypeImage}, at.Child("packageType"))
	faults = append(faults, s.Code.validate(at.Child("code"))...)
	if s.PackageType == PackageTypeImage {
		return append(faults, s.validateImagePackage(at)...)
	}
	return append(faults, s.validateZipPackage(at)...)
}

func (s *FunctionSpec) validateZipPackage(at *field.Path) field.ErrorList {
	var faults field.ErrorList
	if s.Code.Image != nil {
		faults = append(faults, field.Forbidden(at.Child("code", "image"), "may not be set for package type Zip"))
	}
	if s.Code.Source != nil && s.Code.Source.Dockerfile != "" {
		faults = append(faults, field.Forbidden(at.Child("code", "source", "dockerfile"), "may not be set for package type Zip"))
	}
	if s.Runtime == "" {
		faults = append(faults, field.Required(at.Child("runtime"), "package type Zip needs a runtime, such as nodejs22.x"))
	}
	if s.Runtime != "" && !runtimeForm.MatchString(s.Runtime) {
		faults = append(faults, field.Invalid(at.Child("runtime"), s.Runtime, "must be a runtime id, such as nodejs22.x"))
	}
	faults = append(faults, validateLength(s.Runtime, maxRuntime, at.Child("runtime"))...)
	if s.Handler == "" {
		faults = append(faults, field.Required(at.Child("handler"), "package type Zip needs a handler, such as index.handler"))
	}
	if strings.ContainsFunc(s.Handler, unicode.IsSpace) {
		faults = append(faults, field.Invalid(at.Child("handler"), s.Handler, "must not contain white space"))
	}
	return append(faults, validateLength(s.Handler, maxHandler, at.Child("handler"))...)
}

func (s *FunctionSpec) validateImagePackage(at *field.Path) field.ErrorList {
	given := []struct {
		path *field.Path
		set  bool
	}{
		{at.Child("code", "zip"), s.Code.Zip != nil},
		{at.Child("code", "url"), s.Code.URL != nil},
		{at.Child("code", "source"), s.Code.Source != nil && s.Code.Source.Dockerfile == ""},
		{at.Child("runtime"), s.Runtime != ""},
		{at.Child("handler"), s.Handler != ""},
		{at.Child("layers"), len(s.Layers) > 0},
	}
	var faults field.ErrorList
	for _, member := range given {
		if member.set {
			faults = append(faults, field.Forbidden(member.path, "may not be set for package type Image; the image holds it"))
		}
	}
	return faults
}

// validate checks that exactly one member is set, and that one.
func (c *Code) validate(at *field.Path) field.ErrorList {
	var faults field.ErrorList
	members := 0
	if c.Zip != nil {
		members++
		faults = append(faults, validateBlob(c.Zip, at.Child("zip"))...)
	}
	if c.URL != nil {
		members++
		faults = append(faults, c.URL.validate(at.Child("url"))...)
	}
	if c.Image != nil {
		members++
		faults = append(faults, c.Image.validate(at.Child("image"))...)
	}
	if c.Source != nil {
		members++
		faults = append(faults, c.Source.validate(at.Child("source"))...)
	}
	if members == 0 {
		return append(faults, field.Required(at, "one of zip, url, image and source must be set"))
	}
	if members > 1 {
		return append(faults, field.Forbidden(at, "only one of zip, url, image and source may be set"))
	}
	return faults
}

func (r *RemoteArchive) validate(at *field.Path) field.ErrorList {
	faults := validateURL(r.Location, []string{"https", "http", "file"}, at.Child("location"))
	if r.SHA256 != "" {
		faults = append(faults, validateDigest(r.SHA256, at.Child("sha256"))...)
	}
	return faults
}

func (i *Image) validate(at *field.Path) field.ErrorList {
	var faults field.ErrorList
	if i.URI == "" {
		faults = append(faults, field.Required(at.Child("uri"), ""))
	}
	if strings.ContainsFunc(i.URI, unicode.IsSpace) {
		faults = append(faults, field.Invalid(at.Child("uri"), i.URI, "must not contain white space"))
	}
	if i.Protocol != "" {
		faults = append(faults, validateEnum(i.Protocol, []Protocol{ProtocolLambda, ProtocolHTTP}, at.Child("protocol"))...)
	}
	faults = append(faults, validateLength(i.URI, maxImageURI, at.Child("uri"))...)
	return append(faults, validateLength(i.WorkingDirectory, maxWorkingDirectory, at.Child("workingDirectory"))...)
}

// validateSizes checks architecture, memory, time and storage.
func (s *FunctionSpec) validateSizes(at *field.Path) field.ErrorList {
	var faults field.ErrorList
	if len(s.Architectures) != 1 {
		faults = append(faults, field.Invalid(at.Child("architectures"), s.Architectures, "must hold exactly one architecture"))
	}
	for i, a := range s.Architectures {
		faults = append(faults, validateEnum(a, architectures(), at.Child("architectures").Index(i))...)
	}
	faults = append(faults, validateRange(int64(s.MemorySize), 128, 10240, at.Child("memorySize"))...)
	faults = append(faults, validateRange(int64(s.Timeout), 1, 900, at.Child("timeout"))...)
	if s.EphemeralStorage != nil {
		faults = append(faults, validateRange(int64(s.EphemeralStorage.Size), 512, 10240, at.Child("ephemeralStorage", "size"))...)
	}
	return faults
}

func architectures() []Architecture { return []Architecture{ArchitectureX86, ArchitectureARM} }

// validateLayers checks the ARNs and that no layer comes in two versions.
func validateLayers(layers []string, at *field.Path) field.ErrorList {
	var faults field.ErrorList
	if len(layers) > maxLayers {
		faults = append(faults, field.TooMany(at, len(layers), maxLayers))
	}
	seen := make(map[string]bool, len(layers))
	for i, arn := range layers {
		parts := layerARNForm.FindStringSubmatch(arn)
		if parts == nil {
			faults = append(faults, field.Invalid(at.Index(i), arn, "must be the ARN of a layer version, arn:aws:lambda:REGION:ACCOUNT:layer:NAME:VERSION"))
			continue
		}
		if seen[parts[1]] {
			faults = append(faults, field.Invalid(at.Index(i), arn, "is a second version of a layer that is given already"))
		}
		seen[parts[1]] = true
	}
	return faults
}

func (c *Concurrency) validate(at *field.Path) field.ErrorList {
	if c == nil {
		return nil
	}
	faults := validateOptional(c.Reserved, 0, maxInvocations, at.Child("reserved"))
	faults = append(faults, validateOptional(c.Provisioned, 0, maxInvocations, at.Child("provisioned"))...)
	faults = append(faults, validateRange(int64(c.EnvironmentsPerPod), 1, 100, at.Child("environmentsPerPod"))...)
	faults = append(faults, validateRange(int64(c.PerEnvironment), 1, 1000, at.Child("perEnvironment"))...)
	if c.Reserved != nil && c.Provisioned != nil && *c.Provisioned > *c.Reserved {
		faults = append(faults, field.Invalid(at.Child("provisioned"), *c.Provisioned, "must not be greater than reserved"))
	}
	return faults
}

func (h *HTTP) validate(at *field.Path) field.ErrorList {
	if h == nil {
		return nil
	}
	formats := []EventFormat{EventFormatV2, EventFormatV1, EventFormatALB, EventFormatALBMultiValue, EventFormatRaw}
	faults := validateEnum(h.EventFormat, formats, at.Child("eventFormat"))
	if h.Visibility != "" {
		faults = append(faults, validateEnum(h.Visibility, []Visibility{VisibilityPublic, VisibilityClusterLocal}, at.Child("visibility"))...)
	}
	return append(faults, validateEnum(h.InvokeMode, invokeModes(), at.Child("invokeMode"))...)
}

func invokeModes() []InvokeMode { return []InvokeMode{InvokeModeBuffered, InvokeModeStream} }

func (a *Async) validate(at *field.Path) field.ErrorList {
	if a == nil {
		return nil
	}
	faults := validateOptional(a.MaximumRetryAttempts, 0, 2, at.Child("maximumRetryAttempts"))
	faults = append(faults, validateOptional(a.MaximumEventAgeInSeconds, 60, 21600, at.Child("maximumEventAgeInSeconds"))...)
	faults = append(faults, a.OnSuccess.validate(at.Child("onSuccess"))...)
	return append(faults, a.OnFailure.validate(at.Child("onFailure"))...)
}

func (d *Destination) validate(at *field.Path) field.ErrorList {
	if d == nil || busARNForm.MatchString(d.Destination) {
		return nil
	}
	return d.validateForm("must be the ARN of a function, a standard queue of SQS, a standard topic of SNS or an event bus of EventBridge, or an http or https URL", at)
}

// validateDeadLetter is for events that were given up, which event buses cannot take: what they take is a record.
func (d *Destination) validateDeadLetter(at *field.Path) field.ErrorList {
	return d.validateForm("must be the ARN of a function, a standard queue of SQS or a standard topic of SNS, or an http or https URL", at)
}

// validateForm takes what takes all that there is to send.
func (d *Destination) validateForm(must string, at *field.Path) field.ErrorList {
	if d == nil || slices.ContainsFunc([]*regexp.Regexp{functionARNForm, queueARNForm, topicARNForm}, func(f *regexp.Regexp) bool { return f.MatchString(d.Destination) }) {
		return nil
	}
	if strings.HasPrefix(d.Destination, "arn:") {
		return field.ErrorList{field.Invalid(at.Child("destination"), d.Destination, must)}
	}
	return validateURL(d.Destination, []string{"https", "http"}, at.Child("destination"))
}

// Destinations are all places that records of the function's asynchronous events, or the events themselves, may be sent to.
func (s *FunctionSpec) Destinations() []string {
	return append(destinations(s.DeadLetter), s.Async.Destinations()...)
}

// Destinations are all places that records may be sent to.
func (a *Async) Destinations() []string {
	if a == nil {
		return nil
	}
	return destinations(a.OnSuccess, a.OnFailure)
}

func destinations(some ...*Destination) (all []string) {
	for _, d := range some {
		if d != nil {
			all = append(all, d.Destination)
		}
	}
	return all
}

func (l *Logging) validate(at *field.Path) field.ErrorList {
	if l == nil {
		return nil
	}
	faults := validateEnum(l.Format, []LogFormat{LogFormatText, LogFormatJSON}, at.Child("format"))
	application, system := at.Child("applicationLogLevel"), at.Child("systemLogLevel")
	faults = append(faults, l.validateLevel(l.ApplicationLogLevel, []string{"TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL"}, application)...)
	faults = append(faults, l.validateLevel(l.SystemLogLevel, []string{"DEBUG", "INFO", "WARN"}, system)...)
	if l.LogGroup != "" && !logGroupForm.MatchString(l.LogGroup) {
		faults = append(faults, field.Invalid(at.Child("logGroup"), l.LogGroup, "must consist of letters, digits and the characters _ . / # -"))
	}
	return append(faults, validateLength(l.LogGroup, maxLogGroup, at.Child("logGroup"))...)
}

// validateLevel checks a level, which only JSON logs have.
func (l *Logging) validateLevel(level string, allowed []string, at *field.Path) field.ErrorList {
	if level == "" {
		return nil
	}
	if l.Format != LogFormatJSON {
		return field.ErrorList{field.Forbidden(at, "may only be set for format JSON")}
	}
	return validateEnum(level, allowed, at)
}

func (t *Tracing) validate(at *field.Path) field.ErrorList {
	if t == nil {
		return nil
	}
	return validateEnum(t.Mode, []string{TracingModePassThrough, TracingModeActive}, at.Child("mode"))
}

func validateTags(tags map[string]string, at *field.Path) field.ErrorList {
	var faults field.ErrorList
	if len(tags) > maxTags {
		faults = append(faults, field.TooMany(at, len(tags), maxTags))
	}
	for _, key := range sortedKeys(tags) {
		if key == "" || strings.HasPrefix(key, "aws:") {
			faults = append(faults, field.Invalid(at.Key(key), key, "must not be empty or begin with aws:"))
		}
		faults = append(faults, validateLength(key, maxTagKey, at.Key(key))...)
		faults = append(faults, validateLength(tags[key], maxTagValue, at.Key(key))...)
	}
	return faults
}

func rangeText(least, most int64) string {
	return fmt.Sprintf("must be from %d to %d", least, most)
}
