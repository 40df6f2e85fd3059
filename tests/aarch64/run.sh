#!/usr/bin/env bash
# aarch64 for real: builds the aarch64 wheel with a cross compiler, installs it with the aarch64 onnxruntime beside an
# aarch64 Python, and compares their outputs under qemu with the golden vectors of a bundle.
#
#   tests/aarch64/run.sh [BUNDLE]        the bundle that facedge ships by default
#
# Needs qemu-user-static, gcc-aarch64-linux-gnu, libc6-dev-arm64-cross, apt and the network; no root. PYTHON (python3) must
# have setuptools 77 and cython, and be of the version that Debian has for aarch64. One minute, most of it downloads.
#
# FACEDGE_AARCH64_WHEEL  a folder that gets the wheel (deleted with everything else by default)
# FACEDGE_AARCH64_CACHE  a folder that keeps the downloads for the next run
# FACEDGE_AARCH64_UNDER  a program that runs the emulator, such as one that puts a filter of system calls on it
# Exit code: 0 all vectors come out; 1 they do not; 77 something is missing, and the last line names it.
set -euo pipefail

repository=$(cd "$(dirname "$0")/../.." && pwd)
bundle=$(realpath "${1:-$repository/facedge/models/edge.facedge}")
python=$(command -v "${PYTHON:-python3}" || true)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cache=${FACEDGE_AARCH64_CACHE:-$work/cache}
root=$work/root

missing() {
    echo "skipped: $1" >&2
    exit 77
}

need_tools() {
    qemu=$(command -v qemu-aarch64-static || command -v qemu-aarch64 || true)
    [ -n "$qemu" ] || missing "no qemu-aarch64: apt-get install qemu-user-static"
    command -v aarch64-linux-gnu-gcc >/dev/null ||
        missing "no aarch64-linux-gnu-gcc: apt-get install gcc-aarch64-linux-gnu libc6-dev-arm64-cross"
    command -v apt-get >/dev/null && command -v dpkg-deb >/dev/null ||
        missing "no apt-get: the aarch64 Python comes out of Debian's or Ubuntu's packages"
    [ -n "$python" ] && "$python" -c 'import Cython, setuptools as s; assert int(s.__version__.split(".")[0]) >= 77' \
        2>/dev/null || missing "no Python with setuptools 77 and cython: set PYTHON, or pip install -U setuptools cython"
}

# A private apt: the system's package lists and its own architecture stay as they are.
unpack_python() {
    mkdir -p "$cache"/apt/{state/lists/partial,cache/archives/partial} "$root"
    : >"$cache/apt/status"
    local options=(-qq -o APT::Architecture=arm64 -o APT::Architectures=arm64 -o Dir::State="$cache/apt/state"
        -o Dir::State::status="$cache/apt/status" -o Dir::Cache="$cache/apt/cache" -o APT::Sandbox::User="$(id -un)")
    local packages=(install --yes --download-only --no-install-recommends python3 libpython3-dev libstdc++6)
    apt-get "${options[@]}" "${packages[@]}" >/dev/null 2>&1 || { # the lists of an earlier run may do
        apt-get "${options[@]}" update >/dev/null 2>&1 || true    # another source's trouble is not ours
        apt-get "${options[@]}" "${packages[@]}" >"$work/apt.log" 2>&1 ||
            missing "no aarch64 Python from apt: $(tail -n 1 "$work/apt.log")"
    }
    for package in "$cache"/apt/cache/archives/*.deb; do dpkg-deb -x "$package" "$root"; done
    [ -e "$root/lib" ] || ln -s usr/lib "$root/lib"
    version=$(cd "$root/usr/include" && echo python3.[0-9]*)
    version=${version#python}
    [ "$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')" = "$version" ] ||
        missing "$python is not Python $version, which apt has for aarch64: set PYTHON to one that is"
}

# setuptools asks sysconfig about the machine to build for, and these variables make sysconfig speak of another one.
build_wheel() {
    local source=$work/source target=aarch64-linux-gnu
    mkdir -p "$source" "$work"/{include,sysconfig,wheel}
    cp -r "$repository"/{pyproject.toml,setup.py,README.md,LICENSE,ext,facedge} "$source"
    find "$source" -name '*.so' -delete
    cp "$root/usr/lib/python$version/_sysconfigdata__$target.py" "$work/sysconfig"
    ln -s "$root/usr/include/$target" "$work/include/$target"
    (
        cd "$source"
        export PYTHONPATH=$work/sysconfig _PYTHON_SYSCONFIGDATA_NAME=_sysconfigdata__$target
        export _PYTHON_HOST_PLATFORM=linux-aarch64 CC=$target-gcc LDSHARED="$target-gcc -shared"
        export CFLAGS="-I$root/usr/include/python$version -I$work/include" FACEDGE_REQUIRE_KERNEL=1
        "$python" -c 'import sys; from setuptools import build_meta as b; b.build_wheel(sys.argv[1])' "$work/wheel"
    ) >"$work/build.log" 2>&1 || {
        tail -n 30 "$work/build.log" >&2
        exit 1
    }
    wheel=$(ls "$work"/wheel/facedge-*_aarch64.whl)
    if [ -n "${FACEDGE_AARCH64_WHEEL:-}" ]; then
        mkdir -p "$FACEDGE_AARCH64_WHEEL"
        cp "$wheel" "$FACEDGE_AARCH64_WHEEL"
    fi
    echo "wheel: $(basename "$wheel")"
}

# pip chooses by the wheel's own tags and requirements, as it would on the device.
install_wheel() {
    local platforms=(--platform linux_aarch64 --platform manylinux_2_28_aarch64)
    "$python" -m pip --disable-pip-version-check install --quiet --target "$work/site" --only-binary=:all: \
        "${platforms[@]}" --python-version "$version" --cache-dir "$cache/pip" "$wheel" >"$work/pip.log" 2>&1 ||
        missing "pip could not bring the aarch64 wheels: $(grep -m 1 ERROR "$work/pip.log" || tail -n 1 "$work/pip.log")"
}

# qemu before 8 shows programs this machine's cpuinfo, which onnxruntime cannot read; a file under -L replaces it.
show_cpuinfo() {
    mkdir -p "$root/proc"
    for core in 0 1 2 3; do
        printf 'processor\t: %s\nFeatures\t: fp asimd evtstrm crc32 cpuid\nCPU implementer\t: 0x41\n' "$core"
        printf 'CPU architecture: 8\nCPU variant\t: 0x0\nCPU part\t: 0xd08\nCPU revision\t: 3\n\n'
    done >"$root/proc/cpuinfo"
}

need_tools
unpack_python
build_wheel
install_wheel
show_cpuinfo
cd "$work" # so that no facedge but the wheel's is there to import
PYTHONPATH=$work/site PYTHONDONTWRITEBYTECODE=1 ORT_DISABLE_TELEMETRY=1 OMP_NUM_THREADS=1 \
    ${FACEDGE_AARCH64_UNDER:+"$FACEDGE_AARCH64_UNDER"} "$qemu" -cpu cortex-a72 -L "$root" "$root/usr/bin/python$version" "$repository/tests/aarch64/golden.py" "$bundle"
