package bootstrap_test

import (
	"errors"
	"slices"
	"testing"

	"github.com/lambkin-dev/lambkin/bootstrap"
)

func TestCheckPrograms(t *testing.T) {
	cases := map[string]struct {
		reason      string
		runtime     string
		handler     string
		executables []string
		want        string // the error's message
	}{
		"Bootstrap":   {"It is in the code.", "provided.al2023", "x", []string{"/var/task/bootstrap"}, ""},
		"InLayer":     {"Or in a layer.", "provided.al2023", "x", []string{"/opt/bootstrap"}, ""},
		"NoBootstrap": {"But nowhere else.", "provided.al2", "x", []string{"/var/task/x"}, "Couldn't find valid bootstrap(s): [/var/task/bootstrap /opt/bootstrap]"},
		"Handler":     {"Others name it by the handler.", "go1.x", "bin/main", []string{"/var/task/bin/main"}, ""},
		"NoHandler":   {"It must be there.", "exec", "main", nil, "fork/exec /var/task/main: no such executable file (is it in the archive, with its x bit?)"},
		"Outside":     {"In the code.", "exec", "../x", []string{"/var/x"}, `handler "../x" does not name an executable inside the function's code`},
		"Interpreted": {"Others need none.", "nodejs22.x", "index.handler", nil, ""},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			rt, ok := bootstrap.Lookup(tc.runtime)
			if !ok {
				t.Fatal("no such runtime")
			}
			err := rt.CheckPrograms(tc.handler, func(path string) bool { return slices.Contains(tc.executables, path) })
			if tc.want == "" {
				if err != nil {
					t.Errorf("%s got %v", tc.reason, err)
				}
				return
			}
			e := new(bootstrap.Error)
			if !errors.As(err, &e) || e.Message != tc.want || e.Type != "Runtime.InvalidEntrypoint" {
				t.Errorf("%s got %v, want %q", tc.reason, err, tc.want)
			}
		})
	}
}
