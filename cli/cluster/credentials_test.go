package cluster_test

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/lambkin-dev/lambkin/cli/cluster"
)

func meta(name string) metav1.ObjectMeta { return metav1.ObjectMeta{Namespace: "shop", Name: name} }

func login() cluster.Login {
	return cluster.Login{Secret: "reg", Host: "registry.example", Username: "ci", Password: "pass:word", Pullers: []string{"default"}}
}

func secretOf(t *testing.T, c *cluster.Cluster, name string) *corev1.Secret {
	t.Helper()
	s := new(corev1.Secret)
	if err := c.Client.Get(t.Context(), client.ObjectKey{Namespace: "shop", Name: name}, s); err != nil {
		t.Fatal(err)
	}
	return s
}

func hostsOf(t *testing.T, s *corev1.Secret) []string {
	t.Helper()
	var config struct {
		Auths map[string]map[string]string `json:"auths"`
	}
	if err := json.Unmarshal(s.Data[corev1.DockerConfigJsonKey], &config); err != nil {
		t.Fatal(err)
	}
	return slices.Sorted(maps.Keys(config.Auths))
}

func TestSetRegistryLogin(t *testing.T) {
	sa := &corev1.ServiceAccount{ObjectMeta: meta("default"), ImagePullSecrets: []corev1.LocalObjectReference{{Name: "theirs"}}}
	c, _ := newCluster(t, interceptor.Funcs{}, sa)
	want := []cluster.Written{{Object: "secret/reg", Change: cluster.Created}, {Object: "serviceaccount/default", Change: cluster.Configured}}
	for _, again := range []bool{false, true} {
		got, err := c.SetRegistryLogin(t.Context(), login())
		if err != nil {
			t.Fatal(err)
		}
		if again {
			want[0].Change, want[1].Change = cluster.Unchanged, cluster.Unchanged
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("again %v (-want +got):\n%s", again, diff)
		}
	}
	s := secretOf(t, c, "reg")
	if s.Type != corev1.SecretTypeDockerConfigJson {
		t.Errorf("type %q", s.Type)
	}
	if got := string(s.Data[corev1.DockerConfigJsonKey]); !strings.Contains(got, `"auth":"Y2k6cGFzczp3b3Jk"`) {
		t.Errorf("configuration %s", got)
	}
	if err := c.Client.Get(t.Context(), client.ObjectKeyFromObject(sa), sa); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]corev1.LocalObjectReference{{Name: "theirs"}, {Name: "reg"}}, sa.ImagePullSecrets); diff != "" {
		t.Errorf("pull secrets (-want +got):\n%s", diff)
	}
}

// TestOthersStay holds the promise that nothing of what was there before is lost.
func TestOthersStay(t *testing.T) {
	old := &corev1.Secret{
		ObjectMeta: meta("reg"), Type: corev1.SecretTypeDockerConfigJson,
		Data: map[string][]byte{
			corev1.DockerConfigJsonKey: []byte(`{"auths":{"other.example":{"auth":"eA==","email":"a@b"},"registry.example":{"auth":"b2xk","email":"me@x","identitytoken":"t"}},"credHelpers":{"x":"y"}}`),
			"extra":                    []byte("stays"),
		},
	}
	old.Annotations = map[string]string{"theirs": "yes"}
	c, _ := newCluster(t, interceptor.Funcs{}, old)
	if _, err := c.SetRegistryLogin(t.Context(), login()); err != nil {
		t.Fatal(err)
	}
	s := secretOf(t, c, "reg")
	if diff := cmp.Diff([]string{"other.example", "registry.example"}, hostsOf(t, s)); diff != "" {
		t.Error(diff)
	}
	text := string(s.Data[corev1.DockerConfigJsonKey])
	for _, want := range []string{`"auth":"eA=="`, `"email":"a@b"`, `"email":"me@x"`, `"credHelpers":{"x":"y"}`, `"password":"pass:word"`} {
		if !strings.Contains(text, want) {
			t.Errorf("%s is gone from %s", want, text)
		}
	}
	if strings.Contains(text, "identitytoken") || strings.Contains(text, "b2xk") {
		t.Errorf("old credentials go before the new ones: %s", text)
	}
	if string(s.Data["extra"]) != "stays" || s.Annotations["theirs"] != "yes" {
		t.Errorf("%v, %v", s.Data, s.Annotations)
	}
}

func TestSetRegistryLoginFails(t *testing.T) {
	immutable := true
	dockerJSON := func(text string) *corev1.Secret {
		return &corev1.Secret{ObjectMeta: meta("reg"), Type: corev1.SecretTypeDockerConfigJson, Data: map[string][]byte{corev1.DockerConfigJsonKey: []byte(text)}}
	}
	locked := dockerJSON(`{}`)
	locked.Immutable = &immutable
	for name, tc := range map[string]struct {
		old  *corev1.Secret
		want string
	}{
		"OtherType": {&corev1.Secret{ObjectMeta: meta("reg"), Type: corev1.SecretTypeOpaque}, "choose another name"},
		"Immutable": {locked, "immutable"},
		"NoJSON":    {dockerJSON("hunter2"), "no docker configuration"},
		"NoObject":  {dockerJSON(`{"auths":{"registry.example":"hunter2"}}`), "no docker configuration"},
		"Null":      {dockerJSON(`null`), "no docker configuration"},
	} {
		c, _ := newCluster(t, interceptor.Funcs{}, tc.old)
		_, err := c.SetRegistryLogin(t.Context(), login())
		if err == nil || !strings.Contains(err.Error(), tc.want) || !strings.Contains(err.Error(), "secret/reg") {
			t.Errorf("%s: %v, want %q in it", name, err, tc.want)
		}
		if err != nil && (strings.Contains(err.Error(), "hunter2") || strings.Contains(err.Error(), "pass:word")) {
			t.Errorf("%s: a secret is told: %v", name, err)
		}
	}
}

// TestSomebodyIsQuicker has others write in between: nothing of theirs may be lost.
func TestSomebodyIsQuicker(t *testing.T) {
	secrets := schema.GroupResource{Resource: "secrets"}
	tries := 0
	hooks := interceptor.Funcs{
		Create: func(ctx context.Context, c client.WithWatch, obj client.Object, opts ...client.CreateOption) error {
			if tries++; tries == 1 {
				theirs := &corev1.Secret{
					ObjectMeta: meta("reg"), Type: corev1.SecretTypeDockerConfigJson,
					Data: map[string][]byte{corev1.DockerConfigJsonKey: []byte(`{"auths":{"theirs.example":{}}}`)},
				}
				if err := c.Create(ctx, theirs); err != nil {
					return err
				}
				return apierrors.NewAlreadyExists(secrets, "reg")
			}
			return c.Create(ctx, obj, opts...)
		},
		Update: func(ctx context.Context, c client.WithWatch, obj client.Object, opts ...client.UpdateOption) error {
			if tries++; tries == 2 {
				return apierrors.NewConflict(secrets, "reg", nil)
			}
			return c.Update(ctx, obj, opts...)
		},
	}
	c, _ := newCluster(t, hooks)
	l := login()
	l.Pullers = nil
	if _, err := c.SetRegistryLogin(t.Context(), l); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"registry.example", "theirs.example"}, hostsOf(t, secretOf(t, c, "reg"))); diff != "" {
		t.Error(diff)
	}
}

func TestSetGitLogin(t *testing.T) {
	c, _ := newCluster(t, interceptor.Funcs{})
	https := cluster.GitLogin{Secret: "git", Host: "git.example", Username: "ci", Password: "p"}
	for _, want := range []string{cluster.Created, cluster.Unchanged} {
		if did, err := c.SetGitLogin(t.Context(), https); err != nil || did != (cluster.Written{Object: "secret/git", Change: want}) {
			t.Errorf("%+v, %v; want %s", did, err, want)
		}
	}
	https.Password, https.Host = "new", "second.example"
	if did, err := c.SetGitLogin(t.Context(), https); err != nil || did.Change != cluster.Configured {
		t.Errorf("%+v, %v", did, err)
	}
	s := secretOf(t, c, "git")
	want := map[string]string{"tekton.dev/git-0": "https://git.example", "tekton.dev/git-1": "https://second.example"}
	if diff := cmp.Diff(want, s.Annotations); diff != "" || s.Type != corev1.SecretTypeBasicAuth || string(s.Data["password"]) != "new" {
		t.Errorf("type %s, %v", s.Type, diff)
	}
	ssh := cluster.GitLogin{Secret: "key", Host: "git.example", PrivateKey: []byte("KEY"), KnownHosts: []byte("HOSTS")}
	if _, err := c.SetGitLogin(t.Context(), ssh); err != nil {
		t.Fatal(err)
	}
	s = secretOf(t, c, "key")
	if diff := cmp.Diff(map[string][]byte{"ssh-privatekey": []byte("KEY"), "known_hosts": []byte("HOSTS")}, s.Data); diff != "" || s.Type != corev1.SecretTypeSSHAuth {
		t.Errorf("type %s (-want +got):\n%s", s.Type, diff)
	}
	if s.Annotations["tekton.dev/git-0"] != "git.example" {
		t.Errorf("annotations %v", s.Annotations)
	}
	ssh.Secret = "git"
	if _, err := c.SetGitLogin(t.Context(), ssh); err == nil || !strings.Contains(err.Error(), "kubernetes.io/basic-auth") {
		t.Errorf("a key in a Secret for passwords: %v", err)
	}
}

func TestRegistryHost(t *testing.T) {
	for text, want := range map[string]string{
		"registry.example": "registry.example", "localhost:5000": "localhost:5000", "https://r.example/v2/": "r.example", "http://r:80/a": "r:80",
		"docker.io": "https://index.docker.io/v1/", "https://index.docker.io/v1/": "https://index.docker.io/v1/", "[::1]:5000": "[::1]:5000",
		"": "", "/": "", "user@host": "", "a b": "",
	} {
		got, err := cluster.RegistryHost(text)
		if got != want || (err != nil) != (want == "") {
			t.Errorf("RegistryHost(%q) = %q, %v; want %q", text, got, err, want)
		}
	}
}
