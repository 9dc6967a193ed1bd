#!/usr/bin/env bash
# needs.sh PROGRAM:PACKAGE… makes sure that the programs are there; import.X means the Python module X. What counts is the
# program, wherever it came from. As root on Debian or Ubuntu the missing packages are installed; elsewhere they are
# named in one line, with status 1, so that the caller decides whether it can go on without them.
set -euo pipefail

has() {
  case $1 in
  import.*) command -v python3 >/dev/null && python3 -c "import ${1#import.}" 2>/dev/null ;;
  *) command -v "$1" >/dev/null ;;
  esac
}

missing() {
  local pair
  for pair in "$@"; do
    has "${pair%%:*}" || echo "${pair##*:}"
  done
}

mapfile -t packages < <(missing "$@")
[ ${#packages[@]} -gt 0 ] || exit 0

if [ "$(id -u)" -eq 0 ] && command -v apt-get >/dev/null; then
  echo "Installing ${packages[*]}"
  export DEBIAN_FRONTEND=noninteractive
  apt-get -qq update >/dev/null && apt-get -qq install -y --no-install-recommends "${packages[@]}" >/dev/null || true
  mapfile -t packages < <(missing "$@")
  [ ${#packages[@]} -gt 0 ] || exit 0
fi
echo "Missing; install it with: apt-get install ${packages[*]}" >&2
exit 1
