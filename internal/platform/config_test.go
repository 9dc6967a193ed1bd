package platform_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lambkin-dev/lambkin/internal/platform"
)

func TestParseNothing(t *testing.T) {
	got, err := platform.Parse("")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(platform.Default(), got); diff != "" {
		t.Errorf("an operator who says nothing gets the defaults; -want +got:\n%s", diff)
	}
}

func TestParse(t *testing.T) {
	got, err := platform.Parse(`
registry: {prefix: "registry.example:5000/lambkin", plainHTTP: ["registry.example:5000"]}
runtimes: {nodejs22.x: {base: node:22}}
build: {timeout: 5m, env: {GOPROXY: "off"}}
identity: {region: eu-west-1}
`)
	if err != nil {
		t.Fatal(err)
	}
	want := platform.Default()
	want.Registry.Prefix, want.Registry.PlainHTTP = "registry.example:5000/lambkin", []string{"registry.example:5000"}
	want.Runtimes = got.Runtimes
	want.Build.Timeout.Duration, want.Build.Env = 5*time.Minute, map[string]string{"GOPROXY": "off"}
	want.Identity.Region = "eu-west-1" // the account keeps its default
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if got.Runtimes["nodejs22.x"].Base != "node:22" {
		t.Errorf("runtimes %+v", got.Runtimes)
	}
	if !got.Registry.Plain("registry.example:5000") || got.Registry.Plain("registry.example") {
		t.Error("plain HTTP is for the hosts named, and no others")
	}
	if id := got.Identity.Lambda(); id.Region != "eu-west-1" || id.Account != "000000000000" {
		t.Errorf("identity %+v", id)
	}
}

func TestParseRefuses(t *testing.T) {
	cases := map[string]struct{ reason, text, want string }{
		"Slip":     {"A member that nobody reads is a setting lost.", "registri: {}", "registri"},
		"Scheme":   {"A prefix is no URL.", `registry: {prefix: "https://r.example/x"}`, "registry.prefix"},
		"Tag":      {"A prefix has no digest.", `registry: {prefix: "r.example/x@sha256:1"}`, "registry.prefix"},
		"Slash":    {"Parts are put behind the prefix.", `registry: {prefix: "r.example/x/"}`, "registry.prefix"},
		"Plain":    {"Hosts are hosts.", `registry: {plainHTTP: ["http://r.example"]}`, "registry.plainHTTP"},
		"Timeout":  {"A build must have some time.", `build: {timeout: 0s}`, "build.timeout"},
		"Negative": {"There is no less than none.", `build: {keep: -1}`, "must not be negative"},
		"Syntax":   {"What is not YAML says where it was read.", `{`, "lambkin-config"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			_, err := platform.Parse(tc.text)
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("%s: error %v, want one about %q", tc.reason, err, tc.want)
			}
		})
	}
}

func FuzzParse(f *testing.F) {
	f.Add("registry: {prefix: r.example/x}")
	f.Add("build: {timeout: 1h}")
	f.Fuzz(func(t *testing.T, text string) {
		c, err := platform.Parse(text)
		if err == nil && c.Build.Timeout.Duration <= 0 {
			t.Errorf("%q: accepted a build without time", text)
		}
	})
}
