#!/usr/bin/env bash
# When all tasks of the array are done: their answers in one store, and one run over all suites, which asks nothing.
#
#SBATCH --job-name=mlpo-bench-collect
#SBATCH --nodes=1 --ntasks=1 --gpus-per-node=8 --cpus-per-task=32
#SBATCH --time=01:00:00
set -euo pipefail

suites=${SUITES:-bbh mmlu math}
where=${FOLDER:-mlpo}

mlpo-bench store import "$where"/stores/*.sqlite --store "$where/all.sqlite"
srun mlpo-bench run --suite "${suites// /,}" --protocol solo,vote,leader --team team.yaml --executor ray "$@" \
  --output "$where/runs" --name all --store "$where/all.sqlite" --quiet
