package buildtemplates_test

import (
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/lambkin-dev/lambkin/bootstrap"
	"github.com/lambkin-dev/lambkin/buildtemplates"
)

func TestLookup(t *testing.T) {
	type overrides = map[string]buildtemplates.Override
	cases := map[string]struct {
		reason    string
		id        string
		overrides overrides
		want      buildtemplates.Entry
	}{
		"Node": {
			reason: "It runs on the slim image and is built in the whole one, of one version.",
			id:     "nodejs22.x",
			want: buildtemplates.Entry{
				ID: "nodejs22.x", Bootstrap: "nodejs22.x", Base: "docker.io/library/node:22-slim", Build: "docker.io/library/node:22",
			},
		},
		"Python": {
			reason: "Versions have two numbers, and 3.10 is not before 3.9.",
			id:     "python3.10",
			want: buildtemplates.Entry{
				ID: "python3.10", Bootstrap: "python3.10", Base: "docker.io/library/python:3.10-slim", Build: "docker.io/library/python:3.10",
			},
		},
		"Ruby": {
			reason: "Ours runs on Docker's image.",
			id:     "ruby3.4",
			want:   buildtemplates.Entry{ID: "ruby3.4", Bootstrap: "ruby3.4", Base: "docker.io/library/ruby:3.4-slim", Build: "docker.io/library/ruby:3.4"},
		},
		"Java": {
			reason: "There is no client of ours, so the base has AWS's.",
			id:     "java21",
			want: buildtemplates.Entry{
				ID: "java21", Bootstrap: "java21", Base: "public.ecr.aws/lambda/java:21", Build: "docker.io/library/maven:3-eclipse-temurin-21",
			},
		},
		"Java8": {
			reason: "AWS's tag for it names the Amazon Linux.",
			id:     "java8.al2",
			want: buildtemplates.Entry{
				ID: "java8.al2", Bootstrap: "java8.al2", Base: "public.ecr.aws/lambda/java:8.al2", Build: "docker.io/library/maven:3-eclipse-temurin-8",
			},
		},
		"DotNet": {
			reason: "As Java.",
			id:     "dotnet8",
			want:   buildtemplates.Entry{ID: "dotnet8", Bootstrap: "dotnet8", Base: "public.ecr.aws/lambda/dotnet:8", Build: "mcr.microsoft.com/dotnet/sdk:8.0"},
		},
		"Provided": {
			reason: "Binaries for Amazon Linux 2023 run on it; what is built is Go.",
			id:     "provided.al2023",
			want: buildtemplates.Entry{
				ID: "provided.al2023", Bootstrap: "provided.al2023", Base: "public.ecr.aws/lambda/provided:al2023", Build: "docker.io/library/golang:1.26",
			},
		},
		"ProvidedAL2": {
			reason: "Binaries for Amazon Linux 2 may need its libraries.",
			id:     "provided.al2",
			want: buildtemplates.Entry{
				ID: "provided.al2", Bootstrap: "provided.al2", Base: "public.ecr.aws/lambda/provided:al2", Build: "docker.io/library/golang:1.26",
			},
		},
		"Go": {
			reason: "An id of ours starts what the Lambda API calls provided.al2023.",
			id:     buildtemplates.Go,
			want: buildtemplates.Entry{
				ID: "go", Bootstrap: "provided.al2023", Base: "public.ecr.aws/lambda/provided:al2023", Build: "docker.io/library/golang:1.26",
			},
		},
		"OldGo": {
			reason: "Programs of the go1.x era are started by our runner.",
			id:     "go1.x",
			want: buildtemplates.Entry{
				ID: "go1.x", Bootstrap: "go1.x", Base: "public.ecr.aws/lambda/provided:al2023", Build: "docker.io/library/golang:1.26",
			},
		},
		"Rust": {
			reason: "Base and build image have the same C library.",
			id:     buildtemplates.Rust,
			want: buildtemplates.Entry{
				ID: "rust", Bootstrap: "provided.al2023", Base: "gcr.io/distroless/cc-debian12:nonroot", Build: "docker.io/library/rust:1-bookworm",
			},
		},
		"Exec": {
			reason: "Nothing is built.",
			id:     "exec",
			want:   buildtemplates.Entry{ID: "exec", Bootstrap: "exec", Base: "public.ecr.aws/lambda/provided:al2023"},
		},
		"Image":      {reason: "The base is the user's.", id: buildtemplates.Image, want: buildtemplates.Entry{ID: "image"}},
		"Dockerfile": {reason: "The base is what is built.", id: buildtemplates.Dockerfile, want: buildtemplates.Entry{ID: "dockerfile", Build: "quay.io/buildah/stable:latest"}},
		"Retired": {
			reason: "Code for Node 12 runs on 18, the oldest that our client runs on; the user is told.",
			id:     "nodejs12.x",
			want: buildtemplates.Entry{
				ID: "nodejs12.x", Bootstrap: "nodejs12.x", Base: "docker.io/library/node:18-slim", Build: "docker.io/library/node:18",
				Note: `runtime "nodejs12.x" runs on node 18, the oldest there is`,
			},
		},
		"OtherImages": {
			reason: "The operator's images take the place of ours.",
			id:     "nodejs22.x", overrides: overrides{"nodejs22.x": {Base: "r/base", Build: "r/build"}},
			want: buildtemplates.Entry{ID: "nodejs22.x", Bootstrap: "nodejs22.x", Base: "r/base", Build: "r/build"},
		},
		"OtherBase": {
			reason: "What an override does not name stays.",
			id:     "nodejs22.x", overrides: overrides{"nodejs22.x": {Base: "r/base"}, "nodejs20.x": {Base: "r/other"}},
			want: buildtemplates.Entry{ID: "nodejs22.x", Bootstrap: "nodejs22.x", Base: "r/base", Build: "docker.io/library/node:22"},
		},
		"RetiredWithBase": {
			reason: "The operator may have images for what nobody else has, and knows what they are.",
			id:     "python2.7", overrides: overrides{"python2.7": {Base: "r/py2", Build: "r/py2-build"}},
			want: buildtemplates.Entry{ID: "python2.7", Bootstrap: "python2.7", Base: "r/py2", Build: "r/py2-build"},
		},
		"New": {
			reason: "A runtime that nobody knows is built and started as its family says.",
			id:     "zig", overrides: overrides{"zig": {Family: "provided", Base: "r/zig", Build: "r/zig-build"}},
			want: buildtemplates.Entry{ID: "zig", Bootstrap: "provided.al2023", Base: "r/zig", Build: "r/zig-build"},
		},
		"NewWithoutImages": {
			reason: "It has those of the family's newest.",
			id:     "nodejs.lts", overrides: overrides{"nodejs.lts": {Family: "nodejs"}},
			want: buildtemplates.Entry{
				ID: "nodejs.lts", Bootstrap: "nodejs24.x", Base: "docker.io/library/node:24-slim", Build: "docker.io/library/node:24",
			},
		},
		"OtherFamily": {
			reason: "An operator may build what AWS calls provided as Rust.",
			id:     "provided.al2", overrides: overrides{"provided.al2": {Family: "rust"}},
			want: buildtemplates.Entry{
				ID: "provided.al2", Bootstrap: "provided.al2023", Base: "gcr.io/distroless/cc-debian12:nonroot", Build: "docker.io/library/rust:1-bookworm",
			},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got, err := buildtemplates.Lookup(tc.id, tc.overrides)
			if err != nil {
				t.Fatalf("%s\nLookup: %v", tc.reason, err)
			}
			if diff := cmp.Diff(tc.want, got, cmpopts.IgnoreUnexported(buildtemplates.Entry{})); diff != "" {
				t.Errorf("%s\n-want +got:\n%s", tc.reason, diff)
			}
		})
	}
}

func TestLookupRefuses(t *testing.T) {
	cases := map[string]struct {
		reason    string
		id        string
		overrides map[string]buildtemplates.Override
		want      []string
	}{
		"Unknown":       {reason: "A slip of the pen.", id: "nodejs22", want: []string{`"nodejs22"`, "runtimes.nodejs22 ", "lambkin-config", "nodejs, python"}},
		"Empty":         {reason: "An image function without a Dockerfile is not built.", id: "", want: []string{`""`}},
		"Python2":       {reason: "Another language.", id: "python2.7", want: []string{"python2.7", "base and build", "lambkin-config", "config.yaml"}},
		"Ruby2":         {reason: "Code for it does not run on 3.", id: "ruby2.7", want: []string{"runtimes.ruby2.7 "}},
		"DotNetCore":    {reason: "AWS has no image of it any more.", id: "dotnetcore3.1", want: []string{"dotnetcore3.1"}},
		"UnknownFamily": {reason: "The operator's slip.", id: "zig", overrides: map[string]buildtemplates.Override{"zig": {Family: "native"}}, want: []string{"zig", "families are"}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			_, err := buildtemplates.Lookup(tc.id, tc.overrides)
			if err == nil {
				t.Fatalf("%s\nLookup gives no error", tc.reason)
			}
			for _, want := range tc.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("%s\nLookup: %v: want it to say %q", tc.reason, err, want)
				}
			}
		})
	}
}

// reference is an image with a host and a tag: the names that need no configuration of a container runtime.
var reference = regexp.MustCompile(`^[a-z0-9.-]+\.[a-z]+(/[a-z0-9-]+)+:[A-Za-z0-9._-]+$`)

func TestEveryRuntime(t *testing.T) {
	for _, r := range bootstrap.All() {
		t.Run(r.ID, func(t *testing.T) {
			e, err := buildtemplates.Lookup(r.ID, nil)
			if err != nil {
				if !strings.Contains(err.Error(), "runtimes."+r.ID+" ") {
					t.Errorf("Lookup: %v: want it to name the key in the configuration", err)
				}
				return
			}
			if e.Bootstrap != r.ID {
				t.Errorf("Lookup gives bootstrap %q, want the runtime itself", e.Bootstrap)
			}
			if !reference.MatchString(e.Base) {
				t.Errorf("base %q has no host and tag", e.Base)
			}
			if e.Build != "" && !reference.MatchString(e.Build) {
				t.Errorf("build image %q has no host and tag", e.Build)
			}
		})
	}
}
