package bootstrap_test

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// Each language's own checker reads every file: a client may have branches that no fixture enters.
func TestSyntax(t *testing.T) {
	cases := map[string]struct {
		patterns []string
		check    []string
		install  string
	}{
		"node": {[]string{"node/*.mjs"}, []string{"node", "--check"}, "apt-get install nodejs"},
		"python": {
			[]string{"python/*.py", "python/*/*.py"},
			[]string{"python3", "-W", "error", "-c", "import sys; compile(open(sys.argv[1]).read(), sys.argv[1], 'exec')"},
			"apt-get install python3",
		},
		"ruby": {[]string{"ruby/*.rb", "ruby/*/*.rb"}, []string{"ruby", "-wc"}, "apt-get install ruby"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if _, err := exec.LookPath(tc.check[0]); err != nil {
				t.Skipf("%v: install it, on Debian with %s", err, tc.install)
			}
			for _, pattern := range tc.patterns {
				checkAll(t, pattern, tc.check)
			}
		})
	}
}

func checkAll(t *testing.T, pattern string, check []string) {
	t.Helper()
	names, err := filepath.Glob(pattern)
	if err != nil || len(names) == 0 {
		t.Fatalf("no files match %q (%v)", pattern, err)
	}
	for _, name := range names {
		out, err := exec.Command(check[0], append(check[1:len(check):len(check)], name)...).CombinedOutput()
		if err != nil || strings.Contains(string(out), "warn") {
			t.Errorf("%s: %v\n%s", name, err, out)
		}
	}
}
