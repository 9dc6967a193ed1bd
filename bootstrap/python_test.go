package bootstrap_test

import (
	"strings"
	"testing"
)

func TestPythonModules(t *testing.T) {
	runScripts(t, "python3.12", map[string]script{
		"nested path": {
			reason: "slashes lead into folders", handler: "a/b.handler",
			files: map[string]string{"a/b.py": "def handler(e, c): return e['n']"}, steps: once(`1`),
		},
		"nested module": {
			reason: "dots lead into packages", handler: "a.b.handler",
			files: map[string]string{"a/__init__.py": "", "a/b.py": "from . import c\ndef handler(e, _): return c.V", "a/c.py": "V = 'sibling'"},
			steps: once(`"sibling"`),
		},
		"layer": {
			reason: "layers lie in /opt/python", handler: "p.handler",
			files: map[string]string{"opt/python/dep.py": "V = 'layer'", "p.py": "import dep\ndef handler(e, c): return dep.V"}, steps: once(`"layer"`),
		},
		"layer of one version": {
			reason: "compiled packages lie under the version's site-packages", handler: "p.handler",
			files: map[string]string{"opt/python/lib/python3.12/site-packages/dep.py": "V = 'abi'", "p.py": "import dep\ndef handler(e, c): return dep.V"},
			steps: once(`"abi"`),
		},
		"function before layer": {
			reason: "the function's own modules win", handler: "p.handler",
			files: map[string]string{"opt/python/dep.py": "V = 'layer'", "dep.py": "V = 'own'", "p.py": "import dep\ndef handler(e, c): return dep.V"},
			steps: once(`"own"`),
		},
		"module named as ours": {
			reason: "the client's files must not be in the way of the user's", handler: "bootstrap.handler",
			files: map[string]string{"bootstrap.py": "import api, loop\ndef handler(e, c): return api.V + loop.V", "api.py": "V = 'a'", "loop.py": "V = 'l'"},
			steps: once(`"al"`),
		},
	})
}

func TestPythonHandlers(t *testing.T) {
	handler := func(body string) map[string]string {
		return map[string]string{"p.py": "import logging, sys, os, decimal\ndef handler(e, c):\n" + indent(body)}
	}
	runScripts(t, "python3.12", map[string]script{
		"result that is no JSON": {
			reason: "the fault is the function's", handler: "p.handler", files: handler("return {1, 2}"), steps: failing("Runtime.MarshalError"),
		},
		"result that holds itself": {
			reason: "as no JSON", handler: "p.handler", files: handler("o = []\no.append(o)\nreturn o"), steps: failing("Runtime.MarshalError"),
		},
		"lone surrogate": {
			reason: "Python strings may hold what UTF-8 cannot; JSON escapes it", handler: "p.handler",
			files: handler(`return "\ud83d"`), steps: []step{{event: `1`, raw: `"\ud83d"`}},
		},
		"event that is no UTF-8": {
			reason: "decoding fails the invocation", handler: "p.handler", files: handler("return e"),
			steps: []step{{event: "\"\xff\"", fails: "Runtime.UnmarshalError"}, {event: `1`, result: `1`}},
		},
		"client context that is no JSON": {
			reason: "nor does a bad header cost the process", handler: "p.handler", files: handler("return 1"),
			steps: []step{
				{event: `{}`, header: map[string]string{"Lambda-Runtime-Client-Context": "{"}, fails: "Runtime.LambdaContextUnmarshalError"},
				{event: `{}`, header: map[string]string{"Lambda-Runtime-Client-Context": "[]"}, fails: "Runtime.LambdaContextUnmarshalError"},
				{event: `{}`, result: `1`},
			},
		},
		"exit": {
			reason: "sys.exit is meant", handler: "p.handler", files: handler("sys.exit(e)"), last: `7`, exit: 7,
		},
		"logged exception": {
			reason: "an exception is one record, with fields and extras", handler: "p.handler", env: []string{"AWS_LAMBDA_LOG_FORMAT=JSON"},
			files: handler("try:\n    1 / 0\nexcept ZeroDivisionError:\n    logging.exception('seen', extra={'order': 7})\nreturn 1"), steps: once(`1`),
			log: `"errorType": "ZeroDivisionError", "errorMessage": "division by zero"`,
		},
		"logged exception as text": {
			reason: "the trace stays in its record", handler: "p.handler",
			files: handler("try:\n    1 / 0\nexcept ZeroDivisionError:\n    logging.exception('seen')\nreturn 1"), steps: once(`1`),
			log: "seen\rTraceback (most recent call last):\r",
		},
		"debug level": {
			reason: "AWS_LAMBDA_LOG_LEVEL sets the root logger's level in JSON format", handler: "p.handler",
			env:   []string{"AWS_LAMBDA_LOG_FORMAT=JSON", "AWS_LAMBDA_LOG_LEVEL=DEBUG"},
			files: handler("logging.debug('deep')\nreturn 1"), steps: once(`1`), log: `"message": "deep"`,
		},
		"print": {
			reason: "what is printed is there when the answer is", handler: "p.handler",
			files: handler("print('half', end='')\nreturn 1"), steps: once(`1`), log: "half",
		},
		"worker that dies": {
			reason: "its invocation ends at once, and a new worker takes its place", handler: "p.handler",
			env:   []string{"AWS_LAMBDA_MAX_CONCURRENCY=1"},
			files: handler("if e == 'die': os._exit(9)\nreturn e"),
			steps: []step{{event: `1`, result: `1`}, {event: `"die"`, fails: "Runtime.ExitError"}, {event: `2`, result: `2`}},
		},
		"worker that is killed": {
			reason: "as one that dies", handler: "p.handler", env: []string{"AWS_LAMBDA_MAX_CONCURRENCY=2"},
			files: handler("if e == 'die': os.kill(os.getpid(), 9)\nreturn e"),
			steps: []step{{event: `"die"`, fails: "Runtime.ExitError"}, {event: `"die"`, fails: "Runtime.ExitError"}, {event: `3`, result: `3`}},
		},
	})
}

func indent(body string) string {
	return "    " + strings.ReplaceAll(body, "\n", "\n    ")
}
