#!/usr/bin/env bash
# Shows that functions run: starts a server with data of its own, deploys a function in Go, Node.js, Python and bash,
# prints their answers and how to go on. Needs bin/lambkin ("make build"). Ends with an error if any answer is wrong.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

lambkin=$PWD/bin/lambkin
[[ -x $lambkin ]] || { echo "quickstart: bin/lambkin is missing: run \"make build\" first" >&2; exit 1; }

# The data is not below /tmp, because functions have a /tmp of their own.
mkdir -p .cache
data=$(mktemp -d "$PWD/.cache/quickstart-XXXXXX")
log=$data/serve.log
server=
finish() {
  if [[ -n $server ]]; then
    kill "$server" 2>/dev/null || true
    wait "$server" 2>/dev/null || true
  fi
  rm -rf "$data"
}
trap finish EXIT
trap 'exit 130' INT TERM

# need PROGRAM PACKAGE: installs what is missing where that is possible, else says what to install.
missing=0
need() {
  command -v "$1" >/dev/null && return
  if [[ $(id -u) == 0 ]] && command -v apt-get >/dev/null; then
    echo "Installing $2 …"
    { apt-get update -qq && apt-get install -y -qq "$2"; } >/dev/null 2>&1 && command -v "$1" >/dev/null && return
  fi
  echo "quickstart: $1 is missing: install it (on Debian: apt-get install $2)" >&2
  missing=1
}
need go golang
need node nodejs
need python3 python3
[[ $missing == 0 ]] || exit 1

"$lambkin" serve --addr 127.0.0.1:0 --data-dir "$data/data" >"$data/serve.out" 2>"$log" &
server=$!
for _ in $(seq 100); do
  endpoint=$(sed -n 's/.*export LAMBKIN_ENDPOINT=//p' "$data/serve.out")
  [[ -n $endpoint ]] && break
  kill -0 "$server" 2>/dev/null || break
  sleep 0.1
done
if [[ -z ${endpoint:-} ]]; then
  echo "quickstart: the server did not start:" >&2
  cat "$log" >&2
  exit 1
fi
export LAMBKIN_ENDPOINT=$endpoint LAMBKIN_CREDENTIALS=$data/data/credentials
echo "A server runs at $endpoint."

wrong=0
# try SAMPLE WANT: deploys a sample, calls it and compares.
try() {
  local name=${1//\//-} got
  echo
  echo "\$ lambkin deploy functions/$1"
  if ! "$lambkin" deploy "functions/$1"; then wrong=1; return; fi
  echo "\$ lambkin invoke $name -d '{\"name\": \"Ada\"}'"
  got=$("$lambkin" invoke "$name" -d '{"name": "Ada"}') || wrong=1
  echo "$got"
  if [[ $got != *"$2"* ]]; then
    echo "quickstart: $1 answered wrongly; its log:" >&2
    "$lambkin" logs "$name" >&2 || true
    wrong=1
  fi
}
try go/hello "Hello, Ada, from Go!"
try nodejs/hello "Hello, Ada, from Node.js!"
try python/hello "Hello, Ada, from Python!"
try shell/hello "Hello, Ada, from bash!"
[[ $wrong == 0 ]] || { echo "quickstart: something is wrong, see above; \"lambkin doctor\" may tell why" >&2; exit 1; }

cat <<'NEXT'

All four answer. Go on with:

  export PATH="$PWD/bin:$PATH"
  lambkin serve &                                 a server that keeps its data
  lambkin new hello --runtime python3.13          a function of your own
  lambkin dev ./hello                             deployed again whenever you save
  lambkin new --list                              more samples: HTTP, streams, queues, layers
  export AWS_SHARED_CREDENTIALS_FILE=~/.local/share/lambkin/credentials
  aws --region us-east-1 --endpoint-url http://127.0.0.1:9000 lambda list-functions
NEXT
