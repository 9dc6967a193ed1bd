package image

import (
	"path"
	"regexp"
	"slices"
	"strings"
)

// Protocol is how a container gets its work.
type Protocol string

// The two protocols.
const (
	// Lambda containers ask the Runtime API for invocations.
	Lambda Protocol = "lambda"
	// HTTP containers listen on $PORT.
	HTTP Protocol = "http"
)

// Protocol guesses from what an image says of itself. Lambda images give themselves away by the variables and places of
// AWS's base images, by the name of a runtime interface client, or by a command that is a handler. All others are HTTP.
func (c Config) Protocol() Protocol {
	line := append(slices.Clone(c.EntryPoint), c.Cmd...)
	switch {
	case slices.ContainsFunc(c.Env, lambdaVariable),
		slices.ContainsFunc(line, lambdaProgram),
		path.Clean("/"+c.WorkingDir) == TaskRoot,
		c.startsHandler():
		return Lambda
	default:
		return HTTP
	}
}

func lambdaVariable(line string) bool {
	name, _, _ := strings.Cut(line, "=")
	return name == "LAMBDA_TASK_ROOT" || name == "LAMBDA_RUNTIME_DIR"
}

// lambdaProgram finds what starts Lambda functions in a word of the command line, which may be a line for a shell.
func lambdaProgram(word string) bool {
	return slices.ContainsFunc(lambdaPrograms(), func(mark string) bool { return strings.Contains(word, mark) })
}

func lambdaPrograms() []string {
	return []string{
		"lambda-entrypoint.sh", // AWS's base images
		"/var/runtime",         // where these have their clients
		"aws-lambda-ric",       // the clients by themselves: Node.js
		"awslambdaric",         // Python
		"aws_lambda_ric",       // Ruby
		"com.amazonaws.services.lambda.runtime.api.client", // Java
		"Amazon.Lambda.RuntimeSupport",                     // .NET
		"aws-lambda-rie",                                   // AWS's emulator
		RuntimePath,                                        // ours
	}
}

// handlerName is MODULE.FUNCTION, with folders before and names of classes between.
var handlerName = regexp.MustCompile(`^[A-Za-z_][\w/-]*(\.[A-Za-z_]\w*|::[A-Za-z_]\w*)+$`)

// startsHandler reports whether the command is one word that is a handler, for an entry point that does not wait for an
// option's value. Files and Java's classes are written alike, but have an extension or begin with a capital.
func (c Config) startsHandler() bool {
	if len(c.Cmd) != 1 || len(c.EntryPoint) == 0 || strings.HasPrefix(c.EntryPoint[len(c.EntryPoint)-1], "-") {
		return false
	}
	word := c.Cmd[0]
	if !handlerName.MatchString(word) {
		return false
	}
	if strings.Contains(word, "::") {
		return true
	}
	last := word[strings.LastIndexByte(word, '.')+1:]
	return last[0] >= 'a' && !slices.Contains(extensions(), last)
}

// extensions end the names of files that programs are given, as far as they could be names of functions.
func extensions() []string {
	return []string{
		"bin", "cfg", "cgi", "cjs", "cnf", "conf", "config", "cr", "dart", "db", "dll", "env", "erl", "ex", "exe", "exs", "go",
		"hcl", "html", "ini", "jar", "js", "json", "jsx", "kdl", "lua", "mjs", "nix", "php", "pl", "properties", "ps1", "psgi",
		"py", "pyc", "pyz", "r", "rb", "ru", "sh", "so", "sql", "sqlite", "toml", "ts", "tsx", "txt", "war", "wasm", "wsgi", "xml",
		"yaml", "yml",
	}
}
