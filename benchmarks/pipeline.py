"""From a frame to a decision, side by side: facedge, OpenCV's YuNet + SFace, dlib, SCRFD + MobileFaceNet. One thread.

    python benchmarks/pipeline.py VIDEO [VIDEO ...] --bundle PERSON.facedge [--models FOLDER] [--frames 60]

Every pipeline gets the same decoded frames, in turn, frame by frame, and counts the processor time of its own work:
detection of faces, alignment and embedding of the largest, and its comparison. The detectors see the frame at the same
size (its longer side at 320 pixels), except dlib's, which gets the whole frame: as it is, and enlarged twice, which is
the default of the face_recognition package. --models holds face_detection_yunet_2023mar.onnx,
face_recognition_sface_2021dec.onnx, scrfd_500m_bnkps.onnx and w600k_mbf.onnx; what is missing there, and dlib where it
is not installed, is left out.
"""

import argparse
import itertools
import json
import statistics
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

import facedge
from facedge.camera.source import Frame
from facedge.faces.align import fit_similarity
from facedge.live.lockout import Lockout
from facedge.live.watcher import Watcher

Image = NDArray[np.uint8]
Pipeline = Callable[[Image], None]  # takes a BGR frame, as OpenCV decodes it
SIDE = 320
ARCFACE = np.array([[38.2946, 51.6963], [73.5318, 51.5014], [56.0252, 71.7366], [41.5493, 92.3655], [70.7299, 92.2041]])
DLIB_MODELS = ("shape_predictor_5_face_landmarks.dat", "dlib_face_recognition_resnet_model_v1.dat")


def main() -> None:
    """Run the benchmark from the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("videos", type=Path, nargs="+")
    parser.add_argument("--bundle", type=Path, required=True)
    parser.add_argument("--models", type=Path, default=Path("models"))
    parser.add_argument("--frames", type=int, default=60)
    parser.add_argument("-o", "--output", type=Path, help="write the figures as JSON")
    args = parser.parse_args()
    cv2.setNumThreads(1)
    rows, stages = [], {}
    pipelines = {"facedge": ours(args.bundle, stages), "facedge, each frame alone": alone(args.bundle)} | dict(
        peers(args.models)
    )
    for video in args.videos:
        stages.clear()
        frames = decode(video, args.frames)
        times: dict[str, list[float]] = {name: [] for name in pipelines}
        for turn, frame in enumerate([frames[0], *frames]):
            for name, run in pipelines.items():
                start = time.process_time()
                run(frame)
                if turn:  # the first frame warms up
                    times[name].append(1000 * (time.process_time() - start))
        rows.append(report(video, frames[0], times, stages))
    if args.output:
        args.output.write_text(
            json.dumps({"bundle": facedge.load(args.bundle).bundle.sha256, "videos": rows}, indent=1)
        )


def decode(video: Path, count: int) -> list[Image]:
    """Frames spread over the video."""
    capture = cv2.VideoCapture(str(video))
    total = int(capture.get(cv2.CAP_PROP_FRAME_COUNT))
    step, found = max(1, total // count), []
    for number in range(total):
        came, frame = capture.read()
        if came and number % step == 0:
            found.append(frame)
    return found[:count]


def ours(bundle: Path, stages: dict[str, list[float]]) -> Pipeline:
    """facedge as `verify --camera` runs it: the whole watcher, and the colour conversion of its camera."""
    watcher = Watcher(facedge.load(bundle), lockout=Lockout(enabled=False))  # a video of an impostor fails often
    numbers = itertools.count()

    def run(frame: Image) -> None:
        number = next(numbers)
        watcher.step(Frame(cv2.cvtColor(frame, cv2.COLOR_BGR2RGB), number, number / 25))
        decision = watcher.view.decision
        for stage, ms in decision.ms.items() if decision else ():
            stages.setdefault(stage, []).append(ms)

    return run


def alone(bundle: Path) -> Pipeline:
    """facedge on every frame as a photo of its own, as `facedge verify` takes it: nothing is followed."""
    verifier = facedge.load(bundle)
    return lambda frame: void(verifier.verify(cv2.cvtColor(frame, cv2.COLOR_BGR2RGB), aligned=False))


def void(_result: object) -> None:
    """A pipeline keeps nothing."""


def peers(models: Path) -> Iterator[tuple[str, Pipeline]]:
    """Every other pipeline whose parts are here."""
    yunet, sface = models / "face_detection_yunet_2023mar.onnx", models / "face_recognition_sface_2021dec.onnx"
    if yunet.is_file() and sface.is_file():
        yield "OpenCV YuNet + SFace", opencv(yunet, sface)
    scrfd, mobile = models / "scrfd_500m_bnkps.onnx", models / "w600k_mbf.onnx"
    if scrfd.is_file() and mobile.is_file():
        yield "SCRFD-500M + MobileFaceNet", insight(scrfd, mobile)
    try:
        yield "dlib HOG + ResNet", dlib_pipeline(0)
        yield "the same, enlarged twice", dlib_pipeline(1)
    except ImportError as problem:
        print(f"left out: dlib ({problem})")


def opencv(yunet: Path, sface: Path) -> Pipeline:
    """OpenCV's own classes, the frame shrunk to the detector's size first."""
    detector = cv2.FaceDetectorYN.create(str(yunet), "", (SIDE, SIDE), 0.6)
    recogniser = cv2.FaceRecognizerSF.create(str(sface), "")
    template = np.ones((1, 128), np.float32)

    def run(frame: Image) -> None:
        scale = SIDE / max(frame.shape[:2])
        small = cv2.resize(frame, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        detector.setInputSize((small.shape[1], small.shape[0]))
        _, faces = detector.detect(small)
        if faces is not None:
            face = max(faces, key=lambda f: f[2] * f[3])
            face[:14] /= scale
            recogniser.match(recogniser.feature(recogniser.alignCrop(frame, face)), template, 0)

    return run


def insight(scrfd: Path, mobile: Path) -> Pipeline:
    """SCRFD and MobileFaceNet as insightface chains them, on onnxruntime."""
    detector, recogniser = _session(scrfd), _session(mobile)
    one, two = detector.get_inputs()[0].name, recogniser.get_inputs()[0].name
    template = np.ones(512, np.float32)

    def run(frame: Image) -> None:
        scale = SIDE / max(frame.shape[:2])
        small = cv2.resize(frame, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        padded = np.zeros((-(-small.shape[0] // 32) * 32, SIDE, 3), np.uint8)
        padded[: small.shape[0], : small.shape[1]] = small
        blob = cv2.dnn.blobFromImage(padded, 1 / 128, None, (127.5, 127.5, 127.5), swapRB=True)
        points = _scrfd_points(detector.run(None, {one: blob}), padded.shape[1])
        if points is not None:
            crop = _warp(frame, points / scale)
            face = cv2.dnn.blobFromImage(crop, 1 / 127.5, None, (127.5, 127.5, 127.5), swapRB=True)
            embedding = recogniser.run(None, {two: face})[0][0]
            float(embedding @ template / np.linalg.norm(embedding))

    return run


def _session(path: Path) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def _scrfd_points(outputs: list[NDArray[np.float32]], width: int) -> NDArray[np.float64] | None:
    """The five landmarks (5, 2) of the best face: outputs are scores, boxes and landmarks of strides 8, 16, 32."""
    best, found = 0.5, None
    for level, stride in enumerate((8, 16, 32)):
        scores, offsets = outputs[level].reshape(-1), outputs[6 + level].reshape(-1, 10)
        at = int(scores.argmax())
        if scores[at] > best:
            cell = at // 2  # two anchors a cell
            columns = width // stride
            centre = np.array([cell % columns, cell // columns]) * stride
            best, found = float(scores[at]), centre + offsets[at].reshape(5, 2).astype(np.float64) * stride
    return found


def _warp(frame: Image, points: NDArray[np.float64]) -> Image:
    m, t = fit_similarity(points, ARCFACE)
    matrix = np.array([[m.real, -m.imag, t.real], [m.imag, m.real, t.imag]])
    return np.asarray(cv2.warpAffine(frame, matrix, (112, 112)), np.uint8)


def dlib_pipeline(enlarged: int) -> Pipeline:
    """dlib's HOG detector, five landmarks and ResNet, as the face_recognition package chains them."""
    from importlib.util import find_spec

    import dlib

    spec = find_spec("face_recognition_models")
    if spec is None or spec.origin is None:
        raise ImportError("face_recognition_models is not installed")
    files = [str(Path(spec.origin).parent / "models" / name) for name in DLIB_MODELS]
    detector, shape = dlib.get_frontal_face_detector(), dlib.shape_predictor(files[0])
    network = dlib.face_recognition_model_v1(files[1])
    template = np.ones(128)

    def run(frame: Image) -> None:
        rgb = cv2.cvtColor(frame, cv2.COLOR_BGR2RGB)
        faces = detector(rgb, enlarged)
        if len(faces):
            face = max(faces, key=lambda f: f.area())
            embedding = np.array(network.compute_face_descriptor(rgb, shape(rgb, face)))
            float(np.linalg.norm(embedding - template))

    return run


def report(video: Path, frame: Image, times: dict[str, list[float]], stages: dict[str, list[float]]) -> dict[str, Any]:
    """The table of one video, and facedge stage by stage; its figures."""
    base = statistics.median(times["facedge"])
    size, count = f"{frame.shape[1]}x{frame.shape[0]}", len(times["facedge"])
    print(f"\n{video.name}, {size}, {count} frames, one thread")
    median = {name: statistics.median(values) for name, values in times.items()}
    for name, ms in median.items():
        print(f"  {name:28} {ms:8.2f} ms  {1000 / ms:7.1f} frames/s   {ms / base:5.1f} x facedge's time")
    parts = {stage: statistics.median(values) for stage, values in stages.items()}
    print("  facedge by stage (wall):     " + ", ".join(f"{stage} {ms:.2f} ms" for stage, ms in parts.items()))
    shown = {name: {"ms": round(ms, 3), "times_facedge": round(ms / base, 2)} for name, ms in median.items()}
    stage_ms = {stage: round(ms, 3) for stage, ms in parts.items()}
    return {"video": video.name, "size": size, "frames": count, "pipelines": shown, "facedge_stage_ms": stage_ms}


if __name__ == "__main__":
    main()
