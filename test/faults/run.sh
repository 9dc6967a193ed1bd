#!/usr/bin/env bash
# `make faults`: with ENGINE=local kills on this machine; with ENGINE=cluster installs Lambkin on a cluster and kills there.
# See test/e2e/cluster.sh for where. The arguments go to bin/faults.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
. test/e2e/cluster.sh

if [ "${ENGINE:-local}" = cluster ]; then
  test/needs.sh kubectl:kubernetes-client || exit 1
  use_cluster faults
  say "install Lambkin"
  test/e2e/install.sh || exit 1
  say "kill"
fi
bin/faults -engine "${ENGINE:-local}" "$@"
