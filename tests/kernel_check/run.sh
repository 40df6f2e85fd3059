#!/usr/bin/env bash
# Is the C kernel sound, and are its bits the same everywhere? Under ten minutes; `make kernel-check` runs it.
#
#   1. every driver (check_*.c) under AddressSanitizer and UBSan: a million random calls each, of check_faces and check_enrollment 20,000
#   2. the same random cases on every implementation of this CPU and, under qemu, of three aarch64 cores:
#      one hash a line, all equal
#
# KERNEL_CHECK_CASES    cases of 2 (default 20000)
# KERNEL_CHECK_CALLS    calls of 1 (default 1000000)
#                       of both, check_faces and check_enrollment make a fiftieth: each of their calls is more work
# Parts whose tools are missing are skipped with a message; KERNEL_CHECK_REQUIRE=1 makes that a failure.
set -euo pipefail
cd "$(dirname "$0")"

all_cases=${KERNEL_CHECK_CASES:-20000}
all_calls=${KERNEL_CHECK_CALLS:-1000000}
ext=../../ext
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
flags=(-std=c99 -Wall -Wextra -Werror -pedantic -ffp-contract=off -I"$ext")
hashes="$work/hashes"

skip() {
    echo "skipped: $1"
    if [ "${KERNEL_CHECK_REQUIRE:-}" = 1 ]; then exit 1; fi
}

share_of() { # driver, number
    if [ "$1" = faces ] || [ "$1" = enrollment ]; then echo $(($2 / 50)); else echo "$2"; fi
}

build() { # compiler, driver, output, more flags
    local compiler=$1 driver=$2 output=$3
    shift 3
    "$compiler" "${flags[@]}" "$@" "check_$driver.c" "$ext"/*.c -o "$output" -lm
}

record() { # driver, machine; reads the driver's lines
    grep -v '^calls' | while read -r name hash; do
        printf '%-8s %-34s %s\n' "$1" "$name ($2)" "$hash" | tee -a "$hashes"
    done
}

sanitize() {
    local driver=$1 done_calls calls
    calls=$(share_of "$1" "$all_calls")
    if ! build "${CC:-cc}" "$driver" "$work/$driver-san" -O1 -g -fsanitize=address,undefined -fno-sanitize-recover=all \
        -DFE_STREAM=1; then
        skip "the compiler has no sanitizers"
        return
    fi
    # A case makes several calls; a short run counts them.
    done_calls=$("$work/$driver-san" 500 | awk '/^calls/ {print $2}')
    "$work/$driver-san" $((calls * 500 / done_calls + 1)) >"$work/san"
    echo "$driver: $(awk '/^calls/ {print $2}' "$work/san") calls under AddressSanitizer and UBSan, no complaint"
}

native() {
    local cases
    cases=$(share_of "$1" "$all_cases")
    build "${CC:-cc}" "$1" "$work/$1" -O3
    "$work/$1" "$cases" | record "$1" "$(uname -m)"
    # Large outputs bypass the caches; here all do that can.
    build "${CC:-cc}" "$1" "$work/$1-stream" -O3 -DFE_STREAM=1
    "$work/$1-stream" "$cases" | record "$1" "$(uname -m), streaming"
}

arm() {
    local driver=$1 cpu cases
    cases=$(share_of "$1" "$all_cases")
    if ! command -v aarch64-linux-gnu-gcc >/dev/null || ! command -v qemu-aarch64-static >/dev/null; then
        skip "aarch64 needs: apt install gcc-aarch64-linux-gnu libc6-dev-arm64-cross qemu-user-static"
        return
    fi
    build aarch64-linux-gnu-gcc "$driver" "$work/$driver-arm" -O3 -static
    for cpu in cortex-a53 cortex-a72 cortex-a76; do
        qemu-aarch64-static -cpu "$cpu" "$work/$driver-arm" "$cases" | record "$driver" "$cpu"
    done
}

for source in check_*.c; do
    driver=${source#check_}
    driver=${driver%.c}
    native "$driver"
    arm "$driver"
    sanitize "$driver"
    if [ "$(awk -v d="$driver" '$1 == d {print $NF}' "$hashes" | sort -u | wc -l)" != 1 ]; then
        echo "FAILED: the hashes of $driver differ"
        exit 1
    fi
done
echo "kernel-check: all hashes equal"
