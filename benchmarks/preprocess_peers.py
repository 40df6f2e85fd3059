"""The peers of benchmarks/preprocess.py: each makes grey, resized images of a batch's box, with one thread.

A peer is a function of a Job that returns a function of no arguments, to be timed, and that returns its output:
(N, S, S), uint8 or float. Most stop at uint8; facedge's float32 in -1..1 is one pass more. ImportError: absent.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

for _name in ("OMP_NUM_THREADS", "RAYON_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(_name, "1")
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")


@dataclass(frozen=True)
class Job:
    """uint8 RGB images (N, H, W, 3), the box to use (whole pixels), the side of the output."""

    images: npt.NDArray[np.uint8]
    box: tuple[int, int, int, int]
    size: int

    @property
    def crops(self) -> npt.NDArray[np.uint8]:
        """A view of the box of every image."""
        x0, y0, x1, y1 = self.box
        return self.images[:, y0:y1, x0:x1]


Run = Callable[[], Any]
Peer = Callable[[Job], Run]


def facedge_with(name: str, threads: int = 1) -> Peer:
    """facedge with one implementation forced; ImportError where this machine does not have it."""

    def peer(job: Job) -> Run:
        from facedge.preprocessing import PreprocessSpec, kernel, preprocess

        if name not in kernel.available():
            raise ImportError(f"no {name} here")
        out = np.empty((len(job.images), 1, job.size, job.size), np.float32)
        spec = PreprocessSpec(size=job.size)

        def run() -> Any:
            os.environ["FACEDGE_KERNEL"] = name
            return preprocess(job.images, spec, box=job.box, out=out, threads=threads)[:, 0]

        return run

    return peer


def one_by_one(convert: Callable[[Any], Any], job: Job) -> Run:
    """A peer that takes one image at a time."""
    return lambda: [convert(crop) for crop in job.crops]


def opencv(interpolation: str) -> Peer:
    """cvtColor, then resize."""

    def peer(job: Job) -> Run:
        import cv2

        cv2.setNumThreads(1)
        how, size = getattr(cv2, interpolation), (job.size, job.size)
        return one_by_one(lambda c: cv2.resize(cv2.cvtColor(c, cv2.COLOR_RGB2GRAY), size, interpolation=how), job)

    return peer


def pillow(resample: str) -> Peer:
    """Image.fromarray, convert("L"), resize."""

    def peer(job: Job) -> Run:
        from PIL import Image

        how, size = getattr(Image.Resampling, resample), (job.size, job.size)
        return one_by_one(lambda c: np.asarray(Image.fromarray(c).convert("L").resize(size, how)), job)

    return peer


def torch_antialias(job: Job) -> Run:
    """uint8, channels last, bilinear with antialias: torch's fast path; grey of the small result."""
    import torch

    torch.set_num_threads(1)
    images = torch.from_numpy(job.images).permute(0, 3, 1, 2)
    x0, y0, x1, y1 = job.box
    luma = torch.tensor([0.299, 0.587, 0.114]).reshape(1, 3, 1, 1)
    size = (job.size, job.size)

    def run() -> Any:
        crops = images[:, :, y0:y1, x0:x1]
        small = torch.nn.functional.interpolate(crops, size=size, mode="bilinear", antialias=True)
        return (small * luma).sum(1).numpy()

    return run


def onnx_graph(job: Job) -> Run:
    """The same definition as ONNX nodes (what verifier.onnx begins with), in onnxruntime; whole images only."""
    import onnx
    import onnxruntime

    from facedge.export.verifier_graph import GraphBuilder, add_preprocessing
    from facedge.preprocessing import FRAME_HEIGHT, FRAME_WIDTH, PreprocessSpec

    height, width = job.images.shape[1:3]
    scale = (256 * FRAME_WIDTH / width, 256 * FRAME_HEIGHT / height) * 2
    crop = tuple(round(corner * s) for corner, s in zip(job.box, scale, strict=True))
    graph = GraphBuilder("preprocess")
    add_preprocessing(graph, PreprocessSpec(size=job.size, crop=crop), "image", to="tensor")  # type: ignore[arg-type]
    value = onnx.helper.make_tensor_value_info
    image = value("image", onnx.TensorProto.UINT8, ["N", "H", "W", 3])
    tensor = value("tensor", onnx.TensorProto.FLOAT, ["N", 1, job.size, job.size])
    model = graph.model("preprocessing", [image], [tensor]).SerializeToString()
    return _onnxruntime(onnxruntime, model, job)


def _onnxruntime(onnxruntime: Any, model: bytes, job: Job) -> Run:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    return lambda: session.run(None, {"image": job.images})[0][:, 0]


def scikit_image(job: Job) -> Run:
    """rgb2gray, then resize_local_mean: the area average in floating point."""
    from skimage.color import rgb2gray
    from skimage.transform import resize_local_mean

    size = (job.size, job.size)
    return one_by_one(lambda c: 255 * resize_local_mean(rgb2gray(c), size, preserve_range=True), job)


def albumentations(job: Job) -> Run:
    """ToGray, then Resize with INTER_AREA."""
    import albumentations as a
    import cv2

    cv2.setNumThreads(1)
    pipeline = a.Compose(
        [a.ToGray(num_output_channels=1, p=1), a.Resize(job.size, job.size, interpolation=cv2.INTER_AREA)]
    )
    return one_by_one(lambda c: pipeline(image=np.ascontiguousarray(c))["image"].squeeze(), job)


def kornia_rs(job: Job) -> Run:
    """resize (bilinear), then grey: its resize takes three channels only."""
    from kornia_rs import imgproc

    size = (job.size, job.size)

    def convert(crop: Any) -> Any:
        return imgproc.gray_from_rgb(imgproc.resize(np.ascontiguousarray(crop), size, "bilinear")).squeeze()

    return one_by_one(convert, job)


PEERS: dict[str, Peer] = {
    "facedge avx512": facedge_with("avx512"),
    "facedge avx2": facedge_with("avx2"),
    "facedge neon": facedge_with("neon"),
    "facedge portable": facedge_with("portable"),
    "facedge numpy": facedge_with("numpy"),
    "OpenCV grey + INTER_AREA": opencv("INTER_AREA"),
    "OpenCV grey + INTER_LINEAR": opencv("INTER_LINEAR"),
    "Pillow L + BOX": pillow("BOX"),
    "Pillow L + BILINEAR": pillow("BILINEAR"),
    "torch uint8 antialias": torch_antialias,
    "ONNX graph, same bits": onnx_graph,
    "scikit-image local mean": scikit_image,
    "albumentations, INTER_AREA": albumentations,
    "kornia-rs bilinear": kornia_rs,
}
