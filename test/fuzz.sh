#!/usr/bin/env bash
# fuzz.sh TIME runs every fuzz target of the module for that long, one after the other, and goes on after a failure so
# that all are seen. Go writes a failing input to testdata/fuzz of its package: commit it with the fix.
set -euo pipefail

out=$(mktemp)
trap 'rm -f "$out"' EXIT

fuzz() {
  go test "./$1" -run '^$' -fuzz "^$2\$" -fuzztime "$3" -fuzzminimizetime 10x 2>&1 | tee "$out" && return
  # Go's fuzzer sometimes reports the end of its own time as a failure; a real one names the input it wrote.
  grep -q '^ *context deadline exceeded$' "$out" && ! grep -q 'Failing input written' "$out"
}

failed=()
while IFS=: read -r file name; do
  folder=$(dirname "$file")
  echo "=== ./$folder $name"
  fuzz "$folder" "$name" "$1" || failed+=("./$folder $name")
done < <(git ls-files -z --cached --others --exclude-standard '*_test.go' |
  xargs -0 grep -oHE '^func Fuzz[A-Za-z0-9_]+' | sed 's/:func /:/' | sort)

if [ ${#failed[@]} -gt 0 ]; then
  printf 'failed: %s\n' "${failed[@]}" >&2
  exit 1
fi
