package architecture

import "strings"

// imports is the table of who may import whom among our own packages. A package without a row may import nothing of
// ours; a row without a package, or an entry nobody uses any more, is an error too, so the table is always the truth.
// Tests may import what they like: they stand outside.
func imports() map[string][]string {
	return map[string][]string{
		// The vocabulary.
		// A policy is checked where its object is, by the language's own reader.
		"api/v1alpha1":    {"internal/policy"},
		"internal/lambda": {},
		"internal/event":  {},

		// Pieces with one purpose, built on the vocabulary alone.
		"internal/archive": {"internal/lambda"},
		"internal/awshttp": {"internal/event", "internal/lambda"},
		// Who asks, and whether they may.
		"internal/access":    {"internal/lambda", "internal/policy"},
		"internal/signature": {"internal/awshttp", "internal/lambda"},
		// What happens to asynchronous events, the same on every engine; requests to places that users name.
		"internal/delivery":  {"api/v1alpha1", "internal/event", "internal/lambda", "internal/messaging", "internal/outbound"},
		"internal/messaging": {"internal/outbound"},
		"internal/outbound":  {},
		// AWS's policy language.
		"internal/policy": {},
		// Code out of S3 and what stands for it.
		"internal/bucket": {},

		// What runs in every pod. Kubernetes objects stop at its door: it knows flags and environment variables.
		"runtime-api/invoke":    {"internal/lambda"},
		"runtime-api/process":   {},
		"runtime-api/extension": {"internal/lambda"},
		"runtime-api/telemetry": {"internal/lambda"},
		"runtime-api/server": {
			"internal/awshttp", "internal/event", "internal/lambda",
			"runtime-api/extension", "runtime-api/invoke", "runtime-api/telemetry",
		},
		"runtime-api/tracing": {"internal/event", "internal/lambda"},
		"runtime-api/pod": {
			"internal/lambda",
			"runtime-api/extension", "runtime-api/invoke", "runtime-api/process", "runtime-api/server", "runtime-api/telemetry",
		},
		"docs": {"bootstrap", "buildtemplates", "internal/gateway"},
		"runtime-api": {
			"bootstrap", "bootstrap/runner", "internal/event", "internal/lambda",
			"runtime-api/pod", "runtime-api/process", "runtime-api/server", "runtime-api/tracing",
		},

		// What goes into images beside the function. The suite is for tests alone, so nobody may import it.
		"bootstrap":              {},
		"bootstrap/client":       {"internal/lambda"},
		"bootstrap/gorpc":        {"bootstrap/client"},
		"bootstrap/stdio":        {"bootstrap/client", "internal/lambda"},
		"bootstrap/runner":       {"bootstrap/gorpc", "bootstrap/stdio"},
		"bootstrap/protocoltest": {"internal/lambda"},

		// The port that engines fill, and the engines. They never import one another.
		"internal/engine":               {"api/v1alpha1", "internal/event", "internal/lambda"},
		"internal/engine/local/blob":    {"internal/lambda"},
		"internal/engine/local/logbook": {"internal/lambda"},
		"internal/engine/local/queue":   {"internal/lambda"},
		"internal/engine/local/store":   {"api/v1alpha1", "internal/lambda"},
		"internal/engine/local": {
			"api/v1alpha1", "bootstrap", "internal/archive", "internal/delivery", "internal/engine", "internal/engine/local/blob",
			"internal/engine/local/logbook", "internal/engine/local/queue", "internal/engine/local/store",
			"internal/lambda", "internal/messaging", "internal/outbound", "runtime-api/pod", "runtime-api/process",
		},
		"internal/engine/remote": {"api/v1alpha1", "internal/access", "internal/awshttp", "internal/engine", "internal/lambda"},
		"internal/engine/knative": {
			"api/v1alpha1", "internal/access", "internal/engine", "internal/engine/remote", "internal/lambda", "internal/platform", "internal/signature",
		},
		// For tests alone, so nobody may import them.
		"internal/messaging/double": {},
		"internal/engine/remote/double": {
			"api/v1alpha1", "internal/engine", "internal/engine/remote", "internal/lambda",
		},
		"internal/engine/enginetest": {"api/v1alpha1", "internal/engine", "internal/lambda"},

		// On a cluster: code becomes images, objects become Knative's.
		"controller/code": {
			"api/v1alpha1", "bootstrap", "buildtemplates", "buildtemplates/image", "internal/archive", "internal/lambda",
			"internal/outbound", "internal/platform",
		},
		"controller/event":     {"api/v1alpha1", "internal/delivery", "internal/lambda", "internal/messaging", "internal/outbound"},
		"controller/resources": {"api/v1alpha1", "internal/lambda", "internal/platform"},
		"controller/apply":     {"api/v1alpha1"},
		"controller/family":    {"api/v1alpha1", "controller/resources", "internal/lambda"},
		"controller/report":    {"api/v1alpha1"},
		"controller/settings":  {"controller/resources", "internal/platform"},
		"controller/watch":     {},
		"controller/deploy": {
			"api/v1alpha1", "controller/apply", "controller/code", "controller/resources", "controller/watch", "internal/platform",
		},
		"controller/function": {
			"api/v1alpha1", "controller/deploy", "controller/family", "controller/report", "controller/resources", "controller/watch",
		},
		"controller/version": {
			"api/v1alpha1", "controller/deploy", "controller/family", "controller/report", "controller/resources", "controller/watch",
		},
		"controller/alias": {
			"api/v1alpha1", "controller/apply", "controller/family", "controller/report", "controller/resources", "controller/watch",
		},
		"controller/resourcepolicy": {"api/v1alpha1", "controller/family", "controller/report", "controller/watch"},
		"controller/url":            {"api/v1alpha1", "controller/family", "controller/report", "controller/watch", "internal/platform"},
		"controller": {
			"api/v1alpha1", "controller/alias", "controller/apply", "controller/code", "controller/deploy", "controller/event",
			"controller/family", "controller/function", "controller/policy", "controller/report", "controller/resourcepolicy", "controller/resources",
			"controller/settings", "controller/url", "controller/version", "controller/watch",
			"internal/engine/knative", "internal/lambda", "internal/messaging", "internal/outbound", "internal/platform",
		},
		"controller/policy": {"api/v1alpha1", "controller/resources", "controller/watch"},

		// The door for AWS's tools.
		"internal/gateway": {
			"api/v1alpha1", "internal/access", "internal/awshttp", "internal/bucket", "internal/engine", "internal/event", "internal/lambda", "internal/policy",
			"internal/signature",
		},
		"internal/gateway/operations": {},

		// The command line.
		"cli/terminal": {},
		"cli/manifest": {"api/v1alpha1", "cli/source"},
		"cli/source":   {"api/v1alpha1", "internal/lambda"},
		"cli/command": {
			"api/v1alpha1", "bootstrap", "cli/cluster", "cli/cluster/examine", "cli/cluster/install", "cli/host", "cli/manifest", "cli/rollout",
			"cli/source", "cli/terminal", "functions", "internal/access", "internal/bucket", "internal/engine", "internal/engine/knative", "internal/engine/remote",
			"internal/lambda", "internal/messaging", "internal/platform", "internal/policy", "internal/signature", "runtime-api/process",
		},
		// What verbs do with a cluster beside the engine.
		"cli/cluster":         {"api/v1alpha1", "buildtemplates", "internal/access", "internal/lambda", "internal/platform"},
		"cli/cluster/examine": {"api/v1alpha1", "cli/cluster", "internal/engine", "internal/lambda", "internal/platform"},
		"cli/cluster/install": {"internal/platform"},
		"cli/rollout":         {"api/v1alpha1", "internal/engine", "internal/lambda"},
		// The server behind `lambkin serve`: the one place where the doors meet an engine.
		"cli/host": {
			"api/v1alpha1", "bootstrap/runner", "buildtemplates/image", "internal/access", "internal/awshttp", "internal/bucket", "internal/engine",
			"internal/engine/knative", "internal/engine/local", "internal/engine/remote", "internal/event", "internal/gateway", "internal/lambda",
			"internal/messaging", "internal/platform", "internal/policy", "internal/signature", "runtime-api/process", "runtime-api/server", "runtime-api/tracing",
		},
		"cli": {"bootstrap/runner", "cli/command", "runtime-api/process"},

		// Images and how code becomes one.
		"buildtemplates":           {"api/v1alpha1", "bootstrap"},
		"buildtemplates/image":     {"internal/archive", "internal/lambda"},
		"buildtemplates/manifests": {"buildtemplates"},
		"buildtemplates/source":    {"internal/archive", "internal/lambda"},
		"buildtemplates/builder":   {"buildtemplates/image", "buildtemplates/source", "internal/archive", "internal/lambda"},

		"functions": {},

		// The benchmarks measure what they could not reach by command line alone: a store with many functions, a single bake.
		"bench":         {"api/v1alpha1", "bench/table", "internal/access", "internal/engine/local/store", "internal/signature"},
		"bench/table":   {},
		"bench/cluster": {"api/v1alpha1", "bench/table", "buildtemplates/image", "internal/archive", "internal/engine/knative", "internal/platform"},

		// What the operator of a cluster decides.
		"internal/platform": {"buildtemplates", "internal/lambda", "internal/messaging"},

		// The fault run finds the gateway of a cluster.
		"test/faults": {"api/v1alpha1", "internal/platform", "internal/signature"},

		// What users get is put together here.
		"tools/release": {"buildtemplates", "buildtemplates/image", "internal/platform"},
	}
}

// fence says which of our folders may import a module directly, and why not the others.
type fence struct {
	module  string // the beginning of an import path
	allowed []string
	why     string
}

// wayOut says where an import of the module could go.
func (f fence) wayOut() string {
	if len(f.allowed) == 0 {
		return "do without it outside tests"
	}
	return "move the code into " + strings.Join(f.allowed, " or ")
}

func fences() []fence {
	return []fence{
		{"k8s.io/apimachinery", []string{"api", "buildtemplates", "cli", "controller", "internal/engine", "internal/gateway", "internal/platform"}, "objects end where code and processes begin"},
		{"k8s.io/", []string{"buildtemplates", "cli/cluster", "controller", "internal/engine/knative"}, "only what talks to a cluster needs its clients"},
		{"sigs.k8s.io/yaml", []string{"buildtemplates/manifests", "cli", "docs", "internal/platform", "tools/release"}, "manifests are files, and files are the command line's and the release's"},
		{"sigs.k8s.io/", []string{"cli/cluster", "controller", "internal/engine/knative"}, "only what talks to a cluster needs its clients"},
		{"knative.dev/", []string{"controller", "internal/engine/knative"}, "only what talks to a cluster needs its types"},
		{"github.com/tektoncd/", []string{"buildtemplates", "cli/cluster", "controller"}, "only builds need it"},
		{"github.com/spf13/", []string{"cli/command"}, "verbs live in cli/command"},
		{"github.com/go-git/", []string{"buildtemplates/builder"}, "only the first step of a build reads repositories"},
		{"github.com/google/go-containerregistry", []string{"buildtemplates/image"}, "images are made in one place"},
		{"github.com/fsnotify/fsnotify", []string{"cli"}, "only `lambkin dev` watches files"},
		{"github.com/gorilla/mux", []string{"internal/gateway", "runtime-api/server"}, "routes belong to the HTTP faces"},
		{"github.com/prometheus/", []string{"runtime-api", "controller"}, "metrics are counted where invocations run, and in the controller"},
		{"go.opentelemetry.io/", []string{"runtime-api"}, "spans are made where invocations run"},
		{"go.etcd.io/bbolt", []string{"internal/engine/local"}, "the store is the local engine's own affair"},
		{"github.com/aws/aws-lambda-go", []string{"bootstrap", "functions"}, "it is the other side of our protocol; only go1.x messages and samples share its types"},
		{"github.com/aws/aws-sdk-go-v2/aws/protocol/eventstream", []string{"internal/awshttp", "internal/engine/remote"}, "event-stream frames are an HTTP matter"},
		{"github.com/aws/aws-sdk-go-v2/aws/signer", []string{"internal/bucket", "internal/messaging"}, "signatures are made with it where we ask AWS or what stands for it; internal/signature has its own code, which tests compare with it"},
		{"github.com/aws/aws-sdk-go-v2/service/lambda", []string{"internal/gateway/operations"}, "the SDK is a client for tests; its model is read by one generator"},
		{"github.com/aws/aws-sdk-go-v2/aws", []string{"internal/bucket", "internal/messaging"}, "credentials as the signer takes them"},
		{"github.com/aws/", nil, "there is no AWS behind us"},
		{"github.com/rogpeppe/go-internal", nil, "scripts run in tests only"},
		{"github.com/google/go-cmp", []string{"bootstrap/protocoltest", "internal/engine/enginetest"}, "comparisons for people run in tests only"},
	}
}

// podModules are the modules, direct or not, that may be linked into the binary of every pod, with the reason. A new
// line here is a decision: each costs start-up time, memory and attack surface in every pod.
func podModules() map[string]string {
	return map[string]string{
		"github.com/gorilla/mux":                                "HTTP routing",
		"github.com/google/uuid":                                "request ids",
		"golang.org/x/sync":                                     "errgroup",
		"github.com/aws/aws-lambda-go":                          "the messages of go1.x functions",
		"golang.org/x/sys":                                      "process groups, namespaces, limits",
		"github.com/aws/aws-sdk-go-v2/aws/protocol/eventstream": "frames of InvokeWithResponseStream",
		"github.com/aws/smithy-go":                              "of eventstream",
		"github.com/prometheus/client_golang":                   "metrics in the form every cluster reads",
		"github.com/beorn7/perks":                               "of client_golang",
		"github.com/cespare/xxhash/v2":                          "of client_golang",
		"github.com/munnerz/goautoneg":                          "of client_golang",
		"github.com/prometheus/client_model":                    "of client_golang",
		"github.com/prometheus/common":                          "of client_golang",
		"github.com/prometheus/procfs":                          "of client_golang",
		"google.golang.org/protobuf":                            "of client_golang; the messages in which spans are sent",
		"go.opentelemetry.io/otel":                              "spans",
		"go.opentelemetry.io/otel/sdk":                          "samplers and batches of spans",
		"go.opentelemetry.io/otel/trace":                        "of otel",
		"go.opentelemetry.io/otel/metric":                       "of otel",
		"go.opentelemetry.io/auto/sdk":                          "of otel",
		"github.com/go-logr/logr":                               "of otel",
		"github.com/go-logr/stdr":                               "of otel",
	}
}

// folders are the top-level folders that may hold Go code.
func folders() []string {
	return []string{
		"api", "bench", "bootstrap", "buildtemplates", "cli", "controller", "docs", "functions", "internal", "runtime-api",
		"test", "tools",
	}
}

// namesThatSayNothing are package names that end up holding anything.
func namesThatSayNothing() []string {
	return []string{"base", "common", "helper", "helpers", "misc", "pkg", "shared", "types", "util", "utils"}
}
