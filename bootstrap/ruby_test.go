package bootstrap_test

import "testing"

func TestRubyHandlers(t *testing.T) {
	runScripts(t, "ruby3.3", map[string]script{
		"class method": {
			reason: "file.Class.method", handler: "app.Handler.process",
			files: map[string]string{"app.rb": "class Handler\n  def self.process(event:, context:) = event['n']\nend"}, steps: once(`1`),
		},
		"method in a module": {
			reason: "namespaces are written with colons", handler: "src/app.Shop::Handler.process",
			files: map[string]string{"src/app.rb": "module Shop\n  class Handler\n    def self.process(event:, context:) = 'shop'\n  end\nend"},
			steps: once(`"shop"`),
		},
		"require of a sibling": {
			reason: "the function's folder is on the load path", handler: "app.handler",
			files: map[string]string{"dep.rb": "DEP = 'own'", "app.rb": "require 'dep'\ndef handler(event:, context:) = DEP"}, steps: once(`"own"`),
		},
		"require from a layer": {
			reason: "layers lie in /opt/ruby/lib", handler: "app.handler",
			files: map[string]string{"opt/ruby/lib/dep.rb": "DEP = 'layer'", "app.rb": "require 'dep'\ndef handler(event:, context:) = DEP"},
			steps: once(`"layer"`),
		},
		"result that is no JSON": {
			reason: "the fault is the function's", handler: "app.handler",
			files: map[string]string{"app.rb": `def handler(event:, context:) = "\xff"`}, steps: failing("Runtime.MarshalError"),
		},
		"error with bytes in its message": {
			reason: "messages may hold anything", handler: "app.handler",
			files: map[string]string{"app.rb": `def handler(event:, context:) = raise(IOError, "\xff")`}, steps: failing("Function<IOError>"),
		},
		"endless recursion": {
			reason: "errors beyond StandardError are the function's too", handler: "app.handler",
			files: map[string]string{"app.rb": "def again = again\ndef handler(event:, context:) = again"}, steps: failing("Function<SystemStackError>"),
		},
		"load error in a handler": {
			reason: "as endless recursion", handler: "app.handler",
			files: map[string]string{"app.rb": "def handler(event:, context:) = require('nowhere')"}, steps: failing("Function<LoadError>"),
		},
		"client context that is no JSON": {
			reason: "a bad header fails its invocation, not the process", handler: "app.handler",
			files: map[string]string{"app.rb": `def handler(event:, context:) = 1`},
			steps: []step{
				{event: `{}`, header: map[string]string{"Lambda-Runtime-Client-Context": "{"}, fails: "Runtime.LambdaContextUnmarshalError"},
				{event: `{}`, result: `1`},
			},
		},
		"exit": {
			reason: "exit is meant", handler: "app.handler",
			files: map[string]string{"app.rb": "def handler(event:, context:) = Kernel.exit(event)"}, last: `7`, exit: 7,
		},
		"logged error": {
			reason: "an error is one record, with fields", handler: "app.handler", env: []string{"AWS_LAMBDA_LOG_FORMAT=JSON"},
			files: map[string]string{"app.rb": "require 'logger'\nL = Logger.new($stdout)\ndef handler(event:, context:)\n  L.error(IOError.new('gone'))\n  1\nend"},
			steps: once(`1`), log: `"errorType":"IOError","errorMessage":"gone"`,
		},
	})
}
