#!/usr/bin/env bash
# Installs what the training needs, from Debian's packages only. Run as root on Debian 12.
set -euo pipefail
apt-get update -qq
apt-get install -y --no-install-recommends \
  python3 python3-numpy python3-scipy python3-pil python3-sklearn python3-torch python3-onnx libopenblas0-pthread
