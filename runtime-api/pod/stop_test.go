package pod

import (
	"testing"

	"github.com/lambkin-dev/lambkin/runtime-api/process"
)

func TestExtensionPath(t *testing.T) {
	cases := map[string]struct{ reason, dir, opt, want string }{
		"Host":    {"without a sandbox it is where it is", "/data/trees/1/extensions", "", "/data/trees/1/extensions/ext"},
		"Image":   {"in an image too", "/opt/extensions", "", "/opt/extensions/ext"},
		"Sandbox": {"the sandbox may hide the host's place, and shows it at /opt", "/tmp/trees/1/extensions", "/tmp/trees/1", "/opt/extensions/ext"},
		"Beside":  {"a directory that the sandbox does not show stays where it is", "/srv/extensions", "/tmp/trees/1", "/srv/extensions/ext"},
	}
	for name, tc := range cases {
		in := &incarnation{cfg: Config{Extensions: tc.dir, Sandbox: process.Sandbox{Opt: tc.opt}}}
		if got := in.extensionPath("ext"); got != tc.want {
			t.Errorf("%s: %s: %q, want %q", name, tc.reason, got, tc.want)
		}
	}
}
