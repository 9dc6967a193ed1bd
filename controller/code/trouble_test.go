package code

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"unicode/utf8"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	tekton "github.com/tektoncd/pipeline/pkg/apis/pipeline/v1"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/lambkin-dev/lambkin/api/v1alpha1"
	"github.com/lambkin-dev/lambkin/internal/platform"
)

// TestEveryCallMayFail has each call of the API server fail in turn while a build is started, superseded, followed and
// pruned. Whatever fails, asking again ends with the same image, and no input is built twice.
func TestEveryCallMayFail(t *testing.T) {
	down := errors.New("the API server is down")
	total := 0
	for failAt := 0; failAt <= total; failAt++ {
		t.Run(fmt.Sprint(failAt), func(t *testing.T) {
			w := newWorld(t)
			w.platform.Build.Keep = 1
			calls, created := 0, map[string]int{}
			fails := func() error {
				if calls++; calls == failAt {
					return down
				}
				return nil
			}
			unreliable := interceptor.NewClient(w.client, interceptor.Funcs{
				Get: func(ctx context.Context, c client.WithWatch, key client.ObjectKey, obj client.Object, opts ...client.GetOption) error {
					if err := fails(); err != nil {
						return err
					}
					return c.Get(ctx, key, obj, opts...)
				},
				List: func(ctx context.Context, c client.WithWatch, list client.ObjectList, opts ...client.ListOption) error {
					if err := fails(); err != nil {
						return err
					}
					return c.List(ctx, list, opts...)
				},
				Create: func(ctx context.Context, c client.WithWatch, obj client.Object, opts ...client.CreateOption) error {
					if err := fails(); err != nil {
						return err
					}
					created[obj.GetName()]++
					return c.Create(ctx, obj, opts...)
				},
				Patch: func(ctx context.Context, c client.WithWatch, obj client.Object, p client.Patch, opts ...client.PatchOption) error {
					if err := fails(); err != nil {
						return err
					}
					return c.Patch(ctx, obj, p, opts...)
				},
				Delete: func(ctx context.Context, c client.WithWatch, obj client.Object, opts ...client.DeleteOption) error {
					if err := fails(); err != nil {
						return err
					}
					return c.Delete(ctx, obj, opts...)
				},
			})
			w.resolver = w.start(func(c *Config) { c.Client, c.Live = unreliable, unreliable })
			fn := newFunction("f", fromGit("1"))
			w.persist(fn, down)
			fn.Spec.Code.Source.Git.Revision = "2"
			got := w.persist(fn, down)
			run := new(tekton.TaskRun)
			must(t, w.client.Get(t.Context(), client.ObjectKey{Namespace: "team", Name: got.Build.Name}, run))
			w.progress(run, corev1.ConditionFalse, "Failed", "x", step("build", 1, "Error", ""))
			_, err := w.ask(fn)
			if errors.Is(err, down) {
				_, err = w.ask(fn)
			}
			checkFailure(t, "A build that failed is told.", err, v1alpha1.ReasonBuildFailed, "step build")
			fn.Spec.Code.Source.Git.Revision = "3"
			got = w.persist(fn, down)
			must(t, w.client.Get(t.Context(), client.ObjectKey{Namespace: "team", Name: got.Build.Name}, run))
			w.succeed(run)
			if got = w.persist(fn, down); got.Image == "" {
				t.Errorf("in the end there is %+v", got)
			}
			for name, n := range created {
				if n != 1 {
					t.Errorf("%s was made %d times", name, n)
				}
			}
			if failAt == 0 {
				total = calls
			}
		})
	}
	if total < 15 {
		t.Errorf("only %d calls were made; want all steps seen", total)
	}
}

// persist asks, and once more if the API server was down.
func (w *world) persist(fn *v1alpha1.Function, down error) Result {
	w.t.Helper()
	for range 3 {
		got, err := w.ask(fn)
		if err == nil {
			return got
		}
		if !errors.Is(err, down) {
			w.t.Fatal(err)
		}
	}
	w.t.Fatal("the API server stays down")
	return Result{}
}

// TestSameCodeIsBakedOnce has a function and its version, and many reconcilers, ask at the same time.
func TestSameCodeIsBakedOnce(t *testing.T) {
	w := newWorld(t)
	blob := w.upload(zipOf(t, map[string]string{"bootstrap*": "x"}))
	fn := newFunction("f", func(s *v1alpha1.FunctionSpec) { s.Code.Zip = &blob })
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			if got, err := w.resolver.Image(t.Context(), requestFor(fn.DeepCopy())); err != nil || got.Image == "" {
				t.Errorf("%+v, %v", got, err)
			}
		})
	}
	all.Wait()
	pushed := 0
	for _, request := range w.hosts.since() {
		if strings.HasPrefix(request, "PUT "+ours+"/v2/lambkin/team/f/manifests/made-") {
			pushed++
		}
	}
	if pushed != 1 {
		t.Errorf("the image was pushed %d times", pushed)
	}
}

func TestArchitectures(t *testing.T) {
	w := newWorld(t)
	blob := w.upload(zipOf(t, map[string]string{"index.js": "x"}))
	fn := newFunction("f", func(s *v1alpha1.FunctionSpec) {
		s.Code.Zip, s.Runtime, s.Handler, s.Architectures = &blob, "nodejs22.x", "index.handler", []v1alpha1.Architecture{v1alpha1.ArchitectureARM}
	})
	w.wantFailure(fn, "A base image for another machine is none.", v1alpha1.ReasonRuntimeUnavailable, "arm64")
	w.pushFor("arm64", nodeBase, v1Config(), map[string]string{"usr/bin/node": "arm"})
	w.pushFor("arm64", ourRuntime, v1.Config{}, map[string]string{"lambkin/runtime-api": "arm"})
	w.resolver = w.start()
	if files := w.pull(w.image(fn).Image).files; files["usr/bin/node"] != "arm" || files["lambkin/runtime-api"] != "arm" {
		t.Errorf("the image holds %v", files)
	}
}

// TestNotes has a runtime that is older than any image of it.
func TestNotes(t *testing.T) {
	w := newWorld(t)
	w.push("docker.io/library/node:18-slim", v1Config(), map[string]string{"usr/bin/node": "18"})
	blob := w.upload(zipOf(t, map[string]string{"index.js": "x"}))
	old := func(s *v1alpha1.FunctionSpec) { s.Runtime, s.Handler = "nodejs12.x", "index.handler" }
	zipped := w.image(newFunction("zipped", old, func(s *v1alpha1.FunctionSpec) { s.Code.Zip = &blob }))
	fn := newFunction("f", old, fromGit("main"))
	w.wantDoing(fn, "is starting")
	w.succeed(w.run())
	built, err := w.ask(fn)
	must(t, err)
	for name, got := range map[string]Result{"zipped": zipped, "built": built} {
		if len(got.Deviations) != 1 || !strings.HasPrefix(got.Deviations[0], `Runtime "nodejs12.x" runs on node 18`) || !strings.HasSuffix(got.Deviations[0], ".") {
			t.Errorf("%s: deviations %q", name, got.Deviations)
		}
	}
}

// TestConnection holds that connections are kept as long as the settings are the same.
func TestConnection(t *testing.T) {
	r := New(Config{Platform: func() *platform.Config { return nil }})
	defer r.Close()
	with := func(change func(*platform.Registry)) *task {
		p := platform.Default()
		change(&p.Registry)
		return &task{platform: &p}
	}
	first := r.connection(with(func(*platform.Registry) {}))
	if again := r.connection(with(func(s *platform.Registry) { s.Prefix = "other" })); again != first {
		t.Error("another prefix makes another connection")
	}
	plain := r.connection(with(func(s *platform.Registry) { s.PlainHTTP = []string{"registry:5000"} }))
	if plain == first || len(plain.PlainHTTP) != 1 {
		t.Errorf("plain HTTP makes %+v", plain)
	}
	if ca := r.connection(with(func(s *platform.Registry) { s.CAFile = "/ca.pem" })); ca == plain || len(ca.CAFiles) != 1 {
		t.Errorf("an authority makes %+v", ca)
	}
}

// FuzzLastWords holds that the end of any log becomes a part of a sentence.
func FuzzLastWords(f *testing.F) {
	f.Add("one\ntwo\r\n")
	f.Add(strings.Repeat("\xff", 3000))
	f.Add("\x1b[31mred\x1b[0m\n\n\n")
	run := &tekton.TaskRun{}
	f.Fuzz(func(t *testing.T, log string) {
		w := &world{logs: map[string]string{"step-build": log}}
		s := step("build", 1, "Error", "")
		got := (&Resolver{cfg: Config{Logs: w}}).lastWords(t.Context(), run, &s)
		if strings.ContainsAny(got, "\r\n") || len(got) > maxMessage+100 || !utf8.ValidString(got) || !strings.HasPrefix(got, "; it printed ") {
			t.Errorf("log %q ends the sentence with %q", log, got)
		}
	})
}
