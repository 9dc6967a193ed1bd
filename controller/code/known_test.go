package code

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/lambkin-dev/lambkin/api/v1alpha1"
)

// TestKnown asks for the image of versions that were published with one.
func TestKnown(t *testing.T) {
	w := newWorld(t)
	httpDigest := w.push("ghcr.io/acme/web:1", v1.Config{Cmd: []string{"/server"}}, map[string]string{"server": "x"})
	appDigest := w.push("ghcr.io/acme/app:1", v1.Config{Cmd: []string{"/app"}}, map[string]string{"app": "x"})
	wrapped := w.image(newFunction("app", ofImage(v1alpha1.Image{URI: "ghcr.io/acme/app:1", Protocol: v1alpha1.ProtocolLambda}))).Image
	sum := inBase64(t, strings.Repeat("ab", 32))
	status := func(image string) v1alpha1.FunctionStatus {
		return v1alpha1.FunctionStatus{Image: image, CodeSHA256: sum, CodeSize: 7, Protocol: v1alpha1.ProtocolHTTP}
	}
	named := prefix + "/team/f@sha256:" + strings.Repeat("1", 64)
	source := func(s *v1alpha1.FunctionSpec) {
		s.Code.Source = &v1alpha1.Source{Git: &v1alpha1.Git{URL: "https://git.test/f"}}
	}
	cases := map[string]struct {
		reason   string
		spec     func(*v1alpha1.FunctionSpec)
		image    string
		own      v1alpha1.FunctionStatus // of the version
		function v1alpha1.FunctionStatus
		want     Result
	}{
		"Zip": {
			"A zip says all of itself.",
			func(s *v1alpha1.FunctionSpec) { s.Code.Zip = &v1alpha1.Blob{SHA256: strings.Repeat("ab", 32), Size: 7} },
			named, v1alpha1.FunctionStatus{}, v1alpha1.FunctionStatus{},
			Result{Protocol: v1alpha1.ProtocolLambda, CodeSHA256: sum, CodeSize: 7},
		},
		"Told": {
			"What the version knows it knows.", source, named, status(named), v1alpha1.FunctionStatus{},
			Result{Protocol: v1alpha1.ProtocolHTTP, CodeSHA256: sum, CodeSize: 7},
		},
		"FromFunction": {
			"A new version learns it from the function.", source, named, v1alpha1.FunctionStatus{}, status(named),
			Result{Protocol: v1alpha1.ProtocolHTTP, CodeSHA256: sum, CodeSize: 7},
		},
		"Forgotten": {
			"A function that has moved on tells nothing.", source, named, v1alpha1.FunctionStatus{}, status("another"),
			Result{Protocol: v1alpha1.ProtocolLambda},
		},
		"HTTPImage": {
			"But an image can be looked at.", ofImage(v1alpha1.Image{URI: "ghcr.io/acme/web:1"}),
			"ghcr.io/acme/web@" + httpDigest, v1alpha1.FunctionStatus{}, v1alpha1.FunctionStatus{},
			Result{Protocol: v1alpha1.ProtocolHTTP, CodeSHA256: inBase64(t, httpDigest)},
		},
		"LambdaImage": {
			"Also one that we have made.", ofImage(v1alpha1.Image{URI: "ghcr.io/acme/app:1"}),
			wrapped, v1alpha1.FunctionStatus{}, v1alpha1.FunctionStatus{},
			Result{Protocol: v1alpha1.ProtocolLambda, CodeSHA256: inBase64(t, appDigest)},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			fn := newFunction(strings.ToLower(name), tc.spec)
			stored := fn.DeepCopy()
			stored.Status = tc.function
			must(t, w.client.Create(t.Context(), stored))
			version := &v1alpha1.Version{ObjectMeta: metav1.ObjectMeta{Namespace: "team", Name: fn.Name + ".1", UID: "version"}, Status: tc.own}
			q := requestFor(fn)
			q.Owner, q.Image, q.LastBuild = version, tc.image, &v1alpha1.BuildStatus{Name: "last"}
			got, err := w.resolver.Image(t.Context(), q)
			must(t, err)
			tc.want.Image, tc.want.Build = tc.image, q.LastBuild
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("%s\n%s", tc.reason, diff)
			}
			w.hosts.since()
			if _, err := w.resolver.Image(t.Context(), q); err != nil || len(w.hosts.since()) != 0 {
				t.Errorf("asking again asks a registry, or fails: %v", err)
			}
		})
	}
	q := requestFor(newFunction("gone", ofImage(v1alpha1.Image{URI: "x"})))
	q.Image = "ghcr.io/acme/gone@" + httpDigest
	_, err := w.resolver.Image(t.Context(), q)
	checkFailure(t, "An image that has gone is told.", err, v1alpha1.ReasonImageNotFound, "ghcr.io/acme/gone")
}
