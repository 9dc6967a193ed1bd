package protocoltest

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// FunctionARN is the ARN that the platform names in every event.
const FunctionARN = "arn:aws:lambda:us-east-1:000000000000:function:fixture:live"

// patience is how long a case waits for what must come. It bounds a failing run; no case depends on its length.
const patience = time.Minute

// Process is a running client.
type Process struct {
	cmd    *exec.Cmd
	output string // a file, so that what was written before an answer is there when the answer is
	exited chan struct{}
}

// StartProcess runs a client against the platform, until the test ends. argv and env come from the client, dir is the
// function's folder.
func StartProcess(t *testing.T, p *Platform, argv, env []string, dir string) *Process {
	t.Helper()
	output, err := os.Create(filepath.Join(t.TempDir(), "output"))
	if err != nil {
		t.Fatal(err)
	}
	defer output.Close()
	proc := &Process{cmd: exec.CommandContext(t.Context(), argv[0], argv[1:]...), output: output.Name(), exited: make(chan struct{})}
	proc.cmd.Dir = dir
	proc.cmd.Env = append(baseEnvironment(p, dir), env...)
	proc.cmd.Stdout, proc.cmd.Stderr = output, output
	proc.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := proc.cmd.Start(); err != nil {
		t.Fatalf("start %q: %v", argv, err)
	}
	go func() {
		_ = proc.cmd.Wait() // ProcessState says all there is to know
		close(proc.exited)
	}()
	t.Cleanup(func() {
		// The whole group, as the platform does it; it may be gone already.
		_ = syscall.Kill(-proc.cmd.Process.Pid, syscall.SIGKILL)
		<-proc.exited
		if t.Failed() {
			t.Logf("output of %q:\n%.4000s", argv, proc.Output(t))
		}
	})
	return proc
}

// baseEnvironment is what the platform gives every runtime process.
func baseEnvironment(p *Platform, dir string) []string {
	return []string{
		"PATH=" + os.Getenv("PATH"),
		"HOME=" + os.Getenv("HOME"),
		"LANG=C.UTF-8",
		"AWS_LAMBDA_RUNTIME_API=" + p.Address(),
		"AWS_LAMBDA_FUNCTION_NAME=fixture",
		"AWS_LAMBDA_FUNCTION_VERSION=$LATEST",
		"AWS_LAMBDA_FUNCTION_MEMORY_SIZE=128",
		"AWS_LAMBDA_LOG_GROUP_NAME=/aws/lambda/fixture",
		"AWS_LAMBDA_LOG_STREAM_NAME=2026/01/31/[$LATEST]0123456789abcdef0123456789abcdef",
		"AWS_REGION=us-east-1",
		"LAMBDA_TASK_ROOT=" + dir,
		"LAMBDA_RUNTIME_DIR=" + dir,
		"PYTHONDONTWRITEBYTECODE=1",
		// A proxy must never come between a client and the platform; this one would refuse every call.
		"http_proxy=http://127.0.0.1:1",
		"HTTP_PROXY=http://127.0.0.1:1",
	}
}

// Exit waits for the end of the process and gives its exit code, -1 if a signal ended it.
func (p *Process) Exit(ctx context.Context, t *testing.T) int {
	t.Helper()
	select {
	case <-p.exited:
		return p.cmd.ProcessState.ExitCode()
	case <-ctx.Done():
		t.Fatal("the process did not exit")
		return 0
	}
}

// Output gives what the process has written to standard output and standard error.
func (p *Process) Output(t *testing.T) string {
	t.Helper()
	data, err := os.ReadFile(p.output)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}
