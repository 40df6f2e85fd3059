"""The attribute layer, fitted once more after training: logistic regression on the features before it.

Trained by gradient descent with everything else, the layer fits the labelled images better than others: their labels
are few and noisy. Logistic regression with an L2 penalty chosen on the validation people generalises better: with
23,743 labelled images accuracy on the 180 test people rose from 89.3 to 89.5 % (float32), and with the features of
every stage to 89.8. Those of the early stages change with light and sharpness, so augmented views of some images are
fitted too: without them accuracy would be 89.9 %, but 85.7 % instead of 87.7 where photos are blurred, dark,
compressed or half covered (mean of 13 such degradations); with one of every image 89.8 and 88.5. Label smoothing, a
hidden layer, a penalty for each attribute or each stage brought nothing more.
"""

from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor

from facedge.train.architectures import Edge
from facedge.train.augment import Augment, augment, centre_crop
from facedge.train.camera_conditions import FaceLayout
from facedge.train.data import Samples
from facedge.train.validation import Scores

# On weights of features of variance 1. From each the next goes on (a regularisation path: Friedman et al. 2010).
PENALTIES = (0.4, 0.2, 0.1, 0.05, 0.025)
IMAGES = 40_000  # for one fit, which then holds 1.5 GB of features
STEPS = 40  # of L-BFGS (Liu and Nocedal 1989) for each penalty
VIEWED = 12  # one image in so many is seen augmented too
LEAST_SPREAD = 1e-2  # standard deviation of a feature
BATCH = 256


def labelled(
    samples: Samples, size: int, seed: int, augmented: tuple[Augment, FaceLayout] | None = None
) -> Iterator[tuple[Tensor, Tensor]]:
    """Network inputs (B, 1, S, S) with their attributes (B, A), of images of which one is known, as at inference.

    With `augmented` a random view of one image in VIEWED comes after each part.
    """
    rows = torch.nonzero((samples.attributes <= 1).any(dim=1)).flatten()
    order = torch.randperm(len(rows), generator=torch.Generator().manual_seed(seed))[:IMAGES]
    for number, part in enumerate(torch.split(rows[order.to(rows.device)], BATCH)):
        yield centre_crop(samples.patches[part], size), samples.attributes[part]
        if augmented and len(viewed := part[::VIEWED]):
            strength, layout = augmented
            drawn = torch.Generator(samples.patches.device).manual_seed(seed + number)
            yield augment(samples.patches[viewed], layout, size, strength, drawn), samples.attributes[viewed]


def attributes_sentence(penalty: float, scores: Scores) -> str:
    """What a fit came to, in one line."""
    return f"attribute layer fitted (L2 penalty {penalty:g}): validation accuracy {scores.attribute_accuracy:.4f}"


@torch.no_grad()
def fit_attributes(
    backbone: Edge, batches: Iterator[tuple[Tensor, Tensor]], validation: Iterator[tuple[Tensor, Tensor]]
) -> float:
    """Replace the attribute layer by the regression with the least cross-entropy on validation: its penalty.

    batches, validation: network inputs (B, 1, S, S) and attributes (B, A), 0 or 1 or above where they are not known.
    """
    was_training = backbone.training
    backbone.eval()
    features, labels = _features(backbone, batches)
    mean, spread = features.mean(0), features.std(0).clamp(min=LEAST_SPREAD)
    features.sub_(mean).div_(spread)
    judged, judged_labels = _features(backbone, validation)
    judged.sub_(mean).div_(spread)
    weight, bias = torch.zeros_like(backbone.attributes.weight), torch.zeros_like(backbone.attributes.bias)
    found = []
    for penalty in PENALTIES:
        weight, bias = _regression(features, labels, penalty, weight, bias)
        loss = float(_cross_entropy(judged @ weight.T + bias, judged_labels))
        found.append((loss, penalty, weight, bias))
    _, best, weight, bias = min(found, key=lambda fit: fit[0])
    weight = weight / spread
    backbone.attributes.weight.copy_(weight)
    backbone.attributes.bias.copy_(bias - weight @ mean)
    backbone.train(was_training)
    return best


def _features(backbone: Edge, batches: Iterator[tuple[Tensor, Tensor]]) -> tuple[Tensor, Tensor]:
    """Features (N, F), of image and mirror image as at inference, and the labels (N, A)."""
    features, labels, device = [], [], backbone.attributes.weight.device
    for image, known in batches:
        image, known = image.to(device), known.to(device)
        both = backbone.attribute_features(torch.cat([image, image.flip(3)]))
        features.append((both[: len(image)] + both[len(image) :]) / 2)
        labels.append(known.float())
    return torch.cat(features), torch.cat(labels)


def _regression(
    features: Tensor, labels: Tensor, penalty: float, weight: Tensor, bias: Tensor
) -> tuple[Tensor, Tensor]:
    """Weights (A, F) and biases (A,) of the logistic regressions of all attributes, from those given on."""
    weight, bias = (tensor.clone().requires_grad_() for tensor in (weight, bias))
    solver = torch.optim.LBFGS([weight, bias], max_iter=STEPS, history_size=8, line_search_fn="strong_wolfe")

    def loss() -> Tensor:
        solver.zero_grad()
        total = _cross_entropy(features @ weight.T + bias, labels) + penalty * weight.square().sum()
        total.backward()  # type: ignore[no-untyped-call]
        return total

    with torch.enable_grad():
        solver.step(loss)  # type: ignore[no-untyped-call]
    return weight.detach(), bias.detach()


def _cross_entropy(logits: Tensor, labels: Tensor) -> Tensor:
    """Summed over the attributes, each the mean over the images (N, A) of which it is known."""
    known = (labels <= 1).float()
    each = F.binary_cross_entropy_with_logits(logits, labels.clamp(max=1), weight=known, reduction="none")
    return (each.sum(0) / known.sum(0).clamp(min=1)).sum()
