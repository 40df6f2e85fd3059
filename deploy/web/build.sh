#!/usr/bin/env bash
# Put the page, onnxruntime-web, the face detector and a bundle into one folder that any static file server can serve.
set -euo pipefail

usage="usage: deploy/web/build.sh NAME.facedge -o FOLDER"
bundle="" out=""
while [ $# -gt 0 ]; do
  case "$1" in
    -o) out="${2:?$usage}"; shift 2 ;;
    -h|--help) echo "$usage"; exit 0 ;;
    *) bundle="$1"; shift ;;
  esac
done
[ -n "$bundle" ] && [ -n "$out" ] || { echo "$usage" >&2; exit 2; }

if [ -e "$out" ] && [ ! -f "$out/ort/ort.wasm.min.mjs" ]; then
  echo "$out exists and is no page built by this script: choose another folder" >&2
  exit 2
fi
here="$(cd "$(dirname "$0")" && pwd)"
python="${PYTHON:-python3}"
command -v npm >/dev/null || { echo "the build needs npm: install Node.js 18 or newer" >&2; exit 2; }

# Everything is checked before anything is written: the bundle by facedge itself, the detector by its hash.
detector="$("$python" - "$bundle" <<'PYTHON'
import sys

from facedge.bundle import read_bundle
from facedge.faces.yunet import find_model, read_model
from facedge.errors import FacedgeError

try:
    manifest = read_bundle(sys.argv[1]).manifest
    missing = [name for name in ("verifier.onnx", "calibration.json", "cohort.npy") if name not in manifest.files]
    if missing:
        remedy = "facedge bundle convert adds verifier.onnx, and with --faces calibration.json and the cohort"
        sys.exit(f"{sys.argv[1]} has no {' and no '.join(missing)}, which the page needs: {remedy}")
    if manifest.enrolled:
        print(f"note: {manifest.name} is enrolled in this bundle: serve the page to that person only", file=sys.stderr)
    read_model(find_model())
    print(find_model())
except FacedgeError as problem:
    sys.exit(str(problem))
PYTHON
)" || exit 2

if ! cmp -s "$here/package-lock.json" "$here/node_modules/.built-from"; then
  (cd "$here" && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error)
  cp "$here/package-lock.json" "$here/node_modules/.built-from"
fi

part="$out.part.$$"
trap 'rm -rf "$part"' EXIT
mkdir -p "$part/ort" "$part/fflate" "$part/models" "$part/bundle" "$part/web" "$part/node"
cp "$here/index.html" "$here/style.css" "$here/icon.svg" "$here/app.webmanifest" "$part/"
cp -r "$here/src" "$part/web/"
cp -r "$here/../node/core" "$part/node/"
cp "$here/node_modules/fflate/esm/browser.js" "$part/fflate/"
ort="$here/node_modules/onnxruntime-web/dist"
cp "$ort/ort.wasm.min.mjs" "$ort/ort-wasm-simd-threaded.mjs" "$ort/ort-wasm-simd-threaded.wasm" "$part/ort/"
cp "$detector" "$part/models/face_detection_yunet_2023mar.onnx"
cp "$bundle"/* "$part/bundle/" # as it was read: nothing else is in it
rm -f "$part"/bundle/golden* "$part/bundle/card.md"
"$python" - "$part" "$here/sw.js" <<'PYTHON'
import hashlib
import json
import sys
from pathlib import Path

site, worker = Path(sys.argv[1]), Path(sys.argv[2])
files = {path.relative_to(site).as_posix(): path for path in sorted(site.rglob("*")) if path.is_file()}
digests = "".join(f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {name}\n" for name, path in files.items())
version = hashlib.sha256(digests.encode()).hexdigest()[:16]
head = f"const VERSION = 'facedge-{version}';\nconst FILES = {json.dumps(['./', *files])};\n"
(site / "sw.js").write_text(head + worker.read_text())
PYTHON
chmod -R u+rwX,go+rX "$part"
rm -rf "$out"
mv "$part" "$out"

echo "built $out ($(du -sh "$out" | cut -f1)); try it: $python -m http.server --directory $out --bind 127.0.0.1 8000"
