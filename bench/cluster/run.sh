#!/usr/bin/env bash
# `make bench-cluster`: installs Lambkin on a cluster and measures it there. See test/e2e/cluster.sh for where. The
# arguments go to bin/bench-cluster.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
. test/e2e/cluster.sh

use_cluster bench
say "install Lambkin"
CACHE_CLAIM=${CACHE_CLAIM:-build-cache} test/e2e/install.sh || exit 1
say "measure"
bin/bench-cluster "$@"
