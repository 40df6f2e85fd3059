"""`facedge doctor`: check the installation part by part, with the command that installs what is missing."""

import os
import platform
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

import numpy as np

from facedge.errors import FacedgeError
from facedge.formatting import counted

State = Literal["ok", "missing", "broken"]
BASE = ("numpy", "onnxruntime", "pillow", "typer")  # the base install
TRAINING = ("torch", "onnx", "onnxscript", "safetensors", "matplotlib")


@dataclass(frozen=True)
class Item:
    """One part of the installation.

    Attributes:
        state: ok; missing: something optional is not installed; broken: something needed does not work
        text: what was found
        remedy: the command or step that mends it, "" where nothing is missing
    """

    name: str
    state: State
    text: str
    remedy: str = ""


def diagnose() -> list[Item]:
    """Check every part of this installation. Imports neither torch nor OpenCV, and opens no camera."""
    checks: tuple[tuple[str, Callable[[], Item]], ...] = (
        ("facedge", _package),
        ("kernel", _kernel),
        ("onnxruntime", _onnxruntime),
        ("detector", _detector),
        ("bundle", _bundle),
        ("camera", _camera),
        ("training", _training),
    )
    return [_checked(name, check) for name, check in checks]


def _checked(name: str, check: Callable[[], Item]) -> Item:
    try:
        return check()
    except FacedgeError as problem:
        return Item(name, "missing", "", str(problem))
    except Exception as problem:  # a part that fails is a finding, and the others are still checked
        return Item(name, "broken", f"{type(problem).__name__}: {problem}", "pip install --force-reinstall facedge")


def _package() -> Item:
    import facedge

    system = f"Python {platform.python_version()}, {platform.system()} {platform.machine()}, {os.cpu_count()} cores"
    lacking = [name for name in BASE if _version(name) is None]
    if lacking:
        return Item("facedge", "broken", f"{', '.join(lacking)} not installed", "pip install --force-reinstall facedge")
    if platform.machine() in ("armv7l", "armv6l"):
        return Item("facedge", "broken", system, "use 64-bit Raspberry Pi OS: onnxruntime has no 32-bit ARM build")
    return Item("facedge", "ok", f"{facedge.__version__}, {system}")


def _kernel() -> Item:
    from facedge.preprocessing import kernel, preprocess

    image = np.arange(61 * 47 * 3, dtype=np.uint32).astype(np.uint8).reshape(1, 61, 47, 3)
    chosen, here = kernel.implementation_name(), kernel.available()
    expected = _with_kernel("numpy", lambda: preprocess(image).tobytes())
    if preprocess(image).tobytes() != expected:
        return Item(
            "kernel",
            "broken",
            f"{chosen} gives other bits than numpy",
            "set FACEDGE_KERNEL=numpy, and report it as a bug",
        )
    if here == ("numpy",):
        return Item(
            "kernel", "missing", "numpy (slow)", "install a C compiler, then pip install --force-reinstall facedge"
        )
    return Item("kernel", "ok", f"{chosen}, the same bits as numpy; available: {', '.join(here)}")


def _with_kernel(name: str, work: Callable[[], bytes]) -> bytes:
    before = os.environ.get("FACEDGE_KERNEL")
    os.environ["FACEDGE_KERNEL"] = name
    try:
        return work()
    finally:
        del os.environ["FACEDGE_KERNEL"]
        if before is not None:
            os.environ["FACEDGE_KERNEL"] = before


def _onnxruntime() -> Item:
    from facedge.onnx_session import runtime_version

    telemetry = "off" if os.environ.get("ORT_DISABLE_TELEMETRY") == "1" else "on: unset ORT_DISABLE_TELEMETRY"
    return Item("onnxruntime", "ok", f"{runtime_version()}, telemetry {telemetry}")


def _detector() -> Item:
    from facedge.faces.yunet import find_model, read_model

    path = find_model()
    read_model(path)
    return Item("detector", "ok", f"YuNet at {path}")


def _bundle() -> Item:
    from facedge.bundle import read_bundle
    from facedge.bundle.resolve import resolve_bundle

    bundle = read_bundle(resolve_bundle(os.environ.get("FACEDGE_BUNDLE") or None))
    enrolled = "one person enrolled" if bundle.manifest.enrolled else "to enroll people with"
    return Item("bundle", "ok", f"{bundle.path} ({bundle.manifest.name}, {enrolled})")


def _camera() -> Item:
    backends = [text for text in _camera_backends() if text]
    devices = sorted(path.name for path in Path("/dev").glob("video*"))
    found = counted(len(devices), "video device") if devices else "no video device"
    if not backends:
        return Item("camera", "missing", f"no backend, {found}", "pip install 'facedge[camera]'")
    return Item("camera", "ok", f"{', '.join(backends)}; {found}")


def _camera_backends() -> Iterator[str]:
    if find_spec("cv2"):
        yield f"OpenCV {_version('opencv-python-headless') or _version('opencv-python') or ''}".strip()
    if find_spec("picamera2"):
        yield f"picamera2 {_version('picamera2') or ''}".strip()


def _training() -> Item:
    lacking = [name for name in TRAINING if not find_spec(name)]
    if lacking:
        return Item("training", "missing", f"without {', '.join(lacking)}", "pip install 'facedge[train]'")
    return Item("training", "ok", ", ".join(f"{name} {_version(name)}" for name in TRAINING[:2]))


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None
