package source

import (
	"regexp"
	"strings"
)

// klrRuntime finds the runtime in the address of a task of the Knative Lambda Runtime,
// such as https://raw…/triggermesh/knative-lambda-runtime/master/node10/runtime.yaml.
var klrRuntime = regexp.MustCompile(`(?i)knative-lambda-runtime.*/([a-z]+-?[0-9.x]*)/(?:runtime|buildtemplate)\.yaml$`)

// klrTask finds it in the name of such a task, such as knative-node10-runtime.
var klrTask = regexp.MustCompile(`^knative-([a-z]+[0-9.x-]*)-runtime$`)

// RuntimeID gives the id of the runtime that a person means: ids stay as they are, languages get the current version,
// and the runtimes of the Knative Lambda Runtime, by address or task name, get those that took their place.
func RuntimeID(s string) string {
	name := strings.TrimSpace(s)
	if m := klrRuntime.FindStringSubmatch(name); m != nil {
		name = m[1]
	}
	if strings.Contains(name, "/aws-custom-runtime/") {
		name = "aws-custom-runtime"
	}
	if m := klrTask.FindStringSubmatch(name); m != nil {
		name = m[1]
	}
	switch strings.ToLower(name) {
	case "node", "nodejs", "javascript", "node4", "node4.x", "node-4.x", "node10", "node10.x", "node-10.x", "node18", "node18.x":
		return defaultNode
	case "python", "python2.7", "python-2.7", "python27", "python3.7", "python-3.7", "python37", "python310":
		return defaultPython
	case "ruby", "ruby2.5", "ruby-2.5", "ruby25", "ruby32":
		return defaultRuby
	case "go", "golang", "go-1.x", "provided", "shell", "custom", "aws-custom-runtime":
		return defaultProvided
	case "java8":
		return "java8.al2"
	default:
		return name
	}
}
