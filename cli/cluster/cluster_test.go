package cluster_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/lambkin-dev/lambkin/api/v1alpha1"
	"github.com/lambkin-dev/lambkin/cli/cluster"
	"github.com/lambkin-dev/lambkin/internal/lambda"
	"github.com/lambkin-dev/lambkin/internal/platform"
)

func TestUnreachable(t *testing.T) {
	dial := &url.Error{Op: "Get", URL: "https://x", Err: &net.OpError{Op: "dial", Err: errors.New("refused")}}
	for name, tc := range map[string]struct {
		err  error
		want bool
	}{
		"Nothing":  {nil, false},
		"Dial":     {fmt.Errorf("list: %w", dial), true},
		"Engine":   {&lambda.Error{Code: lambda.CodeServiceUnavailable, Err: dial}, true},
		"Answered": {apierrors.NewForbidden(schema.GroupResource{}, "x", dial), false},
		"Canceled": {&url.Error{Op: "Get", URL: "https://x", Err: context.Canceled}, false},
		"Address":  {&url.Error{Op: "parse", URL: ":", Err: errors.New("no scheme")}, false},
		"Port":     {&net.OpError{Op: "listen", Err: errors.New("in use")}, false},
	} {
		if got := cluster.Unreachable(tc.err); got != tc.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func TestPlatform(t *testing.T) {
	kept := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: platform.Namespace, Name: platform.ConfigMap}}
	kept.Data = map[string]string{platform.Key: "registry: {prefix: r.example/x}", platform.ReleaseKey: "images: {runtime: run, builder: build}"}
	c, _ := newCluster(t, interceptor.Funcs{}, kept)
	got, err := c.Platform(t.Context())
	if err != nil || got.Registry.Prefix != "r.example/x" || got.Images.Runtime != "run" {
		t.Errorf("%+v, %v", got, err)
	}
	c, _ = newCluster(t, interceptor.Funcs{})
	if _, err := c.Platform(t.Context()); !apierrors.IsNotFound(err) || !strings.Contains(err.Error(), platform.ConfigMap) {
		t.Errorf("without one: %v", err)
	}
}

func TestArchitecture(t *testing.T) {
	node := func(name, arch string) client.Object {
		n := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: name}}
		n.Status.NodeInfo.Architecture = arch
		return n
	}
	for name, tc := range map[string]struct {
		nodes []client.Object
		want  v1alpha1.Architecture
	}{
		"None":  {nil, ""},
		"One":   {[]client.Object{node("a", "arm64"), node("b", "arm64")}, v1alpha1.ArchitectureARM},
		"Other": {[]client.Object{node("a", "amd64")}, v1alpha1.ArchitectureX86},
		"Mixed": {[]client.Object{node("a", "amd64"), node("b", "arm64")}, ""},
		"Rare":  {[]client.Object{node("a", "s390x")}, ""},
	} {
		c, _ := newCluster(t, interceptor.Funcs{}, tc.nodes...)
		if got := c.Architecture(t.Context()); got != tc.want {
			t.Errorf("%s: %q, want %q", name, got, tc.want)
		}
	}
	c, _ := newCluster(t, interceptor.Funcs{List: func(context.Context, client.WithWatch, client.ObjectList, ...client.ListOption) error {
		return apierrors.NewForbidden(schema.GroupResource{Resource: "nodes"}, "", nil)
	}})
	if got := c.Architecture(t.Context()); got != "" {
		t.Errorf("who may not see nodes: %q", got)
	}
}
