"""The C sources named on the command line as one file on standard output; every header but facedge.h comes once.

python3 amalgamate.py ../../ext/prep.c ... facedge.c > facedge-amalgamated.c
cc -O3 -std=c99 -ffp-contract=off -fno-strict-aliasing -c facedge-amalgamated.c      # -ldl -lm -lpthread
"""

import re
import sys
from pathlib import Path

FOLDERS = (Path(__file__).resolve().parent, Path(__file__).resolve().parents[2] / "ext")
INCLUDE = re.compile(r'#include "([a-z0-9_]+\.h)"')
APART = "facedge.h"


def expanded(path: Path, seen: set[str]) -> str:
    """The text of a source with its headers in the place of their first inclusion."""
    lines = []
    for line in path.read_text().splitlines():
        found = INCLUDE.match(line.strip())
        if found is None or found[1] == APART:
            lines.append(line)
        elif found[1] not in seen:
            seen.add(found[1])
            header = next(folder / found[1] for folder in FOLDERS if (folder / found[1]).is_file())
            lines.append(expanded(header, seen))
    return "\n".join(lines)


def main() -> None:
    """Write the sources, one after the other; POSIX names must be asked for before the first header."""
    seen: set[str] = set()
    print("/* facedge's library in one file, made by deploy/c/amalgamate.py; facedge.h is its interface. */")
    print("#define _POSIX_C_SOURCE 200809L")
    for name in sys.argv[1:]:
        text = re.sub(r"#define _POSIX_C_SOURCE .*", "", expanded(Path(name), seen))
        print(f"\n/* {Path(name).name} */\n{text}")


if __name__ == "__main__":
    main()
