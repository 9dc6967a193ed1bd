package source_test

import (
	"strings"
	"testing"

	"github.com/lambkin-dev/lambkin/cli/source"
)

// TestHandlersAsPeopleWriteThem has the forms in which handlers are exported and defined in the wild.
func TestHandlersAsPeopleWriteThem(t *testing.T) {
	cases := map[string]struct{ file, text, want string }{
		"ConstArrow":       {"index.mjs", "export const handler = async (event) => ({})", "index.handler"},
		"Function":         {"index.mjs", "export async function handler(event) {}", "index.handler"},
		"List":             {"index.mjs", "const handler = () => 1;\nexport { other, handler };", "index.handler"},
		"ListRenamed":      {"index.mjs", "const h = () => 1;\nexport { h as handler };", "index.handler"},
		"ListLong":         {"index.mjs", "export {\n  other,\n  handler,\n};", "index.handler"},
		"Exports":          {"index.js", "exports.handler = async function () {}", "index.handler"},
		"ModuleExports":    {"index.js", "module.exports.handler = (e, c, cb) => cb(null, 1)", "index.handler"},
		"ModuleObject":     {"index.js", "module.exports = { handler: async () => 1 }", "index.handler"},
		"ModuleShort":      {"index.js", "module.exports = { other, handler }", "index.handler"},
		"ModuleMethod":     {"index.js", "module.exports = {\n  async handler(event) { return 1 },\n}", "index.handler"},
		"Compiled":         {"index.js", "\"use strict\";\nObject.defineProperty(exports, \"__esModule\", { value: true });\nexports.handler = void 0;", "index.handler"},
		"OnlyExport":       {"api.mjs", "export const greet = () => 1", "api.greet"},
		"ByteOrderMark":    {"app.py", "\ufeffdef handler(event, context):\n    pass", "app.handler"},
		"PythonLong":       {"app.py", "def handler(\n    event,\n    context,\n):\n    pass", "app.handler"},
		"PythonGeneric":    {"app.py", "def handler(event: dict[str, Any], context: object) -> None:\n    pass", "app.handler"},
		"PythonStar":       {"app.py", "def handler(event, *rest):\n    pass\ndef main(event, context):\n    pass", "app.main"},
		"PythonDecorated":  {"app.py", "@tracer.capture\ndef lambda_handler(event, context):\n    pass", "app.lambda_handler"},
		"PythonUnderscore": {"app.py", "def handler(_event, _context):\n    pass", "app.handler"},
		"RubyBare":         {"app.rb", "def handler event:, context:\nend", "app.handler"},
		"RubySplat":        {"app.rb", "def handler(**args)\nend", "app.handler"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got, err := source.GuessFrom(files(tc.file, tc.text), "")
			if err != nil || got.Handler != tc.want {
				t.Errorf("handler %q, %v; want %q", got.Handler, err, tc.want)
			}
		})
	}
}

func TestCustomaryNamesGoFirst(t *testing.T) {
	const py, js = "def handler(event, context): pass", "exports.handler = 1"
	cases := map[string]struct {
		reason string
		files  []string
		want   string
	}{
		"Python":      {"lambda_function before the others", []string{"app.py", py, "lambda_function.py", py, "zzz.py", py}, "lambda_function.handler"},
		"Node":        {"index before the others", []string{"app.js", js, "index.js", js}, "index.handler"},
		"NotThere":    {"a customary file without a handler is passed over", []string{"app.py", "x = 1", "other.py", py}, "other.handler"},
		"OtherName":   {"an uncommon file with the common name beats a common file with another", []string{"app.py", "def greet(a, b): pass", "other.py", py}, "other.handler"},
		"Hidden":      {"a tool's settings are no code", []string{".eslintrc.js", js, "app.py", py}, "app.handler"},
		"NoHandler":   {"", []string{"index.js", "const handler = 1"}, ""},
		"HandlerOnly": {"a word that begins like it is another", []string{"index.js", "module.exports = { handlers: 1, myhandler: 2 }"}, ""},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got, err := source.GuessFrom(files(tc.files...), "")
			if got.Handler != tc.want || (err != nil) != (tc.want == "") {
				t.Errorf("%s: %q, %v; want %q", tc.reason, got.Handler, err, tc.want)
			}
			if err != nil && !strings.Contains(err.Error(), "--handler") {
				t.Errorf("%v: want the way out", err)
			}
		})
	}
}

func TestGo1xIsSourceOrProgram(t *testing.T) {
	got, err := source.GuessFrom(files("main.go", "package main"), "go1.x")
	if err != nil || !got.GoProgram || got.Runtime != "go1.x" {
		t.Errorf("source: %+v, %v", got, err)
	}
	got, err = source.GuessFrom(files("main", "\x7fELF"), "go1.x")
	if err != nil || got.GoProgram || got.Runtime != "go1.x" {
		t.Errorf("program: %+v, %v", got, err)
	}
}

// FuzzGuess looks into any file: guessing ends, and a handler that is found has a module and a function.
func FuzzGuess(f *testing.F) {
	f.Add("index.js", "module.exports = { handler")
	f.Add("app.py", "def handler(event, context")
	f.Add("f.rb", "def self.x event:")
	f.Add(".py", "def A(0,0")
	f.Add("package.json", `{"main": "../../etc/passwd"}`)
	f.Fuzz(func(t *testing.T, name, text string) {
		if name == "" || strings.ContainsAny(name, "/\x00\\") || name == "." || name == ".." {
			t.Skip("no name of a file")
		}
		got, err := source.GuessFrom(files(name, text), "")
		if err != nil || got.Runtime == "provided.al2023" {
			return
		}
		if module, function, ok := strings.Cut(got.Handler, "."); !ok || module == "" || function == "" {
			t.Errorf("%q: handler %q", name, got.Handler)
		}
	})
}
