#!/usr/bin/env bash
# Compile the C core to WebAssembly: deploy/node/core/facedge.wasm, which Node and the web page share.
#
# apt install clang lld wasi-libc libclang-rt-14-dev-wasm32       (other versions work too, and give other bytes)
set -euo pipefail

out="$(realpath -m "${1:-"$(dirname "$0")/../node/core/facedge.wasm"}")"
cd "$(dirname "$0")/../.."
# No contraction and no reordering: the bits are those of every other build. Frames on the stack take up to 400 KB; the
# stack lies first in memory, so that an overflow traps.
exec "${CLANG:-clang}" --target=wasm32-wasi -mexec-model=reactor -msimd128 -O3 -std=c99 -Wall -Wextra -Werror \
  -ffp-contract=off -fno-strict-aliasing -Iext -o "$out" \
  deploy/wasm/core.c ext/prep.c ext/align.c ext/boxes.c ext/landmarks.c ext/plausible.c ext/search.c \
  deploy/wasm/enrolling.c ext/enrollment.c ext/template.c ext/table.c ext/cohort.c ext/person_model.c ext/eigen.c ext/mixed.c \
  -Wl,--strip-all,-z,stack-size=1048576,--stack-first
