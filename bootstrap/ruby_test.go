package bootstrap_test

import (
	"os/exec"
	"strings"
	"testing"
)

// rubyAPI is the version in the names of folders of gems, such as 3.1.0, that this machine's Ruby looks for.
func rubyAPI(t *testing.T) string {
	out, err := exec.CommandContext(t.Context(), "ruby", "-e", "print Gem.ruby_api_version").Output()
	if err != nil {
		t.Skip("ruby is not installed: apt-get install ruby")
	}
	return strings.TrimSpace(string(out))
}

// gem is a function beside a gem named dep that is installed in folder.
func gem(folder, function string) map[string]string {
	return map[string]string{
		"app.rb":                             function,
		folder + "gems/dep-1.0.0/lib/dep.rb": "DEP = 'gem'",
		folder + "specifications/dep-1.0.0.gemspec": "Gem::Specification.new do |s|\n  s.name = 'dep'\n  s.version = '1.0.0'\n" +
			"  s.summary = 'a gem'\n  s.authors = ['us']\n  s.files = ['lib/dep.rb']\nend\n",
	}
}

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
		"gem of another Ruby": {
			reason: "bundler names the folder after the Ruby that runs, and the runtime's id names one that this machine may lack", handler: "app.handler",
			files: gem("vendor/bundle/ruby/"+rubyAPI(t)+"/", "require 'dep'\ndef handler(event:, context:) = DEP"), steps: once(`"gem"`),
		},
		"gem of another Ruby in a layer": {
			reason: "as in the code", handler: "app.handler",
			files: gem("opt/ruby/gems/"+rubyAPI(t)+"/", "require 'dep'\ndef handler(event:, context:) = DEP"), steps: once(`"gem"`),
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
