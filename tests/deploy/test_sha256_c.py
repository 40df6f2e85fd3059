"""The C host's sha256, by the processor's instructions and without them."""

import hashlib
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

HOST = Path(__file__).resolve().parents[2] / "deploy" / "c"
DRIVER = """
#include <stdio.h>
#include <stdlib.h>
#include "sha256.h"
int main(int argc, char **argv) { /* the digests of the first bytes of standard input: as many as each argument */
    static unsigned char data[1 << 17];
    char hex[65];
    size_t size = fread(data, 1, sizeof data, stdin);
    for (int k = 1; k < argc; k++)
        if ((size_t)atol(argv[k]) <= size) sha256_hex(data, (size_t)atol(argv[k]), hex), puts(hex);
    return 0;
}
"""


@pytest.mark.parametrize("flags", [[], ["-DFACEDGE_PORTABLE_SHA"]])
def test_digests_are_those_of_hashlib(flags: list[str], tmp_path: Path) -> None:
    if not shutil.which("cc"):
        pytest.skip("needs a C compiler")
    (tmp_path / "main.c").write_text(DRIVER)
    warnings = ["-std=c99", "-O2", "-Wall", "-Wextra", "-Wpedantic", "-Werror"]
    command = ["cc", *warnings, *flags, f"-I{HOST}", "main.c", str(HOST / "sha256.c"), "-o", "digests"]
    subprocess.run(command, cwd=tmp_path, check=True)
    data = np.random.default_rng(0).integers(0, 256, 1 << 17, np.uint8).tobytes()
    lengths = [*range(200), 1000, 4096, 1 << 17]
    arguments = [str(tmp_path / "digests"), *map(str, lengths)]
    done = subprocess.run(arguments, input=data, capture_output=True, check=True)
    assert done.stdout.decode().split() == [hashlib.sha256(data[:length]).hexdigest() for length in lengths]
