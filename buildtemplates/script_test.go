package buildtemplates_test

import (
	"context"
	"errors"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	tekton "github.com/tektoncd/pipeline/pkg/apis/pipeline/v1"

	"github.com/lambkin-dev/lambkin/buildtemplates"
)

// build is one run of a step's script on this machine, with its folders in a temporary one.
type build struct {
	dir   string            // stands for /workspace
	env   map[string]string // over what the Task says
	args  []string
	tools map[string]string // programs by name, as shell scripts; they record how they were called in $CALLS
	real  bool              // the machine's own programs are found too
}

func (b *build) source() string { return filepath.Join(b.dir, "source") }
func (b *build) output() string { return filepath.Join(b.dir, "output") }

// write puts files into the source; names that end in .sh and bootstrap are executable.
func write(t *testing.T, dir string, files map[string]string) {
	t.Helper()
	for name, text := range files {
		file := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// run runs a step of the Task of a runtime, and gives what it printed, how tools were called, and whether it succeeded.
func (b *build) run(t *testing.T, id, step string) (printed string, calls []string, ok bool) {
	t.Helper()
	spec := buildtemplates.MakeTask(lookup(t, id)).Spec
	i := slices.IndexFunc(spec.Steps, func(s tekton.Step) bool { return s.Name == step })
	if i < 0 {
		t.Fatalf("runtime %s has no step %s", id, step)
	}
	tools, log := t.TempDir(), filepath.Join(t.TempDir(), "calls")
	for name, script := range b.tools {
		text := "#!/bin/sh\necho \"" + name + " $*\" >>\"$CALLS\"\n" + script + "\n"
		if err := os.WriteFile(filepath.Join(tools, name), []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	path := os.Getenv("PATH")
	if !b.real {
		path = tools + ":" + plainTools(t)
	}
	values := map[string]string{"PATH": path, "CALLS": log, "CACHE": "", "FUNCTION_PATH": "", "TMPDIR": t.TempDir(), "ARCHITECTURE": "x86_64", "HANDLER": "", "TEST": ""}
	for _, v := range spec.Steps[i].Env {
		if _, set := values[v.Name]; set {
			continue
		}
		values[v.Name] = strings.ReplaceAll(strings.ReplaceAll(v.Value, "/workspace", b.dir), "/$(params.path)", "")
	}
	maps.Copy(values, b.env)
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	words := slices.Concat(spec.Steps[i].Command, b.args)
	cmd := exec.CommandContext(ctx, words[0], words[1:]...)
	for name, value := range values {
		cmd.Env = append(cmd.Env, name+"="+value)
	}
	out, err := cmd.CombinedOutput()
	if exit := new(exec.ExitError); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	text, err2 := os.ReadFile(log)
	if err2 == nil {
		calls = strings.Split(strings.TrimSpace(strings.ReplaceAll(string(text), b.dir, "/workspace")), "\n")
	}
	return string(out), calls, err == nil
}

// plainTools is a folder with what every image has and nothing else, so that tests do not find what this machine has more.
func plainTools(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for _, name := range []string{"cat", "chmod", "cp", "find", "grep", "ls", "mkdir", "rm", "sh", "touch", "xargs"} {
		path, err := exec.LookPath(name)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(path, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestScripts(t *testing.T) {
	const lockless = "WARNING: there is no "
	npm := map[string]string{"npm": "", "node": `grep -q '"build"' package.json`}
	cases := map[string]struct {
		reason string
		id     string
		files  map[string]string
		env    map[string]string
		args   []string
		tools  map[string]string
		calls  []string
		says   []string
		fails  bool
		silent bool // there is no warning
	}{
		"npm ci": {
			reason: "A lock file is followed to the letter.", id: "nodejs22.x", tools: npm,
			files: map[string]string{"package.json": "{}", "package-lock.json": "{}"}, silent: true,
			calls: []string{"node -e process.exit(require(\"./package.json\").scripts?.build ? 0 : 1)", "npm ci --omit=dev"},
		},
		"npm build": {
			reason: "A build needs the development dependencies, the function does not.", id: "nodejs22.x", tools: npm,
			files: map[string]string{"package.json": `{"scripts": {"build": "tsc"}}`, "npm-shrinkwrap.json": "{}"},
			calls: []string{"node -e process.exit(require(\"./package.json\").scripts?.build ? 0 : 1)", "npm ci", "npm run build", "npm ci --omit=dev"},
		},
		"npm without lock": {
			reason: "It works, and the user is told what may happen.", id: "nodejs22.x", tools: npm,
			files: map[string]string{"package.json": "{}"}, says: []string{lockless + "package-lock.json"},
			calls: []string{"node -e process.exit(require(\"./package.json\").scripts?.build ? 0 : 1)", "npm install --no-package-lock --omit=dev"},
		},
		"yarn": {
			reason: "Who has yarn's lock file gets yarn.", id: "nodejs22.x", tools: map[string]string{"yarn": "", "node": "exit 1"},
			files: map[string]string{"package.json": "{}", "yarn.lock": ""},
			calls: []string{"node -e process.exit(require(\"./package.json\").scripts?.build ? 0 : 1)", "yarn install --frozen-lockfile --production"},
		},
		"no pnpm": {
			reason: "The image must have it; the way out is named.", id: "nodejs22.x", tools: npm, fails: true,
			files: map[string]string{"package.json": "{}", "pnpm-lock.yaml": ""}, says: []string{"ERROR:", "pnpm", "build image", "nodejs22.x"},
		},
		"npm fails": {
			reason: "So does the step.", id: "nodejs22.x", tools: map[string]string{"npm": "exit 1", "node": "exit 1"}, fails: true,
			files: map[string]string{"package.json": "{}", "package-lock.json": "{}"},
			calls: []string{"node -e process.exit(require(\"./package.json\").scripts?.build ? 0 : 1)", "npm ci --omit=dev"},
		},
		"no package.json": {reason: "Plain scripts need nothing.", id: "nodejs22.x", files: map[string]string{"index.js": ""}, says: []string{"nothing to install"}},
		"variables": {
			reason: "The user's and operator's reach the tools, values with spaces and quotes unharmed.", id: "nodejs22.x",
			tools: map[string]string{"npm": `echo "$npm_config_registry|$MOTTO|$npm_config_cache"`, "node": "exit 1"},
			files: map[string]string{"package.json": "{}", "package-lock.json": "{}"},
			args:  []string{"npm_config_registry=http://r", `MOTTO=it's "$(id)" ; true`},
			calls: []string{"node -e process.exit(require(\"./package.json\").scripts?.build ? 0 : 1)", "npm ci --omit=dev"},
			says:  []string{`http://r|it's "$(id)" ; true|`, "/cache/npm"},
		},
		"pip": {
			reason: "Packages go beside the code.", id: "python3.12", tools: map[string]string{"python3": ""},
			files: map[string]string{"requirements.txt": "--no-index\n-r more.txt\n./wheels/x.whl\nrequests==2.32.0\n"}, silent: true,
			calls: []string{"python3 -m pip install --no-compile --root-user-action=ignore -r requirements.txt --upgrade -t ."},
		},
		"pip without versions": {
			reason: "It works, and the user is told what may happen.", id: "python3.12", tools: map[string]string{"python3": ""},
			files: map[string]string{"requirements.txt": "# of the shop\nrequests[socks]  # any\nboto3>=1\n"}, says: []string{"WARNING: requirements.txt names packages without"},
			calls: []string{"python3 -m pip install --no-compile --root-user-action=ignore -r requirements.txt --upgrade -t ."},
		},
		"poetry": {
			reason: "Ignoring a lock file would be a wrong success.", id: "python3.12", fails: true,
			files: map[string]string{"poetry.lock": ""}, says: []string{"ERROR: poetry.lock is not read", "requirements.txt"},
		},
		"no requirements": {reason: "Plain scripts need nothing.", id: "python3.12", files: map[string]string{"app.py": ""}, says: []string{"nothing to install"}},
		"bundle": {
			reason: "The lock file is frozen, and gems go to where the runtime looks.", id: "ruby3.4",
			tools: map[string]string{"bundle": `echo "$BUNDLE_FROZEN $BUNDLE_PATH $BUNDLE_WITHOUT"; mkdir -p vendor/bundle`},
			files: map[string]string{"Gemfile": "", "Gemfile.lock": ""},
			calls: []string{"bundle install --jobs 4 --retry 2"}, says: []string{"true vendor/bundle development:test"},
		},
		"bundle without lock": {
			reason: "It works, and the user is told what may happen.", id: "ruby3.4", tools: map[string]string{"bundle": "mkdir -p vendor/bundle"},
			files: map[string]string{"Gemfile": ""}, says: []string{lockless + "Gemfile.lock"}, calls: []string{"bundle install --jobs 4 --retry 2"},
		},
		"no Gemfile": {reason: "Plain scripts need nothing.", id: "ruby3.4", files: map[string]string{"app.rb": ""}, says: []string{"nothing to install"}},
		"maven": {
			reason: "Classes at the top, jars in lib; tests were the test step's affair.", id: "java21",
			tools: map[string]string{"mvn": "mkdir -p target/classes/com; touch target/classes/com/A.class"},
			files: map[string]string{"pom.xml": ""}, says: []string{"com\nlib\n"},
			calls: []string{"mvn -B -ntp -Dmaven.repo.local=/workspace/cache/maven/repository -DskipTests -Dproject.build.outputTimestamp=1980-01-01T00:00:02Z package dependency:copy-dependencies -DincludeScope=runtime -DoutputDirectory=/workspace/output/lib"},
		},
		"gradle wrapper": {
			reason: "The project's own version is taken, executable or not.", id: "java21",
			files: map[string]string{"build.gradle.kts": "", "gradlew": `echo "wrapper $1 $2" "$5"; cat "$4"`},
			says:  []string{"wrapper --no-daemon --console=plain lambkinPackage", "configurations.runtimeClasspath"},
		},
		"no gradle": {reason: "The way out is the wrapper.", id: "java21", files: map[string]string{"build.gradle": ""}, fails: true, says: []string{"ERROR:", "gradle wrapper"}},
		"no java":   {reason: "The path may be wrong.", id: "java21", files: map[string]string{"README": ""}, fails: true, says: []string{"ERROR:", "set the source's path"}},
		"dotnet": {
			reason: "The one project is published for the function's architecture.", id: "dotnet8", tools: map[string]string{"dotnet": ""},
			files: map[string]string{"F.csproj": "", "packages.lock.json": "{}"}, env: map[string]string{"ARCHITECTURE": "arm64"},
			calls: []string{"dotnet publish F.csproj --configuration Release --runtime linux-arm64 --self-contained false --output /workspace/output -p:RestoreLockedMode=true -p:Deterministic=true -p:ContinuousIntegrationBuild=true -p:GenerateRuntimeConfigurationFiles=true"},
		},
		"two projects": {
			reason: "Which one is the function is not ours to guess.", id: "dotnet8", fails: true,
			files: map[string]string{"A.csproj": "", "B.fsproj": ""}, says: []string{"ERROR: there are 2 project files"},
		},
		"cargo": {
			reason: "One program needs no name.", id: "rust",
			tools: map[string]string{"cargo": `[ "$1" = --version ] || { mkdir -p "$HOME/programs/bin"; touch "$HOME/programs/bin/hello"; chmod 755 "$HOME/programs/bin/hello"; }`},
			files: map[string]string{"Cargo.toml": "", "Cargo.lock": ""}, says: []string{"output/bootstrap"},
			calls: []string{"cargo --version", "cargo install --path . --root /workspace/home/programs --no-track --force --locked"},
		},
		"cargo with several": {
			reason: "The handler says which.", id: "rust", env: map[string]string{"HANDLER": "nobody"}, fails: true,
			tools: map[string]string{"cargo": `[ "$1" = --version ] || { mkdir -p "$HOME/programs/bin"; touch "$HOME/programs/bin/a" "$HOME/programs/bin/b"; }`},
			files: map[string]string{"Cargo.toml": ""}, says: []string{lockless + "Cargo.lock", "ERROR:", "named nobody as the handler"},
			calls: []string{"cargo --version", "cargo install --path . --root /workspace/home/programs --no-track --force"},
		},
		"shell": {
			reason: "A bootstrap that is no Go program is taken as it is, with what is beside it.", id: "provided.al2023",
			files: map[string]string{"bootstrap": "#!/bin/sh\n", "lib/x": ""}, says: []string{"taken as it is"},
		},
		"nothing": {
			reason: "The path may be wrong.", id: "provided.al2023",
			files: map[string]string{"README": ""}, fails: true, says: []string{"ERROR:", "set the source's path", "rust"},
		},
		"buildah": {
			reason: "The image has no times and stays on the disk: who builds cannot push.", id: "dockerfile", tools: map[string]string{"buildah": ""},
			files: map[string]string{"Dockerfile": ""}, env: map[string]string{"DOCKERFILE": "Dockerfile", "ARCHITECTURE": "arm64", "TMPDIR": "/tmp"},
			calls: []string{
				"buildah --root /workspace/home/images --runroot /tmp/run build --file Dockerfile --arch arm64 --timestamp 0 --format oci --tag function .",
				"buildah --root /workspace/home/images --runroot /tmp/run push function oci:/workspace/output:function",
			},
		},
		"hook": {
			reason: "An operator's image may know better.", id: "nodejs22.x", tools: map[string]string{"lambkin-build": `echo "$RUNTIME in $PWD to $OUTPUT"`},
			files: map[string]string{"package.json": "{}"}, calls: []string{"lambkin-build"}, says: []string{"nodejs22.x in "},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			b := &build{dir: t.TempDir(), env: tc.env, args: tc.args, tools: tc.tools}
			write(t, b.source(), tc.files)
			printed, calls, ok := b.run(t, tc.id, buildtemplates.StepBuild)
			if ok == tc.fails {
				t.Errorf("%s\nsucceeds: %t; it says:\n%s", tc.reason, ok, printed)
			}
			if diff := cmp.Diff(tc.calls, calls); diff != "" {
				t.Errorf("%s\ncalls -want +got:\n%s\nit says:\n%s", tc.reason, diff, printed)
			}
			for _, want := range tc.says {
				if !strings.Contains(printed, want) {
					t.Errorf("%s\nit says:\n%s\nwant %q", tc.reason, printed, want)
				}
			}
			if tc.silent && strings.Contains(printed, "WARNING") {
				t.Errorf("%s\nit warns:\n%s", tc.reason, printed)
			}
		})
	}
}

// goBuild is a build with the machine's own Go, offline. Without telemetry nothing writes into its home any more once
// it has ended.
func goBuild(t *testing.T, files map[string]string) *build {
	t.Helper()
	b := &build{
		dir: t.TempDir(), env: map[string]string{"FUNCTION_PATH": "fn", "HANDLER": "main"}, real: true,
		args: []string{"GOFLAGS=-mod=mod", "GOTOOLCHAIN=local", "GOPROXY=off", "GOCACHE=" + goCache(t)},
	}
	write(t, b.source(), files)
	write(t, b.dir, map[string]string{"home/.config/go/telemetry/mode": "off"})
	return b
}

// TestGoScript compiles for real.
func TestGoScript(t *testing.T) {
	if _, err := exec.LookPath("go"); err != nil {
		t.Skip("go is not on PATH")
	}
	program := map[string]string{"fn/go.mod": "module example.com/fn\n\ngo 1.24\n", "fn/main.go": "package main\n\nfunc main() { println(\"hello\") }\n"}
	sums := map[string]string{}
	for _, id := range []string{buildtemplates.Go, "go1.x"} {
		b := goBuild(t, program)
		printed, _, ok := b.run(t, id, buildtemplates.StepBuild)
		if !ok {
			t.Fatalf("%s: the build fails:\n%s", id, printed)
		}
		name := map[string]string{"go": "bootstrap", "go1.x": "main"}[id]
		data, err := os.ReadFile(filepath.Join(b.output(), name))
		if err != nil {
			t.Fatalf("%s: %v; it says:\n%s", id, err, printed)
		}
		out, err := exec.CommandContext(t.Context(), filepath.Join(b.output(), name)).CombinedOutput()
		if string(out) != "hello\n" {
			t.Errorf("%s: the program prints %q, %v", id, out, err)
		}
		sums[id] = string(data)
	}
	again := goBuild(t, program)
	if printed, _, ok := again.run(t, buildtemplates.Go, buildtemplates.StepBuild); !ok {
		t.Fatalf("the build fails:\n%s", printed)
	}
	data, err := os.ReadFile(filepath.Join(again.output(), "bootstrap"))
	if err != nil || string(data) != sums[buildtemplates.Go] {
		t.Errorf("the same source in another folder gives another program (%v)", err)
	}
	for reason, files := range map[string]map[string]string{
		"there is no go.mod": {"fn/main.go": "package main\n\nfunc main() {}\n"},
		"this is a library":  {"fn/go.mod": "module example.com/fn\n", "fn/x.go": "package fn\n"},
	} {
		b := goBuild(t, files)
		if printed, _, ok := b.run(t, buildtemplates.Go, buildtemplates.StepBuild); ok || !strings.Contains(printed, "ERROR: "+reason) {
			t.Errorf("succeeds: %t; it says:\n%s\nwant %q", ok, printed, reason)
		}
	}
}

func goCache(t *testing.T) string {
	out, err := exec.CommandContext(t.Context(), "go", "env", "GOCACHE").Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(out))
}

func TestTestScript(t *testing.T) {
	cases := map[string]struct {
		reason  string
		command string
		ok      bool
		says    string
	}{
		"None":    {reason: "The Task has the step always.", command: "", ok: true, says: "no test command"},
		"Success": {reason: "It sees the source.", command: `cat "only here" && touch left-behind`, ok: true, says: "a file"},
		"Failure": {reason: "Nothing is built then.", command: "echo three; false", says: "three"},
		"Command": {reason: "It is a command line and no text of our script.", command: `"; exit 0; "`, says: "not found"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			b := &build{dir: t.TempDir(), env: map[string]string{"TEST": tc.command, "FUNCTION_PATH": "fn"}, real: true}
			write(t, b.source(), map[string]string{"fn/only here": "a file\n", "shared/x": ""})
			printed, _, ok := b.run(t, "nodejs22.x", buildtemplates.StepTest)
			if ok != tc.ok || !strings.Contains(printed, tc.says) {
				t.Errorf("%s\nsucceeds: %t; it says:\n%s\nwant %q", tc.reason, ok, printed, tc.says)
			}
			if _, err := os.Stat(filepath.Join(b.source(), "fn", "left-behind")); err == nil {
				t.Errorf("%s\nwhat the test leaves gets into the function", tc.reason)
			}
		})
	}
}
