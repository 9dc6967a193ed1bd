# To be sourced by scripts that need a cluster with Lambkin on it, from the root of this checkout.
#
# With KUBECONFIG and REGISTRY set they use that cluster and leave it up (see install.sh for what else may be said). Without,
# they start a test cluster of their own and take it down at the end.

say() { printf '\n=== %s (after %d s)\n' "$*" "$SECONDS"; }

# use_cluster PURPOSE names a cluster in the environment, and has one of its own taken down at the end.
use_cluster() {
  root=$PWD
  trap finish EXIT
  trap 'exit 130' INT TERM
  if [ -n "${KUBECONFIG:-}" ] && [ -n "${REGISTRY:-}" ]; then
    return
  fi
  unset KUBECONFIG REGISTRY
  own=$1-$$
  say "start cluster $own"
  make --no-print-directory cluster || exit 1
  bin/cluster -name "$own" -idle knative-eventing up || exit 1 # nothing needs events, whose dozen pods need a tenth of a small node
  set -a
  eval "$(bin/cluster -name "$own" env)"
  set +a
  export REGISTRY_PLAIN=1 BASE_IMAGES=1
}

pages=/sys/kernel/mm/transparent_hugepage/enabled

# large_pages gives large pages of memory to all programs, until the end, where the kernel gives them only to those that ask
# for them. Terraform and its provider take 40 % less of a virtual machine's processors with them, and hardly any program that
# runs here asks. A run beside this one that finds large pages leaves them alone.
large_pages() {
  if [ -w "$pages" ] && grep -q '\[madvise\]' "$pages"; then
    echo always >"$pages" && given=1
  fi
}

# finish is for the end; scripts that leave more behind have one of their own, which calls down.
finish() { down; }

down() {
  [ -z "${own:-}" ] || "$root/bin/cluster" -name "$own" down
  [ -z "${given:-}" ] || echo madvise >"$pages"
}
