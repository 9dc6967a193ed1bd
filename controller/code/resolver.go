package code

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/lambkin-dev/lambkin/api/v1alpha1"
	"github.com/lambkin-dev/lambkin/buildtemplates/image"
	"github.com/lambkin-dev/lambkin/internal/lambda"
	"github.com/lambkin-dev/lambkin/internal/platform"
)

// AnnotationRebuild is an annotation of Functions: whenever its value changes, code that is built is built again although
// nothing else has changed.
const AnnotationRebuild = v1alpha1.Group + "/rebuild"

// Config is what a [Resolver] works with. The members up to HTTP are required.
type Config struct {
	// Client reads from the manager's cache: Functions, LayerVersions, TaskRuns; and writes.
	Client client.Client
	// Live reads from the API server: Secrets and ServiceAccounts, and TaskRuns that the cache may not show yet.
	Live client.Reader
	// Platform gives the operator's configuration of the moment.
	Platform func() *platform.Config
	// Logs gives the end of what a step of a build has printed.
	Logs Logs
	// HTTP fetches archives from URLs. It should keep away from addresses of the controller itself.
	HTTP *http.Client
	// Transport reaches registries; nil makes one that knows the operator's certificate authorities.
	Transport http.RoundTripper
	// Finished is called when something has ended in the background that the owner of a Request was told to wait for;
	// nil: nobody is told, and asking again finds out.
	Finished func(owner client.Object)
	// TempDir is for code on its way into images; a folder of its own, in which leftovers of a killed controller are
	// removed. Empty is the system's.
	TempDir string
	// Bakes is how many images are baked at once, and so how many times the size of the largest code the temporary
	// files may take; 4 by default. Fetches is how many archives are fetched at once, 8 by default.
	Bakes, Fetches int
	// Patience is how long Image waits for the end of something before it says what it is; 2 seconds by default.
	Patience time.Duration
	// Memory is how long what was found out holds: what a tag stands for, and that an image was made; 10 minutes by
	// default. A change of the function or of the configuration ends it at once.
	Memory time.Duration
	// Log takes what keeps nobody waiting; nil discards it.
	Log *slog.Logger
	// Now is the clock; nil is the machine's.
	Now func() time.Time
}

// Resolver finds or makes the images of functions' code. It is safe for concurrent use.
type Resolver struct {
	cfg   Config
	jobs  *jobs
	tags  *memory[string] // what image references stand for
	baked *memory[string] // images by digest, by what they were made from
	bakes chan struct{}
	reads chan struct{}
	limit int64 // bytes of an archive that is fetched

	mu       sync.Mutex
	registry *image.Registry // made for the settings beside it
	settings platform.Registry
}

// New makes a resolver. Close ends it.
func New(cfg Config) *Resolver {
	cfg.Bakes, cfg.Fetches = orDefault(cfg.Bakes, 4), orDefault(cfg.Fetches, 8)
	cfg.Patience, cfg.Memory = orDefault(cfg.Patience, 2*time.Second), orDefault(cfg.Memory, 10*time.Minute)
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.Finished == nil {
		cfg.Finished = func(client.Object) {}
	}
	return &Resolver{
		cfg: cfg, jobs: newJobs(cfg), tags: newMemory[string](cfg, cfg.Memory), baked: newMemory[string](cfg, bakedMemory*cfg.Memory),
		bakes: make(chan struct{}, cfg.Bakes), reads: make(chan struct{}, cfg.Fetches), limit: lambda.MaxUnzipped,
	}
}

// bakedMemory is how much longer than anything else it holds that an image was made: it is named by all that is in it, and
// only somebody who removes it from the registry can make it wrong.
const bakedMemory = 6

func orDefault[T comparable](v, byDefault T) T {
	var zero T
	if v == zero {
		return byDefault
	}
	return v
}

// leftover begins the names of our temporary files and folders.
const leftover = "lambkin-"

// Start removes what a killed controller has left, and closes the resolver when ctx ends. It makes it a manager.Runnable.
func (r *Resolver) Start(ctx context.Context) error {
	if r.cfg.TempDir != "" {
		found, err := filepath.Glob(filepath.Join(r.cfg.TempDir, leftover+"*"))
		if err != nil {
			return fmt.Errorf("cannot look for temporary files in %q: %w", r.cfg.TempDir, err)
		}
		for _, path := range found {
			if err := os.RemoveAll(path); err != nil {
				return fmt.Errorf("cannot remove temporary files: %w", err)
			}
		}
	}
	<-ctx.Done()
	r.Close()
	return nil
}

// Close ends what runs in the background, and waits for the end. Builds go on: they are the cluster's.
func (r *Resolver) Close() { r.jobs.close() }

// Image gives the image of a function's code, or says what is being waited for; then it is to be asked again. Errors have
// a [v1alpha1.Failure] in their chain where the reason is known. The result of a build that failed comes with the error.
func (r *Resolver) Image(ctx context.Context, q Request) (Result, error) {
	t, err := r.newTask(q)
	if err != nil {
		return Result{}, err
	}
	code := &t.Spec.Code
	switch {
	case q.Image != "":
		return r.known(ctx, t)
	case code.Image != nil:
		return r.fromImage(ctx, t)
	case code.Source != nil:
		return r.fromSource(ctx, t)
	case code.Zip != nil, code.URL != nil:
		return r.fromArchive(ctx, t)
	default:
		return Result{}, v1alpha1.Failf(v1alpha1.ReasonSpecInvalid, "spec.code is empty; set one of zip, url, image and source")
	}
}

// task is one request with what it is worked on with.
type task struct {
	Request
	platform  *platform.Config
	namespace string
}

// newTask takes copies of what is worked on in the background: whoever asks goes on changing the owner's status.
func (r *Resolver) newTask(q Request) (*task, error) {
	owner, ok := q.Owner.DeepCopyObject().(client.Object)
	if !ok {
		return nil, fmt.Errorf("the copy of %T is no object", q.Owner)
	}
	q.Owner, q.Spec = owner, q.Spec.DeepCopy()
	t := &task{Request: q, platform: r.cfg.Platform(), namespace: owner.GetNamespace()}
	return t, t.check()
}

// check wants the settings without which there are no images.
func (t *task) check() error {
	where := platform.Key + " of ConfigMap " + platform.Namespace + "/" + platform.ConfigMap
	if t.platform.Registry.Prefix == "" {
		return v1alpha1.Failf(v1alpha1.ReasonRegistryUnavailable, "there is no registry for functions' images: set registry.prefix in %s", where)
	}
	if t.platform.Images.Runtime == "" {
		return v1alpha1.Failf(v1alpha1.ReasonRegistryUnavailable, "there is no image of runtime-api: set images.runtime in %s", where)
	}
	return nil
}

// storePrefix is where the code of the namespace is kept.
func (t *task) storePrefix() string { return t.platform.Registry.Prefix + "/" + t.namespace }

// repository is where the function's images go.
func (t *task) repository() string { return t.storePrefix() + "/" + t.FunctionName }

// lambdaArchitecture is the function's, and architecture the same as registries name it.
func (t *task) lambdaArchitecture() v1alpha1.Architecture {
	if slices.Contains(t.Spec.Architectures, v1alpha1.ArchitectureARM) {
		return v1alpha1.ArchitectureARM
	}
	return v1alpha1.ArchitectureX86
}

func (t *task) architecture() string {
	if t.lambdaArchitecture() == v1alpha1.ArchitectureARM {
		return "arm64"
	}
	return "amd64"
}

// connection gives the way to registries by the settings of the task.
func (r *Resolver) connection(t *task) *image.Registry {
	s := platform.Registry{CAFile: t.platform.Registry.CAFile, PlainHTTP: t.platform.Registry.PlainHTTP}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.registry != nil && r.settings.CAFile == s.CAFile && slices.Equal(r.settings.PlainHTTP, s.PlainHTTP) {
		return r.registry
	}
	r.registry, r.settings = &image.Registry{PlainHTTP: slices.Clone(s.PlainHTTP), Transport: r.cfg.Transport}, s
	if s.CAFile != "" && r.cfg.Transport == nil {
		r.registry.CAFiles = []string{s.CAFile}
	}
	return r.registry
}

// store gives the code store of the task's namespace.
func (r *Resolver) store(t *task) *image.Store {
	return &image.Store{Registry: r.connection(t), Prefix: t.storePrefix(), TempDir: r.cfg.TempDir}
}

// digestOf gives what a reference stands for, by digest, and remembers it for a while.
func (r *Resolver) digestOf(ctx context.Context, registry *image.Registry, reference string) (string, error) {
	if found, ok := r.tags.get(reference); ok {
		return found, nil
	}
	found, err := registry.Resolve(ctx, reference)
	if err != nil {
		return "", err
	}
	r.tags.put(reference, found)
	return found, nil
}
