package command_test

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/lambkin-dev/lambkin/api/v1alpha1"
)

func TestWholeSecrets(t *testing.T) {
	tokens := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "tokens"}}
	tokens.Data = map[string][]byte{"TOKEN": []byte("hunter2"), "USER_NAME": []byte("hunter2"), "tls.crt": nil, "TAKEN": nil}
	f := onCluster(t, tokens)
	code, out, told := f.run("deploy", "app", "--image", "r.example/a", "--env-secret", "tokens", "--env-secret", "MINE=tokens/TOKEN", "--env", "TAKEN=here")
	if code != 0 || strings.Contains(out+told, "hunter2") || !strings.Contains(told, `key "tls.crt" of secret "tokens" is left out`) {
		t.Fatalf("%d %q %q", code, out, told)
	}
	from := func(name, key string) v1alpha1.VariableFrom {
		return v1alpha1.VariableFrom{Name: name, SecretKeyRef: &v1alpha1.KeyRef{Name: "tokens", Key: key}}
	}
	want := []v1alpha1.VariableFrom{from("MINE", "TOKEN"), from("TOKEN", "TOKEN"), from("USER_NAME", "USER_NAME")}
	if diff := cmp.Diff(want, f.spec("app").Environment.VariablesFrom); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	serverless := filepath.Join(t.TempDir(), "serverless.yaml")
	f.write(serverless, "service: s\nprovider: {env-secrets: [tokens]}\nfunctions: {f: {source: \"https://git.example/a\", runtime: go}}")
	f.ok("deploy", "-f", serverless)
	if got := f.spec("s-f").Environment.VariablesFrom; len(got) != 3 {
		t.Errorf("serverless.yaml: %+v", got)
	}
	f.ok("apply", "-f", serverless)
	if code, _, told := f.run("deploy", "app", "--image", "r.example/a", "--env-secret", "none"); code != 1 || !strings.Contains(told, `which keys secret "none" has`) {
		t.Errorf("%d %q", code, told)
	}
	local := newFixture(t)
	local.write(serverless, "service: s\nfunctions: {f: {source: ., env-secrets: [tokens]}}")
	if code, _, told := local.run("deploy", "-f", serverless); code != 1 || !strings.Contains(told, "env-secrets tokens: whole secrets are not taken on one machine") {
		t.Errorf("%d %q", code, told)
	}
}
