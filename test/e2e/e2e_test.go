// Package e2e runs the scripts in testdata: command lines of lambkin and of the AWS CLI against a real server with real
// functions, written so that they can be read as documentation.
//
// Beside the commands of testscript (https://pkg.go.dev/github.com/rogpeppe/go-internal/testscript) there are
//
//	server                     gives the script an engine of its own, and points lambkin and aws to it
//	exits CODE COMMAND…        runs a command that must end with this exit code
//	services                   gives the script's server, if it comes after, queues and event buses; GET $SERVICES lists what they took
//	until REGEXP COMMAND…      runs a command again and again until its output matches
//	fetch METHOD URL [BODY]    sends a plain HTTP request; the answer's status and body can be matched. fn://NAME/PATH and
//	                           fn://NAME:QUALIFIER/PATH are the URLs of functions, wherever these are
//	signed METHOD URL [BODY]   the same with a signature by the key in AWS_ACCESS_KEY_ID
//	exec presign SECONDS METHOD URL  prints the URL with a signature
//	exec load -n N -c N URL    sends many requests and prints how many ended how; see loadMain
//	url NAME[:ALIAS]           sets URL to where a function or alias is reached
//	image NAME FOLDER ENV COMMAND…  pushes an image of a folder to the cluster's registry, with one variable NAME=VALUE
//	terraform-setup            lets terraform take its AWS provider from a folder of this machine, and from nowhere else
//	terraform-attach           starts that provider once for all commands that follow
//	npm-setup                  puts the npm packages that npm/package-lock.json pins into node_modules
//	endpoint FILE              waits for "lambkin serve" to write its address to FILE, and points lambkin and aws to it
//
// and the conditions [node], [python], [aws] with [aws2] and [awsnew] for its versions, [boto3], [terraform], [npm] and
// [sandbox], [git] for a git server inside the cluster, [disturb] where nobody else is disturbed, [e2e] in `make e2e` alone,
// [exists:FILE] for a file of the checkout, and [local] and [cluster] for the engine.
//
// The same scripts run on both engines. On a machine the engine is a server in the test's own process. With
// E2E_ENGINE=cluster it is a namespace of the cluster that KUBECONFIG names, on which Lambkin is installed; `make e2e`
// sees to that. What has no meaning on one of them says so with skip, and why.
package e2e

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/lambkin-dev/lambkin/bootstrap"
	"github.com/lambkin-dev/lambkin/bootstrap/runner"
	"github.com/lambkin-dev/lambkin/cli/command"
	"github.com/lambkin-dev/lambkin/cli/host"
	"github.com/lambkin-dev/lambkin/internal/access"
	"github.com/lambkin-dev/lambkin/internal/signature"
	"github.com/lambkin-dev/lambkin/runtime-api/process"
)

func TestMain(m *testing.M) {
	process.MaybeHelper()
	runner.MaybeRun()
	lambkin := func() { os.Exit(command.Main()) }
	testscript.Main(m, map[string]func(){"lambkin": lambkin, "kn-lambkin": lambkin, "kubectl-lambkin": lambkin, "sdk": sdkMain, "load": loadMain, "presign": presignMain})
}

func TestScripts(t *testing.T) {
	programs := clientPrograms(t)
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata",
		RequireExplicitExec: true,
		Setup:               func(e *testscript.Env) error { return setup(e, programs) },
		Condition:           condition,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"server": serverOf(engineOf(os.Getenv)), "exits": exits, "until": until, "fetch": fetch, "signed": signedFetch, "endpoint": endpoint, "url": setURL, "services": startServices, "image": makeImage,
			"terraform-setup": useTerraform, "terraform-attach": attachTerraform, "npm-setup": useNpm,
		},
	})
}

// setup gives a script a home of its own, but the real one's caches for compilers, and the programs of a folder first.
func setup(e *testscript.Env, programs string) error {
	e.Setenv("HOME", e.WorkDir)
	e.Setenv("XDG_CONFIG_HOME", e.WorkDir+"/config")
	e.Setenv("XDG_DATA_HOME", e.WorkDir+"/data")
	e.Setenv("GORACE", os.Getenv("GORACE")+" atexit_sleep_ms=0") // with the race detector each command would end a second later
	checkout, err := filepath.Abs("../..")
	if err != nil {
		return fmt.Errorf("find the checkout: %w", err)
	}
	e.Setenv("CHECKOUT", checkout)
	caches, err := goCaches()
	if err != nil {
		return fmt.Errorf("ask go for its caches: %w", err)
	}
	for name, value := range caches {
		e.Setenv(name, value)
	}
	e.Setenv("PATH", programs+string(os.PathListSeparator)+e.Getenv("PATH"))
	return nil
}

// interpreters are the conditions that ask for the interpreter of a runtime.
var interpreters = map[string]func() (bool, error){
	"node":   sync.OnceValues(func() (bool, error) { return hasRuntime("nodejs22.x") }),
	"python": sync.OnceValues(func() (bool, error) { return hasRuntime("python3.13") }),
}

// conditions are what else scripts ask about the machine and the engine, but for [exists:FILE]. What takes a program's
// start to find out is found out once.
var conditions = map[string]func() bool{
	"local":     func() bool { return engineOf(os.Getenv) == local },
	"cluster":   func() bool { return engineOf(os.Getenv) == cluster },
	"e2e":       func() bool { return os.Getenv("E2E_ENGINE") != "" },
	"disturb":   func() bool { return os.Getenv("E2E_DISTURB") != "" },
	"git":       func() bool { return os.Getenv("GIT_DIR_HOST") != "" },
	"sandbox":   func() bool { return process.Supports().Sandbox == nil },
	"aws":       func() bool { major, _ := cliVersion(); return major > 0 },
	"aws2":      func() bool { major, _ := cliVersion(); return major == 2 },
	"awsnew":    func() bool { return knowsEndpoint(cliVersion()) },
	"boto3":     sync.OnceValue(func() bool { return exec.Command("python3", "-c", "import boto3").Run() == nil }),
	"terraform": hasTerraform,
	"npm":       func() bool { _, err := packages(); return err == nil },
}

func condition(name string) (bool, error) {
	if file, ok := strings.CutPrefix(name, "exists:"); ok {
		_, err := os.Stat(filepath.Join("../..", file))
		return err == nil, nil
	}
	if asks, ok := interpreters[name]; ok {
		return asks()
	}
	holds, ok := conditions[name]
	if !ok {
		return false, fmt.Errorf("unknown condition %q", name)
	}
	return holds(), nil
}

// goCaches are the variables that lead the go command to the caches of whoever runs the tests.
var goCaches = sync.OnceValues(func() (values map[string]string, err error) {
	out, err := exec.Command("go", "env", "-json", "GOCACHE", "GOMODCACHE", "GOFLAGS", "GOPROXY").Output()
	if err != nil {
		return nil, err
	}
	err = json.Unmarshal(out, &values)
	return values, err
})

// hasRuntime says whether this machine has the interpreter of a runtime. One that was too slow to tell is no reason to
// leave a part of a script out.
func hasRuntime(id string) (bool, error) {
	r, _ := bootstrap.Lookup(id)
	_, err := new(bootstrap.Interpreters).Find(r)
	if errors.Is(err, context.DeadlineExceeded) {
		return false, err
	}
	return err == nil, nil
}

// pointTo lets lambkin and AWS's tools find a server, and sign with a key.
func pointTo(ts *testscript.TestScript, url string, key access.Credentials) {
	for name, value := range map[string]string{
		"LAMBKIN_ENDPOINT": url, "AWS_ENDPOINT_URL": url, "AWS_REGION": "us-east-1", "AWS_DEFAULT_REGION": "us-east-1",
		"AWS_ACCESS_KEY_ID": key.ID, "AWS_SECRET_ACCESS_KEY": key.Secret, "AWS_EC2_METADATA_DISABLED": "true", "AWS_PAGER": "",
	} {
		ts.Setenv(name, value)
	}
}

// keyIn reads the key that a server has made for whoever owns its data.
func keyIn(ts *testscript.TestScript, file string) access.Credentials {
	key, err := access.ReadCredentials(file, access.DefaultProfile)
	ts.Check(err)
	return key
}

// kind is where functions run.
type kind string

const (
	local   kind = "local"
	cluster kind = "cluster"
)

// engineOf says which engine the scripts are for.
func engineOf(getenv func(string) string) kind {
	if getenv("E2E_ENGINE") == string(cluster) {
		return cluster
	}
	return local
}

func serverOf(k kind) func(ts *testscript.TestScript, _ bool, _ []string) {
	if k == cluster {
		return useNamespace
	}
	return startServer
}

func startServer(ts *testscript.TestScript, _ bool, _ []string) {
	s, err := host.Start(context.Background(), host.Config{Addr: "127.0.0.1:0", DataDir: ts.MkAbs("data"), Identity: command.Identity(), Messages: messages(ts)})
	ts.Check(err)
	ts.Defer(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		if err := s.Close(ctx); err != nil {
			ts.Logf("close the server: %v", err)
		}
	})
	pointTo(ts, s.URL, keyIn(ts, s.Credentials))
}

func exits(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) < 2 {
		ts.Fatalf("usage: exits CODE COMMAND…")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	if exit := new(exec.ExitError); errors.As(ts.Exec(args[1], args[2:]...), &exit) {
		got = exit.ExitCode()
	}
	if got != want {
		ts.Fatalf("exit code = %d, want %d", got, want)
	}
}

// patience is how long something may take that a script waits for: a cluster may have to start and end pods for it.
func patience() time.Duration {
	if engineOf(os.Getenv) == cluster {
		return 3 * time.Minute
	}
	return 30 * time.Second
}

func until(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) < 2 {
		ts.Fatalf("usage: until REGEXP COMMAND…")
	}
	form := regexp.MustCompile("(?m)" + args[0])
	begun := time.Now()
	for time.Since(begun) < patience() {
		if ts.Exec(args[1], args[2:]...) == nil && form.MatchString(ts.ReadFile("stdout")) {
			return
		}
		// To start a program takes a processor, which what is awaited needs too: what lasts is looked at less often.
		time.Sleep(min(max(time.Since(begun)/5, 50*time.Millisecond), 2*time.Second))
	}
	ts.Fatalf("the output never matched %q", args[0])
}

func fetch(ts *testscript.TestScript, _ bool, args []string) {
	request(ts, args, clientOf(engineOf(os.Getenv)))
}

func signedFetch(ts *testscript.TestScript, _ bool, args []string) {
	request(ts, args, &http.Client{Transport: &signature.Transport{
		Credentials: signature.Credentials{KeyID: ts.Getenv("AWS_ACCESS_KEY_ID"), Secret: ts.Getenv("AWS_SECRET_ACCESS_KEY")},
		Region:      ts.Getenv("AWS_REGION"), Service: "lambda", Next: clientOf(engineOf(os.Getenv)).Transport,
	}})
}

func request(ts *testscript.TestScript, args []string, client *http.Client) {
	if len(args) < 2 {
		ts.Fatalf("usage: fetch|signed METHOD URL [BODY]")
	}
	req, err := http.NewRequest(args[0], address(ts, args[1]), strings.NewReader(strings.Join(args[2:], " ")))
	ts.Check(err)
	if len(args) > 2 {
		req.Header.Set("Content-Type", "application/json")
	}
	res, err := client.Do(req)
	ts.Check(err)
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(res.Body)
	ts.Check(err)
	_, err = fmt.Fprintf(ts.Stdout(), "%s\n%s\n", res.Status, body)
	ts.Check(err)
}

// address is the URL that a script means: fn://NAME… is that of a function.
func address(ts *testscript.TestScript, text string) string {
	rest, ok := strings.CutPrefix(text, "fn://")
	if !ok {
		return text
	}
	name, path, _ := strings.Cut(rest, "/")
	if engineOf(os.Getenv) == cluster {
		return strings.TrimSuffix(statusURL(ts, name), "/") + "/" + path
	}
	return ts.Getenv("LAMBKIN_ENDPOINT") + "/_url/" + name + "/" + path
}

func setURL(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) != 1 {
		ts.Fatalf("usage: url NAME[:ALIAS]")
	}
	ts.Setenv("URL", address(ts, "fn://"+args[0]+"/"))
}

var exported = regexp.MustCompile(`(?s)export LAMBKIN_ENDPOINT=(\S+).*?_CREDENTIALS(?:_FILE)?=(\S+)`)

func endpoint(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) != 1 {
		ts.Fatalf("usage: endpoint FILE")
	}
	for deadline := time.Now().Add(patience()); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		text, err := os.ReadFile(ts.MkAbs(args[0]))
		if m := exported.FindSubmatch(text); err == nil && m != nil {
			pointTo(ts, string(m[1]), keyIn(ts, string(m[2])))
			return
		}
	}
	ts.Fatalf("the server never said its address")
}
