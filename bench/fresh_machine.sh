#!/usr/bin/env bash
# The recipes of docs/howto-cluster.md from an empty Debian machine to the page over all cases: the
# commands are those of the page, in one shell. Then every OUT is compared with that of one worker.
#
#   bench/fresh_machine.sh [RECIPE…]    # as root, in a clone; without names install slurm dask s3 engines
set -euo pipefail

cd "$(dirname "$0")/.."
page=docs/howto-cluster.md
recipe() {
  awk -v mark="<!-- recipe: $1 -->" '
    $0 == mark { found = 1; next }
    found && /^```bash$/ { inside = 1; next }
    inside && /^```$/ { exit }
    inside' "$page"
}
[ $# -gt 0 ] || set -- install slurm dask s3 engines
for name in "$@"; do
  text=$(recipe "$name")
  [ -n "$text" ]
  echo "== $name"
  begun=$SECONDS
  set -x
  eval "$text"
  { set +x; } 2> /dev/null
  wait
  echo "== $name: ends well after $((SECONDS - begun)) s"
done
for out in LUNGS-*; do
  diff --recursive --exclude=.pleura LUNGS "$out"
  test -s "$out/index.html"
  echo "$out: the bytes of one worker, with its page"
done
