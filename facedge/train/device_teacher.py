"""A teacher on the training device: it embeds the patches that the student is trained on, thousands a second on a GPU.

The patches are grey and have half the resolution of the original images. For recognisers that makes little difference:
on held-out people EdgeFace-S has a TAR of 0.956 at FAR 1e-3 on grey crops of that size, 0.960 on the colour images.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import onnx
import torch
import torch.nn.functional as F
from torch import Tensor

from facedge.errors import ExportError, RunError
from facedge.export.recogniser import RecogniserInput, open_recogniser
from facedge.preprocessing import FRAME_HEIGHT, FRAME_WIDTH, PreprocessSpec
from facedge.train.data import patch_box
from facedge.train.onnx_module import OnnxModule
from facedge.train.teacher import TeacherInput, sampling_grid

CHUNK = 1024  # patches embedded at a time


@dataclass(frozen=True)
class PatchFrame:
    """Where a patch lies in the frame of CelebA geometry: u = scale * v + shift, both in [-1, 1] from edge to edge.

    u: position in the frame, v: in the patch, x and y.
    """

    scale: tuple[float, float]
    shift: tuple[float, float]

    @classmethod
    def of(cls, spec: PreprocessSpec) -> "PatchFrame":
        """Of the patches that `crop_patches` makes of frames."""
        x0, y0, x1, y1 = patch_box(spec)
        scale = ((x1 - x0) / FRAME_WIDTH, (y1 - y0) / FRAME_HEIGHT)
        return cls(scale, ((x0 + x1) / FRAME_WIDTH - 1, (y0 + y1) / FRAME_HEIGHT - 1))

    def grid(self, grid: Tensor) -> Tensor:
        """Sampling positions (..., 2) in the frame -> in the patch."""
        return (grid - grid.new_tensor(self.shift)) / grid.new_tensor(self.scale)

    def theta(self, theta: Tensor) -> Tensor:
        """Affine maps (N, 2, 3) of positions in the frame, output to source -> the same of positions in the patch."""
        scale, shift = theta.new_tensor(self.scale), theta.new_tensor(self.shift)
        linear = theta[:, :, :2] * scale / scale[:, None]
        offset = (theta[:, :, :2] @ shift + theta[:, :, 2] - shift) / scale
        return torch.cat([linear, offset[:, :, None]], dim=2)


class DeviceTeacher:
    """A recogniser of ArcFace's crop in ONNX, on `device`; compiled: its graph is compiled there first.

    Raises RunError where the file is no recogniser, or has an operator that torch has not been taught.
    """

    def __init__(
        self,
        path: Path,
        convention: TeacherInput,
        spec: PreprocessSpec,
        device: torch.device,
        *,
        compiled: bool = False,
    ) -> None:
        self.name, self.convention = path.name, convention
        dtype = torch.float16 if device.type == "cuda" else torch.float32
        module = OnnxModule(_graph(path, convention), path.name, dtype).to(device).eval()
        self._run: Callable[[Tensor], Tensor] = torch.compile(module) if compiled else module
        self._grid = PatchFrame.of(spec).grid(torch.from_numpy(sampling_grid(convention.size))).to(device)

    @torch.no_grad()
    def embed(self, patches: Tensor) -> Tensor:
        """Patches (N, P, P) uint8 -> embeddings (N, T) float32, L2-normalised; RunError where one is not finite."""
        parts = [self._embed(chunk) for chunk in torch.split(patches, CHUNK)]
        found = torch.cat(parts)
        if not torch.isfinite(found).all():
            raise RunError(
                f"the teacher {self.name} gives an embedding that is no number: is --teacher-input right for it?"
            )
        return found

    def _embed(self, patches: Tensor) -> Tensor:
        count = len(patches)
        if count < CHUNK:  # always the same shape, so that it is compiled once
            patches = torch.cat([patches, patches[-1:].expand(CHUNK - count, -1, -1)])
        grid = self._grid.expand(CHUNK, -1, -1, -1)
        crop = F.grid_sample(patches[:, None].float(), grid, padding_mode="border", align_corners=False)
        x = ((crop - self.convention.mean) / self.convention.scale).expand(-1, 3, -1, -1).contiguous()
        return F.normalize(self._run(x).float().flatten(1))[:count]


def _graph(path: Path, convention: TeacherInput) -> onnx.GraphProto:
    """The recogniser's graph with a free batch, in one opset."""
    try:
        return open_recogniser(path, RecogniserInput(convention)).graph
    except ExportError as problem:
        raise RunError(str(problem)) from None
