#!/usr/bin/env bash
# `make enginetest`: the suite that every engine must pass, on a cluster. See cluster.sh for where, and install.sh for what else
# may be said.
set -euo pipefail
cd "$(dirname "$0")/../.."
. test/e2e/cluster.sh

large_pages
use_cluster enginetest
say "install Lambkin"
test/e2e/install.sh
say "the suite"
LAMBKIN_E2E=1 go test -count=1 -v -timeout 55m -run '^TestEngine$' ./internal/engine/knative | grep -Ev '^ *=== '
