package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// PackageType says how a function's code comes.
// +kubebuilder:validation:Enum=Zip;Image
type PackageType string

// The package types of the Lambda API.
const (
	PackageTypeZip   PackageType = "Zip"
	PackageTypeImage PackageType = "Image"
)

// Architecture is an instruction set as the Lambda API names it.
// +kubebuilder:validation:Enum=x86_64;arm64
type Architecture string

// The instruction sets of the Lambda API.
const (
	ArchitectureX86 Architecture = "x86_64"
	ArchitectureARM Architecture = "arm64"
)

// FunctionSpec is a function's configuration: what the Lambda API calls FunctionConfiguration, as far as it is wished for
// rather than observed.
// +kubebuilder:validation:XValidation:rule="has(self.code.image) || (has(self.code.source) && has(self.code.source.dockerfile)) || (has(self.runtime) && has(self.handler))",message="package type Zip needs runtime and handler"
// +kubebuilder:validation:XValidation:rule="!(has(self.code.image) || (has(self.code.source) && has(self.code.source.dockerfile))) || !(has(self.runtime) || has(self.handler) || has(self.layers))",message="package type Image takes no runtime, handler or layers"
type FunctionSpec struct {
	// FunctionName is the name in ARNs and in the AWS API. It defaults to the object's name and differs from it only
	// where a Lambda name is not a Kubernetes name (upper case, underscores). It cannot be changed.
	// +optional
	// +kubebuilder:validation:MaxLength=64
	// +kubebuilder:validation:Pattern=`^[a-zA-Z0-9-_]+$`
	// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="cannot be changed"
	FunctionName string `json:"functionName,omitempty"`
	// Description is a sentence for people.
	// +optional
	// +kubebuilder:validation:MaxLength=256
	Description string `json:"description,omitempty"`
	// PackageType is Zip (default) or Image.
	// +optional
	PackageType PackageType `json:"packageType,omitempty"`
	// Runtime is the id of the runtime, such as nodejs22.x; required for Zip, refused for Image.
	// +optional
	// +kubebuilder:validation:MaxLength=64
	Runtime string `json:"runtime,omitempty"`
	// Handler is what the runtime calls, such as index.handler; required for Zip.
	// +optional
	// +kubebuilder:validation:MaxLength=128
	Handler string `json:"handler,omitempty"`
	// Code is where the function's code is.
	Code Code `json:"code"`
	// Architectures holds the one instruction set that the code is for; x86_64 by default.
	// +optional
	// +kubebuilder:validation:MaxItems=1
	Architectures []Architecture `json:"architectures,omitempty"`
	// MemorySize is the memory of one execution environment in MB: 128 (default) to 10240.
	// +optional
	// +kubebuilder:validation:Minimum=128
	// +kubebuilder:validation:Maximum=10240
	MemorySize int32 `json:"memorySize,omitempty"`
	// Timeout is the longest time for one invocation in seconds: 1 to 900, 3 by default.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=900
	Timeout int32 `json:"timeout,omitempty"`
	// EphemeralStorage is the size of /tmp.
	// +optional
	EphemeralStorage *EphemeralStorage `json:"ephemeralStorage,omitempty"`
	// Environment holds the function's environment variables.
	// +optional
	Environment *Environment `json:"environment,omitempty"`
	// Layers are ARNs of layer versions, lowest first; a later one overwrites an earlier one's files.
	// +optional
	// +kubebuilder:validation:MaxItems=5
	Layers []string `json:"layers,omitempty"`
	// Concurrency bounds how many invocations run at once, and where.
	// +optional
	Concurrency *Concurrency `json:"concurrency,omitempty"`
	// Scaling says how pods come and go on a cluster.
	// +optional
	Scaling *Scaling `json:"scaling,omitempty"`
	// Pod says how pods run on a cluster, and where.
	// +optional
	Pod *Pod `json:"pod,omitempty"`
	// HTTP says how plain HTTP requests become events.
	// +optional
	HTTP *HTTP `json:"http,omitempty"`
	// Async says what happens to asynchronous invocations that fail.
	// +optional
	Async *Async `json:"async,omitempty"`
	// Logging chooses the format and the levels of the log.
	// +optional
	Logging *Logging `json:"logging,omitempty"`
	// Tracing chooses whether traces are started here or only passed on.
	// +optional
	Tracing *Tracing `json:"tracing,omitempty"`
	// DeadLetter takes asynchronous events that could not be processed.
	// +optional
	DeadLetter *Destination `json:"deadLetter,omitempty"`
	// RecursiveLoop says what becomes of a call that the function has caused itself, 16 times over: Terminate (default)
	// refuses it, Allow lets it pass.
	// +optional
	RecursiveLoop RecursiveLoop `json:"recursiveLoop,omitempty"`
	// CodeSigningConfig is the name of the CodeSigningConfig whose policy holds for new code. It must be there.
	// +optional
	// +kubebuilder:validation:Pattern=`^csc-[a-z0-9]{17}$`
	CodeSigningConfig string `json:"codeSigningConfig,omitempty"`
	// Tenancy keeps the calls of different tenants apart. It cannot be changed.
	// +optional
	Tenancy *Tenancy `json:"tenancy,omitempty"`
	// FileSystems are volumes that all environments of the function share, below /mnt. Only a cluster has them.
	// +optional
	// +kubebuilder:validation:MaxItems=5
	// +listType=map
	// +listMapKey=mountPath
	FileSystems []FileSystem `json:"fileSystems,omitempty"`
	// Role is the execution role's ARN. AWS tools require and echo it; it grants nothing here. Credentials come from
	// the environment variables or, on a cluster, from the service account.
	// +optional
	// +kubebuilder:validation:MaxLength=2048
	Role string `json:"role,omitempty"`
	// Tags are the function's tags in the Lambda API.
	// +optional
	// +kubebuilder:validation:MaxProperties=50
	Tags map[string]string `json:"tags,omitempty"`
}

// FileSystem is a volume that a function's environments share with one another, and with whoever else mounts it.
type FileSystem struct {
	// Claim is a PersistentVolumeClaim in the function's namespace. Pods on several nodes need one that many may write.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	Claim string `json:"claim"`
	// MountPath is where it is: /mnt/NAME.
	// +kubebuilder:validation:MaxLength=160
	// +kubebuilder:validation:Pattern=`^/mnt/[a-zA-Z0-9-_.]+$`
	MountPath string `json:"mountPath"`
}

// Code is where a function's code is. Exactly one member is set.
// +kubebuilder:validation:XValidation:rule="[has(self.zip), has(self.url), has(self.image), has(self.source)].exists_one(set, set)",message="exactly one of zip, url, image and source must be set"
type Code struct {
	// Zip is an archive that the engine holds, put there by an upload.
	// +optional
	Zip *Blob `json:"zip,omitempty"`
	// URL is an archive that the engine fetches when the object changes.
	// +optional
	URL *RemoteArchive `json:"url,omitempty"`
	// Image is a container image.
	// +optional
	Image *Image `json:"image,omitempty"`
	// Source is code that has to be built first. Only a cluster with Tekton builds.
	// +optional
	Source *Source `json:"source,omitempty"`
}

// Blob names stored bytes by their content.
type Blob struct {
	// SHA256 is the digest of the bytes in lower-case hex.
	// +kubebuilder:validation:Pattern=`^[0-9a-f]{64}$`
	SHA256 string `json:"sha256"`
	// Size is the number of bytes.
	// +kubebuilder:validation:Minimum=1
	Size int64 `json:"size"`
}

// RemoteArchive is a zip at a URL.
type RemoteArchive struct {
	// Location is an https, http or file URL. Engines that serve other people refuse file URLs.
	// +kubebuilder:validation:MaxLength=2048
	Location string `json:"location"`
	// SHA256 is the digest that the bytes must have, in lower-case hex.
	// +optional
	// +kubebuilder:validation:Pattern=`^[0-9a-f]{64}$`
	SHA256 string `json:"sha256,omitempty"`
}

// Protocol is what a container speaks.
// +kubebuilder:validation:Enum=lambda;http
type Protocol string

// The protocols.
const (
	// ProtocolLambda: the container asks the Lambda Runtime API for events.
	ProtocolLambda Protocol = "lambda"
	// ProtocolHTTP: the container listens for HTTP on the port that the environment variable PORT names.
	ProtocolHTTP Protocol = "http"
)

// Image is a container image with the overrides of the Lambda API's ImageConfig.
type Image struct {
	// URI is the image reference, by tag or digest.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=2048
	URI string `json:"uri"`
	// EntryPoint replaces the image's ENTRYPOINT.
	// +optional
	EntryPoint []string `json:"entryPoint,omitempty"`
	// Command replaces the image's CMD.
	// +optional
	Command []string `json:"command,omitempty"`
	// WorkingDirectory replaces the image's WORKDIR.
	// +optional
	WorkingDirectory string `json:"workingDirectory,omitempty"`
	// Protocol is what the container speaks. Empty: found out from the image, and told in status.protocol. Containers that
	// speak http know nothing of Lambda, so what the spec leaves out of memory, time and concurrency is Knative's default.
	// +optional
	Protocol Protocol `json:"protocol,omitempty"`
}

// EphemeralStorage is the size of /tmp.
type EphemeralStorage struct {
	// Size in MB: 512 (default) to 10240.
	// +kubebuilder:validation:Minimum=512
	// +kubebuilder:validation:Maximum=10240
	Size int32 `json:"size"`
}

// Environment holds environment variables, given here or taken from elsewhere.
type Environment struct {
	// Variables are names and values; 4 KB in all.
	// +optional
	Variables map[string]string `json:"variables,omitempty"`
	// VariablesFrom are variables whose values are kept in Secrets or ConfigMaps.
	// +optional
	VariablesFrom []VariableFrom `json:"variablesFrom,omitempty"`
}

// VariableFrom is one variable whose value is elsewhere. Exactly one reference is set.
// +kubebuilder:validation:XValidation:rule="has(self.secretKeyRef) != has(self.configMapKeyRef)",message="exactly one of secretKeyRef and configMapKeyRef must be set"
type VariableFrom struct {
	// Name of the variable.
	// +kubebuilder:validation:MinLength=1
	Name string `json:"name"`
	// SecretKeyRef is a key of a Secret in the function's namespace.
	// +optional
	SecretKeyRef *KeyRef `json:"secretKeyRef,omitempty"`
	// ConfigMapKeyRef is a key of a ConfigMap in the function's namespace.
	// +optional
	ConfigMapKeyRef *KeyRef `json:"configMapKeyRef,omitempty"`
}

// KeyRef is one key of a named object.
type KeyRef struct {
	// Name of the object.
	// +kubebuilder:validation:MinLength=1
	Name string `json:"name"`
	// Key within the object.
	// +kubebuilder:validation:MinLength=1
	Key string `json:"key"`
}

// Concurrency bounds how many invocations run at once, and where.
type Concurrency struct {
	// Reserved is the most invocations of the function at once over all environments; 0 stops it. Unset: no bound of
	// its own.
	// +optional
	// +kubebuilder:validation:Minimum=0
	Reserved *int32 `json:"reserved,omitempty"`
	// Provisioned is how many environments are kept initialized although nobody calls.
	// +optional
	// +kubebuilder:validation:Minimum=0
	Provisioned *int32 `json:"provisioned,omitempty"`
	// EnvironmentsPerPod is how many execution environments one pod holds: 1 (default) to 100.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=100
	EnvironmentsPerPod int32 `json:"environmentsPerPod,omitempty"`
	// PerEnvironment is how many invocations one runtime process takes at once. Above 1 it is handed to the process as
	// AWS_LAMBDA_MAX_CONCURRENCY, which the runtime client must understand.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=1000
	PerEnvironment int32 `json:"perEnvironment,omitempty"`
}

// EventFormat is the form in which a plain HTTP request reaches the function.
// +kubebuilder:validation:Enum="2.0";"1.0";alb;alb-multi-value;raw
type EventFormat string

// The event formats.
const (
	EventFormatV2            EventFormat = "2.0"
	EventFormatV1            EventFormat = "1.0"
	EventFormatALB           EventFormat = "alb"
	EventFormatALBMultiValue EventFormat = "alb-multi-value"
	EventFormatRaw           EventFormat = "raw"
)

// InvokeMode says whether HTTP answers are gathered or streamed.
// +kubebuilder:validation:Enum=BUFFERED;RESPONSE_STREAM
type InvokeMode string

// The invoke modes of the Lambda API.
const (
	InvokeModeBuffered InvokeMode = "BUFFERED"
	InvokeModeStream   InvokeMode = "RESPONSE_STREAM"
)

// Visibility says from where a function's URL can be reached.
// +kubebuilder:validation:Enum=Public;ClusterLocal
type Visibility string

// The visibilities.
const (
	VisibilityPublic       Visibility = "Public"
	VisibilityClusterLocal Visibility = "ClusterLocal"
)

// HTTP says how plain HTTP requests become events.
type HTTP struct {
	// Visibility is Public (default) or ClusterLocal: whether the function's URL is served outside the cluster.
	// +optional
	Visibility Visibility `json:"visibility,omitempty"`
	// EventFormat is "2.0" (function URL and HTTP API, default), "1.0" (REST API), "alb", "alb-multi-value" or "raw".
	// +optional
	EventFormat EventFormat `json:"eventFormat,omitempty"`
	// InvokeMode is BUFFERED (default) or RESPONSE_STREAM.
	// +optional
	InvokeMode InvokeMode `json:"invokeMode,omitempty"`
}

// Async says what happens to asynchronous invocations.
type Async struct {
	// MaximumRetryAttempts is how often a failed event is tried again: 0 to 2, 2 by default.
	// +optional
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=2
	MaximumRetryAttempts *int32 `json:"maximumRetryAttempts,omitempty"`
	// MaximumEventAgeInSeconds is how long an event may wait: 60 to 21600, 21600 by default.
	// +optional
	// +kubebuilder:validation:Minimum=60
	// +kubebuilder:validation:Maximum=21600
	MaximumEventAgeInSeconds *int32 `json:"maximumEventAgeInSeconds,omitempty"`
	// OnSuccess takes a record of every event that was processed.
	// +optional
	OnSuccess *Destination `json:"onSuccess,omitempty"`
	// OnFailure takes a record of every event that was given up.
	// +optional
	OnFailure *Destination `json:"onFailure,omitempty"`
}

// RecursiveLoop says whether a function may call itself without end.
// +kubebuilder:validation:Enum=Allow;Terminate
type RecursiveLoop string

// The values of RecursiveLoop.
const (
	RecursiveLoopAllow     RecursiveLoop = "Allow"
	RecursiveLoopTerminate RecursiveLoop = "Terminate"
)

// TenantIsolation says how the calls of tenants are kept apart.
// +kubebuilder:validation:Enum=PER_TENANT
type TenantIsolation string

// TenantIsolationPerTenant gives each tenant execution environments that no other tenant's calls ever reach.
const TenantIsolationPerTenant TenantIsolation = "PER_TENANT"

// Tenancy keeps the calls of different tenants apart.
type Tenancy struct {
	// IsolationMode is PER_TENANT: every call names its tenant, and an environment serves one tenant only.
	IsolationMode TenantIsolation `json:"isolationMode"`
}

// Destination is where records go.
type Destination struct {
	// Destination is the ARN of a function, a queue of SQS, a topic of SNS or an event bus of EventBridge, or an http or
	// https URL, to which CloudEvents are posted. Queues, topics and buses need an endpoint that whoever runs Lambkin has
	// set; buses take no dead letters.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=2048
	Destination string `json:"destination"`
}

// LogFormat is the form of a function's log.
// +kubebuilder:validation:Enum=Text;JSON
type LogFormat string

// The log formats of the Lambda API.
const (
	LogFormatText LogFormat = "Text"
	LogFormatJSON LogFormat = "JSON"
)

// Logging chooses the format and the levels of the log.
type Logging struct {
	// Format is Text (default) or JSON.
	// +optional
	Format LogFormat `json:"format,omitempty"`
	// ApplicationLogLevel is the least level of the function's own JSON lines: TRACE, DEBUG, INFO, WARN, ERROR or FATAL.
	// +optional
	// +kubebuilder:validation:Enum=TRACE;DEBUG;INFO;WARN;ERROR;FATAL
	ApplicationLogLevel string `json:"applicationLogLevel,omitempty"`
	// SystemLogLevel is the least level of the platform's JSON lines: DEBUG, INFO or WARN.
	// +optional
	// +kubebuilder:validation:Enum=DEBUG;INFO;WARN
	SystemLogLevel string `json:"systemLogLevel,omitempty"`
	// LogGroup is the name given to the function as AWS_LAMBDA_LOG_GROUP_NAME; /aws/lambda/NAME by default.
	// +optional
	// +kubebuilder:validation:MaxLength=512
	LogGroup string `json:"logGroup,omitempty"`
}

// The tracing modes of the Lambda API.
const (
	TracingModePassThrough = "PassThrough"
	TracingModeActive      = "Active"
)

// Tracing chooses whether traces are started here.
type Tracing struct {
	// Mode is PassThrough (default: a caller's trace is passed on) or Active (a trace is also started where there is none).
	// +kubebuilder:validation:Enum=PassThrough;Active
	Mode string `json:"mode"`
}

// FunctionStatus is what became of a Function.
type FunctionStatus struct {
	// ObservedGeneration is the generation that the rest of the status is about.
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`
	// Conditions say what holds; see the condition types.
	// +optional
	// +listType=map
	// +listMapKey=type
	Conditions []metav1.Condition `json:"conditions,omitempty"`
	// CodeSHA256 is the digest of the code that serves, in base64 as the Lambda API gives it.
	// +optional
	CodeSHA256 string `json:"codeSha256,omitempty"`
	// CodeSize is the size of the code that serves, in bytes.
	// +optional
	CodeSize int64 `json:"codeSize,omitempty"`
	// LastModified is when the configuration or the code last changed.
	// +optional
	LastModified *metav1.MicroTime `json:"lastModified,omitempty"`
	// LatestVersion is the number of the version published last; 0 before the first. Numbers are never used twice.
	// +optional
	LatestVersion int64 `json:"latestVersion,omitempty"`
	// URL is where plain HTTP requests reach the function.
	// +optional
	URL string `json:"url,omitempty"`
	// Image is the container image that serves, by digest. Empty on one machine, where code runs without images.
	// +optional
	Image string `json:"image,omitempty"`
	// Revision is the name of the Knative Revision that serves.
	// +optional
	Revision string `json:"revision,omitempty"`
	// Protocol is what the container speaks: as the spec says, or as found out from the image.
	// +optional
	Protocol Protocol `json:"protocol,omitempty"`
	// Provisioned is how far provisioned concurrency has come; absent where none is asked for.
	// +optional
	Provisioned *ProvisionedStatus `json:"provisioned,omitempty"`
	// LastBuild is the build that was started last, of code that has to be built.
	// +optional
	LastBuild *BuildStatus `json:"lastBuild,omitempty"`
}

// ProvisionedStatus is how far provisioned concurrency has come.
type ProvisionedStatus struct {
	// Requested is how many environments are asked for, by the object and by the aliases that point to it.
	Requested int32 `json:"requested"`
	// Allocated is how many of them have been started.
	// +optional
	Allocated int32 `json:"allocated,omitempty"`
	// Available is how many of them are initialized.
	// +optional
	Available int32 `json:"available,omitempty"`
	// Message says why there cannot be as many as are asked for; empty if there can.
	// +optional
	Message string `json:"message,omitempty"`
}

// Function is a Lambda function: its code and configuration, and the mutable version $LATEST.
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:shortName=fn,categories=lambkin
// +kubebuilder:printcolumn:name="Runtime",type=string,JSONPath=`.spec.runtime`
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="Reason",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].reason`
// +kubebuilder:printcolumn:name="URL",type=string,JSONPath=`.status.url`
// +kubebuilder:printcolumn:name="Revision",type=string,JSONPath=`.status.revision`,priority=1
// +kubebuilder:printcolumn:name="Image",type=string,JSONPath=`.status.image`,priority=1
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
type Function struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	Spec   FunctionSpec   `json:"spec"`
	Status FunctionStatus `json:"status,omitempty"`
}

// FunctionList is a list of Functions.
// +kubebuilder:object:root=true
type FunctionList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []Function `json:"items"`
}
