package store_test

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/lambkin-dev/lambkin/api/v1alpha1"
	"github.com/lambkin-dev/lambkin/internal/engine/local/store"
)

// crashFile, if set, makes the test binary a writer that acknowledges on stdout until it is killed.
const crashFile = "LAMBKIN_TEST_CRASH_FILE"

func TestMain(m *testing.M) {
	if path := os.Getenv(crashFile); path != "" {
		fmt.Fprintln(os.Stderr, writeForEver(path))
		os.Exit(1)
	}
	os.Exit(m.Run())
}

func writeForEver(path string) error {
	s, err := store.Open(path)
	if err != nil {
		return err
	}
	for i := 0; ; i++ {
		fn := function("f" + strconv.Itoa(i))
		if err := s.Create(fn); err != nil {
			return err
		}
		fn.Spec.Description = "updated"
		if err := s.Update(fn); err != nil {
			return err
		}
		fmt.Println(fn.Name)
	}
}

// TestKilledWriterLosesNothing kills a process in the middle of its writes, several times on one file.
func TestKilledWriterLosesNothing(t *testing.T) {
	exe, err := os.Executable()
	must(t, err)
	for round := range 3 {
		path := filepath.Join(t.TempDir(), "objects.db")
		cmd := exec.Command(exe)
		cmd.Env = append(os.Environ(), crashFile+"="+path)
		out, err := cmd.StdoutPipe()
		must(t, err)
		must(t, cmd.Start())
		var acknowledged []string
		lines := bufio.NewScanner(out)
		for lines.Scan() {
			acknowledged = append(acknowledged, lines.Text())
			if len(acknowledged) == 20+round*7 {
				must(t, cmd.Process.Kill())
			}
		}
		if err := cmd.Wait(); err == nil {
			t.Fatal("the writer ended by itself")
		}
		s := open(t, path)
		for _, name := range acknowledged {
			fn := new(v1alpha1.Function)
			if err := s.Get(name, fn); err != nil || fn.Spec.Description != "updated" {
				t.Errorf("acknowledged write %q is lost: %v, description %q", name, err, fn.Spec.Description)
			}
		}
	}
}
