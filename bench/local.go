package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"github.com/lambkin-dev/lambkin/bench/table"
)

// localEngine measures lambkin serve and lambkin dev.
func (b *bench) localEngine() ([]table.Row, error) {
	dir, err := os.MkdirTemp("", "lambkin-bench")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(dir) }() // a rest in the temporary directory does no harm
	l := local{bench: b, dir: dir}
	serving, err := l.serveStarts()
	if err != nil {
		return nil, err
	}
	l.server, _, err = l.serve("cold")
	if err != nil {
		return nil, err
	}
	defer l.server.stop()
	cold, err := l.coldInvoke()
	if err != nil {
		return nil, err
	}
	edit, err := l.edit()
	if err != nil {
		return nil, err
	}
	return []table.Row{serving, cold, edit}, nil
}

// local is a running lambkin serve with its data.
type local struct {
	*bench
	dir     string
	server  *child
	environ []string // of commands, beside the bench's own
}

func (l *local) serve(data string) (*child, time.Duration, error) {
	return start([]string{l.lambkin, "serve", "--no-auth", "--addr", "{addr}", "--data-dir", filepath.Join(l.dir, data)}, nil)
}

func (l *local) serveStarts() (table.Row, error) {
	var took []time.Duration
	for n := range l.rounds {
		s, listening, err := l.serve(fmt.Sprint("start-", n))
		if err != nil {
			return table.Row{}, err
		}
		took = append(took, listening)
		s.stop()
	}
	return table.Absolute("`lambkin serve`: start to listening", milliseconds(table.Median(took)), "ms", 100), nil
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// command runs lambkin against the server.
func (l *local) command(args ...string) error {
	cmd := exec.Command(l.lambkin, append([]string{"--endpoint", "http://" + l.server.addr}, args...)...)
	cmd.Env = append(os.Environ(), l.environ...)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("lambkin %q: %w\n%s", args, err, out)
	}
	return nil
}

// invoke calls a function of the server and gives its answer and how long it took.
func (l *local) invoke(name string) (string, time.Duration, error) {
	begin := time.Now()
	resp, err := newClient(1).Post("http://"+l.server.addr+"/2015-03-31/functions/"+name+"/invocations", "application/json", bytes.NewReader([]byte("{}")))
	if err != nil {
		return "", 0, err
	}
	defer func() { _ = resp.Body.Close() }() // read to its end below
	answer, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s", resp.Status, answer)
	}
	return string(answer), time.Since(begin), err
}

// coldInvoke measures a function's first call beyond what its process needs to start and a warm call takes.
func (l *local) coldInvoke() (table.Row, error) {
	code := filepath.Join(l.dir, "code")
	if err := os.Mkdir(code, 0o755); err != nil {
		return table.Row{}, err
	}
	if err := copyFile(l.handler, filepath.Join(code, "bootstrap")); err != nil {
		return table.Row{}, err
	}
	own, err := l.ownStart()
	if err != nil {
		return table.Row{}, err
	}
	var beyond []time.Duration
	for n := range l.rounds {
		name := fmt.Sprint("cold-", n)
		if err := l.command("deploy", name, code, "--runtime", "provided.al2023", "--handler", "bootstrap"); err != nil {
			return table.Row{}, err
		}
		_, cold, err := l.invoke(name)
		if err != nil {
			return table.Row{}, err
		}
		_, warm, err := l.invoke(name)
		if err != nil {
			return table.Row{}, err
		}
		beyond = append(beyond, cold-warm-own)
	}
	return table.Absolute("`lambkin serve`: a cold invoke beyond the runtime's own start and a warm invoke", milliseconds(table.Median(beyond)), "ms", 30), nil
}

// ownStart is how long the function's process takes from its start to its first request for work.
func (l *local) ownStart() (time.Duration, error) {
	var took []time.Duration
	for range l.rounds {
		t, err := firstRequest(l.handler)
		if err != nil {
			return 0, err
		}
		took = append(took, t)
	}
	return table.Median(took), nil
}

func firstRequest(handler string) (time.Duration, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer func() { _ = ln.Close() }() // nothing more is expected of it
	cmd := exec.Command(handler)
	cmd.Env = append(os.Environ(), "AWS_LAMBDA_RUNTIME_API="+ln.Addr().String())
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	begin := time.Now()
	if err := cmd.Start(); err != nil {
		return 0, err
	}
	conn, err := ln.Accept()
	took := time.Since(begin)
	_ = cmd.Process.Kill()
	_ = cmd.Wait() // it was killed
	if err != nil {
		return 0, err
	}
	return took, conn.Close()
}

func copyFile(from, to string) error {
	data, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	return os.WriteFile(to, data, 0o755) //nolint:gosec // it is to be executed
}

// edit measures the time from saving a file to the first answer of the new code, under lambkin dev.
func (l *local) edit() (table.Row, error) {
	code := filepath.Join(l.dir, "edited")
	if err := os.Mkdir(code, 0o755); err != nil {
		return table.Row{}, err
	}
	file := filepath.Join(code, "index.mjs")
	write := func(n int) error {
		return os.WriteFile(file, fmt.Appendf(nil, "export const handler = async () => %d;\n", n), 0o600)
	}
	if err := write(0); err != nil {
		return table.Row{}, err
	}
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	dev := exec.CommandContext(ctx, l.lambkin, "--endpoint", "http://"+l.server.addr, "dev", "edited", code)
	dev.Cancel = func() error { return dev.Process.Signal(os.Interrupt) }
	if err := dev.Start(); err != nil {
		return table.Row{}, err
	}
	defer func() { stop(); _ = dev.Wait() }() // it was interrupted
	if _, err := l.awaitAnswer("0"); err != nil {
		return table.Row{}, err
	}
	var took []time.Duration
	for n := 1; n <= l.rounds; n++ {
		if err := write(n); err != nil {
			return table.Row{}, err
		}
		t, err := l.awaitAnswer(fmt.Sprint(n))
		if err != nil {
			return table.Row{}, err
		}
		took = append(took, t)
		time.Sleep(300 * time.Millisecond) // a person does not save twice in this time
	}
	return table.Absolute("`lambkin dev`: from saving a Node.js function to the new code's answer", milliseconds(table.Median(took)), "ms", 300), nil
}

// awaitAnswer calls the edited function until it answers what is wanted.
func (l *local) awaitAnswer(want string) (time.Duration, error) {
	begin := time.Now()
	var last error
	for time.Since(begin) < 20*time.Second {
		got, _, err := l.invoke("edited")
		if err == nil && got == want {
			return time.Since(begin), nil
		}
		last = errors.Join(err, fmt.Errorf("answer %q", got))
		time.Sleep(5 * time.Millisecond)
	}
	return 0, fmt.Errorf("no answer %q in time: %w", want, last)
}
