"""Builds facedge._kernel from ext/. Everything else about the package is in pyproject.toml.

Without a C compiler the build goes on and numpy does the work; FACEDGE_REQUIRE_KERNEL=1 makes that fatal.
"""

import os
import sys
from pathlib import Path

from Cython.Build import cythonize
from setuptools import Extension, setup

# Python enrolls with numpy, which runs the trials on the cohort as well; the C is for hosts without it.
ENROLLMENT = {"enrollment.c", "template.c", "table.c", "cohort.c", "person_model.c", "eigen.c", "mixed.c"}
OTHERS = ENROLLMENT | {"_kernel.c"}
SOURCES = ["ext/_kernel.pyx", *sorted(str(path) for path in Path("ext").glob("*.c") if path.name not in OTHERS)]
# What a source distribution needs besides: cythonize puts the generated C in the place of the .pyx.
DEPENDS = [str(path) for path in sorted(Path("ext").iterdir()) if path.suffix in {".h", ".pxi", ".pyx"}]
# No -march=native: what the CPU offers is found at run time. No contraction: fused multiply-adds change bits.
FLAGS = [] if sys.platform == "win32" else ["-O3", "-std=c99", "-ffp-contract=off", "-fno-strict-aliasing"]

kernel = Extension("facedge._kernel", SOURCES, include_dirs=["ext"], depends=DEPENDS, extra_compile_args=FLAGS)
extensions = cythonize([kernel], build_dir="build/cython")
for extension in extensions:
    extension.optional = os.environ.get("FACEDGE_REQUIRE_KERNEL", "") not in ("1", "true", "yes")  # cythonize drops it

setup(ext_modules=extensions)
