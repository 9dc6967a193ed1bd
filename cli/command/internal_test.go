package command

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/lambkin-dev/lambkin/api/v1alpha1"
	"github.com/lambkin-dev/lambkin/cli/rollout"
	"github.com/lambkin-dev/lambkin/cli/source"
	"github.com/lambkin-dev/lambkin/cli/terminal"
	"github.com/lambkin-dev/lambkin/internal/engine/remote"
	"github.com/lambkin-dev/lambkin/internal/lambda"
)

func TestExitCode(t *testing.T) {
	cases := map[string]struct {
		reason string
		err    error
		want   int
	}{
		"Success":     {"", nil, 0},
		"Other":       {"", errors.New("disk full"), 1},
		"Refused":     {"the server's no is a failure like others", &lambda.Error{Code: lambda.CodeAccessDenied}, 1},
		"Told":        {"what has been told still counts", errTold, 1},
		"Usage":       {"", fmt.Errorf("deploy: %w", usagef("no")), 2},
		"Function":    {"", &functionError{"Boom"}, 3},
		"Printed":     {"a failed function counts even if printing its answer failed too", errors.Join(errors.New("pipe"), &functionError{"Boom"}), 3},
		"NoServer":    {"", fmt.Errorf("get: %w", remote.ErrUnreachable), 4},
		"Interrupted": {"as shells count SIGINT", fmt.Errorf("wait: %w", context.Canceled), 130},
		"Missing":     {"", noFunction("x", lambda.Errorf(lambda.CodeResourceNotFound, "x")), 1},
	}
	for name, tc := range cases {
		if got := exitCode(tc.err); got != tc.want {
			t.Errorf("%s: %s: exitCode(%v) = %d, want %d", name, tc.reason, tc.err, got, tc.want)
		}
	}
}

func TestTell(t *testing.T) {
	path := field.NewPath("spec")
	faults := func(n int) error {
		list := field.ErrorList{field.Required(path.Child("code"), "one member must be set"), field.Invalid(path.Child("timeout"), 901, "must be at most 900")}[:n]
		all := list.ToAggregate()
		return fmt.Errorf("deploy app: %w", &lambda.Error{Code: lambda.CodeInvalidParameterValue, Message: all.Error(), Err: all})
	}
	cases := map[string]struct {
		reason string
		err    error
		debug  bool
		want   string
	}{
		"Nothing":     {"", nil, false, ""},
		"Told":        {"nothing is told twice", fmt.Errorf("x: %w", errTold), false, ""},
		"Interrupted": {"who pressed the keys knows it", context.Canceled, false, ""},
		"Plain":       {"", errors.New("disk full"), false, "lambkin: disk full\n"},
		"Service":     {"codes are for programs", fmt.Errorf("get: %w", lambda.Errorf(lambda.CodeAccessDenied, "no right")), false, "lambkin: get: no right\n"},
		"Debug":       {"and for debugging", lambda.Errorf(lambda.CodeAccessDenied, "no right"), true, "lambkin: AccessDeniedException: no right\n"},
		"OneFault":    {"one fault is said in place", faults(1), false, "lambkin: deploy app: refused: spec.code: Required value: one member must be set\n"},
		"TwoFaults": {"several are listed", faults(2), false,
			"lambkin: deploy app: refused, 2 faults:\n  - spec.code: Required value: one member must be set\n  - spec.timeout: Invalid value: 901: must be at most 900\n"},
		"Missing": {"our sentence alone", noFunction("x", lambda.Errorf(lambda.CodeResourceNotFound, "Function not found: arn")), false,
			"lambkin: there is no function \"x\": \"lambkin get\" lists what there is, \"lambkin deploy x\" makes one\n"},
		"Tool":  {"a tool's own words below", &source.ToolError{Command: "go build", Output: "x.go:1: no", Err: errors.New("exit status 1")}, false, "lambkin: go build: exit status 1\nx.go:1: no\n"},
		"Usage": {"where to read on", usagef("what?"), false, "lambkin: what?\nRun \"lambkin x --help\" for how to use it.\n"},
		"NoServer": {"how to get one", fmt.Errorf("get: %w", remote.ErrUnreachable), false,
			"lambkin: no server answers at http://h:1 (from LAMBKIN_ENDPOINT): start one with \"lambkin serve\", or name another with --endpoint, LAMBKIN_ENDPOINT or \"lambkin config endpoint URL\"\n"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			var told bytes.Buffer
			a := &App{IO: &terminal.Streams{Err: &told}, Getenv: func(name string) string {
				return map[string]string{"LAMBKIN_ENDPOINT": "http://h:1"}[name]
			}}
			a.flags.debug = tc.debug
			a.tell(tc.err, "lambkin x")
			if diff := cmp.Diff(tc.want, told.String()); diff != "" {
				t.Errorf("%s (-want +got):\n%s", tc.reason, diff)
			}
		})
	}
}

func TestCount(t *testing.T) {
	for n, want := range map[int]string{0: "0 faults", 1: "1 fault", 2: "2 faults"} {
		if got := count(n, "fault"); got != want {
			t.Errorf("count(%d) = %q", n, got)
		}
	}
}

// TestEveryCommandExplainsItself keeps help complete: a sentence, an example, and no usage that lies about names.
func TestEveryCommandExplainsItself(t *testing.T) {
	var visit func(c *cobra.Command)
	visit = func(c *cobra.Command) {
		if c.Hidden || c.Name() == "help" || c.Name() == "completion" {
			return
		}
		if c.Short == "" || strings.HasSuffix(c.Short, ".") {
			t.Errorf("%s: Short %q: want a sentence without its full stop", c.CommandPath(), c.Short)
		}
		if !c.HasSubCommands() && (!strings.Contains(c.Example, "lambkin "+strings.TrimPrefix(c.CommandPath(), "lambkin ")) || !strings.HasPrefix(c.Example, "  ")) {
			t.Errorf("%s: Example %q: want lines that begin with two spaces and show the command", c.CommandPath(), c.Example)
		}
		c.LocalFlags().VisitAll(func(f *pflag.Flag) {
			if f.Usage == "" {
				t.Errorf("%s: --%s has no words", c.CommandPath(), f.Name)
			}
		})
		for _, sub := range c.Commands() {
			visit(sub)
		}
	}
	visit(New(&App{IO: &terminal.Streams{}}))
}

// flagged parses flags as the command line would.
func flagged(t *testing.T, args ...string) settingsFlags {
	t.Helper()
	var s settingsFlags
	f := pflag.NewFlagSet("deploy", pflag.ContinueOnError)
	s.declare(f)
	if err := f.Parse(args); err != nil {
		t.Fatal(err)
	}
	return s
}

func TestCompose(t *testing.T) {
	reserved := func(n int32) *int32 { return &n }
	existing := func() *v1alpha1.Function {
		fn := &v1alpha1.Function{Spec: v1alpha1.FunctionSpec{
			Description: "old", MemorySize: 512, Timeout: 9, Layers: []string{"a"},
			Environment: &v1alpha1.Environment{Variables: map[string]string{"KEPT": "1", "GONE": "2"}},
			Concurrency: &v1alpha1.Concurrency{EnvironmentsPerPod: 3},
			HTTP:        &v1alpha1.HTTP{EventFormat: "1.0", InvokeMode: v1alpha1.InvokeModeStream},
		}}
		fn.ResourceVersion, fn.Labels = "7", map[string]string{"team": "one"}
		return fn
	}
	cases := map[string]struct {
		reason    string
		args      []string
		described *v1alpha1.Function
		existing  *v1alpha1.Function
		check     func(fn *v1alpha1.Function) bool
	}{
		"Nothing": {"a new function without a word", nil, nil, nil, func(fn *v1alpha1.Function) bool {
			return fn.Name == "app" && fn.Spec.FunctionName == "app" && fn.Spec.MemorySize == 0 && len(fn.Spec.Architectures) == 1
		}},
		"Kept": {"what no flag names stays", []string{"--timeout", "30"}, nil, existing(), func(fn *v1alpha1.Function) bool {
			return fn.Spec.Timeout == 30 && fn.Spec.MemorySize == 512 && fn.Spec.Description == "old" && fn.ResourceVersion == "7" && fn.Labels["team"] == "one"
		}},
		"Manifest": {"a manifest forgets what there was, but not which version of the object it is about", nil,
			&v1alpha1.Function{Spec: v1alpha1.FunctionSpec{Timeout: 5}}, existing(), func(fn *v1alpha1.Function) bool {
				return fn.Spec.Timeout == 5 && fn.Spec.MemorySize == 0 && fn.Labels == nil && fn.ResourceVersion == "7"
			}},
		"FlagOverManifest": {"", []string{"--memory", "256"}, &v1alpha1.Function{Spec: v1alpha1.FunctionSpec{MemorySize: 128}}, nil,
			func(fn *v1alpha1.Function) bool { return fn.Spec.MemorySize == 256 }},
		"Variables": {"one by one", []string{"-e", "NEW=a=b", "-e", "GONE-", "-e", "EMPTY="}, nil, existing(), func(fn *v1alpha1.Function) bool {
			return cmp.Equal(fn.Spec.Environment.Variables, map[string]string{"KEPT": "1", "NEW": "a=b", "EMPTY": ""})
		}},
		"Secret": {"the last reference of a name counts", []string{"--env-secret", "T=one/a", "--env-secret", "T=two/b"}, nil, nil, func(fn *v1alpha1.Function) bool {
			return cmp.Equal(fn.Spec.Environment.VariablesFrom, []v1alpha1.VariableFrom{{Name: "T", SecretKeyRef: &v1alpha1.KeyRef{Name: "two", Key: "b"}}})
		}},
		"Labels": {"", []string{"-l", "team-", "-l", "a=b", "-a", "note=x y"}, nil, existing(), func(fn *v1alpha1.Function) bool {
			return cmp.Equal(fn.Labels, map[string]string{"a": "b"}) && fn.Annotations["note"] == "x y"
		}},
		"ReservedZero": {"0 is a number, not nothing: it closes the function", []string{"--reserved-concurrency", "0"}, nil, existing(), func(fn *v1alpha1.Function) bool {
			return cmp.Equal(fn.Spec.Concurrency, &v1alpha1.Concurrency{EnvironmentsPerPod: 3, Reserved: reserved(0)})
		}},
		"Environments": {"", []string{"--concurrency", "4", "--per-environment", "2"}, nil, nil, func(fn *v1alpha1.Function) bool {
			return cmp.Equal(fn.Spec.Concurrency, &v1alpha1.Concurrency{EnvironmentsPerPod: 4, PerEnvironment: 2})
		}},
		"StreamOff": {"a switch can be turned off", []string{"--http-stream=false"}, nil, existing(), func(fn *v1alpha1.Function) bool {
			return fn.Spec.HTTP.InvokeMode == v1alpha1.InvokeModeBuffered && fn.Spec.HTTP.EventFormat == "1.0"
		}},
		"Format": {"", []string{"--http-format", "alb"}, nil, nil, func(fn *v1alpha1.Function) bool {
			return fn.Spec.HTTP.EventFormat == "alb" && fn.Spec.HTTP.InvokeMode == ""
		}},
		"Layers": {"names are completed, ARNs are not", []string{"--layer", "tools:3", "--layer", "arn:aws:lambda:eu-west-1:1:layer:x:2"}, nil, existing(), func(fn *v1alpha1.Function) bool {
			return cmp.Equal(fn.Spec.Layers, []string{"arn:aws:lambda:us-east-1:000000000000:layer:tools:3", "arn:aws:lambda:eu-west-1:1:layer:x:2"})
		}},
		"Rest": {"", []string{"--tmp", "1024", "--arch", "arm64", "--description", "new"}, nil, existing(), func(fn *v1alpha1.Function) bool {
			return fn.Spec.EphemeralStorage.Size == 1024 && fn.Spec.Architectures[0] == v1alpha1.ArchitectureARM && fn.Spec.Description == "new"
		}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			before := tc.existing.DeepCopy()
			fn, err := compose("app", tc.described, tc.existing, hostArchitecture(), flagged(t, tc.args...))
			if err != nil {
				t.Fatal(err)
			}
			if !tc.check(fn) {
				t.Errorf("%s: %+v", tc.reason, fn)
			}
			if diff := cmp.Diff(before, tc.existing); diff != "" {
				t.Errorf("what exists was changed:\n%s", diff)
			}
		})
	}
}

func TestComposeRefuses(t *testing.T) {
	for _, args := range [][]string{
		{"-e", "X"}, {"-e", "=1"}, {"-e", "-"}, {"-e", ""}, {"-l", "x"}, {"-a", "x"},
		{"--env-secret", "X"}, {"--env-secret", "X=y"}, {"--env-secret", "=s/k"}, {"--env-secret", "X=/k"}, {"--env-secret", "X=s/"},
	} {
		_, err := compose("app", nil, nil, hostArchitecture(), flagged(t, args...))
		if usage := new(usageError); !errors.As(err, &usage) {
			t.Errorf("%q: %v, want a usage error", args, err)
		}
	}
}

func TestForgetCode(t *testing.T) {
	fn := &v1alpha1.Function{Spec: v1alpha1.FunctionSpec{Runtime: "exec", Handler: "x", MemorySize: 1, Code: v1alpha1.Code{Zip: &v1alpha1.Blob{SHA256: "s"}}}}
	fn.Annotations = map[string]string{"lambkin.dev/source": "src", "kept": "1"}
	forgetCode(fn)
	if fn.Spec.Runtime+fn.Spec.Handler != "" || fn.Spec.Code.Zip != nil || fn.Spec.MemorySize != 1 || !cmp.Equal(fn.Annotations, map[string]string{"kept": "1"}) {
		t.Errorf("left is %+v", fn)
	}
}

// TestWhatIsShownOfSettings holds that defaults are shown where they hold: objects of a cluster do not have them.
func TestWhatIsShownOfSettings(t *testing.T) {
	for protocol, want := range map[v1alpha1.Protocol]string{v1alpha1.ProtocolLambda: "128 MB, 3 s", v1alpha1.ProtocolHTTP: ", "} {
		fn := &v1alpha1.Function{Spec: v1alpha1.FunctionSpec{FunctionName: "f"}, Status: v1alpha1.FunctionStatus{Protocol: protocol}}
		if row := functionMore(fn); row[1]+", "+row[2] != want {
			t.Errorf("get: what speaks %q has %q", protocol, row)
		}
		values := map[string]string{}
		for _, fact := range factsOf(fn) {
			values[fact.name] = fact.value
		}
		if got := values["Memory"] + ", " + values["Timeout"]; got != want {
			t.Errorf("describe: what speaks %q has %q, want %q", protocol, got, want)
		}
	}
}

func TestNameAndPath(t *testing.T) {
	t.Chdir(t.TempDir())
	writeTree(t, "orders/index.mjs", "", "tool.sh", "", "plain", "")
	for _, tc := range []struct{ line, name, path string }{
		{"", "", "."}, {".", "", "."}, {"..", "", ".."}, {"./x", "", "./x"}, {"a/b", "", "a/b"}, {"~/x", "", "~/x"},
		{"orders", "", "orders"}, {"tool.sh", "", "tool.sh"}, {"plain", "plain", "."}, {"nothing", "nothing", "."}, {"nothing.zip", "nothing.zip", "."},
		{"name orders", "name", "orders"},
	} {
		name, path, err := nameAndPath(strings.Fields(tc.line))
		if err != nil || name != tc.name || path != tc.path {
			t.Errorf("%q: name %q, path %q, %v; want %q, %q", tc.line, name, path, err, tc.name, tc.path)
		}
	}
	if _, _, err := nameAndPath([]string{"a", "b", "c"}); err == nil {
		t.Error("three arguments were taken")
	}
}

func TestNameOf(t *testing.T) {
	t.Chdir(t.TempDir())
	writeTree(t, "orders/index.mjs", "", "tool.sh", "", "v1.2/x", "", "two words/x", "")
	for path, want := range map[string]string{"orders": "orders", "orders/": "orders", "tool.sh": "tool", "v1.2": "", "two words": ""} {
		got, err := nameOf(path)
		if got != want || (err != nil) != (want == "") {
			t.Errorf("nameOf(%q) = %q, %v; want %q", path, got, err, want)
		}
	}
}

func TestTraffic(t *testing.T) {
	spec := func(to string, weights ...string) v1alpha1.AliasSpec {
		s := v1alpha1.AliasSpec{FunctionVersion: to}
		for i := 0; i < len(weights); i += 2 {
			s.AdditionalVersionWeights = map[string]v1alpha1.Weight{weights[i]: v1alpha1.Weight(weights[i+1])}
		}
		return s
	}
	cases := map[string]struct {
		reason string
		before v1alpha1.AliasSpec
		to     string
		want   string // of trafficOf; empty if it is refused
	}{
		"Share":    {"", spec("1"), "2=10%", "1=90% 2=10%"},
		"More":     {"the other version's share is replaced", spec("1", "2", "0.1"), "2=50%", "1=50% 2=50%"},
		"Fraction": {"", spec("1"), "2=0.25%", "1=99.75% 2=0.25%"},
		"Third":    {"a third version takes the second's place", spec("1", "2", "0.1"), "3=10%", "1=90% 3=10%"},
		"All":      {"", spec("1", "2", "0.1"), "2=100%", "2=100%"},
		"None":     {"", spec("1", "2", "0.1"), "2=0%", "1=100%"},
		"Itself":   {"all of it is fine, a share says nothing about the rest", spec("1"), "1=100%", "1=100%"},
		"ItsShare": {"", spec("1"), "1=50%", ""},
		"Latest":   {"", spec("1"), "$LATEST=100%", "$LATEST=100%"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			version, share, err := parseShare(tc.to)
			if err == nil {
				err = rollout.Shift(&tc.before, version, share)
			}
			if (err != nil) != (tc.want == "") {
				t.Fatalf("%s: %v", tc.reason, err)
			}
			if got := trafficOf(tc.before); err == nil && got != tc.want {
				t.Errorf("%s: %s, want %s", tc.reason, got, tc.want)
			}
		})
	}
	for _, s := range []string{"", "3", "3=", "3=10", "=10%", "3=-1%", "3=100.1%", "3=NaN%", "3=x%", "x=10%", "0=10%", "03=10%", "3=Inf%"} {
		if _, _, err := parseShare(s); err == nil {
			t.Errorf("--to %q was taken", s)
		}
	}
}

// FuzzParseShare holds the promise that a share that is taken is one: between 0 and 100, of a version.
func FuzzParseShare(f *testing.F) {
	for _, s := range []string{"3=10%", "$LATEST=0%", "1=1e1%", "=%", "9=0x1p-2%"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		version, share, err := parseShare(s)
		if err != nil {
			return
		}
		if !(share >= 0 && share <= 100) || numberOrLatest(version) != nil {
			t.Errorf("%q gave version %q and %v", s, version, share)
		}
		spec := v1alpha1.AliasSpec{FunctionVersion: "1"}
		if rollout.Shift(&spec, version, share) == nil && trafficOf(spec) == "" {
			t.Errorf("%q leaves no traffic", s)
		}
	})
}

func TestSinceTime(t *testing.T) {
	now := time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC)
	for s, want := range map[string]time.Time{
		"10m": now.Add(-10 * time.Minute), "0s": now, "1h30m": now.Add(-90 * time.Minute),
		"2026-01-31T11:00:00Z": now.Add(-time.Hour), "2026-01-31T13:00:00+02:00": now.Add(-time.Hour),
	} {
		if got, err := sinceTime(s, now); err != nil || !got.Equal(want) {
			t.Errorf("sinceTime(%q) = %s, %v; want %s", s, got, err, want)
		}
	}
	for _, s := range []string{"", "-10m", "yesterday", "2026-01-31", "10"} {
		if _, err := sinceTime(s, now); err == nil {
			t.Errorf("sinceTime(%q) was taken", s)
		}
	}
}

func TestFailuresIn(t *testing.T) {
	const log = "START RequestId: a Version: $LATEST\nsome text\tStatus: error\nEND RequestId: a\n" +
		"REPORT RequestId: a\tDuration: 1.00 ms\tBilled Duration: 1 ms\t\n" +
		"REPORT RequestId: b\tDuration: 2.00 ms\tStatus: error\tError Type: Runtime.ExitError\n" +
		"  REPORT RequestId: c\tDuration: 3000.00 ms\tStatus: timeout\t\n" +
		"REPORT \nREPORT\tStatus"
	want := [][]string{{"b", "error", "Runtime.ExitError", "2.00 ms"}, {"c", "timeout", "", "3000.00 ms"}}
	if diff := cmp.Diff(want, failuresIn(log)); diff != "" {
		t.Error(diff)
	}
}

// nowhere is a command line without an environment and settings.
func nowhere() *App { return &App{Getenv: func(string) string { return "" }} }

func TestFunctionArgument(t *testing.T) {
	for line, want := range map[string]string{"hello": "hello", "function hello": "hello", "svc hello": "hello", "ksvc hello": "hello"} {
		if got, err := nowhere().functionArgument(strings.Fields(line)); err != nil || got != want {
			t.Errorf("%q: %q, %v", line, got, err)
		}
	}
	if _, err := nowhere().functionArgument([]string{"task", "x"}); !errors.Is(err, errClusterOnly) {
		t.Errorf("a cluster's kind: %v", err)
	}
	if _, err := nowhere().functionArgument([]string{"layer", "x"}); exitCode(err) != exitUsage {
		t.Errorf("another kind: %v", err)
	}
}

// TestKindsHaveNamesOfTheirOwn fails if a word could mean two kinds, or if a table's columns and cells differ in number.
func TestKindsHaveNamesOfTheirOwn(t *testing.T) {
	seen := map[string]string{}
	for _, k := range kinds() {
		for _, name := range k.names {
			if other, taken := seen[name]; taken {
				t.Errorf("%q means %s and %s", name, other, k.names[0])
			}
			seen[name] = k.names[0]
		}
		obj := k.object()
		if got := len(k.row(obj, time.Now())); got != len(k.head) {
			t.Errorf("%s: %d cells under %d headings", k.names[0], got, len(k.head))
		}
		if got := len(k.more(obj)); got != len(k.wide) {
			t.Errorf("%s: %d further cells under %d headings", k.names[0], got, len(k.wide))
		}
	}
	for _, name := range append(clusterKinds(), everything) {
		if other, taken := seen[name]; taken {
			t.Errorf("%q means %s and something else", name, other)
		}
	}
}

func TestObjectOf(t *testing.T) {
	for text, want := range map[string]string{"Hello": "function/" + v1alpha1.ObjectName("Hello"), "hello:3": "version/hello.3", "hello:live": "alias/hello.live"} {
		ref, err := lambda.ParseReference(text)
		if err != nil {
			t.Fatal(err)
		}
		if got := path(objectOf(ref)); got != want {
			t.Errorf("objectOf(%s) = %s, want %s", text, got, want)
		}
	}
}

func TestSettingsThatCannotBeKept(t *testing.T) {
	dir := t.TempDir()
	writeTree(t, dir+"/file", "")
	a := &App{Getenv: func(name string) string { return map[string]string{"XDG_CONFIG_HOME": dir + "/file"}[name] }}
	if err := a.keepSettings(settings{Endpoint: "http://h"}); err == nil || errors.Is(err, fs.ErrExist) {
		t.Errorf("kept below a file: %v", err)
	}
}
