package code

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	tekton "github.com/tektoncd/pipeline/pkg/apis/pipeline/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"knative.dev/pkg/apis"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/google/go-cmp/cmp"

	"github.com/lambkin-dev/lambkin/api/v1alpha1"
	"github.com/lambkin-dev/lambkin/buildtemplates"
)

func fromGit(revision string) func(*v1alpha1.FunctionSpec) {
	return func(s *v1alpha1.FunctionSpec) {
		s.Code.Source = &v1alpha1.Source{Git: &v1alpha1.Git{URL: "https://git.test/f", Revision: revision}}
	}
}

// runs are the TaskRuns of the cluster, by the order of their names.
func (w *world) runs() []tekton.TaskRun {
	w.t.Helper()
	var list tekton.TaskRunList
	must(w.t, w.client.List(context.Background(), &list))
	return list.Items
}

// run is the one TaskRun of the cluster.
func (w *world) run() *tekton.TaskRun {
	w.t.Helper()
	all := w.runs()
	if len(all) != 1 {
		w.t.Fatalf("there are %d builds, want one", len(all))
	}
	return &all[0]
}

// ask asks for the image of a function whose last build is noted in its status, as its reconciler does.
func (w *world) ask(fn *v1alpha1.Function) (Result, error) {
	got, err := w.resolver.Image(w.t.Context(), requestFor(fn))
	if got.Build != nil {
		fn.Status.LastBuild = got.Build
	}
	return got, err
}

// wantDoing asks and wants to be told what is being waited for.
func (w *world) wantDoing(fn *v1alpha1.Function, part string) Result {
	w.t.Helper()
	got, err := w.ask(fn)
	if err != nil || got.Image != "" || !strings.Contains(got.Doing, part) {
		w.t.Fatalf("got %+v, %v; want to be told %q", got, err, part)
	}
	return got
}

// progress changes the status of a build as Tekton does.
func (w *world) progress(run *tekton.TaskRun, status corev1.ConditionStatus, reason, message string, steps ...tekton.StepState) {
	w.t.Helper()
	run.Status.PodName = run.Name + "-pod"
	run.Status.SetCondition(&apis.Condition{Type: apis.ConditionSucceeded, Status: status, Reason: reason, Message: message})
	run.Status.Steps = steps
	if status != corev1.ConditionUnknown {
		now := metav1.NewTime(w.now())
		run.Status.CompletionTime = &now
	}
	must(w.t, w.client.Update(context.Background(), run))
}

func step(name string, exit int32, reason, termination string) tekton.StepState {
	return tekton.StepState{
		Name: name, Container: "step-" + name, TerminationReason: termination,
		ContainerState: corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{ExitCode: exit, Reason: reason}},
	}
}

func running(name string) tekton.StepState {
	return tekton.StepState{Name: name, ContainerState: corev1.ContainerState{Running: &corev1.ContainerStateRunning{}}}
}

// succeed ends a build well, with the results that our builder gives; change may give others.
func (w *world) succeed(run *tekton.TaskRun, change ...func(map[string]string)) {
	w.t.Helper()
	results := map[string]string{
		"IMAGE_URL": prefix + "/team/f", "IMAGE_DIGEST": "sha256:" + strings.Repeat("1", 64), "COMMIT": "abcdef",
		"CODE_SHA256": base64.StdEncoding.EncodeToString(make([]byte, 32)), "CODE_SIZE": "42", "PROTOCOL": "lambda",
	}
	for _, f := range change {
		f(results)
	}
	for _, name := range slices.Sorted(maps.Keys(results)) {
		run.Status.Results = append(run.Status.Results, tekton.TaskRunResult{Name: name, Value: *tekton.NewStructuredValues(results[name] + "\n")})
	}
	w.progress(run, corev1.ConditionTrue, "Succeeded", "All Steps have completed executing")
}

func TestBuild(t *testing.T) {
	w := newWorld(t)
	layer := newLayer("tools", v1alpha1.Blob{SHA256: strings.Repeat("a", 64), Size: 5})
	must(t, w.client.Create(t.Context(), layer))
	w.platform.Registry.PushSecret, w.platform.Registry.CAFile = "push", "/ca.pem"
	fn := newFunction("f", fromGit("main"), func(s *v1alpha1.FunctionSpec) { s.Layers = []string{layerARN("tools") + ":1"} })
	got := w.wantDoing(fn, "is starting")
	run := w.run()
	if got.Build.Name != run.Name || got.Build.Succeeded != metav1.ConditionUnknown || got.Build.Generation != 1 {
		t.Errorf("the build is %+v", got.Build)
	}
	if !metav1.IsControlledBy(run, fn) || run.Labels[v1alpha1.LabelFunction] != "f" || run.Spec.ServiceAccountName != "lambkin-build" {
		t.Errorf("the TaskRun is %+v", run)
	}
	want := buildtemplates.MakeTaskRun(buildtemplates.TaskRunInput{
		Entry: mustLookup(t, "provided.al2023"), Source: *fn.Spec.Code.Source, Image: prefix + "/team/f:" + run.Name[len(run.Name)-10:],
		Store: prefix + "/team", Handler: "handler", Architecture: v1alpha1.ArchitectureX86, Layers: []v1alpha1.Blob{layer.Spec.Content},
		Settings: mustSettings(t, w),
	})
	if diff := cmp.Diff(want.Spec, run.Spec); diff != "" {
		t.Errorf("the TaskRun is not that of the templates\n%s", diff)
	}
	account := new(corev1.ServiceAccount)
	must(t, w.client.Get(t.Context(), client.ObjectKey{Namespace: "team", Name: "lambkin-build"}, account))
	if account.AutomountServiceAccountToken == nil || *account.AutomountServiceAccountToken {
		t.Error("builds get a token")
	}

	w.progress(run, corev1.ConditionUnknown, "Pending", `pod status "PodScheduled":"False"; message: "0/1 nodes are available"`)
	w.wantDoing(fn, `waits: Pod status "PodScheduled":"False"; message: "0/1 nodes are available".`)
	w.progress(run, corev1.ConditionUnknown, "Running", "Not all Steps have finished", step("fetch", 0, "Completed", ""), running("build"))
	w.wantDoing(fn, "step build is running.")
	w.resolver = w.start() // another controller goes on with it
	w.wantDoing(fn, "step build is running.")
	w.succeed(run)
	got, err := w.ask(fn)
	must(t, err)
	if got.Image != prefix+"/team/f@sha256:"+strings.Repeat("1", 64) || got.Doing != "" || got.Protocol != v1alpha1.ProtocolLambda || got.CodeSize != 42 || got.CodeSHA256 == "" {
		t.Errorf("the result is %+v", got)
	}
	if b := got.Build; b.Succeeded != metav1.ConditionTrue || b.Revision != "abcdef" || b.CompletionTime == nil {
		t.Errorf("the build is %+v", b)
	}
	if asked := w.hosts.since(); len(asked) != 0 {
		t.Errorf("a build asks registries from here: %q", asked)
	}
}

func mustLookup(t *testing.T, id string) buildtemplates.Entry {
	t.Helper()
	e, err := buildtemplates.Lookup(id, nil)
	must(t, err)
	return e
}

func mustSettings(t *testing.T, w *world) buildtemplates.Settings {
	t.Helper()
	s, err := settingsOf(&w.platform)
	must(t, err)
	if s.PushSecret != "push" || s.CAConfigMap != "lambkin-registry-ca" || s.Builder == "" || s.CPU.String() != "2" || s.Timeout != 20*time.Minute {
		t.Errorf("settings %+v", s)
	}
	return s
}

// TestSameInputIsBuiltOnce changes one thing after the other.
func TestSameInputIsBuiltOnce(t *testing.T) {
	cases := map[string]struct {
		reason string
		change func(w *world, fn *v1alpha1.Function)
		again  bool
	}{
		"Nothing": {"Nothing is nothing.", func(*world, *v1alpha1.Function) {}, false},
		"Memory":  {"What is not built in does not count.", func(_ *world, fn *v1alpha1.Function) { fn.Spec.MemorySize, fn.Generation = 1024, 2 }, false},
		"Status":  {"Nor does the status.", func(_ *world, fn *v1alpha1.Function) { fn.Status.LastBuild = nil }, false},
		"Upgrade": {"An upgrade of Lambkin builds nothing.", func(w *world, _ *v1alpha1.Function) {
			w.platform.Images.Runtime, w.platform.Images.Builder = "r:2", "b:2"
		}, false},
		"Revision": {"Another revision is built.", func(_ *world, fn *v1alpha1.Function) { fn.Spec.Code.Source.Git.Revision = "v2" }, true},
		"Handler":  {"So is for another handler.", func(_ *world, fn *v1alpha1.Function) { fn.Spec.Handler = "other" }, true},
		"Base": {"Or on another base.", func(w *world, _ *v1alpha1.Function) {
			w.platform.Runtimes = map[string]buildtemplates.Override{"provided.al2023": {Base: "base:2"}}
		}, true},
		"Annotation": {"Or because somebody wishes it.", func(_ *world, fn *v1alpha1.Function) { fn.Annotations = map[string]string{AnnotationRebuild: "1"} }, true},
		"Namesake":   {"A function of the same name that comes after it is another one.", func(_ *world, fn *v1alpha1.Function) { fn.UID = "another" }, true},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			fn := newFunction("f", fromGit("main"))
			w.wantDoing(fn, "is starting")
			w.succeed(w.run())
			_, err := w.ask(fn)
			must(t, err)
			tc.change(w, fn)
			got, err := w.ask(fn)
			if err != nil || (got.Doing != "") != tc.again || (len(w.runs()) == 2) != tc.again {
				t.Errorf("%s got %+v, %v with %d builds", tc.reason, got, err, len(w.runs()))
			}
		})
	}
}

func TestSupersededBuildIsCancelled(t *testing.T) {
	w := newWorld(t)
	fn := newFunction("f", fromGit("main"))
	w.wantDoing(fn, "is starting")
	first := w.run().Name
	stranger := &tekton.TaskRun{ObjectMeta: metav1.ObjectMeta{Namespace: "team", Name: "stranger", Labels: map[string]string{v1alpha1.LabelFunction: "f"}}}
	must(t, w.client.Create(t.Context(), stranger))
	fn.Spec.Code.Source.Git.Revision, fn.Generation = "v2", 2
	w.wantDoing(fn, "is starting")
	for _, run := range w.runs() {
		cancelled := run.Spec.Status == tekton.TaskRunSpecStatusCancelled
		if cancelled != (run.Name == first) {
			t.Errorf("build %s: cancelled %v", run.Name, cancelled)
		}
	}
	if got := w.wantDoing(fn, "is starting"); got.Build.Generation != 2 || got.Build.Name == first {
		t.Errorf("the build is %+v", got.Build)
	}
}

func TestOldBuildsGo(t *testing.T) {
	w := newWorld(t)
	w.platform.Build.Keep = 2
	fn := newFunction("f", fromGit("0"))
	var names []string
	for i := range 5 {
		fn.Spec.Code.Source.Git.Revision, fn.Generation = fmt.Sprint(i), int64(i+1)
		got := w.wantDoing(fn, "is starting")
		names = append(names, got.Build.Name)
		run := new(tekton.TaskRun)
		must(t, w.client.Get(t.Context(), client.ObjectKey{Namespace: "team", Name: got.Build.Name}, run))
		w.advance(time.Minute)
		if i == 3 {
			w.progress(run, corev1.ConditionFalse, "Failed", "x", step("build", 1, "Error", ""))
			if _, err := w.ask(fn); err == nil {
				t.Error("a failed build gives no error")
			}
			continue
		}
		w.succeed(run)
		if _, err := w.ask(fn); err != nil {
			t.Error(err)
		}
	}
	var left []string
	for _, run := range w.runs() {
		left = append(left, run.Name)
	}
	slices.Sort(left)
	want := slices.Sorted(slices.Values(names[3:]))
	if diff := cmp.Diff(want, left); diff != "" {
		t.Errorf("builds kept\n%s", diff)
	}
	w.platform.Build.Keep = 0
	fn.Spec.Code.Source.Git.Revision = "last"
	w.wantDoing(fn, "is starting")
	run := new(tekton.TaskRun)
	must(t, w.client.Get(t.Context(), client.ObjectKey{Namespace: "team", Name: fn.Status.LastBuild.Name}, run))
	w.succeed(run)
	if _, err := w.ask(fn); err != nil || len(w.runs()) != 1 {
		t.Errorf("%v, %d builds are kept; want the one that made the image of now", err, len(w.runs()))
	}
}

func TestBuildFailures(t *testing.T) {
	const longLine = "x"
	cases := map[string]struct {
		reason string
		cause  string // of the condition
		text   string // of the condition
		steps  []tekton.StepState
		log    string
		want   v1alpha1.Reason
		part   string
	}{
		"Step": {
			"The failing step is named, and what it printed last.", "Failed", `"step-build" exited with code 2`,
			[]tekton.StepState{step("fetch", 0, "Completed", ""), step("build", 2, "Error", ""), step("bake", 1, "Error", "Skipped")},
			"compiling\n\tmain.go:3: undefined: x\n\n", v1alpha1.ReasonBuildFailed,
			"failed with status 2; it printed last: compiling | main.go:3: undefined: x",
		},
		"LongLog": {
			"Only the end of it.", "Failed", "x", []tekton.StepState{step("build", 1, "Error", "")},
			strings.Repeat(longLine, 5000) + "END", v1alpha1.ReasonBuildFailed, "xxxEND",
		},
		"NoLog":   {"Or nothing.", "Failed", "x", []tekton.StepState{step("build", 1, "Error", "")}, "\n", v1alpha1.ReasonBuildFailed, "it printed nothing"},
		"LogGone": {"Or that it is gone.", "Failed", "x", []tekton.StepState{step("test", 1, "Error", "")}, "", v1alpha1.ReasonBuildFailed, "its log cannot be read any more"},
		"Memory": {"A step that was killed for its memory says which setting to raise.", "Failed", "x",
			[]tekton.StepState{step("build", 137, "OOMKilled", "")}, "", v1alpha1.ReasonBuildFailed, "raise build.memory"},
		"Timeout": {"A build that took too long says which.", "TaskRunTimeout", "x",
			[]tekton.StepState{step("build", 1, "TaskRunTimeout", "")}, "", v1alpha1.ReasonBuildTimeout, "longer than 20m0s; raise code.source.timeout"},
		"StepTimeout": {"So does a step.", "Failed", "x",
			[]tekton.StepState{step("fetch", 1, "Error", "TimeoutExceeded")}, "", v1alpha1.ReasonBuildTimeout, "step fetch"},
		"Cancelled": {"One that was cancelled says how to go on.", "TaskRunCancelled", "x", nil, "", v1alpha1.ReasonBuildFailed, AnnotationRebuild},
		"NoPod": {"Without a step it is what Tekton says.", "TaskRunImagePullFailed", "the step \"build\" failed to pull the image \"x\"", nil, "",
			v1alpha1.ReasonBuildFailed, `failed to pull the image "x"`},
		"NoImage": {"Also where Tekton ends the steps by it.", "TaskRunImagePullFailed", `failed to pull the image "x": failed to resolve reference "x": not found`,
			[]tekton.StepState{step("build", 1, "TaskRunImagePullFailed", "")}, "", v1alpha1.ReasonBuildFailed, `failed to resolve reference "x": not found`},
		"NoRegistry": {"A registry that is away when a step begins is trouble that passes.", "TaskRunImagePullFailed",
			`failed to pull the image "x": dial tcp 10.0.0.1:5000: connect: connection refused`,
			[]tekton.StepState{step("build", 1, "TaskRunImagePullFailed", "")}, "", v1alpha1.ReasonRegistryUnavailable, "it is built again"},
		"TheirStatus": {"What a user's program means by its status is not known.", "Failed", "x",
			[]tekton.StepState{step("build", 75, "Error", "")}, "x", v1alpha1.ReasonBuildFailed, "failed with status 75"},
		"Disk": {"So it is for pods that were evicted.", "Failed", `The pod was evicted: Usage of EmptyDir volume "workspace" exceeds the limit "4Gi".`, nil, "",
			v1alpha1.ReasonBuildFailed, `exceeds the limit "4Gi"`},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			if tc.log != "" {
				w.logs["step-build"] = tc.log
			}
			fn := newFunction("f", fromGit("main"))
			w.wantDoing(fn, "is starting")
			w.progress(w.run(), corev1.ConditionFalse, tc.cause, tc.text, tc.steps...)
			got, err := w.ask(fn)
			checkFailure(t, tc.reason, err, tc.want, tc.part)
			if got.Build == nil || got.Build.Succeeded != metav1.ConditionFalse || got.Image != "" {
				t.Errorf("%s the result is %+v", tc.reason, got)
			}
			if len(err.Error()) > 2000 {
				t.Errorf("%s in %d bytes", tc.reason, len(err.Error()))
			}
			w.logs = nil // the pod goes, another controller comes, and the sentence stays
			w.resolver = w.start()
			if _, again := w.ask(fn); again == nil || again.Error() != err.Error() {
				t.Errorf("%s later it is %v, and was %v", tc.reason, again, err)
			}
			if len(w.runs()) != 1 {
				t.Errorf("%s it was built again", tc.reason)
			}
		})
	}
}

// TestTroubleThatPasses has a build meet a registry that is away, which the builder tells by its exit status.
func TestTroubleThatPasses(t *testing.T) {
	w := newWorld(t)
	fn := newFunction("f", fromGit("main"))
	w.wantDoing(fn, "is starting")
	w.logs["step-bake"] = "ERROR: no connection to registry.test"
	w.progress(w.run(), corev1.ConditionFalse, "Failed", "x", step("fetch", 0, "Completed", ""), step("bake", 75, "Error", ""))
	first := w.run().UID
	for range 2 {
		_, err := w.ask(fn)
		checkFailure(t, "It is told.", err, v1alpha1.ReasonRegistryUnavailable, "no connection to registry.test")
		if len(w.runs()) != 1 || w.run().UID != first {
			t.Error("the build was removed at once")
		}
	}
	w.advance(time.Minute)
	_, err := w.ask(fn)
	checkFailure(t, "It is told once more.", err, v1alpha1.ReasonRegistryUnavailable, "")
	w.wantDoing(fn, "is starting")
	w.succeed(w.run())
	if got, err := w.ask(fn); err != nil || got.Image == "" {
		t.Errorf("the second time it gives %+v, %v", got, err)
	}
}

// TestResultsAreNotBelieved has steps that others wrote say what they like.
func TestResultsAreNotBelieved(t *testing.T) {
	cases := map[string]struct {
		reason string
		change func(map[string]string)
		want   string // in the failure; empty: an image
	}{
		"OtherPlace": {"Only the function's own repository counts.", func(r map[string]string) { r["IMAGE_URL"] = prefix + "/other/f" }, "is no image of"},
		"NoDigest":   {"By digest.", func(r map[string]string) { r["IMAGE_DIGEST"] = "latest" }, "is no image of"},
		"Nothing":    {"There has to be one.", func(r map[string]string) { clear(r) }, "is no image of"},
		"WithTag":    {"A tag does not matter.", func(r map[string]string) { r["IMAGE_URL"] += ":tag" }, ""},
		"BadSum":     {"A digest that is none is left out.", func(r map[string]string) { r["CODE_SHA256"], r["CODE_SIZE"] = "nonsense", "many" }, ""},
		"Protocol":   {"Code for a runtime is run by it.", func(r map[string]string) { r["PROTOCOL"] = "http" }, ""},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			fn := newFunction("f", fromGit("main"))
			w.wantDoing(fn, "is starting")
			w.succeed(w.run(), tc.change)
			got, err := w.ask(fn)
			if tc.want != "" {
				checkFailure(t, tc.reason, err, v1alpha1.ReasonBuildFailed, tc.want)
				return
			}
			if err != nil || got.Image != prefix+"/team/f@sha256:"+strings.Repeat("1", 64) || got.Protocol != v1alpha1.ProtocolLambda {
				t.Errorf("%s got %+v, %v", tc.reason, got, err)
			}
			if sum, err := base64.StdEncoding.DecodeString(got.CodeSHA256); err != nil || (name == "BadSum") != (len(sum) == 0) {
				t.Errorf("%s the code is %q", tc.reason, got.CodeSHA256)
			}
		})
	}
}

func TestDockerfile(t *testing.T) {
	w := newWorld(t)
	fn := newFunction("f", func(s *v1alpha1.FunctionSpec) {
		s.Runtime, s.Handler = "", ""
		s.Code.Source = &v1alpha1.Source{Upload: &v1alpha1.Blob{SHA256: strings.Repeat("a", 64), Size: 1}, Dockerfile: "Dockerfile"}
	})
	w.wantDoing(fn, "is starting")
	w.succeed(w.run(), func(r map[string]string) { r["PROTOCOL"], r["CODE_SIZE"] = "http", "0" })
	if got, err := w.ask(fn); err != nil || got.Protocol != v1alpha1.ProtocolHTTP {
		t.Errorf("an image that speaks HTTP gives %+v, %v", got, err)
	}
}

func TestBuildsThatCannotStart(t *testing.T) {
	group := schema.GroupResource{Group: "tekton.dev", Resource: "taskruns"}
	noMatch := &meta.NoKindMatchError{GroupKind: schema.GroupKind{Group: "tekton.dev", Kind: "TaskRun"}}
	onTaskRun := func(obj client.Object, err error) error {
		if _, ok := obj.(*tekton.TaskRun); ok {
			return err
		}
		return nil
	}
	terminating := apierrors.NewForbidden(group, "f", errors.New("because it is being terminated"))
	terminating.ErrStatus.Details.Causes = []metav1.StatusCause{{Type: corev1.NamespaceTerminatingCause}}
	cases := map[string]struct {
		reason string
		get    error
		create error
		want   v1alpha1.Reason
		part   string
	}{
		"NoTekton":    {"Without Tekton nothing is built.", noMatch, nil, v1alpha1.ReasonTektonMissing, "install it"},
		"NoResource":  {"The API server may say so only when something is made.", nil, apierrors.NewGenericServerResponse(404, "POST", group, "f", "", 0, true), v1alpha1.ReasonTektonMissing, "install it"},
		"Policy":      {"A policy may refuse it.", nil, apierrors.NewForbidden(group, "f", errors.New("no builds on Fridays")), v1alpha1.ReasonRefused, "no builds on Fridays"},
		"Terminating": {"A namespace that goes is no reason.", nil, terminating, v1alpha1.ReasonInternalError, "being terminated"},
		"Down":        {"Nor is an API server that is away.", errors.New("connection refused"), nil, v1alpha1.ReasonInternalError, "connection refused"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.funcs.Get = func(ctx context.Context, c client.WithWatch, key client.ObjectKey, obj client.Object, opts ...client.GetOption) error {
				if err := onTaskRun(obj, tc.get); err != nil {
					return err
				}
				return c.Get(ctx, key, obj, opts...)
			}
			w.funcs.Create = func(ctx context.Context, c client.WithWatch, obj client.Object, opts ...client.CreateOption) error {
				if err := onTaskRun(obj, tc.create); err != nil {
					return err
				}
				return c.Create(ctx, obj, opts...)
			}
			_, err := w.ask(newFunction("f", fromGit("main")))
			if tc.want == v1alpha1.ReasonInternalError {
				if err == nil || errors.As(err, new(*v1alpha1.Failure)) || !strings.Contains(err.Error(), tc.part) {
					t.Errorf("%s got %v", tc.reason, err)
				}
				return
			}
			checkFailure(t, tc.reason, err, tc.want, tc.part)
		})
	}
}

func TestTakenNames(t *testing.T) {
	w := newWorld(t)
	fn := newFunction("f", fromGit("main"))
	w.wantDoing(fn, "is starting")
	run := w.run()
	run.OwnerReferences[0].UID = "somebody-else"
	must(t, w.client.Update(t.Context(), run))
	_, err := w.ask(fn)
	checkFailure(t, "A TaskRun of others is not touched.", err, v1alpha1.ReasonNameTaken, run.Name)
}

// TestLateCache has the cache not show the build that was started.
func TestLateCache(t *testing.T) {
	w := newWorld(t)
	fn := newFunction("f", fromGit("main"))
	w.wantDoing(fn, "is starting")
	w.progress(w.run(), corev1.ConditionUnknown, "Running", "", running("fetch"))
	late := newWorld(t)
	late.funcs.Create = func(ctx context.Context, c client.WithWatch, obj client.Object, _ ...client.CreateOption) error {
		return w.client.Create(ctx, obj)
	}
	late.resolver = late.start(func(c *Config) { c.Live = w.client })
	late.wantDoing(fn, "step fetch is running")
	if len(w.runs()) != 1 {
		t.Errorf("%d builds", len(w.runs()))
	}
}

func TestLongNames(t *testing.T) {
	w := newWorld(t)
	long := strings.Repeat("a", 39) + "-" + strings.Repeat("b", 23)
	w.wantDoing(newFunction(long, fromGit("main")), "is starting")
	if name := w.run().Name; len(name) > 52 || !strings.HasPrefix(name, strings.Repeat("a", 39)+"-") || strings.Contains(name, "--") {
		t.Errorf("the build's name is %q", name)
	}
}

func TestBadQuantity(t *testing.T) {
	w := newWorld(t)
	w.platform.Build.Memory = "lots"
	_, err := w.ask(newFunction("f", fromGit("main")))
	if err == nil || !strings.Contains(err.Error(), `build.memory in config.yaml of ConfigMap lambkin-system/lambkin-config is "lots"`) {
		t.Errorf("got %v", err)
	}
}

func TestBuildsOfOthersStay(t *testing.T) {
	w := newWorld(t)
	w.platform.Build.Keep = 1
	done := apis.Condition{Type: apis.ConditionSucceeded, Status: corev1.ConditionTrue}
	other := &tekton.TaskRun{ObjectMeta: metav1.ObjectMeta{
		Namespace: "team", Name: "other", UID: types.UID("other"), Labels: map[string]string{v1alpha1.LabelFunction: "f"},
	}}
	other.Status.SetCondition(&done)
	must(t, w.client.Create(t.Context(), other))
	fn := newFunction("f", fromGit("main"))
	got := w.wantDoing(fn, "is starting")
	run := new(tekton.TaskRun)
	must(t, w.client.Get(t.Context(), client.ObjectKey{Namespace: "team", Name: got.Build.Name}, run))
	w.succeed(run)
	if _, err := w.ask(fn); err != nil || len(w.runs()) != 2 {
		t.Errorf("%v, %d builds are left; want that of others too", err, len(w.runs()))
	}
}
