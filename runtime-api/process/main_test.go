//go:build linux

package process

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// patience bounds every wait for something that must happen.
const patience = 20 * time.Second

// roleVariable makes the test binary play one of the roles instead of testing.
const roleVariable = "PROCESS_TEST_ROLE"

// roles are the programs the tests start. Their arguments follow the name.
var roles = map[string]func(args []string) error{
	"hold":   holdMemory,
	"map":    mapFile,
	"parent": beParent,
	"reaper": beReaper,
	"locked": reapWithoutMainThread,
}

func TestMain(m *testing.M) {
	MaybeHelper()
	role := os.Getenv(roleVariable)
	if role == "" {
		os.Exit(m.Run())
	}
	if err := roles[role](os.Args[1:]); err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	os.Exit(0)
}

// play is the Spec of a role.
func play(role string, args ...string) Spec {
	return Spec{Path: "/proc/self/exe", Args: args, Env: []string{roleVariable + "=" + role}}
}

// shell is the Spec of a script.
func shell(script string, args ...string) Spec {
	return Spec{
		Path: "/bin/sh",
		Args: append([]string{"-c", script, "sh"}, args...),
		Env:  []string{"PATH=/usr/local/bin:/usr/bin:/bin"},
	}
}

// run starts a program and kills it at the end of the test if it still runs.
func run(t *testing.T, spec Spec) *Process {
	t.Helper()
	p, err := Start(spec)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Kill)
	return p
}

// wait returns how the program ended.
func wait(t *testing.T, p *Process) Exit {
	t.Helper()
	select {
	case <-p.Done():
		return p.Exit()
	case <-time.After(patience):
		t.Fatalf("process %d does not end", p.Pid())
		return Exit{}
	}
}

// eventually waits until what holds.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(time.Millisecond) {
		if holds() {
			return
		}
	}
	t.Fatalf("in vain: %s", what)
}

// alive tells whether a process exists and is more than a zombie.
func alive(pid int) bool {
	s, ok := (&census{proc: procRoot}).read(pid)
	return ok && !s.dead()
}

// screen is a writer to look at while others write.
type screen struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (s *screen) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.Write(p)
}

func (s *screen) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}

// pids waits for n lines and reads a process id from each.
func (s *screen) pids(t *testing.T, n int) []int {
	t.Helper()
	eventually(t, fmt.Sprintf("read %d process ids", n), func() bool { return strings.Count(s.String(), "\n") >= n })
	var pids []int
	for field := range strings.FieldsSeq(s.String()) {
		pid, err := strconv.Atoi(field)
		if err != nil {
			t.Fatalf("not a process id in %q", s.String())
		}
		pids = append(pids, pid)
	}
	return pids
}

// holdMemory writes to every page of args[0] MiB, says so, and stays.
func holdMemory(args []string) error {
	size, err := strconv.Atoi(args[0])
	if err != nil {
		return err
	}
	block := make([]byte, size<<20)
	for i := 0; i < len(block); i += os.Getpagesize() {
		block[i] = 1
	}
	stay("holding")
	runtime.KeepAlive(block)
	return nil
}

// mapFile reads every page of the file args[0] through a shared mapping, says so, and stays.
func mapFile(args []string) error {
	file, err := os.Open(args[0])
	if err != nil {
		return err
	}
	info, err := file.Stat()
	if err != nil {
		return err
	}
	block, err := unix.Mmap(int(file.Fd()), 0, int(info.Size()), unix.PROT_READ, unix.MAP_SHARED)
	if err != nil {
		return err
	}
	var sum byte
	for i := 0; i < len(block); i += os.Getpagesize() {
		sum += block[i]
	}
	stay("holding", sum)
	return nil
}

// stay prints a line and waits for a signal.
func stay(line ...any) {
	told := make(chan os.Signal, 1)
	signal.Notify(told, syscall.SIGTERM)
	fmt.Println(line...)
	<-told
}

// beParent starts a program, in a sandbox if args[0] is a directory, prints its pid and stays.
func beParent(args []string) error {
	spec := shell("while :; do sleep 1; done")
	if args[0] != "" {
		spec.Sandbox.Tmp = args[0]
	}
	p, err := Start(spec)
	if err != nil {
		return err
	}
	stay(p.Pid())
	return nil
}

// beReaper gets the orphans of its descendants, as PID 1 does, and checks that
// Reap collects these and leaves the exit status of its own children alone.
func beReaper([]string) error {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		return err
	}
	if err := Reap(ctx); err != nil {
		return err
	}
	const script = "(sleep 0.01 &) ; exit 7"
	var all sync.WaitGroup
	faults := make(chan error, 200)
	for range 4 {
		all.Go(func() {
			for range 25 {
				faults <- statusKept(script)
			}
		})
	}
	all.Wait()
	close(faults)
	for err := range faults {
		if err != nil {
			return err
		}
	}
	return noChildren()
}

// statusKept runs a script that ends with status 7 and leaves an orphan, in both ways.
func statusKept(script string) error {
	var exit *exec.ExitError
	err := exec.Command("/bin/sh", "-c", script).Run()
	if !errors.As(err, &exit) || exit.ExitCode() != 7 {
		return fmt.Errorf("os/exec: %w, want exit status 7", err)
	}
	p, err := Start(shell(script))
	if err != nil {
		return err
	}
	<-p.Done()
	if p.Exit().Code != 7 {
		return fmt.Errorf("Start: %q, want exit status 7", p.Exit())
	}
	return nil
}

// noChildren waits until we have none, zombies included.
func noChildren() error {
	var left []int
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(time.Millisecond) {
		left = (&census{proc: procRoot}).children(os.Getpid())
		if len(left) == 0 {
			return nil
		}
	}
	return fmt.Errorf("children left: %v", left)
}

// reapWithoutMainThread calls Reap while another Reap has the main thread.
func reapWithoutMainThread([]string) error {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	if err := Reap(ctx); err != nil {
		return err
	}
	if err := Reap(ctx); err == nil {
		return errors.New("no error although the main thread is held")
	}
	return nil
}
