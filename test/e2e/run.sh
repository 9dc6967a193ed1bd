#!/usr/bin/env bash
# `make e2e`: every script on both engines and the engine's suite on the cluster, and a table of what came of them.
#
# See cluster.sh for where, and install.sh for what else may be said. SCRIPTS is a regular expression for the names of the
# scripts.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
. test/e2e/cluster.sh
names=${SCRIPTS:-.*}
out=$(mktemp -d)
failed=0

suite= # the process group of the suite while it runs
finish() {
  [ -z "$suite" ] || kill -- "-$suite" || true
  down
  rm -rf "$out"
}

# run NAME COMMAND… keeps what a `go test -v` prints and tells how it ended. Lines of scripts that fail are shown.
run() {
  local name=$1
  shift
  say "$name"
  if "$@" >"$out/$name" 2>&1; then
    grep -E '^(ok|PASS|--- )' "$out/$name" || true
    return
  fi
  failed=1
  grep -E '^ *--- FAIL|^panic' "$out/$name" || true
  grep -B40 -E 'FAIL: testdata|^ +[a-z]+(_[a-z]+)*\.go:[0-9]+: ' "$out/$name" | grep -v 'testscript.go' | tail -200 || true
}

# scripts ENGINE NAMES [VARIABLE=…] PROGRAM [FLAG…] runs the scripts whose names are NAMES, a regular expression.
scripts() {
  env -C test/e2e E2E_ENGINE="$1" "${@:3}" -test.v -test.run "TestScripts/^($2)\$"
}

trap finish EXIT
say "build the tests"
go test -c -o "$out/e2e.test" ./test/e2e || exit 1
go test -c -o "$out/engine.test" ./internal/engine/knative || exit 1

# Before there is a cluster, whose daemons want a share of the processors also when they have nothing to do.
run local scripts local "$names" "$out/e2e.test" -test.timeout 30m

use_cluster e2e
say "install Lambkin"
test/e2e/install.sh || exit 1

# The suite runs beside the scripts: one has the processors while the other waits for pods.
if [ "$names" = '.*' ]; then
  set -m
  (
    run suite env -C internal/engine/knative LAMBKIN_E2E=1 "$out/engine.test" -test.v -test.timeout 55m -test.run '^TestEngine$'
    exit $failed
  ) &
  suite=$!
  set +m
fi
run cluster scripts cluster "$names" "$out/e2e.test" -test.timeout 55m -test.parallel "${PARALLEL:-2}"
[ -z "$suite" ] || wait "$suite" || failed=1
suite=
[ -z "${CLUSTER_DIR:-}" ] || run disturbed scripts cluster 'disturb_.*' E2E_DISTURB=1 "$out/e2e.test" -test.timeout 20m -test.parallel 1

say "what came of it"
cat "$out/disturbed" 2>/dev/null >>"$out/cluster" # these were skipped before, so that they hurt nobody else
awk -v local="$out/local" -v cluster="$out/cluster" '
  function read(file, column,   line, part) {
    while ((getline line < file) > 0)
      if (match(line, /--- (PASS|FAIL|SKIP): TestScripts\/[^ ]+ \([0-9.]+s\)/)) {
        split(substr(line, RSTART + 4, RLENGTH - 4), part, /[ :\/()]+/)
        result[part[3], column] = part[1] (part[1] == "SKIP" ? "" : " " part[4])
        names[part[3]] = 1
      }
  }
  BEGIN {
    read(local, 1)
    read(cluster, 2)
    printf "%-24s %-14s %s\n", "SCRIPT", "LOCAL", "CLUSTER"
    for (name in names) printf "%-24s %-14s %s\n", name, result[name, 1], result[name, 2] | "sort"
  }'
[ ! -e "$out/suite" ] || grep -E '^ *--- (FAIL|SKIP)|^--- ' "$out/suite"
exit $failed
