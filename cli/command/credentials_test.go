package command_test

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

const keyText = "-----BEGIN OPENSSH PRIVATE KEY-----\naGVsbG8=\n-----END OPENSSH PRIVATE KEY-----\n"

func (f *clusterFixture) secret(name string) *corev1.Secret {
	f.t.Helper()
	s := new(corev1.Secret)
	if err := f.api.Get(f.t.Context(), client.ObjectKey{Namespace: "shop", Name: name}, s); err != nil {
		f.t.Fatal(err)
	}
	return s
}

// neverTold checks that no output holds what was piped in.
func (f *clusterFixture) neverTold(secret string, args ...string) (code int, out, told string) {
	f.t.Helper()
	f.stdin = secret
	code, out, told = f.run(args...)
	if secret != "" && strings.Contains(out+told, strings.TrimSpace(secret)) {
		f.t.Errorf("%q tells the secret: %s%s", args, out, told)
	}
	return code, out, told
}

func TestSetRegistryAuth(t *testing.T) {
	f := onCluster(t, &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "default"}})
	line := []string{"set", "registry-auth", "--registry", "https://r.example", "--username", "ci"}
	code, out, told := f.neverTold("hunter2\n", line...)
	if code != 0 || out != "secret/lambkin-registry created\nserviceaccount/default configured\n" {
		t.Errorf("%d %q", code, out)
	}
	if !strings.Contains(told, `Builds push with the Secret "push"`) {
		t.Errorf("told %q", told)
	}
	if _, out, _ := f.neverTold("hunter2", line...); out != "secret/lambkin-registry unchanged\nserviceaccount/default unchanged\n" {
		t.Errorf("again: %q", out)
	}
	if got := string(f.secret("lambkin-registry").Data[corev1.DockerConfigJsonKey]); !strings.Contains(got, `"r.example":{`) || !strings.Contains(got, `"password":"hunter2"`) {
		t.Errorf("configuration %s", got)
	}
	if code, out, told := f.neverTold("hunter3", append(line, "--push", "push", "-o", "name")...); code != 0 || out != "secret/push\n" || told != "" {
		t.Errorf("--push: %d %q %q", code, out, told)
	}
	code, out, _ = f.neverTold("hunter3", "set", "registry-auth", "gitlab", "--registry", "docker.io", "--username", "ci", "--pull", "--service-account", "robot", "-o", "json")
	if code != 0 || !json.Valid([]byte(out)) || !strings.Contains(out, `"serviceaccount/robot"`) {
		t.Errorf("--pull: %d %q", code, out)
	}
	if got := string(f.secret("gitlab").Data[corev1.DockerConfigJsonKey]); !strings.Contains(got, "https://index.docker.io/v1/") {
		t.Errorf("Docker Hub's key: %s", got)
	}
}

func TestPasswordOnTheCommandLine(t *testing.T) {
	f := onCluster(t)
	line := []string{"set", "registry-auth", "--registry", "r.example", "--username", "ci", "--password", "hunter2", "--push"}
	code, out, told := f.run(line...)
	if code != 0 || strings.Contains(out+told, "hunter2") || !strings.Contains(told, "can be read by others") {
		t.Errorf("%d %q %q", code, out, told)
	}
	if code, _, told := f.run(append(line, "--password-stdin")...); code != 2 || !strings.Contains(told, "either with --password or from standard input") {
		t.Errorf("%d %q", code, told)
	}
	f.typing, f.stdin = true, "typed\n"
	if code, _, told := f.run("set", "registry-auth", "--registry", "r.example", "--username", "ci"); code != 0 || !strings.Contains(told, "password: ") {
		t.Errorf("at a terminal: %d %q", code, told)
	}
	if got := string(f.secret("lambkin-registry").Data[corev1.DockerConfigJsonKey]); !strings.Contains(got, `"password":"typed"`) {
		t.Errorf("configuration %s", got)
	}
}

func TestSetGitAuth(t *testing.T) {
	f := onCluster(t)
	if code, out, _ := f.neverTold(keyText, "set", "git-auth", "--host", "git.example"); code != 0 || out != "secret/git-auth created\n" {
		t.Errorf("%d %q", code, out)
	}
	s := f.secret("git-auth")
	if string(s.Data[corev1.SSHAuthPrivateKey]) != keyText || s.Annotations["tekton.dev/git-0"] != "git.example" {
		t.Errorf("%v, %v", s.Data, s.Annotations)
	}
	hosts := filepath.Join(t.TempDir(), "hosts")
	f.write(hosts, "git.example ssh-ed25519 AAAA\n")
	if code, out, _ := f.neverTold(keyText, "set", "git-auth", "--host", "git.example", "--known-hosts", hosts); code != 0 || out != "secret/git-auth configured\n" {
		t.Errorf("%d %q", code, out)
	}
	if code, out, _ := f.neverTold("token", "set", "git-auth", "web", "--host", "git.example", "--username", "ci"); code != 0 || out != "secret/web created\n" {
		t.Errorf("%d %q", code, out)
	}
	if s := f.secret("web"); string(s.Data[corev1.BasicAuthPasswordKey]) != "token" || s.Annotations["tekton.dev/git-0"] != "https://git.example" {
		t.Errorf("%v, %v", s.Data, s.Annotations)
	}
	for line, want := range map[string]string{
		"set git-auth --username ci":                              "kubernetes.io/ssh-auth", // the Secret holds a key
		"set git-auth x --password p":                             "--password needs --username",
		"set git-auth x --host a@b":                               "want a host",
		"set git-auth x y":                                        "got 2 arguments",
		"set git-auth x":                                          "no private key in PEM form",
		"set git-auth x --username ci --known-hosts none":         "",
		"set registry-auth":                                       "--registry and --username",
		"set registry-auth --registry a@b --username c":           "is no registry",
		"set registry-auth --registry a --username c --project p": "lambkin install --registry a/p",
		"set moon": "no command",
	} {
		code, _, told := f.neverTold("hunter2", strings.Fields(line)...)
		if want != "" && (code == 0 || !strings.Contains(told, want)) {
			t.Errorf("%s: %d %q", line, code, told)
		}
	}
	if code, _, told := f.neverTold(keyText, "set", "git-auth", "x", "--known-hosts", "/none"); code != 1 || !strings.Contains(told, "/none") {
		t.Errorf("%d %q", code, told)
	}
	if code, _, told := f.neverTold("", "set", "git-auth", "x"); code != 2 || !strings.Contains(told, "there is no private key on standard input") {
		t.Errorf("nothing piped in: %d %q", code, told)
	}
	if code, _, told := f.neverTold(strings.Repeat("x", 70_000), "set", "git-auth", "x"); code != 1 || !strings.Contains(told, "more than") {
		t.Errorf("too much piped in: %d %q", code, told)
	}
	local := newFixture(t)
	for _, line := range []string{"set registry-auth gitlab", "set git-auth"} {
		if code, _, told := local.run(strings.Fields(line)...); code != 1 || !strings.Contains(told, "nothing of that exists here") {
			t.Errorf("%s on one machine: %d %q", line, code, told)
		}
	}
}
