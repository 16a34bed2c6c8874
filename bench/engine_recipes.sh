#!/usr/bin/env bash
# Recipes of docs/howto-cluster.md with engines that are programs only: GNU parallel, Snakemake with the
# Snakefile as the page has it, and the Kubernetes manifest against Kubernetes' schemas (strict).
#
#   sudo apt-get install parallel && pip install snakemake kubernetes-validate
#   bench/engine_recipes.sh [CASES]
set -euo pipefail

page=$(cd "$(dirname "$0")/.." && pwd)/docs/howto-cluster.md
cases=${1:-4}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
pleura phantom CHESTS --cases "$cases" --size 48 --slices 16 --quiet
pleura segment CHESTS/Images PLAIN --quiet
pleura segment CHESTS/Images LUNGS --plan --tasks 2 --json --quiet > plan.json
key() { python -c 'import json, sys; v = json.load(open("plan.json"))[sys.argv[1]]; print(v if isinstance(v, str) else json.dumps(v))' "$1"; }

key kubernetes > job.yaml
kubernetes-validate --strict job.yaml

eval "$(key parallel)"
pleura segment CHESTS/Images LUNGS --quiet
diff --recursive --exclude=.pleura PLAIN LUNGS
echo "$cases cases with GNU parallel: the bytes of one worker"

rm -rf LUNGS
awk '/^```snakemake$/ { inside = 1; next } /^```$/ { inside = 0 } inside' "$page" > Snakefile
snakemake --cores 2 --quiet all
diff --recursive --exclude=.pleura PLAIN LUNGS
echo "$cases cases with Snakemake $(snakemake --version): the bytes of one worker"
