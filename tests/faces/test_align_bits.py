"""Every implementation of the aligner gives the bits of the numpy reference."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from facedge.faces.align import ONE, TARGET, Sampling, align, align_reference
from facedge.preprocessing import kernel
from facedge.types import UInt8Array

COMPILED = [name for name in kernel.available() if name != "numpy"]
pytestmark = pytest.mark.skipif(not COMPILED, reason="the compiled kernel is not installed")


def run(name: str, frame: UInt8Array, s: Sampling, height: int, width: int) -> UInt8Array:
    out = np.full((height, width, 3), 77, np.uint8)
    code = kernel.compiled.IMPLEMENTATIONS[name]
    kernel.compiled.align(frame, out, s.samples, s.x0, s.y0, s.dx, s.dy, code)
    return out


def assert_same_bits(frame: UInt8Array, s: Sampling, height: int, width: int) -> None:
    expected = align_reference(frame, s, height, width)
    for name in COMPILED:
        np.testing.assert_array_equal(run(name, frame, s, height, width), expected, err_msg=f"{name} {s}")


def views(frame: UInt8Array) -> dict[str, UInt8Array]:
    """(H, W, 4) -> the same memory seen in many ways, each (h, w, 3)."""
    return {
        "contiguous": np.ascontiguousarray(frame[:, :, :3]),
        "four bytes a pixel": frame[:, :, :3],
        "the last three of four": frame[:, :, 1:],
        "bgr": np.ascontiguousarray(frame[:, :, :3])[:, :, ::-1],
        "upside down": np.ascontiguousarray(frame[:, :, :3])[::-1],
        "mirrored": np.ascontiguousarray(frame[:, :, :3])[:, ::-1],
        "every second pixel": frame[:, ::2, :3],
        "planes": np.ascontiguousarray(frame.transpose(2, 0, 1))[:3].transpose(1, 2, 0),
        "grey": np.broadcast_to(np.ascontiguousarray(frame[:, :, :1]), (*frame.shape[:2], 3)),
        "a crop": frame[1:-1, 1:-1, :3] if min(frame.shape[:2]) > 2 else frame[:, :, :3],
    }


VIEWS = sorted(views(np.zeros((4, 4, 4), np.uint8)))


@st.composite
def samplings(draw: st.DrawFn) -> Sampling:
    """Any turn and scale, with the crop anywhere near the frame."""
    samples = draw(st.integers(1, 31))
    near, step = 60 * ONE, 9 * ONE // samples
    x0, y0 = draw(st.integers(-near, near)), draw(st.integers(-near, near))
    return Sampling(samples, x0, y0, draw(st.integers(-step, step)), draw(st.integers(-step, step)))


@settings(max_examples=60, deadline=None)
@given(samplings(), st.sampled_from(VIEWS), st.tuples(st.integers(1, 40), st.integers(1, 40)), st.integers(0, 2**32))
def test_any_sampling_of_any_view(s: Sampling, view: str, size: tuple[int, int], seed: int) -> None:
    random = np.random.default_rng(seed)
    frame = views(random.integers(0, 256, (*size, 4), np.uint8))[view]
    height, width = random.integers(1, 24, 2).tolist()
    assert_same_bits(frame, s, height, width)


@pytest.mark.parametrize("value", [0, 255])
@pytest.mark.parametrize("samples", [1, 2, 3, 4, 5, 16, 31])
def test_flat_frames_stay_flat_and_no_sum_overflows(value: int, samples: int) -> None:
    frame = np.full((9, 11, 3), value, np.uint8)
    s = Sampling(samples, -ONE, -ONE, ONE // 3, ONE // 7)
    assert_same_bits(frame, s, 30, 40)
    assert (run(COMPILED[-1], frame, s, 30, 40) == value).all()


@pytest.mark.parametrize("shape", [(1, 1), (1, 2), (2, 1), (1, 9), (3, 3), (2, 8), (300, 2)])
def test_tiny_frames(shape: tuple[int, int]) -> None:
    frame = np.random.default_rng(0).integers(0, 256, (*shape, 3), np.uint8)
    assert_same_bits(frame, Sampling(3, -3 * ONE, -2 * ONE, ONE // 5, ONE // 50), 20, 30)


def test_a_frame_at_the_very_end_of_its_memory_is_read_to_its_last_byte_only() -> None:
    """Crops that end at the frame's last pixel, beside a page that may not be read."""
    import ctypes
    import mmap

    page = mmap.PAGESIZE
    memory = mmap.mmap(-1, 2 * page)
    whole = np.frombuffer(memory, np.uint8)
    address = whole.ctypes.data
    libc = ctypes.CDLL(None, use_errno=True)
    assert libc.mprotect(ctypes.c_void_p(address + page), ctypes.c_size_t(page), 0) == 0
    try:
        for channels in (3, 4):
            height, width = 16, 40
            frame = whole[page - height * width * channels : page].reshape(height, width, channels)
            frame[...] = np.random.default_rng(1).integers(0, 256, frame.shape, np.uint8)
            for view in (frame[:, :, -3:], frame[:, :, -3:][:, :, ::-1], frame[:, :, :3][::-1]):
                assert_same_bits(view, Sampling(2, 10 * ONE, 2 * ONE, ONE // 2, 0), 20, 40)
    finally:
        libc.mprotect(ctypes.c_void_p(address + page), ctypes.c_size_t(page), 3)


@pytest.mark.parametrize("samples", [0, 32, -1])
def test_the_kernel_refuses_what_the_definition_does_not_allow(samples: int) -> None:
    frame = np.zeros((4, 4, 3), np.uint8)
    with pytest.raises(ValueError, match="refused"):
        run("portable", frame, Sampling(samples, 0, 0, 0, 0), 4, 4)
    with pytest.raises(ValueError, match="refused"):
        run("portable", frame, Sampling(1, 1 << 60, 0, 0, 0), 4, 4)


@pytest.mark.parametrize("name", ["numpy", *COMPILED])
def test_align_runs_the_implementation_that_is_forced(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    frame = np.random.default_rng(2).integers(0, 256, (240, 320, 3), np.uint8)
    expected = align(frame, TARGET * 1.1 + 20)
    monkeypatch.setenv("FACEDGE_KERNEL", name)
    np.testing.assert_array_equal(align(frame, TARGET * 1.1 + 20), expected)
