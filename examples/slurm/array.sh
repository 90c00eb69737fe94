#!/usr/bin/env bash
# A suite for each task of a job array, each with a run and a store of its own. Options are those of `mlpo-bench run`.
#
#SBATCH --job-name=mlpo-bench
#SBATCH --array=0-2
#SBATCH --nodes=1 --ntasks=1 --gpus-per-node=8 --cpus-per-task=32
#SBATCH --time=08:00:00 --signal=TERM@120
#SBATCH --requeue --open-mode=append
set -uo pipefail

read -ra suites <<< "${SUITES:-bbh mmlu math}"
suite=${suites[$SLURM_ARRAY_TASK_ID]}
name=$(basename "${suite%.*}")
where=${FOLDER:-mlpo} # on a file system that all machines see
mkdir -p "$where/stores"

srun mlpo-bench run --suite "$suite" --protocol solo,vote,leader --team team.yaml --executor ray "$@" \
  --output "$where/runs" --name "$name" --store "$where/stores/$name.sqlite" --quiet
code=$?

# SIGTERM: taken back, or nearly out of time. Everything that was answered is kept, and the same command goes on.
if [ "$code" -eq 143 ]; then
  scontrol requeue "${SLURM_ARRAY_JOB_ID}_$SLURM_ARRAY_TASK_ID"
fi
exit "$code"
