"""Files made to harm the reader: each ends in one BundleError, within a second of processor time and 200 MB."""

import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest

pytest.importorskip("onnx")

import bundle_mutations
import onnx
import tiny_bundle
from hostile_files import ARRAYS, GRAPHS, MANIFESTS, fields_of, npy
from onnx import helper

from facedge.bundle import read_bundle
from facedge.bundle.arrays import read_array
from facedge.bundle.onnx_file import inspect_graph
from facedge.errors import BundleError


def refused(load: Callable[[], object]) -> None:
    start = time.process_time()
    with pytest.raises(BundleError) as caught:
        load()
    assert time.process_time() - start < 1
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 420
    str(caught.value).encode()  # can be printed


@pytest.mark.parametrize("name", GRAPHS)
def test_graphs(name: str) -> None:
    refused(lambda: inspect_graph("head.onnx", GRAPHS[name]))


@pytest.mark.parametrize("name", ARRAYS)
def test_arrays(name: str) -> None:
    refused(lambda: read_array("cohort.npy", ARRAYS[name]))


def test_arrays_of_other_writers_are_read() -> None:
    other_order = "{'shape':(2,2),'fortran_order':False,'descr':'<f4'}"
    versions = [(other_order, b"\x01\x00"), (fields_of(shape="(2, 2)"), b"\x02\x00"), (other_order, b"\x03\x00")]
    for header, version in versions:
        assert read_array("cohort.npy", npy(header, version)).shape == (2, 2)


@pytest.mark.parametrize("name", MANIFESTS)
def test_manifests(name: str, tiny_bundle: Path) -> None:
    bundle_mutations.edit(tiny_bundle, MANIFESTS[name])
    refused(lambda: read_bundle(tiny_bundle).manifest.preprocess_spec())


def test_none_takes_more_than_200_mb(tiny_bundle: Path) -> None:
    tracemalloc.start()
    try:
        for load in (
            *(lambda data=data: inspect_graph("head.onnx", data) for data in GRAPHS.values()),
            *(lambda data=data: read_array("cohort.npy", data) for data in ARRAYS.values()),
        ):
            with pytest.raises(BundleError):
                load()
        bundle_mutations.edit(tiny_bundle, MANIFESTS["a million lists"])
        with pytest.raises(BundleError):
            read_bundle(tiny_bundle)
        assert tracemalloc.get_traced_memory()[1] < 200e6
    finally:
        tracemalloc.stop()


def test_graphs_of_the_usual_size_pass() -> None:
    model = onnx.load_from_string(tiny_bundle.head_onnx())
    for number in range(2_000):
        model.graph.node.append(helper.make_node("Identity", ["embedding"], [f"unused_{number}"]))
    assert "Identity" in inspect_graph("head.onnx", model.SerializeToString()).operators
