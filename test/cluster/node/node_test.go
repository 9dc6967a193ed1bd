package node

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/yaml"

	"github.com/lambkin-dev/lambkin/test/cluster/layout"
)

// TestMain lets the test program be the first process of a node whose daemons it supervises.
func TestMain(m *testing.M) {
	if dir := os.Getenv("LAMBKIN_TEST_SUPERVISOR"); dir != "" {
		superviseForTest(dir)
		return
	}
	os.Exit(m.Run())
}

func prepared(t *testing.T) layout.Cluster {
	t.Helper()
	c := layout.Cluster{Name: "test", Dir: filepath.Join(t.TempDir(), "state")}
	if err := prepare(c, layout.Ports{API: 4711}); err != nil {
		t.Fatal(err)
	}
	return c
}

func TestConfigs(t *testing.T) {
	c := prepared(t)
	for _, file := range []string{"kubelet.yaml", "kube-proxy.yaml", "kubeconfig", "node.kubeconfig"} {
		data, err := os.ReadFile(c.Path(file))
		if err != nil {
			t.Fatal(err)
		}
		var content map[string]any
		if err := yaml.UnmarshalStrict(data, &content); err != nil || content["kind"] == nil {
			t.Errorf("%s is no configuration: %v", file, err)
		}
	}
	var cni map[string]any
	data, err := os.ReadFile(c.Path("cni", "10-pods.conflist"))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, &cni); err != nil {
		t.Errorf("configuration of the network plugins: %v", err)
	}
	for file, want := range map[string]string{
		"containerd.toml": c.Dir + "/containerd",
		"kubelet.yaml":    "cgroupRoot: /lambkin-test",
		filepath.Join("certs.d", layout.Registry, "hosts.toml"): "http://10.200.0.10:5000",
	} {
		if data, err := os.ReadFile(c.Path(file)); err != nil || !strings.Contains(string(data), want) {
			t.Errorf("%s lacks %q: %v", file, want, err)
		}
	}
}

// Secrets are for root alone.
func TestSecretsAreClosed(t *testing.T) {
	c := prepared(t)
	for _, file := range []string{"kubeconfig", "node.kubeconfig", "pki/apiserver.key", "pki/sa.key", "pki/tokens.csv"} {
		info, err := os.Stat(c.Path(file))
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v, want mode 600", file, info, err)
		}
	}
}

func TestKubeconfigsNameTheirServers(t *testing.T) {
	c := prepared(t)
	for file, want := range map[string]string{c.Kubeconfig(): "https://127.0.0.1:4711", c.NodeKubeconfig(): "https://127.0.0.1:6443"} {
		config, err := clientcmd.BuildConfigFromFlags("", file)
		if err != nil {
			t.Fatal(err)
		}
		tokens, err := os.ReadFile(c.Path("pki", "tokens.csv"))
		if err != nil {
			t.Fatal(err)
		}
		if config.Host != want || config.BearerToken == "" || !strings.HasPrefix(string(tokens), config.BearerToken+",") {
			t.Errorf("%s leads to %q, want %q, with the token that the API server knows", file, config.Host, want)
		}
	}
}

// A client with the kubeconfig's authority must trust a server with the certificate under all its names.
func TestCertificate(t *testing.T) {
	c := prepared(t)
	cert, err := tls.LoadX509KeyPair(c.Path("pki", "apiserver.crt"), c.Path("pki", "apiserver.key"))
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	s.TLS = &tls.Config{Certificates: []tls.Certificate{cert}}
	s.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelInfo)
	s.StartTLS()
	defer s.Close()
	authority, err := os.ReadFile(c.Path("pki", "apiserver.crt"))
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(authority)
	for name, trusted := range map[string]bool{
		"127.0.0.1": true, layout.NodeIP: true, layout.ServiceIP: true, "kubernetes.default.svc": true, "example.com": false,
	} {
		conn, err := tls.Dial("tcp", s.Listener.Addr().String(), &tls.Config{RootCAs: roots, ServerName: name})
		if (err == nil) != trusted {
			t.Errorf("as %q: %v, want trust %t", name, err, trusted)
		}
		if err == nil {
			_ = conn.Close()
		}
	}
}

func TestListen(t *testing.T) {
	files, ports, err := listen(layout.Ports{})
	if err != nil {
		t.Fatal(err)
	}
	if len(files) != 3 || ports.API == 0 || ports.Ingress == 0 || ports.Registry == 0 {
		t.Fatalf("listen = %d sockets, %+v", len(files), ports)
	}
	others, taken, err := listen(ports)
	if err != nil {
		t.Fatal(err)
	}
	if taken.API == ports.API || taken.Ingress == ports.Ingress {
		t.Errorf("ports %+v are taken by %+v", taken, ports)
	}
	closeAll(files)
	closeAll(others)
	files, again, err := listen(ports)
	if err != nil {
		t.Fatal(err)
	}
	defer closeAll(files)
	if again != ports {
		t.Errorf("ports of a cluster that starts again = %+v, want %+v as before", again, ports)
	}
}

// door opens a forwarded listener to an inside address and gives what to dial.
func door(t *testing.T, inside string) string {
	t.Helper()
	files, ports, err := listen(layout.Ports{})
	if err != nil {
		t.Fatal(err)
	}
	closeAll(files[1:])
	fd, err := dup(files[0])
	if err != nil {
		t.Fatal(err)
	}
	closeAll(files[:1])
	if err := forward(t.Context(), fd, inside, slog.New(slog.DiscardHandler)); err != nil {
		t.Fatal(err)
	}
	return net.JoinHostPort("127.0.0.1", strconv.Itoa(ports.API))
}

func TestForward(t *testing.T) {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	// Inside, everything is read to its end before anything is answered: both directions must end on their own.
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				data, err := io.ReadAll(c)
				if err == nil {
					_, _ = c.Write(bytes.ToUpper(data))
				}
			}()
		}
	}()
	address := door(t, l.Addr().String())
	for i := range 3 {
		c, err := net.Dial("tcp4", address)
		if err != nil {
			t.Fatal(err)
		}
		sent := strings.Repeat(fmt.Sprintf("message %d ", i), 100_000)
		if _, err := io.WriteString(c, sent); err != nil {
			t.Fatal(err)
		}
		if err := c.(*net.TCPConn).CloseWrite(); err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(c)
		if err != nil || string(got) != strings.ToUpper(sent) {
			t.Errorf("answer of %d bytes, %v, want %d", len(got), err, len(sent))
		}
		_ = c.Close()
	}
}

func TestForwardToNobody(t *testing.T) {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	nobody := l.Addr().String()
	_ = l.Close()
	c, err := net.Dial("tcp4", door(t, nobody))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := c.Read(make([]byte, 1)); err == nil {
		t.Error("something came from nobody")
	}
}

func TestHierarchies(t *testing.T) {
	one := t.TempDir()
	if err := os.WriteFile(filepath.Join(one, "cgroup.controllers"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if got, err := hierarchies(one); err != nil || !slices.Equal(got, []string{one}) {
		t.Errorf("version 2: %v, %v, want the root alone", got, err)
	}
	many := t.TempDir()
	for _, name := range []string{"cpu", "memory"} {
		if err := errors.Join(os.Mkdir(filepath.Join(many, name), 0o755), os.WriteFile(filepath.Join(many, name, "cgroup.procs"), nil, 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(filepath.Join(many, "no-hierarchy"), 0o755); err != nil {
		t.Fatal(err)
	}
	want := []string{filepath.Join(many, "cpu"), filepath.Join(many, "memory")}
	if got, err := hierarchies(many); err != nil || !slices.Equal(got, want) {
		t.Errorf("version 1: %v, %v, want %v", got, err, want)
	}
}

func TestRemoveTree(t *testing.T) {
	root := filepath.Join(t.TempDir(), "group")
	if err := os.MkdirAll(filepath.Join(root, "a", "b"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Join(root, "c"), 0o755); err != nil {
		t.Fatal(err)
	}
	for range 2 { // what is gone is fine
		if err := removeTree(root); err != nil {
			t.Fatal(err)
		}
		if _, err := os.Stat(root); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("the group is still there: %v", err)
		}
	}
}

func TestDaemons(t *testing.T) {
	names := Daemons()
	if slices.Contains(names, "") || len(slices.Compact(slices.Sorted(slices.Values(names)))) != len(names) {
		t.Errorf("names of daemons %v are not unique", names)
	}
	for _, want := range []string{"registry", "kubelet", "etcd", "kube-apiserver", "containerd"} {
		if !slices.Contains(names, want) {
			t.Errorf("no daemon %q in %v", want, names)
		}
	}
	if err := known("/x", "nginx"); err == nil || !strings.Contains(err.Error(), "kubelet") {
		t.Errorf("unknown daemon: %v, want an error that names those there are", err)
	}
}

func TestParseStatus(t *testing.T) {
	tests := map[string]struct {
		reason, status, id string
		rss                int64
	}{
		"daemon":  {reason: "directly in the node's namespace", status: "Name:\tx\nNSpid:\t900\t12\nVmRSS:\t   2048 kB\n", id: "12", rss: 2 << 20},
		"in pod":  {reason: "a pod has a namespace of its own below", status: "NSpid:\t900\t12\t1\nVmRSS:\t1 kB\n", rss: 1 << 10},
		"outside": {reason: "not in the node at all", status: "NSpid:\t900\n"},
		"kernel":  {reason: "kernel threads have no memory", status: "Name:\tx\n"},
		"garbage": {reason: "not what was expected", status: "VmRSS:\tx kB\n"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			id, rss := parseStatus(tc.status)
			if id != tc.id || rss != tc.rss {
				t.Errorf("parseStatus = %q, %d, want %q, %d: %s", id, rss, tc.id, tc.rss, tc.reason)
			}
		})
	}
}

func TestMeasureOwnProcess(t *testing.T) {
	u, err := Measure(os.Getpid(), t.TempDir())
	if err != nil || u.Processes == 0 || u.Memory == 0 {
		t.Errorf("Measure = %+v, %v, want at least this process", u, err)
	}
	if len(u.Daemons) != len(Daemons()) || u.Daemons[0].Running {
		t.Errorf("daemons = %+v, want all, none running", u.Daemons)
	}
}

func TestStopOfWhatDoesNotRun(t *testing.T) {
	if _, err := os.Stat(cgroupRoot); err != nil {
		t.Skip("no control groups here")
	}
	c := layout.Cluster{Name: "test-none", Dir: t.TempDir()}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if err := Stop(ctx, c, layout.State{}); err != nil {
		t.Errorf("Stop = %v", err)
	}
}

func TestInitOutsideItsNamespaces(t *testing.T) {
	err := Init(t.Context(), layout.Cluster{}, "", slog.New(slog.DiscardHandler))
	if err == nil || !strings.Contains(err.Error(), "first process") {
		t.Errorf("Init = %v, want a refusal: it would change this machine's mounts", err)
	}
}

func TestRenderUnknown(t *testing.T) {
	if _, err := render("nothing", layout.Cluster{}, "", ""); err == nil {
		t.Error("a configuration that is not there was rendered")
	}
	got, err := render("hosts.toml", layout.Cluster{}, "", "")
	if err != nil {
		t.Fatal(err)
	}
	want := "server = \"http://10.200.0.10:5000\"\n[host.\"http://10.200.0.10:5000\"]\n  capabilities = [\"pull\", \"resolve\"]\n"
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Errorf("hosts.toml (-want +got):\n%s", diff)
	}
}
