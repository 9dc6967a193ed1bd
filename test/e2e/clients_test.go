package e2e

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// terraformProvider is the release of Terraform's AWS provider that the scripts name.
const terraformProvider = "5.100.0"

// terraformMirror is a folder of providers that holds the AWS provider for this machine, or empty. It is the one that
// E2E_TERRAFORM_MIRROR names, or one of the folders where Terraform itself or packagers keep them. Terraform is never
// allowed to load a provider from elsewhere.
func terraformMirror() string {
	folders := []string{os.Getenv("E2E_TERRAFORM_MIRROR"), "/usr/local/share/terraform/plugins", "/usr/share/terraform/plugins"}
	if home, err := os.UserHomeDir(); err == nil {
		folders = append(folders, filepath.Join(home, ".terraform.d", "plugins"))
	}
	more, _ := filepath.Glob("/opt/*") // the pattern is well formed
	for _, folder := range append(folders, more...) {
		found, _ := filepath.Glob(filepath.Join(folder, "*", "hashicorp", "aws", terraformProvider, runtime.GOOS+"_"+runtime.GOARCH))
		if folder != "" && len(found) > 0 {
			return folder
		}
	}
	return ""
}

// hasTerraform says whether terraform and the AWS provider are here.
func hasTerraform() bool {
	_, err := exec.LookPath("terraform")
	return err == nil && terraformMirror() != ""
}

// useTerraform is the command terraform-setup: it lets terraform take providers from this machine's mirror alone.
func useTerraform(ts *testscript.TestScript, _ bool, _ []string) {
	file := ts.MkAbs("terraform.rc")
	text := fmt.Sprintf("provider_installation {\n  filesystem_mirror {\n    path = %q\n  }\n}\n", terraformMirror())
	ts.Check(os.WriteFile(file, []byte(text), 0o600))
	for name, value := range map[string]string{
		"TF_CLI_CONFIG_FILE": file, "TF_INPUT": "0", "TF_IN_AUTOMATION": "1", "CHECKPOINT_DISABLE": "1", "TF_CLI_ARGS": "-no-color",
	} {
		ts.Setenv(name, value)
	}
}

// attachTerraform is the command terraform-attach, for after `terraform init`: the provider is started once, as its authors
// do to debug it (https://developer.hashicorp.com/terraform/plugin/debugging), and serves all commands of the script that
// follow. Of what a command takes, two thirds are otherwise starts of the provider.
func attachTerraform(ts *testscript.TestScript, _ bool, _ []string) {
	found, _ := filepath.Glob(ts.MkAbs(".terraform/providers/*/hashicorp/aws/*/*/terraform-provider-aws*")) // the pattern is well formed
	if len(found) != 1 {
		ts.Fatalf("terraform init has put %d AWS providers into .terraform, want 1", len(found))
	}
	ctx, cancel := context.WithCancel(context.Background())
	cmd := exec.CommandContext(ctx, found[0], "-debug")
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay, cmd.Dir = 10*time.Second, ts.MkAbs(".")
	for _, name := range []string{"HOME", "AWS_ENDPOINT_URL", "AWS_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"} {
		cmd.Env = append(cmd.Env, name+"="+ts.Getenv(name))
	}
	var said bytes.Buffer
	cmd.Stderr = &said
	out, err := cmd.StdoutPipe()
	ts.Check(err)
	ts.Check(cmd.Start())
	ended := make(chan struct{})
	ts.Defer(func() {
		cancel()
		<-ended
	})
	address := make(chan string, 1)
	go func() {
		defer close(ended)
		for lines := bufio.NewScanner(out); lines.Scan(); {
			if _, value, ok := strings.Cut(lines.Text(), "TF_REATTACH_PROVIDERS='"); ok {
				address <- strings.TrimSuffix(value, "'")
			}
		}
		_ = cmd.Wait() // it was interrupted
	}()
	select {
	case value := <-address:
		ts.Setenv("TF_REATTACH_PROVIDERS", value)
	case <-ended:
		ts.Fatalf("the AWS provider ended before it said where it is: %s", said.String())
	case <-time.After(time.Minute):
		ts.Fatalf("the AWS provider has not said where it is for a minute")
	}
}

// packages installs the packages that npm/package-lock.json pins, once for all runs with the same lock, and gives the
// folder node_modules. npm takes them from whatever registry it is configured for; where it cannot, there is an error.
var packages = sync.OnceValues(func() (string, error) {
	lock, err := os.ReadFile(filepath.Join("npm", "package-lock.json"))
	if err != nil {
		return "", err
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	home := filepath.Join(cache, "lambkin-e2e", fmt.Sprintf("npm-%x", sha256.Sum256(lock))[:20])
	modules := filepath.Join(home, "node_modules")
	if _, err := os.Stat(modules); err == nil {
		return modules, nil
	}
	if err := os.MkdirAll(filepath.Dir(home), 0o755); err != nil { //nolint:gosec // a cache of public packages
		return "", err
	}
	made, err := os.MkdirTemp(filepath.Dir(home), "making-")
	if err != nil {
		return "", err
	}
	defer func() { _ = os.RemoveAll(made) }() // what the rename below has left
	if err := install(made); err != nil {
		return "", err
	}
	if err := os.Rename(made, home); err != nil && !os.IsExist(err) { // another run may have been first
		return "", err
	}
	return modules, nil
})

// install puts the pinned packages into a folder.
func install(folder string) error {
	if err := os.CopyFS(folder, os.DirFS("npm")); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--fetch-retries=1")
	cmd.Dir = folder
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("npm ci: %w: %s", err, bytes.TrimSpace(out))
	}
	return nil
}

// useNpm is the command npm-setup: it puts node_modules with the pinned packages into the script's folder.
func useNpm(ts *testscript.TestScript, _ bool, _ []string) {
	modules, err := packages()
	ts.Check(err)
	ts.Check(os.Symlink(modules, ts.MkAbs("node_modules")))
}

// cliVersion is major and minor version of the AWS CLI; without it both are 0.
var cliVersion = sync.OnceValues(func() (major, minor int) {
	out, err := exec.Command("aws", "--version").CombinedOutput()
	if err != nil {
		return 0, 0
	}
	if n, _ := fmt.Sscanf(string(out), "aws-cli/%d.%d", &major, &minor); n != 2 {
		return 0, 0
	}
	return major, minor
})

// knowsEndpoint says whether the AWS CLI looks at AWS_ENDPOINT_URL. That of Debian 12 does not yet.
func knowsEndpoint(major, minor int) bool {
	return major == 1 && minor >= 29 || major == 2 && minor >= 13 || major > 2
}

// clientPrograms makes a folder to be first on PATH. What is there already may be the shim of a version manager, a shell
// script that takes half as long as the AWS CLI itself, hundreds of times: python3 and aws are the programs behind it. An AWS
// CLI that does not know AWS_ENDPOINT_URL is told in its other form.
func clientPrograms(t *testing.T) string {
	folder := t.TempDir()
	python, aws := pythonPrograms()
	if python != "" {
		program(t, filepath.Join(folder, "python3"), python)
	}
	major, minor := cliVersion()
	if major == 0 {
		return folder
	}
	words := []string{aws}
	if major == 1 && python != "" {
		words = loadCLI(t, python, aws, filepath.Join(folder, "socket"))
	}
	if !knowsEndpoint(major, minor) {
		words = append(words, "--endpoint-url", "$AWS_ENDPOINT_URL")
	}
	program(t, filepath.Join(folder, "aws"), words...)
	return folder
}

// loadCLI has the AWS CLI loaded once for all command lines, until the tests end, and gives the words that are before their own:
// aws itself if that cannot be done, because it is no program of this Python's.
func loadCLI(t *testing.T, python, aws, socket string) []string {
	script, err := filepath.Abs(filepath.Join("awscli", "serve.py"))
	if err != nil {
		t.Fatal(err)
	}
	call := filepath.Join(filepath.Dir(socket), "call")
	if out, err := exec.Command("go", "build", "-trimpath", "-o", call, "./awscli/call").CombinedOutput(); err != nil {
		t.Fatalf("build ./awscli/call: %v\n%s", err, out)
	}
	cmd := exec.Command(python, "-I", script, socket)
	cmd.Env = append(os.Environ(), "LANG=", "LC_ALL=", "LC_CTYPE=") // as in scripts
	input, err := cmd.StdinPipe()                                   // it ends with its input, so also when we are killed
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { ended <- cmd.Wait() }()
	for {
		if _, err := os.Stat(socket); err == nil {
			t.Cleanup(func() {
				_ = input.Close() // there is no more to say
				<-ended
			})
			return []string{call, socket}
		}
		select {
		case err := <-ended:
			t.Logf("each command line of the AWS CLI loads it: %v", err)
			return []string{aws}
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// pythonPrograms says where the interpreter behind python3 and the AWS CLI are, or that they are not. The CLI is beside the
// interpreter if the two are beside each other on PATH.
func pythonPrograms() (python, aws string) {
	aws, _ = exec.LookPath("aws")
	found, err := exec.LookPath("python3")
	if err != nil {
		return "", aws
	}
	out, err := exec.Command(found, "-IS", "-c", "import sys; print(sys.executable, end='')").Output()
	if python = string(out); err != nil || !filepath.IsAbs(python) {
		return "", aws // what does not run is no Python: scripts that need it say so
	}
	beside := filepath.Join(filepath.Dir(python), "aws")
	if _, err := os.Stat(beside); err == nil && filepath.Dir(aws) == filepath.Dir(found) {
		return python, beside
	}
	return python, aws
}

// program writes one that is these words, which may name variables, and the arguments that it is given.
func program(t *testing.T, file string, words ...string) {
	text := "#!/bin/sh\nexec \"" + strings.Join(append(words, "$@"), "\" \"") + "\"\n"
	if err := os.WriteFile(file, []byte(text), 0o755); err != nil { //nolint:gosec // a program
		t.Fatal(err)
	}
}
