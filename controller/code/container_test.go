package code

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/lambkin-dev/lambkin/api/v1alpha1"
	"github.com/lambkin-dev/lambkin/buildtemplates/image"
)

func ofImage(i v1alpha1.Image) func(*v1alpha1.FunctionSpec) {
	return func(s *v1alpha1.FunctionSpec) { s.Runtime, s.Handler, s.Code.Image = "", "", &i }
}

// inBase64 is a digest as the Lambda API has it.
func inBase64(t *testing.T, digest string) string {
	t.Helper()
	sum, err := hex.DecodeString(strings.TrimPrefix(digest, "sha256:"))
	must(t, err)
	return base64.StdEncoding.EncodeToString(sum)
}

func TestImages(t *testing.T) {
	w := newWorld(t)
	lambdaDigest := w.push("ghcr.io/acme/lambda:1", v1.Config{Entrypoint: []string{"/lambda-entrypoint.sh"}, Cmd: []string{"app.handler"}}, map[string]string{"app": "x"})
	httpDigest := w.push("ghcr.io/acme/web:1", v1.Config{Cmd: []string{"/server"}}, map[string]string{"server": "x"})
	wrapped := func(command ...string) []string { return append([]string{image.RuntimePath, "--"}, command...) }
	cases := map[string]struct {
		reason   string
		image    v1alpha1.Image
		protocol v1alpha1.Protocol
		digest   string   // of the user's image
		starts   []string // entry point of what is deployed
		workdir  string
	}{
		"Lambda": {
			"An image for Lambda gets the runtime, which starts what it would have started.",
			v1alpha1.Image{URI: "ghcr.io/acme/lambda:1"}, v1alpha1.ProtocolLambda, lambdaDigest, wrapped("/lambda-entrypoint.sh", "app.handler"), "",
		},
		"Overrides": {
			"ImageConfig's overrides are in the image.",
			v1alpha1.Image{URI: "ghcr.io/acme/lambda:1", Command: []string{"other.handler"}, WorkingDirectory: "/work"},
			v1alpha1.ProtocolLambda, lambdaDigest, wrapped("/lambda-entrypoint.sh", "other.handler"), "/work",
		},
		"HTTP": {
			"Any other is run as it is.",
			v1alpha1.Image{URI: "ghcr.io/acme/web:1"}, v1alpha1.ProtocolHTTP, httpDigest, nil, "",
		},
		"HTTPByName": {
			"Also one that only looks like Lambda.",
			v1alpha1.Image{URI: "ghcr.io/acme/lambda:1", Protocol: v1alpha1.ProtocolHTTP}, v1alpha1.ProtocolHTTP, lambdaDigest, []string{"/lambda-entrypoint.sh"}, "",
		},
		"LambdaByName": {
			"And the other way round.",
			v1alpha1.Image{URI: "ghcr.io/acme/web:1", Protocol: v1alpha1.ProtocolLambda}, v1alpha1.ProtocolLambda, httpDigest, wrapped("/server"), "",
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			w.t = t
			fn := newFunction(strings.ToLower(name), ofImage(tc.image))
			got := w.image(fn)
			if got.Protocol != tc.protocol || got.CodeSHA256 != inBase64(t, tc.digest) || got.CodeSize != 0 {
				t.Errorf("%s got %+v", tc.reason, got)
			}
			place := prefix + "/team/" + fn.Name + "@sha256:"
			if tc.protocol == v1alpha1.ProtocolHTTP {
				place = repositoryOf(tc.image.URI) + "@" + tc.digest
			}
			if !strings.HasPrefix(got.Image, place) {
				t.Errorf("%s the image is %s, want %s", tc.reason, got.Image, place)
			}
			c := w.pull(got.Image).config
			if diff := cmp.Diff(tc.starts, c.Entrypoint); diff != "" || c.WorkingDir != tc.workdir {
				t.Errorf("%s in %q\n%s", tc.reason, c.WorkingDir, diff)
			}
			w.hosts.since()
			w.image(fn)
			if asked := w.hosts.since(); len(asked) != 0 {
				t.Errorf("asking again asks %q", asked)
			}
		})
	}
}

func TestImageFailures(t *testing.T) {
	w := newWorld(t)
	w.pushFor("arm64", "ghcr.io/acme/arm:1", v1.Config{Cmd: []string{"/x"}}, map[string]string{"x": "x"})
	w.push("ghcr.io/acme/nothing:1", v1.Config{Env: []string{"LAMBDA_TASK_ROOT=/var/task"}}, map[string]string{"x": "x"})
	w.push("ghcr.io/acme/closed:1", v1.Config{Cmd: []string{"/x"}}, map[string]string{"x": "x"})
	w.push(prefix+"/other/f:1", v1.Config{Cmd: []string{"/x"}}, map[string]string{"x": "x"})
	w.push(prefix+"/team/mine:1", v1.Config{Cmd: []string{"/x"}}, map[string]string{"x": "x"})
	w.hosts.disturb(func(r *http.Request) int {
		switch {
		case strings.Contains(r.URL.Path, "/acme/closed/"):
			return 401
		case r.URL.Host == "down.test":
			return -1
		default:
			return 0
		}
	})
	cases := map[string]struct {
		reason string
		uri    string
		want   v1alpha1.Reason
		part   string
	}{
		"Missing":      {"An image that is not there is told.", "ghcr.io/acme/none:1", v1alpha1.ReasonImageNotFound, "ghcr.io/acme/none:1"},
		"Closed":       {"So is one that may not be read.", "ghcr.io/acme/closed:1", v1alpha1.ReasonImageUnavailable, "give credentials for ghcr.io"},
		"Down":         {"So is a registry of others that is away.", "down.test/app:1", v1alpha1.ReasonImageUnavailable, "down.test"},
		"Nonsense":     {"So is what names none.", "UPPER/case", v1alpha1.ReasonImageInvalid, "no image reference"},
		"Architecture": {"An image for another machine is of no use.", "ghcr.io/acme/arm:1", v1alpha1.ReasonImageInvalid, "arm64"},
		"Nothing":      {"Nor is one with nothing to start.", "ghcr.io/acme/nothing:1", v1alpha1.ReasonEntrypointInvalid, "set its ENTRYPOINT or CMD"},
		"OtherTeam":    {"What others have in our registry is theirs.", prefix + "/other/f:1", v1alpha1.ReasonImageUnavailable, "belongs to another namespace"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			w.t = t
			w.wantFailure(newFunction(strings.ToLower(name), ofImage(v1alpha1.Image{URI: tc.uri})), tc.reason, tc.want, tc.part)
		})
	}
	w.t = t
	w.image(newFunction("mine", ofImage(v1alpha1.Image{URI: prefix + "/team/mine:1"})))
}

// TestTagOfGeneration has a tag move on while the function stays as it is.
func TestTagOfGeneration(t *testing.T) {
	w := newWorld(t)
	w.push("ghcr.io/acme/app:1", v1.Config{Cmd: []string{"/x"}}, map[string]string{"x": "first"})
	fn := newFunction("f", ofImage(v1alpha1.Image{URI: "ghcr.io/acme/app:1", Protocol: v1alpha1.ProtocolLambda}))
	first := w.image(fn)
	serve(fn, first)
	w.push("ghcr.io/acme/app:1", v1.Config{Cmd: []string{"/x"}}, map[string]string{"x": "second"})
	w.push(ourRuntime+"0", v1.Config{}, map[string]string{"lambkin/runtime-api": "upgraded"})
	w.platform.Images.Runtime = ourRuntime + "0"
	w.resolver = w.start()
	if files := w.pull(w.image(fn).Image).files; files["x"] != "first" || files["lambkin/runtime-api"] != "upgraded" {
		t.Errorf("after an upgrade the image holds %v; want what the function has served", files)
	}
	fn.Generation++
	if files := w.pull(w.image(fn).Image).files; files["x"] != "second" {
		t.Errorf("after a change the image holds %v; want what the tag stands for now", files)
	}
}

// TestPullSecrets has a registry that wants a login.
func TestPullSecrets(t *testing.T) {
	login := func(password string) []byte {
		auth := base64.StdEncoding.EncodeToString([]byte("me:" + password))
		return []byte(`{"auths":{"private.test":{"auth":"` + auth + `"},"` + ours + `":{"auth":"` + auth + `"}}}`)
	}
	secret := func(name string, file []byte) *corev1.Secret {
		return &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: "team", Name: name}, Data: map[string][]byte{corev1.DockerConfigJsonKey: file}}
	}
	account := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: "team", Name: "default"}}
	account.ImagePullSecrets = []corev1.LocalObjectReference{{Name: "of-account"}, {Name: "gone"}}
	w := newWorld(t, secret("of-pod", login("right")), secret("of-account", login("right")), secret("broken", []byte(`{"auths":"secret"}`)), account)
	w.push("private.test/app:1", v1.Config{Cmd: []string{"/x"}}, map[string]string{"x": "x"})
	var toUs []string
	w.hosts.disturb(func(r *http.Request) int {
		_, password, _ := r.BasicAuth()
		if r.URL.Host == ours && password != "" {
			toUs = append(toUs, r.URL.Path)
		}
		if r.URL.Host == "private.test" && password != "right" {
			return 401
		}
		return 0
	})
	private := v1alpha1.Image{URI: "private.test/app:1", Protocol: v1alpha1.ProtocolLambda}
	with := func(p v1alpha1.Pod) func(*v1alpha1.FunctionSpec) {
		return func(s *v1alpha1.FunctionSpec) { ofImage(private)(s); s.Pod = &p }
	}
	w.wantFailure(newFunction("nobody", with(v1alpha1.Pod{ServiceAccountName: "other"})), "Nobody may not read it.", v1alpha1.ReasonImageUnavailable, "credentials")
	w.image(newFunction("pod", with(v1alpha1.Pod{ServiceAccountName: "other", ImagePullSecrets: []string{"of-pod"}})))
	w.image(newFunction("account", ofImage(private)))
	w.wantFailure(newFunction("broken", with(v1alpha1.Pod{ImagePullSecrets: []string{"broken"}})), "A broken Secret is told, not shown.", v1alpha1.ReasonImageUnavailable, "pull secrets broken")
	w.push("ghcr.io/acme/open:1", v1.Config{Cmd: []string{"/x"}}, map[string]string{"x": "x"})
	w.funcs.Get = func(ctx context.Context, c client.WithWatch, key client.ObjectKey, obj client.Object, opts ...client.GetOption) error {
		if _, ok := obj.(*corev1.Secret); ok {
			return apierrors.NewForbidden(schema.GroupResource{Resource: "secrets"}, key.Name, errors.New("no"))
		}
		return c.Get(ctx, key, obj, opts...)
	}
	w.image(newFunction("open", ofImage(v1alpha1.Image{URI: "ghcr.io/acme/open:1"}))) // Secrets that we may not see are no hindrance
	if len(toUs) != 0 {
		t.Errorf("our own repositories were asked with the user's login: %q", toUs)
	}
}

func TestFullName(t *testing.T) {
	for reference, want := range map[string]string{
		"docker.io/library/node:22": "index.docker.io/library/node:22",
		"node":                      "index.docker.io/node",
		"acme/app:1":                "index.docker.io/acme/app:1",
		"ghcr.io/acme/app:1":        "ghcr.io/acme/app:1",
		"localhost/app":             "localhost/app",
		"registry:5000/app":         "registry:5000/app",
	} {
		if got := fullName(reference); got != want {
			t.Errorf("fullName(%q) = %q, want %q", reference, got, want)
		}
	}
	for reference, want := range map[string]string{
		"host:5000/app": "host:5000/app", "host:5000/app:1": "host:5000/app", "host/app:1@sha256:ab": "host/app", "app": "app",
	} {
		if got := repositoryOf(reference); got != want {
			t.Errorf("repositoryOf(%q) = %q, want %q", reference, got, want)
		}
	}
}
