#!/bin/sh
# Installs AWS's own clients for the conformance tests, into the folder where they look for them: the Node.js runtime
# client, which compiles native code, and a handler built with the last aws-lambda-go that speaks net/rpc alone.
set -eu
version=3.3.0
old_go=v1.12.1
dir=${LAMBKIN_AWS_CLIENTS:-${XDG_CACHE_HOME:-$HOME/.cache}/lambkin/aws-clients}
source=$(cd "$(dirname "$0")" && pwd)/old-go-handler.go.txt
for tool in go npm g++ make cmake autoconf automake libtool python3; do
	command -v "$tool" >/dev/null || { echo "$tool is missing; on Debian: apt-get install golang npm g++ make cmake autoconf automake libtool-bin python3" >&2; exit 1; }
done
mkdir -p "$dir"
npm install --prefix "$dir" --no-audit --no-fund "aws-lambda-ric@$version"

# A module of its own: the old version must not meet ours.
mkdir -p "$dir/old-go-handler"
cp "$source" "$dir/old-go-handler/main.go"
cd "$dir/old-go-handler"
rm -f go.mod go.sum
go mod init old-go-handler
go get "github.com/aws/aws-lambda-go@$old_go"
go build -o handler .
echo "installed aws-lambda-ric $version and a handler with aws-lambda-go $old_go in $dir"
