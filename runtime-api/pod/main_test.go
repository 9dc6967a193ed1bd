package pod

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/lambkin-dev/lambkin/runtime-api/process"
)

// The programs under testdata, built once.
var handler, extensionBinary string

func TestMain(m *testing.M) {
	process.MaybeHelper()
	os.Exit(run(m))
}

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "pod")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer func() { _ = os.RemoveAll(dir) }()
	for path, program := range map[*string]string{&handler: "handler", &extensionBinary: "extension"} {
		*path = filepath.Join(dir, program)
		build := exec.Command("go", "build", "-o", *path, "./testdata/"+program)
		build.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := build.CombinedOutput(); err != nil {
			fmt.Fprintf(os.Stderr, "build the test's %s: %v\n%s", program, err, out)
			return 1
		}
	}
	return m.Run()
}
