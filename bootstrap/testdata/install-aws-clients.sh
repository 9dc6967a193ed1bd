#!/bin/sh
# Installs AWS's own Node.js runtime client for the conformance tests, into the folder where they look for it.
# It compiles native code: on Debian it needs g++, make, cmake, autoconf, automake, libtool and python3.
set -eu
version=3.3.0
dir=${LAMBKIN_AWS_CLIENTS:-${XDG_CACHE_HOME:-$HOME/.cache}/lambkin/aws-clients}
for tool in npm g++ make cmake autoconf automake libtool python3; do
	command -v "$tool" >/dev/null || { echo "$tool is missing; on Debian: apt-get install npm g++ make cmake autoconf automake libtool-bin python3" >&2; exit 1; }
done
mkdir -p "$dir"
npm install --prefix "$dir" --no-audit --no-fund "aws-lambda-ric@$version"
echo "installed aws-lambda-ric $version in $dir"
