package resources

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"knative.dev/pkg/apis"
	"knative.dev/serving/pkg/apis/config"
	servingv1 "knative.dev/serving/pkg/apis/serving/v1"
	autoscalerconfig "knative.dev/serving/pkg/autoscaler/config"
	"sigs.k8s.io/yaml"

	"github.com/lambkin-dev/lambkin/api/v1alpha1"
	"github.com/lambkin-dev/lambkin/internal/platform"
)

var update = flag.Bool("update", false, "write what is made into the golden files")

const testImage = "registry.example/functions/default/orders@sha256:2b2f8e5a5f2d7b2a4f1c0a6d3b5e7c9d8f6a4b3c2d1e0f9a8b7c6d5e4f3a2b1c"

// given is the first document of a golden file beside the object: what the test says and no object can.
type given struct {
	Protocol    v1alpha1.Protocol `json:"protocol"`
	Features    Features          `json:"features"`
	Provisioned int32             `json:"provisioned"`
	Reserved    *int32            `json:"reserved"`
	Role        string            `json:"role"`
	MaxScale    int32             `json:"maxScale"`
	Deviations  []string          `json:"deviations"`
	Refused     string            `json:"refused"`
}

// TestServices makes the Service of each file in testdata/services: what holds, the object, and the Service that is wanted,
// or none where it is refused. Knative's own validation takes each Service, with just the features that are given.
func TestServices(t *testing.T) {
	files, err := filepath.Glob("testdata/services/*.yaml")
	if err != nil || len(files) < 10 {
		t.Fatalf("found %d files: %v", len(files), err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".yaml"), func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			docs := strings.SplitN(string(text), "---\n", 3)
			g, w := workloadFrom(t, docs)
			if err := Check(w); err != nil || g.Refused != "" {
				if err == nil || err.Error() != g.Refused {
					t.Errorf("got error %v, want %q", err, g.Refused)
				}
				return
			}
			if diff := cmp.Diff(g.Deviations, Deviations(w)); diff != "" {
				t.Errorf("deviations, - want, + got:\n%s", diff)
			}
			got := MakeService(w)
			accepted(t, got, g.Features)
			compare(t, file, docs, got)
		})
	}
}

// workloadFrom reads the first two documents.
func workloadFrom(t *testing.T, docs []string) (given, *Workload) {
	t.Helper()
	g := given{MaxScale: 100}
	strictly(t, docs[0], &g)
	kind := metav1.TypeMeta{}
	if err := yaml.Unmarshal([]byte(docs[1]), &kind); err != nil {
		t.Fatal(err)
	}
	var w Workload
	if kind.Kind == "Version" {
		asked := new(v1alpha1.Version)
		strictly(t, docs[1], asked)
		v := asked.DeepCopy()
		v.Default()
		fn := &v1alpha1.Function{Spec: v1alpha1.FunctionSpec{Concurrency: &v1alpha1.Concurrency{Reserved: g.Reserved}}}
		w = VersionWorkload(v, asked, fn, g.Provisioned)
	} else {
		asked := new(v1alpha1.Function)
		strictly(t, docs[1], asked)
		fn := asked.DeepCopy()
		fn.Default()
		if faults := fn.Validate(); len(faults) > 0 {
			t.Fatal(faults)
		}
		w = FunctionWorkload(fn, asked)
	}
	p := platform.Default()
	p.Scaling.MaxScale = g.MaxScale
	w.Image, w.Protocol, w.Role, w.Features, w.Platform = testImage, g.Protocol, g.Role, g.Features, &p
	return g, &w
}

func strictly(t *testing.T, text string, into any) {
	t.Helper()
	if err := yaml.UnmarshalStrict([]byte(text), into); err != nil {
		t.Fatal(err)
	}
}

// compare holds what was made against the third document.
func compare(t *testing.T, file string, docs []string, got any) {
	t.Helper()
	text, err := yaml.Marshal(got)
	if err != nil {
		t.Fatal(err)
	}
	if *update {
		content := docs[0] + "---\n" + docs[1] + "---\n" + string(text)
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	want := ""
	if len(docs) > 2 {
		want = docs[2]
	}
	if diff := cmp.Diff(want, string(text)); diff != "" {
		t.Errorf("- want, + got (go test -update writes it):\n%s", diff)
	}
}

// accepted asks Knative's validation, with Knative's defaults but for the features and a longer timeout.
func accepted(t *testing.T, svc *servingv1.Service, f Features) {
	t.Helper()
	features, err := config.NewFeaturesConfigFromMap(map[string]string{
		config.FeaturePodSpecNodeSelector:            onOff(f.NodeSelector),
		config.FeaturePodSpecRuntimeClassName:        onOff(f.RuntimeClass),
		config.FeaturePodSpecEmptyDir:                onOff(f.EmptyDir),
		config.FeaturePodSpecPVClaim:                 onOff(f.Claims),
		"kubernetes.podspec-persistent-volume-write": onOff(f.Claims),
	})
	if err != nil {
		t.Fatal(err)
	}
	defaults, err := config.NewDefaultsConfigFromMap(map[string]string{"max-revision-timeout-seconds": "1000"})
	if err != nil {
		t.Fatal(err)
	}
	autoscaler, err := autoscalerconfig.NewConfigFromMap(nil)
	if err != nil {
		t.Fatal(err)
	}
	ctx := config.ToContext(t.Context(), &config.Config{Features: features, Defaults: defaults, Autoscaler: autoscaler})
	admitted := svc.DeepCopy()
	admitted.SetDefaults(apis.WithinCreate(ctx))
	if err := admitted.Validate(apis.WithinCreate(ctx)).Filter(apis.ErrorLevel); err != nil {
		t.Errorf("Knative refuses it: %v", err)
	}
}

func onOff(on bool) string {
	if on {
		return "enabled"
	}
	return "disabled"
}

// TestServicesAreStable makes the same Service again and again: a difference would be a new Revision.
func TestServicesAreStable(t *testing.T) {
	text, err := os.ReadFile("testdata/services/everything.yaml")
	if err != nil {
		t.Fatal(err)
	}
	docs := strings.SplitN(string(text), "---\n", 3)
	var first []byte
	for range 20 {
		_, w := workloadFrom(t, docs)
		made, err := yaml.Marshal(MakeService(w))
		if err != nil {
			t.Fatal(err)
		}
		if first == nil {
			first = made
		}
		if !bytes.Equal(first, made) {
			t.Fatalf("made another Service:\n%s", cmp.Diff(string(first), string(made)))
		}
	}
}
