"""`preprocess` and `resize_grey`: checked arguments, then the fastest implementation, on one thread or several.

The implementations are the compiled kernel's (ext/prep.c: portable, avx2, avx512, neon) and numpy
(facedge.preprocessing.reference), which serves where no kernel was compiled. All give the same bits; the environment
variable FACEDGE_KERNEL forces one.
"""

from __future__ import annotations

import math
import os
from _thread import allocate_lock, start_new_thread
from collections import OrderedDict, deque
from collections.abc import Callable
from functools import lru_cache, partial
from importlib import import_module
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from facedge.errors import InputError
from facedge.preprocessing import reference
from facedge.preprocessing.spec import FRACTION, FRAME_HEIGHT, FRAME_WIDTH, Box, PreprocessSpec

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from facedge.types import AnyArray, Float32Array, UInt8Array

compiled: Any  # the module facedge._kernel; None in a source install on a machine without a C compiler
try:
    compiled = import_module("facedge._kernel")
except ImportError:
    compiled = None

NAMES = ("numpy", "portable", "avx2", "avx512", "neon")
MAX_SIDE = 16384  # pixels of an image; sums of the reference and the kernel are proven up to here
MAX_OUTPUT = 4096
MAX_PLANS = 32  # of some 100 KB at most; a camera or a training run uses one
SLICES = 4  # a thread: few enough to cost nothing, enough that all threads end at about the same time

_DEFAULT = PreprocessSpec()
_FLOAT32, _UINT8 = np.dtype(np.float32), np.dtype(np.uint8)
_plans: OrderedDict[tuple[int | str, ...], Callable[[Any, Any], None]] = OrderedDict()
_lock = allocate_lock()


def preprocess(
    rgb: ArrayLike,
    spec: PreprocessSpec = _DEFAULT,
    *,
    box: tuple[float, float, float, float] | None = None,
    out: Float32Array | None = None,
    threads: int = 1,
) -> Float32Array:
    """Images -> float32 (N, 1, S, S), S = spec.size: grey (BT.601), antialiased resize, -1..1.

    Args:
        rgb: uint8 (H, W, 3) or (N, H, W, 3) RGB, or (H, W), (N, H, W) or (N, H, W, 1) grey; sides of 1 to 16384 pixels,
            any strides (no copy is made), anything numpy reads as an array
        spec: the size of the output and the part of an aligned image that is used
        box: x0, y0, x1, y1 of the part to use, in pixels, rounded to 1/256; None takes spec.crop, scaled to the image,
            which is then expected to be aligned in CelebA geometry
        out: where to write, float32 (N, 1, S, S), C-contiguous images; returned. None allocates
        threads: how many threads share the images of a batch; 1 starts none

    Raises:
        InputError: where an argument is none of this
    """
    images = _as_images(rgb)
    size = spec.size
    scaled = spec.box_for(*images.shape[1:3])
    corners = _inside(scaled, images) if box is None else _fixed_box(box, images)
    target = _output(out, (len(images), 1, size, size), _FLOAT32, images)
    run(images, corners, target[:, 0], implementation_name(), threads)
    return target


def resize_grey(
    images: ArrayLike,
    size: tuple[int, int] = (FRAME_HEIGHT, FRAME_WIDTH),
    *,
    box: tuple[float, float, float, float] | None = None,
    out: UInt8Array | None = None,
    threads: int = 1,
) -> UInt8Array:
    """Images -> uint8 (N, height, width) grey: the integers of `preprocess`, rounded to bytes.

    Args:
        images: as in `preprocess`
        size: height and width of the output, 1 to 4096 each, square or not
        box: as in `preprocess`; None takes the whole image
        out: where to write, uint8 (N, height, width); returned. None allocates
        threads: as in `preprocess`
    """
    source = _as_images(images)
    height, width = _output_size(size)
    whole = 0, 0, source.shape[2] * FRACTION, source.shape[1] * FRACTION
    corners = whole if box is None else _fixed_box(box, source)
    target = _output(out, (len(source), height, width), _UINT8, source)
    run(source, corners, target, implementation_name(), threads)
    return target


# --- which implementation runs ---


def implementation_name() -> str:
    """The implementation in use, one of NAMES: FACEDGE_KERNEL, or the fastest available.

    Raises InputError where FACEDGE_KERNEL names one that is unknown or not available.
    """
    name = os.environ.get("FACEDGE_KERNEL", "").strip().lower()
    if not name:
        return available()[-1]
    if name not in NAMES:
        raise InputError(f"FACEDGE_KERNEL is one of {', '.join(NAMES)}, not {name!r}: unset it for the fastest")
    if name not in available():
        why = "the compiled kernel is not installed" if compiled is None else "this CPU or build does not have it"
        raise InputError(f"FACEDGE_KERNEL={name} cannot run here ({why}): use one of {', '.join(available())}")
    return name


def compiled_code() -> int | None:
    """The implementation in use as the compiled kernel's number; None where numpy does the work."""
    name = implementation_name()
    return None if name == "numpy" else int(compiled.IMPLEMENTATIONS[name])


@lru_cache(maxsize=1)
def available() -> tuple[str, ...]:
    """The implementations that run here, slowest first: numpy, then what the kernel's build and this CPU have."""
    return ("numpy",) if compiled is None else ("numpy", *compiled.implementations())


# --- running it ---


def run(images: UInt8Array, box: Box, out: AnyArray, implementation: str, threads: int = 1) -> None:
    """(N, H, W, C) uint8 -> out (N, height, width), float32 (normalised) or uint8 (rounded). Arrays are not checked.

    Args:
        images: uint8 (N, H, W, C), C = 3 or 1
        box: corners in 1/256 pixel
        out: written to
        implementation: one of `available()`
        threads: how many threads share the images
    """
    if isinstance(threads, bool) or not isinstance(threads, (int, np.integer)) or threads < 1:
        raise InputError(f"threads is a count of 1 or more, not {threads!r}")
    if len(images) == 0:
        return
    if implementation == "numpy":
        work: Callable[[Any, Any], None] = partial(_run_numpy, box)
    else:
        work = _plan((*images.shape[1:], *images.strides[2:], *box, *out.shape[1:], implementation))
    if threads == 1:
        work(images, out)
    else:
        in_slices(work, images, out, int(threads))


def _run_numpy(box: Box, images: UInt8Array, out: AnyArray) -> None:
    finish = reference.to_bytes if out.dtype == np.uint8 else reference.normalise
    for k in range(len(images)):  # one at a time: the integers take 8 times the memory of the bytes
        out[k] = finish(reference.accumulate(images[k : k + 1], box, *out.shape[1:]))[0]


def _plan(key: tuple[Any, ...]) -> Callable[[Any, Any], None]:
    """The kernel's weights for one geometry, bound to an implementation, from a least-recently-used cache."""
    with _lock:
        if key in _plans:
            _plans.move_to_end(key)
            return _plans[key]
    *geometry, implementation = key
    plan = partial(compiled.Plan(*geometry).run, implementation=compiled.IMPLEMENTATIONS[implementation])
    with _lock:
        _plans[key] = plan
        while len(_plans) > MAX_PLANS:
            _plans.popitem(last=False)
    return plan


def in_slices(work: Callable[[Any, Any], None], images: Any, out: Any, threads: int) -> None:
    """work(images, out) on slices of a batch, which the calling thread and its helpers take from one queue.

    The helpers are plain threads that end with the call: none is left to compete with onnxruntime's or torch's own,
    and a fork finds none. The caller starts working before they do, as waking a thread may take longer than a small
    batch. Raises what `work` raised first.
    """
    from queue import SimpleQueue

    count = len(images)
    expected = min(count, threads * SLICES)
    edges = [count * k // expected for k in range(expected + 1)]
    waiting = deque(slice(a, b) for a, b in pairwise(edges))
    finished: SimpleQueue[BaseException | None] = SimpleQueue()

    def take() -> None:
        while True:
            try:
                part = waiting.popleft()
            except IndexError:
                return
            try:
                work(images[part], out[part])
            except BaseException as problem:
                finished.put(problem)
            else:
                finished.put(None)

    for _ in range(min(threads, expected) - 1):
        start_new_thread(take, ())  # threading.Thread.start() would wait for it to run
    take()
    failures = [problem for _ in range(expected) if (problem := finished.get())]
    if failures:
        raise failures[0]


# --- arguments, checked and brought to one form without copying pixels ---


def _as_images(source: ArrayLike) -> UInt8Array:
    """A view (N, H, W, C), C = 3 or 1, of the caller's images."""
    array = np.asarray(source)
    if array.dtype != np.uint8:
        raise InputError(f"images are uint8 arrays of 0 to 255, not {array.dtype}: convert them first")
    view = _four_axes(array)
    height, width = view.shape[1:3]
    if not (1 <= height <= MAX_SIDE and 1 <= width <= MAX_SIDE):
        raise InputError(f"images have sides of 1 to {MAX_SIDE} pixels, not {width}x{height} (width x height)")
    return view


def _four_axes(array: UInt8Array) -> UInt8Array:
    if array.ndim == 4 and array.shape[3] in (1, 3):
        return array
    if array.ndim == 3 and array.shape[2] == 3:
        return array[None]
    if array.ndim == 3 and array.shape[2] not in (1, 2, 4):  # those are RGBA and the like, not tiny grey images
        return array[..., None]
    if array.ndim == 2:
        return array[None, :, :, None]
    raise InputError(
        f"images are (H, W, 3) or (N, H, W, 3) RGB, or (H, W), (N, H, W) or (N, H, W, 1) grey, not {array.shape}: "
        "of RGBA take [..., :3]"
    )


def _fixed_box(box: Any, images: UInt8Array) -> Box:
    """x0, y0, x1, y1 in pixels -> 1/256 pixel, rounded half up; InputError unless it is a box inside the image."""
    try:
        corners = [float(v) for v in box]
    except (TypeError, ValueError) as problem:
        raise InputError(f"a box is four numbers x0, y0, x1, y1 in pixels, not {box!r}") from problem
    if len(corners) != 4 or not all(math.isfinite(v * FRACTION) for v in corners):
        raise InputError(f"a box is four finite numbers x0, y0, x1, y1 in pixels, not {box!r}")
    x0, y0, x1, y1 = (math.floor(v * FRACTION + 0.5) for v in corners)
    return _inside((x0, y0, x1, y1), images)


def _inside(box: Box, images: UInt8Array) -> Box:
    """The box (1/256 pixel) itself, or InputError where it is empty or leaves the image."""
    height, width = images.shape[1:3]
    x0, y0, x1, y1 = box
    in_pixels = tuple(v / FRACTION for v in box)
    if x0 >= x1 or y0 >= y1:
        raise InputError(f"the box {in_pixels} is empty: x0 < x1 and y0 < y1 by at least 1/{FRACTION} pixel")
    if min(x0, y0) < 0 or x1 > width * FRACTION or y1 > height * FRACTION:
        raise InputError(f"the box {in_pixels} is partly outside the {width}x{height} image: clip it first")
    return box


def _output_size(size: Any) -> tuple[int, int]:
    """(height, width) of an output, checked."""
    ok = isinstance(size, (tuple, list)) and len(size) == 2
    if not ok or any(isinstance(v, bool) or not isinstance(v, (int, np.integer)) for v in size):
        raise InputError(f"an output size is two integers (height, width), not {size!r}")
    height, width = int(size[0]), int(size[1])
    if not (1 <= height <= MAX_OUTPUT and 1 <= width <= MAX_OUTPUT):
        raise InputError(f"an output has sides of 1 to {MAX_OUTPUT} pixels, not {size!r}")
    return height, width


def _output(out: Any, shape: tuple[int, ...], dtype: np.dtype[Any], images: UInt8Array) -> AnyArray:
    """The caller's `out`, checked, or a new array."""
    if out is None:
        return np.empty(shape, dtype)
    if not isinstance(out, np.ndarray) or out.dtype != dtype or out.shape != shape:
        got = f"{out.dtype} {out.shape}" if isinstance(out, np.ndarray) else type(out).__name__
        raise InputError(f"out is a {dtype} array {shape}, not {got}")
    if not out.flags.writeable:
        raise InputError("out is not writable: pass an array of your own")
    if len(out) and not out[0].flags.c_contiguous:
        raise InputError("each image of out must be C-contiguous (strides between images are free)")
    if np.may_share_memory(out, images):
        raise InputError("out overlaps the images it is made from: pass another array")
    return out
