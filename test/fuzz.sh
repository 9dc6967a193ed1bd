#!/usr/bin/env bash
# fuzz.sh TIME runs every fuzz target of the module for that long, one after the other, and goes on after a failure so
# that all are seen. Go writes a failing input to testdata/fuzz of its package: commit it with the fix.
set -euo pipefail

failed=()
while IFS=: read -r file name; do
  folder=$(dirname "$file")
  echo "=== ./$folder $name"
  go test "./$folder" -run '^$' -fuzz "^$name\$" -fuzztime "$1" -fuzzminimizetime 10x || failed+=("./$folder $name")
done < <(git ls-files -z --cached --others --exclude-standard '*_test.go' |
  xargs -0 grep -oHE '^func Fuzz[A-Za-z0-9_]+' | sed 's/:func /:/' | sort)

if [ ${#failed[@]} -gt 0 ]; then
  printf 'failed: %s\n' "${failed[@]}" >&2
  exit 1
fi
