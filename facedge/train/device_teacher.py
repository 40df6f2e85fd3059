"""A teacher on the training device: it embeds the patches that the student is trained on, thousands a second on a GPU.

The patches are grey and have half the resolution of the original images. For recognisers that makes little difference:
on held-out people EdgeFace-S has a TAR of 0.956 at FAR 1e-3 on grey crops of that size, 0.960 on the colour images.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from facedge.errors import ExportError, RunError
from facedge.preprocessing import FRAME_HEIGHT, FRAME_WIDTH, PreprocessSpec
from facedge.train.data import patch_box
from facedge.train.onnx_module import OnnxModule
from facedge.train.recogniser import MIDDLE, Recogniser, RecogniserInput, open_recogniser
from facedge.train.teacher import TeacherInput, sampling_grid

CHUNK = {"cuda": 1024, "cpu": 64}  # patches embedded at a time
INSTEAD = "take --teacher-views in place of --fresh-views"
LEAST_COSINE = 0.99  # to the file's own embeddings; those of float16 have 0.9999


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

    probe: patches (N, P, P) uint8 on which its embeddings are compared with those that onnxruntime gives. Raises
    RunError where the file is no recogniser, where torch cannot compute it, and where the two differ.
    """

    def __init__(
        self,
        path: Path,
        convention: TeacherInput,
        spec: PreprocessSpec,
        device: torch.device,
        probe: Tensor,
        *,
        compiled: bool = False,
    ) -> None:
        self.name, self.convention, self.device = path.name, convention, device
        try:
            recogniser = open_recogniser(path, RecogniserInput(convention))
        except ExportError as problem:
            raise RunError(str(problem)) from None
        dtype = torch.float16 if device.type == "cuda" else torch.float32
        module = OnnxModule(recogniser.graph, path.name, dtype).to(device).eval()
        self._grid = PatchFrame.of(spec).grid(torch.from_numpy(sampling_grid(convention.size))).to(device)
        self._run: Callable[[Tensor], Tensor] = module
        self._check(recogniser, probe)
        if compiled:
            self._run = torch.compile(module)

    def embed(self, patches: Tensor) -> Tensor:
        """Patches (N, P, P) uint8 -> embeddings (N, T) float32, L2-normalised; RunError where one is not finite."""
        chunks = torch.split(patches.to(self.device), CHUNK[self.device.type])
        found = torch.cat([self._embed(chunk) for chunk in chunks])
        if not torch.isfinite(found).all():
            raise RunError(
                f"the teacher {self.name} gives an embedding that is no number: is --teacher-input right for it?"
            )
        return found

    @torch.no_grad()
    def _embed(self, patches: Tensor) -> Tensor:
        count, size = len(patches), CHUNK[self.device.type]
        if count < size:  # always the same shape, so that it is compiled once
            patches = torch.cat([patches, patches[-1:].expand(size - count, -1, -1)])
        x = (self._crop(patches) - self.convention.mean) / self.convention.scale
        return F.normalize(self._run(x.expand(-1, 3, -1, -1).contiguous()).float().flatten(1))[:count]

    def _crop(self, patches: Tensor) -> Tensor:
        """Patches (N, P, P) -> grey levels (N, 1, S, S) of the recogniser's crop."""
        grid = self._grid.expand(len(patches), -1, -1, -1)
        return F.grid_sample(patches[:, None].float(), grid, padding_mode="border", align_corners=False)

    def _check(self, recogniser: Recogniser, probe: Tensor) -> None:
        probe = probe.to(self.device)
        try:
            found = self.embed(probe).cpu().numpy()
        except (IndexError, TypeError, ValueError, RuntimeError) as problem:  # an operator's form that is not known
            reason = str(problem).splitlines()[0]
            raise RunError(f"{self.name} cannot be computed on the training device ({reason}): {INSTEAD}") from None
        expected = recogniser.reference((self._crop(probe) / MIDDLE - 1).cpu().numpy())
        if (found * expected).sum(axis=1).min() < LEAST_COSINE:
            raise RunError(f"{self.name} gives other embeddings on the training device than in onnxruntime: {INSTEAD}")
