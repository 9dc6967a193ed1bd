package e2e

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path"
	"regexp"
	"runtime"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/lambkin-dev/lambkin/api/v1alpha1"
	"github.com/lambkin-dev/lambkin/buildtemplates/image"
	"github.com/lambkin-dev/lambkin/internal/access"
	"github.com/lambkin-dev/lambkin/internal/platform"
	"github.com/lambkin-dev/lambkin/internal/signature"
)

// notInNamespace is what the name of a namespace cannot hold.
var notInNamespace = regexp.MustCompile(`[^a-z0-9]+`)

// useNamespace gives a script a namespace of the cluster, which is deleted at its end.
func useNamespace(ts *testscript.TestScript, _ bool, _ []string) {
	kubeconfig := os.Getenv("KUBECONFIG")
	if kubeconfig == "" {
		ts.Fatalf("E2E_ENGINE=cluster needs KUBECONFIG; `make e2e` sets both")
	}
	script := notInNamespace.ReplaceAllString(path.Base(ts.Getenv("WORK")), "-")
	namespace := fmt.Sprintf("e2e-%s-%x", strings.Trim(script, "-"), time.Now().UnixNano()&0xffffff)
	ts.Setenv("KUBECONFIG", kubeconfig)
	ts.Setenv("NAMESPACE", namespace)
	for _, name := range []string{"E2E_ENGINE", "REGISTRY", "REGISTRY_HOST", "INGRESS", "DOMAIN", "GIT_URL", "GIT_DIR_HOST", "CLUSTER"} {
		ts.Setenv(name, os.Getenv(name))
	}
	ts.Check(ts.Exec("kubectl", "create", "namespace", namespace))
	ts.Defer(func() {
		_ = ts.Exec("kubectl", "delete", "namespace", namespace, "--wait=false") // of a cluster that may be gone
	})
	ts.Check(ts.Exec("lambkin", "config", "use", "cluster", "-n", namespace))
	api := lambdaAPI(ts, kubeconfig)
	ts.Defer(api.Close)
	pointTo(ts, api.URL, newKey(ts))
	ts.Setenv("LAMBKIN_ENDPOINT", "") // lambkin itself finds the cluster by what `config use` kept
}

// newKey makes an access key for the script's namespace, which is what leads AWS's tools there. It is withdrawn at the end.
func newKey(ts *testscript.TestScript) access.Credentials {
	ts.Check(ts.Exec("lambkin", "keys", "create", "--name", ts.Getenv("NAMESPACE"), "-o", "json"))
	var key access.Key
	ts.Check(json.Unmarshal([]byte(ts.ReadFile("stdout")), &key))
	ts.Defer(func() {
		_ = ts.Exec("lambkin", "keys", "delete", key.ID) // of a cluster that may be gone
	})
	return access.Credentials{ID: key.ID, Secret: key.Secret}
}

// lambdaAPI is the Lambda API of the gateway at an address of this machine: AWS's tools know nothing of kubeconfigs. The API
// server keeps the Authorization header for itself, so the signature goes through it under another name.
func lambdaAPI(ts *testscript.TestScript, kubeconfig string) *httptest.Server {
	cfg, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	ts.Check(err)
	transport, err := rest.TransportFor(cfg)
	ts.Check(err)
	base, err := url.Parse(cfg.Host)
	ts.Check(err)
	base = base.JoinPath("/").JoinPath("api/v1/namespaces", platform.Namespace, "services", platform.GatewayPort+":"+platform.GatewayService+":"+platform.GatewayPort, "proxy")
	return httptest.NewServer(&httputil.ReverseProxy{
		Transport: transport, FlushInterval: -1,
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(base)
			r.Out.Host = r.In.Host // which is signed
			if signed := r.In.Header.Get("Authorization"); signed != "" {
				r.Out.Header.Set(signature.Header, signed)
			}
			r.Out.Header.Del("Authorization")
		},
	})
}

// makeImage pushes an image, as `docker build` and `docker push` would make it of FROM scratch, COPY, ENV and ENTRYPOINT.
func makeImage(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) < 4 {
		ts.Fatalf("usage: image NAME FOLDER ENV COMMAND…")
	}
	variable, value, _ := strings.Cut(args[2], "=")
	made, err := image.Assemble(ts.MkAbs("."), image.AssembleSpec{
		Platforms:  map[string]image.Files{runtime.GOARCH: {"/": ts.MkAbs(args[1])}},
		EntryPoint: args[3:], Env: map[string]string{variable: value},
	})
	ts.Check(err)
	_, err = made.Push(context.Background(), &image.Registry{}, cmp.Or(os.Getenv("REGISTRY_HOST"), os.Getenv("REGISTRY"))+"/"+args[0])
	ts.Check(err)
}

// statusURL is where a function or alias, NAME or NAME:ALIAS, is reached.
func statusURL(ts *testscript.TestScript, name string) string {
	kind, object := "functions", v1alpha1.ObjectName(name)
	if fn, qualifier, ok := strings.Cut(name, ":"); ok {
		kind, object = "aliases", v1alpha1.AliasObjectName(fn, qualifier)
	}
	cmd := exec.CommandContext(context.Background(), "kubectl", "-n", ts.Getenv("NAMESPACE"), "get", kind+"."+v1alpha1.Group, object, "-o", "jsonpath={.status.url}")
	out, err := cmd.Output()
	ts.Check(err)
	if len(out) == 0 {
		ts.Fatalf("%s has no URL yet", name)
	}
	return string(out)
}

// clientOf sends requests for functions of a cluster to its ingress, whose names no DNS knows.
func clientOf(k kind) *http.Client {
	ingress := os.Getenv("INGRESS")
	if k != cluster || ingress == "" {
		return http.DefaultClient
	}
	return &http.Client{Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
			if strings.HasSuffix(strings.Split(addr, ":")[0], "."+os.Getenv("DOMAIN")) {
				addr = ingress
			}
			return new(net.Dialer).DialContext(ctx, network, addr)
		},
	}}
}
