# Lambkin. `make` lists what can be made; CONTRIBUTING.md says when.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

# Without a home there is no place for Go's caches, so they go beside the code.
ifeq ($(strip $(HOME)),)
export GOCACHE ?= $(CURDIR)/.cache/go-build
export GOPATH ?= $(CURDIR)/.cache/go
export XDG_CACHE_HOME ?= $(CURDIR)/.cache
endif

# STAMP says whether Go writes version and commit into the programs; without a working git it could not.
STAMP := $(shell git status >/dev/null 2>&1 && echo true || echo false)
# FUZZTIME is how long `make fuzz` gives each fuzz target.
FUZZTIME ?= 5s
# PACKAGES limits `make test`, `make vet` and `make lint`.
PACKAGES ?= ./...
# TESTFLAGS go to `go test`, as in make test TESTFLAGS='-run Alias -v'.
TESTFLAGS ?=

# ENGINE is where `make faults` runs, and FAULTS_TIME for how long it kills. FAULTS holds further flags.
ENGINE ?= local
FAULTS_TIME ?= 5m
FAULTS ?=

# CLUSTER names the test cluster of the cluster-… targets.
CLUSTER ?= main

# VERSION is what a release bears: the tag of the commit, or what is nearest to it.
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
# REGISTRY is where the cluster finds a release's images. RELEASE are flags as in RELEASE='-arch amd64 -cli linux/amd64'.
REGISTRY ?=
RELEASE ?=

# NEEDS is what tests run besides Go, as program:package pairs.
NEEDS := gcc:gcc node:nodejs python3:python3 import.boto3:python3-boto3 ruby:ruby zip:zip unzip:unzip aws:awscli curl:curl

STATIC := CGO_ENABLED=0 go build -buildvcs=$(STAMP) -trimpath -ldflags '-s -w'
LINT := bin/golangci-lint
VULN := bin/govulncheck

.PHONY: help
help: ## List the targets
	@awk 'BEGIN { FS = ":.*## " } /^[a-z0-9-]+:.*## / { printf "  %-14s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

.PHONY: build
build: ## Build bin/lambkin and bin/runtime-api as static binaries, and the plugins of kn and kubectl
	$(STATIC) -o bin/lambkin ./cli
	$(STATIC) -o bin/runtime-api ./runtime-api
	ln -sf lambkin bin/kn-lambkin
	ln -sf lambkin bin/kubectl-lambkin

.PHONY: release
release: ## Write dist: images, manifests, archives of lambkin; REGISTRY=HOST/PATH pushes, RELEASE holds further flags
	@mkdir -p bin
	go build -o bin/release ./tools/release
	bin/release -version $(VERSION) -registry '$(REGISTRY)' $(RELEASE)

.PHONY: quickstart
quickstart: build ## Deploy and invoke functions in Go, Node, Python and shell on this machine
	@test/quickstart.sh

.PHONY: test
test: ## Run all tests with the race detector; installs what they need if it may
	@test/needs.sh $(NEEDS) || echo 'Going on: tests skip what they cannot run, and say so.'
	CGO_ENABLED=1 go test -race $(TESTFLAGS) $(PACKAGES)

.PHONY: check
check: ## Check generated files, go.mod, format, lint, vet and tests
	tools/unchanged.sh $(MAKE) --no-print-directory generate fmt
	$(MAKE) --no-print-directory tidy lint vet test

.PHONY: generate
generate: ## Write deep copies, CRDs and tables again
	go tool -modfile=tools/generate/go.mod controller-gen object crd paths=./api/... output:crd:dir=config/crd
	go generate ./...

.PHONY: tidy
tidy: ## Fail if go.mod or go.sum are not tidy
	go mod tidy -diff

.PHONY: fmt
fmt: $(LINT) ## Format all Go files
	$(LINT) fmt

.PHONY: lint
lint: $(LINT) ## Run the linters of .golangci.yml
	$(LINT) run $(PACKAGES)

.PHONY: e2e
e2e: ## Run the scripts of test/e2e on both engines; on a test cluster of its own, or on KUBECONFIG's with REGISTRY
	@test/needs.sh $(NEEDS) git:git kubectl:kubernetes-client || echo 'Going on: scripts skip what they cannot run, and say so.'
	@test/e2e/run.sh

.PHONY: enginetest
enginetest: ## Run the engines' suite on a cluster, as e2e does with scripts
	@test/needs.sh kubectl:kubernetes-client
	@test/e2e/enginetest.sh

.PHONY: vet
vet: ## Run go vet
	go vet $(PACKAGES)

.PHONY: bench
bench: build ## Print the benchmark table; BENCH holds further flags, as in BENCH='-only load'
	$(STATIC) -o bin/bench ./bench
	$(STATIC) -o bin/bench-handler ./bench/handler
	bin/bench $(BENCH)

.PHONY: bench-cluster
bench-cluster: build ## The benchmark on a cluster, as root; on a test cluster of its own, or on KUBECONFIG's with REGISTRY
	@test/needs.sh kubectl:kubernetes-client buildah:buildah || echo 'Going on: what cannot be measured says so.'
	$(STATIC) -o bin/bench-cluster ./bench/cluster
	$(STATIC) -o bin/bench-cluster-handler ./bench/cluster/handler
	@bench/cluster/run.sh $(BENCH)

.PHONY: faults
faults: build ## Kill processes for FAULTS_TIME (5m) under load and count events; ENGINE=cluster as root, or with KUBECONFIG and REGISTRY
	$(STATIC) -o bin/faults ./test/faults
	@ENGINE=$(ENGINE) test/faults/run.sh -time $(FAULTS_TIME) $(FAULTS)

.PHONY: conformance
conformance: ## Run the protocol suite with AWS's clients too, and write docs/conformance.md
	@test/needs.sh npm:npm g++:g++ make:make cmake:cmake autoconf:autoconf automake:automake libtool:libtool-bin ruby:ruby python3:python3
	bootstrap/testdata/install-aws-clients.sh
	LAMBKIN_CONFORMANCE_TABLE=$(CURDIR)/docs/conformance.md go test -count=1 ./bootstrap -run TestConformance

.PHONY: fuzz
fuzz: ## Run every fuzz target for FUZZTIME (5s)
	test/fuzz.sh $(FUZZTIME)

.PHONY: cluster
cluster: # The tool for test clusters, with the settings that its components are built with
	CGO_ENABLED=0 go build -C test/cluster -buildvcs=false -trimpath -o $(CURDIR)/bin/cluster .

.PHONY: cluster-up
cluster-up: cluster ## Start Kubernetes with Knative and Tekton on this machine; CLUSTER names one of several
	bin/cluster -name $(CLUSTER) up

.PHONY: cluster-status
cluster-status: cluster ## Show the cluster's components, versions and memory
	bin/cluster -name $(CLUSTER) status

.PHONY: cluster-down
cluster-down: cluster ## End the cluster and remove its state
	bin/cluster -name $(CLUSTER) down

.PHONY: vuln
vuln: $(VULN) ## Look for known vulnerabilities, if the database can be reached
	tools/vuln.sh $(VULN)

.PHONY: clean
clean: ## Remove what was built
	rm -rf bin dist .cache

# The linter and the scanner are built once from their pinned modules and again when those change.
$(LINT): tools/lint/go.mod tools/lint/go.sum
	go build -C tools/lint -o $(CURDIR)/$@ github.com/golangci/golangci-lint/v2/cmd/golangci-lint

$(VULN): tools/vuln/go.mod tools/vuln/go.sum
	go build -C tools/vuln -o $(CURDIR)/$@ golang.org/x/vuln/cmd/govulncheck
