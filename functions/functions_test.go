package functions_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/lambkin-dev/lambkin/bootstrap"
	"github.com/lambkin-dev/lambkin/bootstrap/runner"
	"github.com/lambkin-dev/lambkin/cli/command"
	"github.com/lambkin-dev/lambkin/cli/host"
	"github.com/lambkin-dev/lambkin/cli/terminal"
	"github.com/lambkin-dev/lambkin/functions"
	"github.com/lambkin-dev/lambkin/runtime-api/process"
)

func TestMain(m *testing.M) {
	process.MaybeHelper()
	runner.MaybeRun()
	os.Exit(m.Run())
}

// TestSamples deploys every sample as a person would, sends its event.json and compares with its want.json.
func TestSamples(t *testing.T) {
	run := serve(t)
	for _, s := range functions.All() {
		t.Run(s.String(), func(t *testing.T) {
			needs(t, s.Family)
			dir := filepath.FromSlash(s.String())
			if layer := filepath.Join(dir, "layer"); isDir(layer) {
				if code, out := run("layer", "publish", "greetings", layer); code != 0 {
					t.Fatalf("publish the layer: %s", out)
				}
			}
			if code, out := run("deploy", "./"+dir); code != 0 {
				t.Fatalf("deploy: exit code %d: %s", code, out)
			}
			args := []string{"invoke", s.Name(), "-d", "@" + filepath.Join(dir, "event.json")}
			code, out := run(args...)
			compare(t, dir, code, out)
			if s.Template == "stream" {
				code, out := run(append(args, "--stream")...)
				compare(t, dir, code, out)
			}
		})
	}
}

// serve starts a server and gives a function that runs the command line against it.
func serve(t *testing.T) func(args ...string) (int, string) {
	t.Helper()
	s, err := host.Start(t.Context(), host.Config{Addr: "127.0.0.1:0", NoAuth: true, DataDir: t.TempDir(), Identity: command.Identity()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := s.Close(ctx); err != nil {
			t.Errorf("close the server: %v", err)
		}
	})
	return func(args ...string) (int, string) {
		var out, told bytes.Buffer
		app := &command.App{IO: &terminal.Streams{In: strings.NewReader(""), Out: &out, Err: &told}, Getenv: func(string) string { return "" }}
		code := command.Run(t.Context(), app, append(args, "--endpoint", s.URL))
		if code != 0 {
			t.Log(told.String())
		}
		return code, out.String()
	}
}

// needs skips a sample whose language is not here.
func needs(t *testing.T, family string) {
	t.Helper()
	id := map[string]string{"nodejs": "nodejs22.x", "python": "python3.13", "ruby": "ruby3.4"}[family]
	if id == "" {
		return
	}
	r, _ := bootstrap.Lookup(id)
	if _, err := new(bootstrap.Interpreters).Find(r); err != nil {
		t.Skip(err)
	}
}

func isDir(name string) bool {
	info, err := os.Stat(name)
	return err == nil && info.IsDir()
}

// compare checks an answer against want.json. Errors want exit code 3.
func compare(t *testing.T, dir string, code int, out string) {
	t.Helper()
	want := decode(t, read(t, filepath.Join(dir, "want.json")))
	wantCode := 0
	if doc, ok := want.(map[string]any); ok && doc["errorMessage"] != nil {
		wantCode = 3
	}
	if code != wantCode {
		t.Errorf("exit code = %d, want %d", code, wantCode)
	}
	var got any
	if err := json.Unmarshal([]byte(out), &got); err != nil {
		got = out // an answer that is no JSON is a text
	}
	if !matches(want, got) {
		t.Errorf("answer = %s, want %s", out, read(t, filepath.Join(dir, "want.json")))
	}
}

func read(t *testing.T, name string) []byte {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func decode(t *testing.T, text []byte) any {
	t.Helper()
	var v any
	if err := json.Unmarshal(text, &v); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return v
}

var uuidForm = regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$`)

// matches compares as the package comment says.
func matches(want, got any) bool {
	switch want := want.(type) {
	case map[string]any:
		got, ok := got.(map[string]any)
		if !ok || len(want) != len(got) {
			return false
		}
		for k, v := range want {
			if _, ok := got[k]; !ok || !matches(v, got[k]) {
				return false
			}
		}
		return true
	case []any:
		got, ok := got.([]any)
		if !ok || len(want) != len(got) {
			return false
		}
		for i := range want {
			if !matches(want[i], got[i]) {
				return false
			}
		}
		return true
	case string:
		return matchesText(want, got)
	default:
		return reflect.DeepEqual(want, got)
	}
}

func matchesText(want string, got any) bool {
	text, isText := got.(string)
	if want == "<any>" {
		return true
	}
	if want == "<uuid>" {
		return isText && uuidForm.MatchString(text)
	}
	if form, ok := strings.CutPrefix(want, "<regexp>"); ok {
		return isText && regexp.MustCompile("^(?:"+form+")$").MatchString(text)
	}
	if inner, ok := strings.CutPrefix(want, "<json>"); ok {
		var a, b any
		return isText && json.Unmarshal([]byte(inner), &a) == nil && json.Unmarshal([]byte(text), &b) == nil && matches(a, b)
	}
	return isText && want == text
}

func TestMatches(t *testing.T) {
	cases := map[string]struct {
		want, got string
		ok        bool
	}{
		"Same":        {`{"a":[1,null]}`, `{"a":[1,null]}`, true},
		"Missing":     {`{"a":"<any>"}`, `{"b":1}`, false},
		"More":        {`{"a":1}`, `{"a":1,"b":2}`, false},
		"Any":         {`{"a":"<any>"}`, `{"a":{"x":[]}}`, true},
		"UUID":        {`"<uuid>"`, `"b1f1c0de-0000-4000-8000-000000000001"`, true},
		"NoUUID":      {`"<uuid>"`, `"b1f1c0de"`, false},
		"Expression":  {`"<regexp>a+"`, `"aaa"`, true},
		"WholeOnly":   {`"<regexp>a+"`, `"aab"`, false},
		"JSONInText":  {`"<json>{\"a\":1}"`, `"{ \"a\": 1 }"`, true},
		"OtherLength": {`[1]`, `[1,2]`, false},
		"OtherType":   {`[1]`, `{"0":1}`, false},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if got := matches(decode(t, []byte(tc.want)), decode(t, []byte(tc.got))); got != tc.ok {
				t.Errorf("matches(%s, %s) = %v, want %v", tc.want, tc.got, got, tc.ok)
			}
		})
	}
}

// TestEverySampleIsWhole checks what a sample must have, without running it.
func TestEverySampleIsWhole(t *testing.T) {
	perFamily := map[string]int{}
	for _, s := range functions.All() {
		perFamily[s.Family]++
		files, err := s.Files()
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{"function.yaml", "README.md", "event.json", "want.json"} {
			text, err := fs.ReadFile(files, name)
			if err != nil {
				t.Errorf("%s: %v", s, err)
				continue
			}
			if strings.HasSuffix(name, ".json") && !json.Valid(text) {
				t.Errorf("%s/%s is not JSON", s, name)
			}
			if name == "function.yaml" && !bytes.Contains(text, []byte("name: "+s.Name()+"\n")) {
				t.Errorf("%s/function.yaml is not named %s, which \"new\" replaces", s, s.Name())
			}
		}
	}
	for _, family := range functions.Families() {
		if perFamily[family] < 3 {
			t.Errorf("%s has %d samples, want hello, http and a third", family, perFamily[family])
		}
	}
}

func TestFind(t *testing.T) {
	if _, err := functions.Find("nodejs", "hello"); err != nil {
		t.Error(err)
	}
	for _, s := range []functions.Sample{{Family: "nodejs", Template: "nothing"}, {Family: "cobol", Template: "hello"}, {Family: "..", Template: "hello"}} {
		if _, err := functions.Find(s.Family, s.Template); err == nil {
			t.Errorf("Find(%s) succeeded", s)
		}
	}
}

func TestFamilyOf(t *testing.T) {
	for runtime, want := range map[string]string{
		"nodejs22.x": "nodejs", "node": "nodejs", "python3.13": "python", "ruby3.4": "ruby", "go": "go", "golang": "go",
		"provided.al2023": "go", "shell": "shell", "exec": "exec", "java21": "java21",
	} {
		if got := functions.FamilyOf(runtime); got != want {
			t.Errorf("FamilyOf(%q) = %q, want %q", runtime, got, want)
		}
	}
}

func TestEvents(t *testing.T) {
	names := functions.EventNames()
	for _, want := range []string{"apigateway", "alb", "sqs", "s3", "sns", "kinesis", "dynamodb", "eventbridge", "schedule"} {
		if text, err := functions.Event(want); err != nil || !json.Valid(text) {
			t.Errorf("Event(%q) = %v", want, err)
		}
	}
	if len(names) < 10 {
		t.Errorf("only %d sample events", len(names))
	}
	if _, err := functions.Event("../functions"); err == nil || errors.Is(err, fs.ErrInvalid) {
		t.Errorf("Event of a path = %v, want a plain refusal", err)
	}
}
