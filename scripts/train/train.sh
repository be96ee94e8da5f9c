#!/usr/bin/env bash
# Reproduces models/preread-cxr14 and fixtures/golden/cxr-square-1.json. Options: see README.md.
set -euo pipefail
cd "$(dirname "$0")"
# One thread: sums are added in one order, so that a rerun on this kind of machine gives the same bits.
export OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1
/usr/bin/python3 -m preread_train "$@"
/usr/bin/python3 -m preread_train.chest_gate "$@"
data=../../../shared/data
out=../..
args=("$@")
for index in "${!args[@]}"; do
  case "${args[$index]}" in
    --data) data=${args[$((index + 1))]} ;;
    --out) out=${args[$((index + 1))]} ;;
  esac
done
data=$(realpath "$data")/nih-cxr14-subset
model=$(realpath "$out")/models/preread-cxr14
cd ../..
npx --no-install tsx cli/main.ts models quantise "$model" --images 64 --target 34 --calibration "$data/images" --labels "$data/labels.csv"
npx --no-install prettier --log-level warn --write "$model"/*.json
