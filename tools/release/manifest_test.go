package main

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/client-go/kubernetes/scheme"

	"github.com/lambkin-dev/lambkin/api/v1alpha1"
	"github.com/lambkin-dev/lambkin/internal/platform"
)

// references are names of images by digest, as a release has them.
func references() map[string]string {
	all := map[string]string{}
	for _, i := range recipes() {
		all[i.name] = "registry.example/lambkin/" + i.name + "@sha256:" + strings.Repeat("0", 64)
	}
	return all
}

// installed are the objects of the manifest, as an API server reads them: strictly.
func installed(t *testing.T) []runtime.Object {
	t.Helper()
	p, err := readParts("../..", "")
	if err != nil {
		t.Fatal(err)
	}
	text, err := render(p.install, references(), "v1.2.3")
	if err != nil {
		t.Fatal(err)
	}
	documents, err := parse(string(text))
	if err != nil {
		t.Fatal(err)
	}
	decoder := serializer.NewCodecFactory(scheme.Scheme, serializer.EnableStrict).UniversalDeserializer()
	var all []runtime.Object
	for _, d := range documents {
		if d.head.Kind == "CustomResourceDefinition" {
			continue // generated; the test of the API reads them
		}
		object, _, err := decoder.Decode([]byte(d.text), nil, nil)
		if err != nil {
			t.Errorf("%s %s: %v", d.head.Kind, d.head.Metadata.Name, err)
			continue
		}
		all = append(all, object)
	}
	return all
}

// of gives the objects of one type by name.
func of[T any, P interface {
	*T
	runtime.Object
	GetName() string
}](all []runtime.Object) map[string]P {
	found := map[string]P{}
	for _, object := range all {
		if o, ok := object.(P); ok {
			found[o.GetName()] = o
		}
	}
	return found
}

// TestPodsAreRestricted holds the pods against the strictest of the Pod Security Standards, which their namespace
// enforces, and against what this project wants besides.
func TestPodsAreRestricted(t *testing.T) {
	all := installed(t)
	namespace := of[corev1.Namespace](all)[platform.Namespace]
	if namespace == nil || namespace.Labels["pod-security.kubernetes.io/enforce"] != "restricted" {
		t.Fatalf("the namespace is %v", namespace)
	}
	deployments := of[appsv1.Deployment](all)
	if len(deployments) != 2 {
		t.Errorf("there are the Deployments %v", slices.Sorted(maps.Keys(deployments)))
	}
	for name, d := range deployments {
		pod := d.Spec.Template.Spec
		if s := pod.SecurityContext; s == nil || s.RunAsNonRoot == nil || !*s.RunAsNonRoot || s.SeccompProfile == nil || s.SeccompProfile.Type != corev1.SeccompProfileTypeRuntimeDefault {
			t.Errorf("%s: pod security context %+v", name, s)
		}
		if of[corev1.ServiceAccount](all)[pod.ServiceAccountName] == nil {
			t.Errorf("%s: there is no ServiceAccount %q", name, pod.ServiceAccountName)
		}
		for _, c := range pod.Containers {
			checkContainer(t, name, c)
		}
	}
}

func checkContainer(t *testing.T, name string, c corev1.Container) {
	t.Helper()
	s := c.SecurityContext
	if s == nil || s.AllowPrivilegeEscalation == nil || *s.AllowPrivilegeEscalation || s.ReadOnlyRootFilesystem == nil || !*s.ReadOnlyRootFilesystem ||
		s.Capabilities == nil || !slices.Equal(s.Capabilities.Drop, []corev1.Capability{"ALL"}) || len(s.Capabilities.Add) > 0 {
		t.Errorf("%s: security context %+v", name, s)
	}
	if c.Resources.Requests.Cpu().IsZero() || c.Resources.Requests.Memory().IsZero() || c.Resources.Limits.Memory().IsZero() {
		t.Errorf("%s: resources %+v", name, c.Resources)
	}
	if c.LivenessProbe == nil || c.ReadinessProbe == nil {
		t.Errorf("%s has no probes", name)
	}
	if !strings.HasPrefix(c.Image, "registry.example/lambkin/") || !strings.Contains(c.Image, "@sha256:") {
		t.Errorf("%s runs %s", name, c.Image)
	}
}

func TestSelectorsMeetPods(t *testing.T) {
	all := installed(t)
	service := of[corev1.Service](all)[platform.GatewayService]
	gateway := of[appsv1.Deployment](all)[platform.GatewayService]
	if service == nil || gateway == nil || service.Spec.Ports[0].Name != platform.GatewayPort || service.Spec.Ports[0].Port != 80 {
		t.Fatalf("Service %+v, Deployment %+v", service, gateway)
	}
	if d := cmp.Diff(service.Spec.Selector, gateway.Spec.Selector.MatchLabels); d != "" {
		t.Errorf("(-service +pods):\n%s", d)
	}
	for name, d := range of[appsv1.Deployment](all) {
		for key, value := range d.Spec.Selector.MatchLabels {
			if d.Spec.Template.Labels[key] != value {
				t.Errorf("%s does not select its own pods", name)
			}
		}
	}
}

// TestRolesAreLeast holds all rules against what no role of ours may have.
func TestRolesAreLeast(t *testing.T) {
	all := installed(t)
	rules := map[string][]rbacv1.PolicyRule{}
	for name, r := range of[rbacv1.ClusterRole](all) {
		rules["ClusterRole "+name] = r.Rules
	}
	for name, r := range of[rbacv1.Role](all) {
		rules["Role "+name] = r.Rules
	}
	for name, list := range rules {
		for _, rule := range list {
			if slices.Contains(slices.Concat(rule.Verbs, rule.Resources, rule.APIGroups), "*") {
				t.Errorf("%s has a wildcard: %+v", name, rule)
			}
			for _, verb := range []string{"escalate", "bind", "impersonate"} {
				if slices.Contains(rule.Verbs, verb) {
					t.Errorf("%s may %s", name, verb)
				}
			}
		}
	}
	for name, b := range of[rbacv1.ClusterRoleBinding](all) {
		if b.RoleRef.Name == "cluster-admin" || of[rbacv1.ClusterRole](all)[b.RoleRef.Name] == nil {
			t.Errorf("%s binds %s", name, b.RoleRef.Name)
		}
	}
}

// TestExampleIsTheDefault holds the example in the ConfigMap against the code: it names every member with the value that
// holds without it.
func TestExampleIsTheDefault(t *testing.T) {
	config := of[corev1.ConfigMap](installed(t))[platform.ConfigMap]
	if config == nil {
		t.Fatal("there is no ConfigMap")
	}
	if _, ok := config.Data[platform.Key]; ok {
		t.Errorf("the release has the operator's key, and would overwrite it")
	}
	got, err := platform.Parse(config.Data["_example"])
	if err != nil {
		t.Fatal(err)
	}
	want := platform.Default()
	want.Registry.PlainHTTP, want.Runtimes, want.Build.Env = got.Registry.PlainHTTP, got.Runtimes, got.Build.Env // empty either way
	if d := cmp.Diff(want, got); d != "" || len(got.Registry.PlainHTTP)+len(got.Runtimes)+len(got.Build.Env) > 0 {
		t.Errorf("(-default +example):\n%s", d)
	}
	read, err := platform.Read(config.Data)
	if err != nil || read.Images.Runtime != references()["runtime"] || read.Images.Builder != references()["builder"] {
		t.Errorf("our images are %+v, %v", read.Images, err)
	}
}

// TestSamples reads the samples as an API server reads them, and then as the controller does.
func TestSamples(t *testing.T) {
	files, err := filepath.Glob("../../config/samples/*.yaml")
	if err != nil || len(files) < 4 {
		t.Fatal(files, err)
	}
	kinds := runtime.NewScheme()
	if err := v1alpha1.AddToScheme(kinds); err != nil {
		t.Fatal(err)
	}
	decoder := serializer.NewCodecFactory(kinds, serializer.EnableStrict).UniversalDeserializer()
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for part := range strings.SplitSeq(string(text), "---\n") {
			decoded, _, err := decoder.Decode([]byte(part), nil, nil)
			if err != nil {
				t.Errorf("%s: %v", file, err)
				continue
			}
			sample := decoded.(v1alpha1.Object)
			sample.Default()
			if faults := sample.Validate(); len(faults) > 0 {
				t.Errorf("%s: %v", file, faults.ToAggregate())
			}
		}
	}
}

func TestValues(t *testing.T) {
	values := filepath.Join(t.TempDir(), "values.yaml")
	text := "registry:\n  prefix: r.example/fn # ours\n\nbuild:\n  env: {GOPROXY: \"off\"}\n"
	if err := os.WriteFile(values, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	p, err := readParts("../..", values)
	if err != nil {
		t.Fatal(err)
	}
	rendered, err := render(p.install, references(), "v1")
	if err != nil {
		t.Fatal(err)
	}
	documents, err := parse(string(rendered))
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(documents, func(d document) bool { return isConfig(d.head) })
	object, _, err := scheme.Codecs.UniversalDeserializer().Decode([]byte(documents[i].text), nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	data := object.(*corev1.ConfigMap).Data
	if data[platform.Key] != text {
		t.Errorf("the key holds %q, want %q", data[platform.Key], text)
	}
	c, err := platform.Read(data)
	if err != nil || c.Registry.Prefix != "r.example/fn" || c.Images.Runtime == "" || c.Build.Env["GOPROXY"] != "off" {
		t.Errorf("read %+v, %v", c, err)
	}
	if err := os.WriteFile(values, []byte("registri: {}"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := readParts("../..", values); err == nil || !strings.Contains(err.Error(), "-values") {
		t.Errorf("a slip of the pen: %v", err)
	}
}

// TestValuesOfRuntimes has the operator's images in the Tasks.
func TestValuesOfRuntimes(t *testing.T) {
	var p parts
	var err error
	if p.install, err = parse("kind: ConfigMap\nmetadata: {name: lambkin-config}\ndata:\n  a: b\n"); err != nil {
		t.Fatal(err)
	}
	if err := p.add("runtimes: {nodejs22.x: {base: r.example/base/node:1, build: r.example/build/node:1}}\n"); err != nil {
		t.Fatal(err)
	}
	text, err := render(p.tekton, references(), "v1")
	if err != nil {
		t.Fatal(err)
	}
	files, err := readDocuments("../../config", "tekton/*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if len(p.tekton) != len(files) {
		t.Errorf("%d objects, and %d without values", len(p.tekton), len(files))
	}
	for _, want := range []string{"default: r.example/base/node:1", "default: r.example/build/node:1", references()["builder"]} {
		if !strings.Contains(string(text), want) {
			t.Errorf("no Task has %s", want)
		}
	}
	if err := p.add("runtimes: {rust: {family: none}}\n"); err == nil || !strings.Contains(err.Error(), "-values") {
		t.Errorf("an override that makes no sense: %v", err)
	}
}

const object = "kind: ConfigMap\nmetadata:\n  name: a\n"

func TestReadDocuments(t *testing.T) {
	cases := map[string]struct {
		reason string
		files  map[string]string
		want   []string // kind and name
		err    string
	}{
		"Order": {"what others need comes first, whatever the files are called", map[string]string{
			"1.yaml": "kind: Deployment\nmetadata: {name: d}\n---\nkind: Role\nmetadata: {name: r}\n", "2.yaml": "# words\n---\nkind: Namespace\nmetadata: {name: ns}\n"},
			[]string{"Namespace ns", "Role r", "Deployment d"}, ""},
		"Others":     {"other files are not for clusters", map[string]string{"README.md": "x", "a.yaml": object}, []string{"ConfigMap a"}, ""},
		"Namespaces": {"one name in two of them", map[string]string{"a.yaml": object + "---\n" + object + "  namespace: n\n"}, []string{"ConfigMap a", "ConfigMap a"}, ""},
		"Twice":      {"the later one would win", map[string]string{"a.yaml": object, "b.yaml": object}, nil, `ConfigMap "a" of namespace "" is there twice`},
		"Unknown":    {"nobody knows when to apply it", map[string]string{"a.yaml": "kind: Secret\nmetadata: {name: s}\n"}, nil, "a.yaml: object 1 is a \"Secret\""},
		"Nameless":   {"it cannot be applied", map[string]string{"a.yaml": object + "---\nkind: Role\n"}, nil, "a.yaml: object 2"},
		"Nothing":    {"a release without objects", map[string]string{"README.md": "x"}, nil, "there are none"},
		"NoYAML":     {"a slip of the pen", map[string]string{"a.yaml": "a: b: c\n"}, nil, "a.yaml: object 1"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			root := t.TempDir()
			for file, text := range tc.files {
				if err := writeFile(filepath.Join(root, "parts", file), []byte(text)); err != nil {
					t.Fatal(err)
				}
			}
			all, err := readDocuments(root, "parts/*.yaml")
			if tc.err != "" {
				if err == nil || !strings.Contains(err.Error(), tc.err) {
					t.Errorf("%s: got %v, want %q", tc.reason, err, tc.err)
				}
				return
			}
			var got []string
			for _, d := range all {
				got = append(got, d.head.Kind+" "+d.head.Metadata.Name)
			}
			if d := cmp.Diff(tc.want, got); err != nil || d != "" {
				t.Errorf("%s: %v (-want +got):\n%s", tc.reason, err, d)
			}
		})
	}
}

func TestRender(t *testing.T) {
	images := map[string]string{"runtime": "r/runtime@sha256:1", "builder": "r/builder@sha256:2"}
	cases := map[string]struct{ reason, text, want, err string }{
		"Images": {"wherever they are named", "image: release://runtime\nargs: [\"-runtime=release://runtime\", 'release://builder']\n",
			"image: r/runtime@sha256:1\nargs: [\"-runtime=r/runtime@sha256:1\", 'r/builder@sha256:2']\n", ""},
		"Version": {"in labels", "app.kubernetes.io/version: release://version\n", "app.kubernetes.io/version: v1\n", ""},
		"Nothing": {"as it is", "apiVersion: lambkin.dev/v1alpha1\nurl: https://release\n", "apiVersion: lambkin.dev/v1alpha1\nurl: https://release\n", ""},
		"Unknown": {"no image of ours", "image: release://runtim\n", "", "there is no such image"},
		"Empty":   {"no name at all", "image: release://\n", "", "there is no such image"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got, err := render([]document{{text: tc.text}}, images, "v1")
			if tc.err != "" {
				if err == nil || !strings.Contains(err.Error(), tc.err) {
					t.Errorf("%s: got %v", tc.reason, err)
				}
				return
			}
			if want := "# Lambkin v1\n---\n" + tc.want; err != nil || string(got) != want {
				t.Errorf("%s: %v\n got %q\nwant %q", tc.reason, err, got, want)
			}
		})
	}
}
