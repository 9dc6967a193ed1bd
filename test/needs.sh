#!/usr/bin/env bash
# needs.sh test|quickstart makes sure that the programs are there that tests or the quickstart run besides Go. As root
# on Debian or Ubuntu it installs what is missing; elsewhere it names it in one line and goes on, because tests skip,
# with the same words, what they cannot run.
set -euo pipefail

# program:package pairs; the program's presence is what counts, wherever it came from.
case "${1-}" in
test) pairs=(gcc:gcc node:nodejs python3:python3 ruby:ruby zip:zip unzip:unzip aws:awscli curl:curl git:git) ;;
quickstart) pairs=(node:nodejs python3:python3 curl:curl) ;;
*)
  echo "usage: needs.sh test|quickstart" >&2
  exit 2
  ;;
esac

missing() {
  local pair
  for pair in "${pairs[@]}"; do
    command -v "${pair%%:*}" >/dev/null || echo "${pair##*:}"
  done
  if [ "$mode" = test ] && ! python3 -c 'import boto3' 2>/dev/null; then
    echo python3-boto3
  fi
}

mode=$1
mapfile -t packages < <(missing)
[ ${#packages[@]} -gt 0 ] || exit 0

if [ "$(id -u)" -eq 0 ] && command -v apt-get >/dev/null; then
  echo "Installing ${packages[*]}"
  if DEBIAN_FRONTEND=noninteractive apt-get -qq update >/dev/null &&
    DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends "${packages[@]}" >/dev/null; then
    mapfile -t packages < <(missing)
    [ ${#packages[@]} -gt 0 ] || exit 0
  fi
fi
echo "Missing, so some of it will be skipped; install it with: apt-get install ${packages[*]}" >&2
