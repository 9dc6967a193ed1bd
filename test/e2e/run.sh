#!/usr/bin/env bash
# `make e2e`: every script on both engines, and a table of what came of them.
#
# See cluster.sh for where, and install.sh for what else may be said. SCRIPTS is a regular expression for the names of the
# scripts.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
. test/e2e/cluster.sh
names=${SCRIPTS:-.*}
out=$(mktemp -d)
failed=0

finish() {
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

# Terraform waits more than it works, so its scripts run beside the others: the first program leaves them out, the second
# whatever does not begin as they do.
local_scripts() {
  scripts local "$names" "$out/e2e.test" -test.timeout 30m -test.skip 'TestScripts/^terraform' &
  scripts local "$names" "$out/e2e.test" -test.timeout 30m -test.parallel 4 -test.skip 'TestScripts/^([^t]|t[^e])'
  local code=$?
  wait $! && return $code
}

trap finish EXIT
large_pages
say "build the tests" # in the way that the images' programs are built, with which they share most packages
CGO_ENABLED=0 go test -c -trimpath -o "$out/e2e.test" ./test/e2e || exit 1

# Before there is a cluster, whose daemons want a share of the processors also when they have nothing to do.
run local local_scripts

use_cluster e2e
say "install Lambkin"
test/e2e/install.sh || exit 1

# Three at once: one has the processors while the others wait for pods.
run cluster scripts cluster "$names" "$out/e2e.test" -test.timeout 55m -test.parallel "${PARALLEL:-3}"
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
exit $failed
