#!/usr/bin/env bash
# Reproduces models/preread-cxr14 and fixtures/golden/cxr-square-1.json. Options: see README.md.
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
data=$root/../shared/data
out=$root
cache=${XDG_CACHE_HOME:-$HOME/.cache}/preread-train
while (($# > 0)); do
  if (($# < 2)) || [[ ! $1 =~ ^--(data|out|cache)$ ]]; then
    echo "usage: train.sh [--data DIR] [--out DIR] [--cache DIR]" >&2
    exit 2
  fi
  # Relative to where the command was given, not to this file.
  printf -v "${1#--}" '%s' "$(realpath -m -- "$2")"
  shift 2
done
nih=$data/nih-cxr14-subset
for needed in "$nih/labels.csv" "$data/backbone/mobilenet_v1_1.0_224.npz"; do
  if [[ ! -f $needed ]]; then
    echo "train.sh: no file $needed; name the folder of the training data by --data DIR" >&2
    exit 1
  fi
done
# One thread: sums are added in one order, so that a rerun on this kind of machine gives the same bits.
export OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1
options=(--data "$data" --out "$out" --cache "$cache")
cd "$root/scripts/train"
/usr/bin/python3 -m preread_train "${options[@]}"
/usr/bin/python3 -m preread_train.chest_gate "${options[@]}"
cd "$root"
model=$out/models/preread-cxr14
npx --no-install tsx cli/main.ts models quantise "$model" --images 64 --target 34 --calibration "$nih/images" --labels "$nih/labels.csv"
npx --no-install prettier --log-level warn --write "$model"/*.json "$model"/*/*.json
