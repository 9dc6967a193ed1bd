#!/usr/bin/env bash
# Installs this checkout on the cluster that KUBECONFIG names, from images pushed to REGISTRY:
#
#   REGISTRY        HOST[:PORT] of a registry as the cluster reaches it
#   REGISTRY_HOST   the same as this machine reaches it; REGISTRY if empty
#   REGISTRY_PLAIN  not empty: it is spoken to without TLS
#   BASE_IMAGES     not empty: REGISTRY has the test cluster's base/… and build/… images, so these are used for all runtimes
#   CACHE_CLAIM     name of a PersistentVolumeClaim, in each namespace that builds, for the caches of builds; none if empty
set -euo pipefail
cd "$(dirname "$0")/../.."
: "${KUBECONFIG:?names the cluster}" "${REGISTRY:?is where images are pushed to}"
out=${OUT:-dist/e2e}
mkdir -p "$out"

values() {
  echo "registry:"
  echo "  prefix: $REGISTRY/functions"
  [ -z "${REGISTRY_PLAIN:-}" ] || echo "  plainHTTP: [\"$REGISTRY\"]"
  [ -z "${CACHE_CLAIM:-}" ] || echo "build: {cacheClaim: \"$CACHE_CLAIM\"}"
  [ -n "${BASE_IMAGES:-}" ] || return 0
  echo "runtimes:"
  runtimes provided go provided provided.al2 provided.al2023 go go1.x exec
  runtimes node node nodejs18.x nodejs20.x nodejs22.x nodejs24.x
  runtimes python python python3.9 python3.10 python3.11 python3.12 python3.13 python3.14
  runtimes ruby ruby ruby3.2 ruby3.3 ruby3.4
}

# runtimes BASE BUILD ID… names the images of runtimes.
runtimes() {
  local base=$1 build=$2 id
  shift 2
  for id in "$@"; do
    echo "  $id: {base: \"$REGISTRY/base/$base\", build: \"$REGISTRY/build/$build\"}"
  done
}

# mirror puts the test cluster's images in the place of public ones, as operators do whose clusters reach no other registry.
mirror() {
  [ -n "${BASE_IMAGES:-}" ] || exec cat
  sed -E "s#docker.io/library/(node|python|ruby):[0-9.]+-slim#$REGISTRY/base/\\1#
s#docker.io/library/(node|python|ruby):[0-9.]+#$REGISTRY/build/\\1#
s#docker.io/library/golang:[0-9.]+#$REGISTRY/build/go#
s#public.ecr.aws/lambda/provided:al2023#$REGISTRY/base/provided#"
}

values >"$out/values.yaml"
push=${REGISTRY_HOST:-$REGISTRY}
mkdir -p bin
CGO_ENABLED=0 go build -trimpath -o bin/release ./tools/release
bin/release -version "${VERSION:-e2e}" -out "$out/release" -arch amd64 -cli '' -values "$out/values.yaml" \
  -registry "$REGISTRY/lambkin" -registry-push "$push" ${REGISTRY_PLAIN:+-plain-http "$push,$REGISTRY"}
kubectl apply --server-side --force-conflicts -f "$out/release/lambkin.yaml" >/dev/null
mirror <"$out/release/lambkin-tekton.yaml" | kubectl apply --server-side --force-conflicts -f - >/dev/null
kubectl -n lambkin-system rollout status deployment --timeout=180s
