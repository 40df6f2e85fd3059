"""Moved: facedge.onnx_session."""

from typing import Any

from facedge.onnx_session import open_session


def session(data: bytes, *, threads: int = 1) -> Any:
    """Moved: open_session("backbone.onnx", data)."""
    return open_session("model", data, threads=threads)
