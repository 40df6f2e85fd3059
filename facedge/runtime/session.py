"""Moved: facedge.onnx_session."""

from typing import Any

from facedge.bundle.onnx_file import inspect_graph
from facedge.onnx_session import BYTES as BYTES
from facedge.onnx_session import FLOAT as FLOAT
from facedge.onnx_session import Port as Port
from facedge.onnx_session import check_ports as check_ports
from facedge.onnx_session import open_session as _open
from facedge.onnx_session import runtime_version


def open_session(name: str, data: bytes, *, threads: int = 1) -> Any:
    """Moved."""
    inspect_graph(name, data)
    return _open(name, data, threads=threads)


about_engine = runtime_version
