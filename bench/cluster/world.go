package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"

	tekton "github.com/tektoncd/pipeline/pkg/apis/pipeline/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	servingv1 "knative.dev/serving/pkg/apis/serving/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/lambkin-dev/lambkin/api/v1alpha1"
	"github.com/lambkin-dev/lambkin/buildtemplates/image"
	"github.com/lambkin-dev/lambkin/internal/engine/knative"
	"github.com/lambkin-dev/lambkin/internal/platform"
)

// bench is one run on one cluster.
type bench struct {
	options

	config    *rest.Config
	client    client.WithWatch
	engine    *knative.Engine // of namespace
	requests  *http.Client    // to the ingress
	namespace string
	platform  platform.Config
	shelf     shelf
	clusterAt string // folder of a test cluster; empty for others
	ends      []func(context.Context) error
}

// atEnd has something done when all is measured, what was asked for last first.
func (b *bench) atEnd(f func(context.Context) error) { b.ends = append(b.ends, f) }

// shelf is the registry, which has one name in the cluster and perhaps another one here.
type shelf struct {
	inside, outside string
	base            string // image of functions in Go, as the cluster calls it
	registry        *image.Registry
}

// here is an image of the shelf as it is called on this machine.
func (s shelf) here(reference string) string {
	if rest, ok := strings.CutPrefix(reference, s.inside+"/"); ok {
		return s.outside + "/" + rest
	}
	return reference
}

// connect finds the cluster and makes a namespace there.
func connect(ctx context.Context, o options, getenv func(string) string) (*bench, error) {
	if getenv("KUBECONFIG") == "" || getenv("REGISTRY") == "" {
		return nil, errors.New("KUBECONFIG and REGISTRY must say which cluster is measured; `make bench-cluster` starts one")
	}
	b := &bench{options: o, clusterAt: getenv("CLUSTER_DIR"), requests: ingress(getenv("INGRESS"), getenv("DOMAIN"))}
	b.namespace = fmt.Sprintf("bench-%x", time.Now().Unix()&0xffffff)
	var err error
	if b.config, err = clientcmd.BuildConfigFromFlags("", getenv("KUBECONFIG")); err != nil {
		return nil, err
	}
	b.config.QPS = -1 // the API server is fair by itself
	b.config.WarningHandlerWithContext = rest.NoWarnings{}
	if b.client, err = newClient(b.config); err != nil {
		return nil, err
	}
	if b.engine, err = knative.NewForConfig(b.config, b.namespace); err != nil {
		return nil, err
	}
	if err := b.readPlatform(ctx); err != nil {
		return nil, err
	}
	b.shelf = shelf{
		inside: getenv("REGISTRY"), outside: cmp.Or(getenv("REGISTRY_HOST"), getenv("REGISTRY")),
		base: cmp.Or(b.platform.Runtimes[runtimeID].Base, "public.ecr.aws/lambda/provided:al2023"), registry: new(image.Registry),
	}
	if getenv("REGISTRY_PLAIN") != "" {
		b.shelf.registry.PlainHTTP = []string{hostOf(b.shelf.inside), hostOf(b.shelf.outside)}
	}
	return b, b.settle(ctx)
}

// settle makes the namespace, and takes back what a test cluster saves at queue-proxy: with next to no share of the
// processors of its own it waits for the function beside it, and functions do more behind an answer than servers do.
func (b *bench) settle(ctx context.Context) error {
	if err := b.client.Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: b.namespace}}); err != nil {
		return err
	}
	if !b.disturb {
		return nil
	}
	const key = "queue-sidecar-cpu-request"
	settings := new(corev1.ConfigMap)
	if err := b.client.Get(ctx, client.ObjectKey{Namespace: "knative-serving", Name: "config-deployment"}, settings); err != nil {
		return err
	}
	set := func(ctx context.Context, value string) error {
		was := settings.DeepCopy()
		settings.Data[key] = value
		return b.client.Patch(ctx, settings, client.MergeFrom(was))
	}
	if before := settings.Data[key]; before != "" && before != usualRequest {
		b.atEnd(func(ctx context.Context) error { return set(ctx, before) })
		return set(ctx, usualRequest)
	}
	return nil
}

// usualRequest is what Knative requests for queue-proxy where nobody says anything.
const usualRequest = "25m"

func hostOf(reference string) string {
	host, _, _ := strings.Cut(reference, "/")
	return host
}

func newClient(cfg *rest.Config) (client.WithWatch, error) {
	s := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{
		clientgoscheme.AddToScheme, v1alpha1.AddToScheme, servingv1.AddToScheme, tekton.AddToScheme,
	} {
		if err := add(s); err != nil {
			return nil, err
		}
	}
	return client.NewWithWatch(cfg, client.Options{Scheme: s})
}

// readPlatform reads what the operator has decided, and what the release has written.
func (b *bench) readPlatform(ctx context.Context) error {
	found := new(corev1.ConfigMap)
	key := client.ObjectKey{Namespace: platform.Namespace, Name: platform.ConfigMap}
	if err := b.client.Get(ctx, key, found); err != nil {
		return fmt.Errorf("read the configuration of Lambkin, which test/e2e/install.sh installs: %w", err)
	}
	var err error
	b.platform, err = platform.Read(found.Data)
	return err
}

// leave deletes the namespace with all that is in it, and undoes the rest. Its end is not waited for.
func (b *bench) leave() {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	b.atEnd(func(ctx context.Context) error {
		return b.remove(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: b.namespace}})
	})
	for _, end := range slices.Backward(b.ends) {
		if err := end(ctx); err != nil {
			b.say("something is left behind: %v", err)
		}
	}
}

// ingress is a client that finds Services where no DNS knows them.
func ingress(address, domain string) *http.Client {
	return &http.Client{Timeout: patience, Transport: &http.Transport{
		DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
			if address != "" && strings.HasSuffix(strings.Split(addr, ":")[0], "."+domain) {
				addr = address
			}
			return new(net.Dialer).DialContext(ctx, network, addr)
		},
	}}
}

// question is what the function and the plain server are asked, and answer what they answer.
const question, answer = `{"name":"Ada"}`, `{"greeting":"Hello, Ada"}`

// ask sends one request and tells how long the whole answer took. Anything but the answer is an error.
func (b *bench) ask(ctx context.Context, url string) (time.Duration, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, strings.NewReader(question))
	if err != nil {
		return 0, err
	}
	req.Header.Set("Content-Type", "application/json")
	begin := time.Now()
	resp, err := b.requests.Do(req)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(io.LimitReader(resp.Body, 1<<16))
	took := time.Since(begin)
	if err == nil && (resp.StatusCode != http.StatusOK || string(text) != answer) {
		err = fmt.Errorf("%s answered %s %q, want %q", url, resp.Status, text, answer)
	}
	return took, err
}
