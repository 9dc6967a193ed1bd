#!/usr/bin/env bash
# unchanged.sh COMMAND… runs a command and fails if it changed a file that git would commit. Changes from before do not
# count, so it can be used in the middle of work as well as in CI.
set -euo pipefail

state() {
  git diff HEAD --binary
  git ls-files --others --exclude-standard -z | xargs -0 -r sha256sum
}

before=$(mktemp)
after=$(mktemp)
trap 'rm -f "$before" "$after"' EXIT

state >"$before"
"$@"
state >"$after"
if ! cmp -s "$before" "$after"; then
  git status --short
  echo "Generated or formatted files were out of date; they have been written again: look at git diff and commit them." >&2
  exit 1
fi
