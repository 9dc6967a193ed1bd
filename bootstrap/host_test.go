package bootstrap_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lambkin-dev/lambkin/bootstrap"
)

// installed is a host's interpreters, by name with what they print when asked.
func installed(answers map[string]string) *bootstrap.Interpreters {
	return &bootstrap.Interpreters{
		LookPath: func(name string) (string, error) {
			if _, ok := answers[name]; !ok {
				return "", exec.ErrNotFound
			}
			return "/bin/" + name, nil
		},
		Run: func(path string, _ ...string) (string, error) {
			if answer := answers[filepath.Base(path)]; answer != "broken" {
				return answer, nil
			}
			return "", errors.New("shim without a version")
		},
	}
}

// place is a host whose task and layer folders hold the given executables.
func place(t *testing.T, executables ...string) bootstrap.Host {
	t.Helper()
	root := t.TempDir()
	for _, name := range executables {
		writeFile(t, filepath.Join(root, name), "#!/bin/sh\n", 0o755)
	}
	return bootstrap.Host{
		TaskRoot: filepath.Join(root, "task"), OptRoot: filepath.Join(root, "opt"), RuntimeDir: "/clients", Self: "/bin/runtime-api",
		Interpreters: installed(map[string]string{
			"node": "20.1.0", "python3": "3.11.7", "python3.12": "broken", "python3.13": "3.13.1\n/versions/3.13.1/python\n", "ruby": "3.0.2",
		}),
	}
}

func TestCommand(t *testing.T) {
	cases := map[string]struct {
		reason  string
		runtime string
		host    func(t *testing.T) bootstrap.Host
		want    []string // "TASK" and "OPT" stand for the host's folders
	}{
		"exact version": {
			reason: "the version that was asked for wins, and is started without the shim", runtime: "python3.13",
			host: func(t *testing.T) bootstrap.Host { return place(t) },
			want: []string{"/versions/3.13.1/python", "/clients/python/bootstrap.py"},
		},
		"other version": {
			reason: "a program that is there but does not run is not used", runtime: "python3.12",
			host: func(t *testing.T) bootstrap.Host { return place(t) },
			want: []string{"/bin/python3", "/clients/python/bootstrap.py"},
		},
		"node's heap": {
			reason: "V8 must collect before the memory limit kills it", runtime: "nodejs22.x",
			host: func(t *testing.T) bootstrap.Host {
				h := place(t)
				h.Environ = []string{"AWS_LAMBDA_FUNCTION_MEMORY_SIZE=200"}
				return h
			},
			want: []string{"/bin/node", "--max-old-space-size=180", "/clients/node/bootstrap.mjs"},
		},
		"wrapper": {
			reason: "the wrapper's path is the function's; the last value counts", runtime: "nodejs22.x",
			host: func(t *testing.T) bootstrap.Host {
				h := place(t, "opt/wrap")
				h.Environ = []string{"AWS_LAMBDA_EXEC_WRAPPER=/gone", "AWS_LAMBDA_EXEC_WRAPPER=/opt/wrap"}
				return h
			},
			want: []string{"OPT/wrap", "/bin/node", "/clients/node/bootstrap.mjs"},
		},
		"provided in the code": {
			reason: "the function's own client, code before layers, never wrapped", runtime: "provided.al2023",
			host: func(t *testing.T) bootstrap.Host {
				h := place(t, "task/bootstrap", "opt/bootstrap", "opt/wrap")
				h.Environ = []string{"AWS_LAMBDA_EXEC_WRAPPER=/opt/wrap"}
				return h
			},
			want: []string{"TASK/bootstrap"},
		},
		"provided in a layer": {
			reason: "layers may bring the client", runtime: "provided",
			host: func(t *testing.T) bootstrap.Host { return place(t, "opt/bootstrap") },
			want: []string{"OPT/bootstrap"},
		},
		"base image": {
			reason: "AWS's image starts its own client, which also finds the interpreter", runtime: "java21",
			host: func(t *testing.T) bootstrap.Host {
				h := place(t, "runtime/bootstrap")
				h.ImageRuntimeDir = filepath.Join(filepath.Dir(h.TaskRoot), "runtime")
				return h
			},
			want: []string{"ROOT/runtime/bootstrap"},
		},
		"go1.x": {
			reason: "the handler is an executable", runtime: "go1.x",
			host: func(t *testing.T) bootstrap.Host {
				h := place(t, "task/bin/main")
				h.Handler = "bin/main"
				return h
			},
			want: []string{"/bin/runtime-api", "gorpc", "--", "TASK/bin/main"},
		},
		"exec": {
			reason: "as go1.x", runtime: "exec",
			host: func(t *testing.T) bootstrap.Host {
				h := place(t, "task/run.sh")
				h.Handler = "run.sh"
				return h
			},
			want: []string{"/bin/runtime-api", "exec", "--", "TASK/run.sh"},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			host := tc.host(t)
			runtime, _ := bootstrap.Lookup(tc.runtime)
			argv, _, err := runtime.Command(host)
			if err != nil {
				t.Fatal(err)
			}
			folders := strings.NewReplacer("TASK", host.TaskRoot, "OPT", host.OptRoot, "ROOT", filepath.Dir(host.TaskRoot))
			for n, arg := range tc.want {
				tc.want[n] = folders.Replace(arg)
			}
			if diff := cmp.Diff(tc.want, argv); diff != "" {
				t.Errorf("%s (-want +got):\n%s", tc.reason, diff)
			}
		})
	}
}

func TestCommandErrors(t *testing.T) {
	const entrypoint = "Runtime.InvalidEntrypoint"
	cases := map[string]struct {
		reason    string
		runtime   string
		change    func(t *testing.T, h *bootstrap.Host)
		errorType string
		says      string
	}{
		"no bootstrap": {
			reason: "AWS's own words", runtime: "provided.al2", errorType: entrypoint,
			says: "Couldn't find valid bootstrap(s): [/var/task/bootstrap /opt/bootstrap]",
		},
		"bootstrap without x": {
			reason: "a file that cannot be run is none", runtime: "provided.al2", errorType: entrypoint, says: "Couldn't find",
			change: func(t *testing.T, h *bootstrap.Host) { writeFile(t, filepath.Join(h.TaskRoot, "bootstrap"), "", 0o644) },
		},
		"bootstrap is a folder": {
			reason: "nor is a folder", runtime: "provided.al2", errorType: entrypoint, says: "Couldn't find",
			change: func(t *testing.T, h *bootstrap.Host) {
				writeFile(t, filepath.Join(h.TaskRoot, "bootstrap/x"), "", 0o755)
			},
		},
		"interpreter too old": {
			reason: "the sentence names the version found and what to install", runtime: "ruby3.4", errorType: entrypoint, says: "apt-get install ruby",
		},
		"no interpreter": {
			reason: "the way out", runtime: "python3.9", errorType: entrypoint, says: "apt-get install python3",
			change: func(_ *testing.T, h *bootstrap.Host) { h.Interpreters = installed(nil) },
		},
		"no clients": {
			reason: "a path without its folder would name the function's own files", runtime: "nodejs20.x", errorType: entrypoint, says: "runtime client",
			change: func(_ *testing.T, h *bootstrap.Host) { h.RuntimeDir = "" },
		},
		"java": {
			reason: "no plain host has AWS's client for it", runtime: "java21", errorType: entrypoint, says: "container image",
		},
		"dotnet": {
			reason: "as java", runtime: "dotnet8", errorType: entrypoint, says: "container image",
		},
		"missing wrapper": {
			reason: "a shell that does not find it exits with 127", runtime: "nodejs20.x", errorType: "Runtime.ExitError", says: "exit status 127",
			change: func(_ *testing.T, h *bootstrap.Host) { h.Environ = []string{"AWS_LAMBDA_EXEC_WRAPPER=/opt/none"} },
		},
		"handler outside the code": {
			reason: "a handler must not name the host's files", runtime: "exec", errorType: entrypoint, says: "does not name an executable",
			change: func(_ *testing.T, h *bootstrap.Host) { h.Handler = "../../bin/sh" },
		},
		"handler that is not there": {
			reason: "old go1.x archives forget the x bit", runtime: "go1.x", errorType: entrypoint, says: "/var/task/main",
			change: func(t *testing.T, h *bootstrap.Host) {
				h.Handler = "main"
				writeFile(t, filepath.Join(h.TaskRoot, "main"), "", 0o644)
			},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			host := place(t)
			if tc.change != nil {
				tc.change(t, &host)
			}
			runtime, _ := bootstrap.Lookup(tc.runtime)
			_, _, err := runtime.Command(host)
			fault := new(bootstrap.Error)
			if !errors.As(err, &fault) || fault.Type != tc.errorType || !strings.Contains(fault.Message, tc.says) {
				t.Errorf("%s: error %v, want type %s with %q", tc.reason, err, tc.errorType, tc.says)
			}
		})
	}
}

func TestMissingWrapperIsNamedInTheLog(t *testing.T) {
	host := place(t)
	host.Environ = []string{"AWS_LAMBDA_EXEC_WRAPPER=/opt/none"}
	runtime, _ := bootstrap.Lookup("python3.11")
	if _, _, err := runtime.Command(host); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("error %v, want one that wraps os.ErrNotExist", err)
	}
}

func TestEnvironment(t *testing.T) {
	cases := map[string]struct {
		reason  string
		runtime string
		environ []string
		want    map[string]string // "" means absent
	}{
		"node": {
			reason: "Lambda's search path", runtime: "nodejs20.x",
			want: map[string]string{
				"NODE_PATH":         "/o/nodejs/node20/node_modules:/o/nodejs/node_modules:/t",
				"AWS_EXECUTION_ENV": "AWS_Lambda_nodejs20.x", "LAMBDA_TASK_ROOT": "/t", "LAMBDA_RUNTIME_DIR": "/r", "TZ": ":UTC", "LANG": "en_US.UTF-8",
				"LD_LIBRARY_PATH": "/t:/t/lib:/o/lib", "PYTHONPATH": "",
			},
		},
		"python": {
			reason: "site-packages of the version before the common folder", runtime: "python3.12",
			want: map[string]string{"PYTHONPATH": "/o/python/lib/python3.12/site-packages:/o/python", "LC_CTYPE": "C.UTF-8"},
		},
		"old python": {
			reason: "LC_CTYPE came with 3.12", runtime: "python3.9", want: map[string]string{"LC_CTYPE": ""},
		},
		"ruby": {
			reason: "bundles of the code, gems of layers", runtime: "ruby3.3",
			want: map[string]string{"GEM_PATH": "/t/vendor/bundle/ruby/3.3.0:/o/ruby/gems/3.3.0", "RUBYLIB": "/t:/o/ruby/lib"},
		},
		"user's values": {
			reason: "a user's entries come first and are not doubled; TZ is the user's", runtime: "python3.12",
			environ: []string{"PYTHONPATH=/mine:/o/python", "TZ=Europe/Berlin", "PATH=/usr/bin", "AWS_EXECUTION_ENV=spoofed"},
			want: map[string]string{
				"PYTHONPATH": "/mine:/o/python:/o/python/lib/python3.12/site-packages", "TZ": "Europe/Berlin", "PATH": "/usr/bin:/o/bin",
				"AWS_EXECUTION_ENV": "AWS_Lambda_python3.12",
			},
		},
		"no PATH": {
			reason: "Lambda's own", runtime: "provided.al2023",
			want: map[string]string{"PATH": "/var/lang/bin:/usr/local/bin:/usr/bin/:/bin:/opt/bin:/o/bin", "AWS_EXECUTION_ENV": ""},
		},
		"exec": {
			reason: "not one of AWS's", runtime: "exec", want: map[string]string{"AWS_EXECUTION_ENV": ""},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			runtime, _ := bootstrap.Lookup(tc.runtime)
			env := runtime.Environment(bootstrap.Host{TaskRoot: "/t", OptRoot: "/o", RuntimeDir: "/r", Environ: tc.environ})
			got := map[string]string{}
			for _, entry := range env {
				name, value, _ := strings.Cut(entry, "=")
				got[name] = value
			}
			for variable, want := range tc.want {
				if got[variable] != want {
					t.Errorf("%s: %s=%q, want %q", tc.reason, variable, got[variable], want)
				}
			}
		})
	}
}

func TestInterpretersAskOnce(t *testing.T) {
	asked := 0
	interpreters := &bootstrap.Interpreters{
		LookPath: func(name string) (string, error) { return "/bin/" + name, nil },
		Run:      func(string, ...string) (string, error) { asked++; return "20.0.0", nil },
	}
	node, _ := bootstrap.Lookup("nodejs20.x")
	for range 3 {
		if _, err := interpreters.Find(node); err != nil {
			t.Fatal(err)
		}
		if version, err := interpreters.Version(node); version != "20.0.0" || err != nil {
			t.Fatalf("Version = %q, %v", version, err)
		}
	}
	if asked != 1 {
		t.Errorf("asked %d times for the version, want once: it takes as long as a cold start", asked)
	}
}

func TestMatches(t *testing.T) {
	for _, tc := range []struct {
		id, version string
		want        bool
	}{
		{"nodejs20.x", "20.20.2", true}, {"nodejs22.x", "20.20.2", false}, {"nodejs22.x", "220.1.0", false},
		{"python3.11", "3.11.7", true}, {"python3.1", "3.11.7", false}, {"ruby3.3", "3.3", true}, {"provided.al2023", "1", true},
	} {
		r := bootstrap.Runtime{ID: tc.id}
		if known, ok := bootstrap.Lookup(tc.id); ok {
			r = known
		}
		if tc.id == "python3.1" {
			r.Version = "3.1"
		}
		if got := r.Matches(tc.version); got != tc.want {
			t.Errorf("%s matches %s: %v, want %v", tc.id, tc.version, got, tc.want)
		}
	}
}

func TestInterpretersRunRealPrograms(t *testing.T) {
	dir := t.TempDir()
	cases := map[string]struct{ reason, script, says string }{
		"answers":  {"the version is anywhere in the first line", "echo 'ruby 3.3.1p20 (2024) [x86]'", ""},
		"fails":    {"shims of version managers fail", "exit 1", "does not run"},
		"no sense": {"a program of the same name", "echo hello", "does not say its version"},
		"too old":  {"our client needs newer", "echo 'ruby 2.7.0'", "version 2.7.0"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(dir, strings.ReplaceAll(name, " ", "-"))
			writeFile(t, path, "#!/bin/sh\n"+tc.script+"\n", 0o755)
			interpreters := &bootstrap.Interpreters{LookPath: func(string) (string, error) { return path, nil }}
			ruby, _ := bootstrap.Lookup("ruby3.3")
			got, err := interpreters.Find(ruby)
			if tc.says == "" {
				if err != nil || got != path {
					t.Errorf("%s: %q, %v", tc.reason, got, err)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), tc.says) {
				t.Errorf("%s: error %v, want %q in it", tc.reason, err, tc.says)
			}
		})
	}
}

// The questions are asked in three languages; a slip in one would show as "does not run" on every machine.
func TestInterpretersFindThemselves(t *testing.T) {
	for _, id := range []string{"nodejs20.x", "python3.12", "ruby3.3"} {
		t.Run(id, func(t *testing.T) {
			runtime, _ := bootstrap.Lookup(id)
			path, err := new(bootstrap.Interpreters).Find(runtime)
			if err != nil {
				t.Skip(err)
			}
			if info, err := os.Stat(path); err != nil || !filepath.IsAbs(path) || info.Mode().Perm()&0o111 == 0 {
				t.Errorf("found %q: %v", path, err)
			}
		})
	}
}
