package gateway

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/lambkin-dev/lambkin/api/v1alpha1"
)

// textTime is the form of the times that the API gives as text.
const textTime = "2006-01-02T15:04:05.000-0700"

// snapshot is a function's $LATEST or one of its versions, in the light of how a caller named it.
type snapshot struct {
	spec    *v1alpha1.FunctionSpec
	status  *v1alpha1.FunctionStatus
	meta    *metav1.ObjectMeta
	version string
	arn     string
}

// functionConfiguration is FunctionConfiguration of the API's model. Members without omitempty are always there, as in
// the real service's replies.
type functionConfiguration struct {
	functionState

	FunctionName         string
	FunctionArn          string
	Runtime              string `json:",omitempty"`
	Role                 string `json:",omitempty"`
	Handler              string `json:",omitempty"`
	CodeSize             int64
	Description          string
	Timeout              int32
	MemorySize           int32
	LastModified         string
	CodeSha256           string
	Version              string
	DeadLetterConfig     *deadLetterConfig `json:",omitempty"`
	Environment          *environment      `json:",omitempty"`
	TracingConfig        tracingConfig
	RevisionId           string
	Layers               []layerUse `json:",omitempty"`
	PackageType          v1alpha1.PackageType
	ImageConfigResponse  *imageConfigResponse `json:",omitempty"`
	Architectures        []v1alpha1.Architecture
	EphemeralStorage     ephemeralStorage
	SnapStart            snapStartResponse
	RuntimeVersionConfig *runtimeVersionConfig `json:",omitempty"`
	LoggingConfig        loggingConfig
	TenancyConfig        *tenancyConfig     `json:",omitempty"`
	FileSystemConfigs    []fileSystemConfig `json:",omitempty"`
}

// functionState is where a function stands; lists of functions come without it.
type functionState struct {
	State                      string `json:",omitempty"`
	StateReason                string `json:",omitempty"`
	StateReasonCode            string `json:",omitempty"`
	LastUpdateStatus           string `json:",omitempty"`
	LastUpdateStatusReason     string `json:",omitempty"`
	LastUpdateStatusReasonCode string `json:",omitempty"`
}

// Members of the model that requests and replies share.
type (
	deadLetterConfig struct{ TargetArn string }
	environment      struct{ Variables map[string]string }
	givenEnvironment struct{ Variables variables }
	tracingConfig    struct{ Mode string }
	ephemeralStorage struct{ Size int32 }
	imageConfig      struct {
		EntryPoint       []string `json:",omitempty"`
		Command          []string `json:",omitempty"`
		WorkingDirectory string   `json:",omitempty"`
	}
	loggingConfig struct {
		LogFormat           string `json:",omitempty"`
		ApplicationLogLevel string `json:",omitempty"`
		SystemLogLevel      string `json:",omitempty"`
		LogGroup            string `json:",omitempty"`
	}
)

// Members of the model that replies alone have.
type (
	imageConfigResponse  struct{ ImageConfig imageConfig }
	snapStartResponse    struct{ ApplyOn, OptimizationStatus string }
	runtimeVersionConfig struct{ RuntimeVersionArn string }
	layerUse             struct {
		Arn      string
		CodeSize int64
	}
)

// configuration makes the API's form of a snapshot, without its state. Sizes of layers are looked up by the caller.
func (g *gateway) configuration(s snapshot, layerSizes map[string]int64) functionConfiguration {
	revisionID := snapshotRevision(s) // of what is kept
	s.spec = s.spec.Effective(s.status.Protocol)
	c := functionConfiguration{
		FunctionName: s.spec.FunctionName, FunctionArn: s.arn, Version: s.version,
		Runtime: s.spec.Runtime, Role: s.spec.Role, Handler: s.spec.Handler, Description: s.spec.Description,
		Timeout: s.spec.Timeout, MemorySize: s.spec.MemorySize, PackageType: s.spec.PackageType,
		Architectures: s.spec.Architectures,
		LastModified:  modified(s).UTC().Format(textTime),
		RevisionId:    revisionID,
		SnapStart:     snapStartResponse{ApplyOn: "None", OptimizationStatus: "Off"},
	}
	if s.spec.IsolatesTenants() {
		c.TenancyConfig = &tenancyConfig{TenantIsolationMode: new(string(s.spec.Tenancy.IsolationMode))}
	}
	c.CodeSha256, c.CodeSize = codeOf(s)
	if s.spec.EphemeralStorage != nil {
		c.EphemeralStorage.Size = s.spec.EphemeralStorage.Size
	}
	if s.spec.Tracing != nil {
		c.TracingConfig.Mode = s.spec.Tracing.Mode
	}
	if s.spec.DeadLetter != nil {
		c.DeadLetterConfig = &deadLetterConfig{TargetArn: s.spec.DeadLetter.Destination}
	}
	if e := s.spec.Environment; e != nil && len(e.Variables) > 0 {
		c.Environment = &environment{Variables: e.Variables}
	}
	if l := s.spec.Logging; l != nil {
		c.LoggingConfig = loggingConfig{string(l.Format), l.ApplicationLogLevel, l.SystemLogLevel, l.LogGroup}
	}
	for _, arn := range s.spec.Layers {
		c.Layers = append(c.Layers, layerUse{Arn: arn, CodeSize: layerSizes[arn]})
	}
	c.FileSystemConfigs = g.fileSystems(s.spec.FileSystems)
	if s.spec.Runtime != "" {
		c.RuntimeVersionConfig = &runtimeVersionConfig{RuntimeVersionArn: g.runtimeARN(s.spec.Runtime)}
	}
	c.ImageConfigResponse = imageOverrides(s.spec.Code.Image)
	return c
}

// runtimeARN names a runtime as AWS names versions of its own. There is one version of each here, so its digits come
// from the runtime's id.
func (g *gateway) runtimeARN(id string) string {
	sum := sha256.Sum256([]byte(id))
	return fmt.Sprintf("arn:aws:lambda:%s::runtime:%s", g.Identity.Region, hex.EncodeToString(sum[:]))
}

func imageOverrides(i *v1alpha1.Image) *imageConfigResponse {
	if i == nil || len(i.EntryPoint)+len(i.Command)+len(i.WorkingDirectory) == 0 {
		return nil
	}
	return &imageConfigResponse{ImageConfig: imageConfig{EntryPoint: i.EntryPoint, Command: i.Command, WorkingDirectory: i.WorkingDirectory}}
}

// stateOf is where a snapshot stands.
func stateOf(s snapshot) functionState {
	var f functionState
	f.State, f.StateReason, f.StateReasonCode = s.status.State()
	f.LastUpdateStatus, f.LastUpdateStatusReason, f.LastUpdateStatusReasonCode = s.status.LastUpdateStatus(s.meta.Generation)
	return f
}

// modified is when a snapshot last changed; until the engine has seen it, when it was made.
func modified(s snapshot) time.Time {
	if s.status.LastModified != nil {
		return s.status.LastModified.Time
	}
	return s.meta.CreationTimestamp.Time
}

// codeOf is the digest in base64 and the size of the code: that of the spec where the spec knows it, because the status
// may still be about the code before.
func codeOf(s snapshot) (digest string, size int64) {
	if z := s.spec.Code.Zip; z != nil {
		return base64Digest(z.SHA256), z.Size
	}
	if s.status.CodeSHA256 != "" {
		return s.status.CodeSHA256, s.status.CodeSize
	}
	if i := s.spec.Code.Image; i != nil {
		_, digest, _ = strings.Cut(i.URI, "@sha256:")
	}
	return digest, s.status.CodeSize
}

// base64Digest turns a digest from hex, as objects have it, to base64, as the API has it.
func base64Digest(digest string) string {
	sum, err := hex.DecodeString(digest)
	if err != nil {
		return ""
	}
	return base64.StdEncoding.EncodeToString(sum)
}

// describe is configuration with state, for replies about one function.
func (g *gateway) describe(ctx context.Context, s snapshot) (functionConfiguration, error) {
	sizes, err := g.layerSizes(ctx, s.spec.Layers)
	if err != nil {
		return functionConfiguration{}, err
	}
	c := g.configuration(s, sizes)
	c.functionState = stateOf(s)
	return c, nil
}
