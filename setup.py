"""Builds facedge._kernel from ext/, and README.md as the package index shows it. The rest is in pyproject.toml.

Without a C compiler the build goes on and numpy does the work; FACEDGE_REQUIRE_KERNEL=1 makes that fatal.
"""

import os
import re
import sys
import tomllib
from pathlib import Path

from Cython.Build import cythonize
from setuptools import Extension, setup

# Python enrolls with numpy, which runs the trials on the cohort as well; the C is for hosts without it.
ENROLLMENT = {"enrollment.c", "template.c", "table.c", "cohort.c", "person_model.c", "eigen.c", "mixed.c", "copies.c"}
OTHERS = ENROLLMENT | {"_kernel.c"}
SOURCES = ["ext/_kernel.pyx", *sorted(str(path) for path in Path("ext").glob("*.c") if path.name not in OTHERS)]
# What a source distribution holds besides: cythonize puts the generated C in the place of the .pyx.
DEPENDS = [str(path) for path in sorted(Path("ext").iterdir()) if path.suffix in {".h", ".pxi", ".pyx"}]
DEPENDS += [f"ext/{name}" for name in sorted(ENROLLMENT)]
# No -march=native: what the CPU offers is found at run time. No contraction: fused multiply-adds change bits.
FLAGS = [] if sys.platform == "win32" else ["-O3", "-std=c99", "-ffp-contract=off", "-fno-strict-aliasing"]


def kernel() -> list[Extension]:
    """The compiled module."""
    module = Extension("facedge._kernel", SOURCES, include_dirs=["ext"], depends=DEPENDS, extra_compile_args=FLAGS)
    extensions: list[Extension] = cythonize([module], build_dir="build/cython")
    for extension in extensions:
        extension.optional = os.environ.get("FACEDGE_REQUIRE_KERNEL", "") not in (
            "1",
            "true",
            "yes",
        )  # is dropped there
    return extensions


def index_page() -> str:
    """README.md with its relative links led into the repository, since the package index has no file beside it."""
    repository = tomllib.loads(Path("pyproject.toml").read_text(encoding="utf-8"))["project"]["urls"]["Repository"]
    text = re.sub(r"<!--.*?-->", "", Path("README.md").read_text(encoding="utf-8"))
    text = re.sub(r"(!\[[^\]]*\]\()(?![a-z]+:|#)", rf"\1{repository}/raw/main/", text)
    return re.sub(r"((?<!!)\[[^\]]*\]\()(?![a-z]+:|#)", rf"\1{repository}/blob/main/", text)


if __name__ == "__main__":
    setup(ext_modules=kernel(), long_description=index_page(), long_description_content_type="text/markdown")
