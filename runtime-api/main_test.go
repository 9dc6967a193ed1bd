package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/lambkin-dev/lambkin/runtime-api/process"
)

// Programs that the tests start, built once by TestMain.
var (
	binary  string // this command
	handler string // the function of pod's tests, which does what its event says
)

func TestMain(m *testing.M) {
	process.MaybeHelper()
	os.Exit(withPrograms(m))
}

func withPrograms(m *testing.M) int {
	dir, err := os.MkdirTemp("", "runtime-api")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer func() { _ = os.RemoveAll(dir) }()
	binary, handler = filepath.Join(dir, "runtime-api"), filepath.Join(dir, "bootstrap")
	for program, source := range map[string]string{binary: ".", handler: "./pod/testdata/handler"} {
		build := exec.Command("go", "build", "-o", program, source)
		build.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := build.CombinedOutput(); err != nil {
			fmt.Fprintf(os.Stderr, "build %s: %v\n%s", source, err, out)
			return 1
		}
	}
	return m.Run()
}
