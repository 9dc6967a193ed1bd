package local

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/lambkin-dev/lambkin/api/v1alpha1"
	"github.com/lambkin-dev/lambkin/bootstrap"
	"github.com/lambkin-dev/lambkin/internal/archive"
	"github.com/lambkin-dev/lambkin/internal/lambda"
	"github.com/lambkin-dev/lambkin/runtime-api/pod"
	"github.com/lambkin-dev/lambkin/runtime-api/process"
)

// Places of a function's folders in a sandbox, as on Lambda.
const (
	taskRoot    = "/var/task"
	optRoot     = "/opt"
	runtimeRoot = "/var/runtime"
)

// wish is what is to become a unit: one version of a function.
type wish struct {
	spec       *v1alpha1.FunctionSpec
	version    string
	generation int64
	warm       int
	code       v1alpha1.Blob // the archive, fetched
	image      string        // that a version was published with on a cluster
}

// draft is a unit in the making.
type draft struct {
	wish
	codeDir string
	optDir  string // empty without layers
	optRoot string // optDir, or a folder that does not exist
	env     []string
	command []string

	deviations []string // sentences about what is not as the spec asks
}

// prepare makes a unit step by step. Errors are [v1alpha1.Failure] values if the object is their cause.
func (e *Engine) prepare(w wish) (*unit, error) {
	d := &draft{wish: w}
	steps := []func(*draft) error{e.checkHost, e.extractCode, e.mergeLayers, e.gatherVariables, e.resolveRuntime}
	for _, step := range steps {
		if err := step(d); err != nil {
			return nil, err
		}
	}
	d.deviations = append(d.deviations, unmet(d.spec, e.cfg.Sandbox)...)
	if err := e.checkDestinations(d.spec.Destinations()); err != nil { // one that could be reached when it was named
		d.deviations = append(d.deviations, fmt.Sprintf("Records wait for a destination: %v.", err))
	}
	if d.image != "" {
		d.deviations = append(d.deviations, "image has no effect on one machine, which runs the version's code.")
	}
	return e.makeUnit(d), nil
}

// checkHost refuses what this engine cannot run at all.
func (e *Engine) checkHost(d *draft) error {
	if d.spec.Code.Source != nil {
		return v1alpha1.Failf(v1alpha1.ReasonBuildUnsupported, "one machine builds nothing from code.source; deploy the folder with the CLI, which builds it here, or use a cluster")
	}
	if d.spec.PackageType == v1alpha1.PackageTypeImage {
		return v1alpha1.Failf(v1alpha1.ReasonImageUnsupported, "container images need a cluster; deploy a zip archive to run on one machine")
	}
	if len(d.spec.FileSystems) > 0 {
		return v1alpha1.Failf(v1alpha1.ReasonConfigurationUnsupported, "fileSystems need a cluster, whose volume claims they are; one machine has none")
	}
	native := architecture()
	compiled := strings.HasPrefix(d.spec.Runtime, "provided") || d.spec.Runtime == "go1.x"
	if compiled && !slices.Contains(d.spec.Architectures, native) {
		return v1alpha1.Failf(v1alpha1.ReasonConfigurationUnsupported, "code for %v does not run on this machine, which is %s", d.spec.Architectures, native)
	}
	return nil
}

// architecture is this machine's instruction set in the Lambda API's words; Go's word for one that Lambda does not have.
func architecture() v1alpha1.Architecture {
	switch runtime.GOARCH {
	case "amd64":
		return v1alpha1.ArchitectureX86
	case "arm64":
		return v1alpha1.ArchitectureARM
	default:
		return v1alpha1.Architecture(runtime.GOARCH)
	}
}

func (e *Engine) extractCode(d *draft) (err error) {
	d.codeDir, err = e.trees.extract(e.trees.code, []string{d.code.SHA256}, e.blobs.Open)
	return codeFailure(err)
}

// codeFailure gives faults of an archive the reason that they are.
func codeFailure(err error) error {
	var le *lambda.Error
	if !errors.As(err, &le) {
		return err
	}
	reason := v1alpha1.ReasonCodeInvalid
	if le.Code == lambda.CodeResourceNotFound {
		reason = v1alpha1.ReasonCodeUnavailable
	}
	if le.Err != nil {
		return v1alpha1.Failf(reason, "%s (%v)", le.Message, le.Err)
	}
	return v1alpha1.Failf(reason, "%s", le.Message)
}

var layerForm = regexp.MustCompile(`:layer:([a-zA-Z0-9-_]+):([0-9]+)$`)

func (e *Engine) mergeLayers(d *draft) error {
	d.optRoot = filepath.Join(e.trees.opt, "none")
	if len(d.spec.Layers) == 0 {
		return nil
	}
	digests := make([]string, 0, len(d.spec.Layers))
	for _, arn := range d.spec.Layers {
		l, err := e.layer(arn)
		if err != nil {
			return err
		}
		digests = append(digests, l.Spec.Content.SHA256)
	}
	if err := e.checkTotal(append([]string{d.code.SHA256}, digests...)); err != nil {
		return codeFailure(err)
	}
	dir, err := e.trees.extract(e.trees.opt, digests, e.blobs.Open)
	d.optDir, d.optRoot = dir, dir
	return codeFailure(err)
}

// layer finds the layer version that an ARN names. Region and account are not looked at: there is only this machine.
func (e *Engine) layer(arn string) (*v1alpha1.LayerVersion, error) {
	absent := v1alpha1.Failf(v1alpha1.ReasonLayerNotFound, "Layer version %s does not exist.", arn)
	parts := layerForm.FindStringSubmatch(arn)
	if parts == nil {
		return nil, absent
	}
	number, err := strconv.ParseInt(parts[2], 10, 64)
	if err != nil {
		return nil, absent
	}
	l := new(v1alpha1.LayerVersion)
	err = e.store.Get(v1alpha1.LayerVersionObjectName(parts[1], number), l)
	if lambda.CodeOf(err) == lambda.CodeResourceNotFound {
		return nil, absent
	}
	return l, err
}

// checkTotal holds Lambda's bound on code and layers together.
func (e *Engine) checkTotal(digests []string) error {
	var total int64
	for _, digest := range digests {
		n, err := e.unpackedSize(digest)
		if err != nil {
			return err
		}
		total += n
	}
	if total > lambda.MaxUnzipped {
		return lambda.Errorf(lambda.CodeInvalidParameterValue,
			"Function code combined with layers exceeds the maximum allowed size of %d bytes. The actual size is %d bytes.", lambda.MaxUnzipped, total)
	}
	return nil
}

func (e *Engine) unpackedSize(digest string) (int64, error) {
	f, err := e.blobs.Open(digest)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	fi, err := f.Stat()
	if err != nil {
		return 0, fmt.Errorf("cannot read code: %w", err)
	}
	return archive.Check(f, fi.Size(), archive.Lambda())
}

// resolveRuntime finds out what to execute.
func (e *Engine) resolveRuntime(d *draft) error {
	rt, ok := bootstrap.Lookup(d.spec.Runtime)
	if !ok {
		return v1alpha1.Failf(v1alpha1.ReasonRuntimeUnavailable, "there is no runtime %q", d.spec.Runtime)
	}
	if needsProgram(rt) && e.cfg.Program == "" {
		return v1alpha1.Failf(v1alpha1.ReasonRuntimeUnavailable, "runtime %q needs a program that serves it, and this engine was given none", rt.ID)
	}
	memory := "AWS_LAMBDA_FUNCTION_MEMORY_SIZE=" + strconv.Itoa(int(d.spec.MemorySize))
	command, env, err := rt.Command(bootstrap.Host{
		TaskRoot:     d.codeDir,
		OptRoot:      d.optRoot,
		RuntimeDir:   e.clients,
		Self:         e.cfg.Program,
		Handler:      d.spec.Handler,
		Environ:      append(slices.Clone(d.env), memory),
		Interpreters: &e.interpreters,
	})
	if err != nil {
		return runtimeFailure(rt, err)
	}
	d.command = command
	d.deviations = e.deviations(rt)
	for _, v := range env {
		d.env = setVariable(d.env, v)
	}
	return nil
}

// deviations says how this machine differs from what a runtime's id promises.
func (e *Engine) deviations(rt bootstrap.Runtime) []string {
	version, err := e.interpreters.Version(rt)
	if err != nil || rt.Matches(version) {
		return nil // without an interpreter there is none to differ
	}
	return []string{fmt.Sprintf("Runtime %s runs on version %s of the language, because %s is not installed on this machine.", rt.ID, version, rt.Version)}
}

func needsProgram(rt bootstrap.Runtime) bool {
	return rt.Family == bootstrap.GoRPC || rt.Family == bootstrap.Exec
}

// runtimeFailure tells a function without entry point from a machine without interpreter.
func runtimeFailure(rt bootstrap.Runtime, err error) error {
	if rt.Family == bootstrap.Provided || needsProgram(rt) {
		return v1alpha1.Failf(v1alpha1.ReasonEntrypointInvalid, "%v", err)
	}
	return v1alpha1.Failf(v1alpha1.ReasonRuntimeUnavailable, "%v", err)
}

// makeUnit puts together what the steps have found.
func (e *Engine) makeUnit(d *draft) *unit {
	s := d.spec
	cfg := pod.Config{
		Function:       lambda.Name(s.FunctionName),
		Version:        d.version,
		Identity:       e.cfg.Identity,
		Handler:        s.Handler,
		Memory:         int(s.MemorySize),
		EnforceMemory:  true,
		Cgroup:         e.cfg.Cgroup,
		Timeout:        time.Duration(s.Timeout) * time.Second,
		Command:        d.command,
		Dir:            d.codeDir,
		Env:            d.env,
		Min:            d.warm,
		Provisioned:    d.warm > 0,
		Max:            max(e.most(s), d.warm),
		Idle:           e.cfg.IdleTimeout,
		PerEnvironment: int(s.Concurrency.PerEnvironment),

		TenantIsolation: s.IsolatesTenants(),

		QueueDepth: e.cfg.QueueDepth,
		LogFormat:  string(s.Logging.Format),
		LogGroup:   s.Logging.LogGroup,

		ApplicationLogLevel: s.Logging.ApplicationLogLevel,
		SystemLogLevel:      s.Logging.SystemLogLevel,
	}
	folders := []string{d.codeDir}
	if d.optDir != "" {
		cfg.Extensions = filepath.Join(d.optDir, "extensions")
		folders = append(folders, d.optDir)
	}
	if e.cfg.Sandbox {
		confine(&cfg, d, e.clients)
	}
	return &unit{generation: d.generation, pod: cfg, code: d.code.SHA256, size: d.code.Size, folders: folders, deviations: d.deviations}
}

// most is how many environments a function may have: no more than its reserved concurrency can use.
func (e *Engine) most(s *v1alpha1.FunctionSpec) int {
	n := e.cfg.MaxEnvironments
	if r := s.Concurrency.Reserved; r != nil && *r > 0 {
		per := max(s.Concurrency.PerEnvironment, 1)
		n = min(n, int((*r+per-1)/per))
	}
	return n
}

// confine shows the function its folders and our runtime clients where Lambda has them, and tells it so.
func confine(cfg *pod.Config, d *draft, clients string) {
	cfg.Sandbox = process.Sandbox{Task: d.codeDir, Opt: d.optDir, Runtime: clients}
	places := strings.NewReplacer(d.codeDir, taskRoot, d.optRoot, optRoot, clients, runtimeRoot)
	cfg.Dir = taskRoot
	cfg.Command = replaceAll(cfg.Command, places)
	cfg.Env = replaceAll(cfg.Env, places)
}

func replaceAll(texts []string, r *strings.Replacer) []string {
	out := make([]string, len(texts))
	for i, text := range texts {
		out[i] = r.Replace(text)
	}
	return out
}

// setVariable replaces a variable, or adds it.
func setVariable(env []string, v string) []string {
	name, _, _ := strings.Cut(v, "=")
	env = slices.DeleteFunc(env, func(old string) bool { return strings.HasPrefix(old, name+"=") })
	return append(env, v)
}

// archiveOf gives the function's archive, fetched if need be. known is the digest, in hex, that was fetched for this
// generation before; empty if none was.
func (e *Engine) archiveOf(ctx context.Context, spec *v1alpha1.FunctionSpec, known string) (v1alpha1.Blob, error) {
	if spec.Code.Zip != nil {
		return *spec.Code.Zip, nil
	}
	if spec.Code.URL == nil {
		return v1alpha1.Blob{}, nil // an image, which checkHost refuses
	}
	if size, err := e.blobs.Size(known); known != "" && err == nil {
		return v1alpha1.Blob{SHA256: known, Size: size}, nil
	}
	return e.fetch(ctx, spec.Code.URL)
}

// hostVariables are those that every process needs and nobody's configuration holds.
func hostVariables() []string { return []string{"PATH=" + os.Getenv("PATH")} }
