"""The attribute layer, fitted once more after training: logistic regression on the features before it.

Trained by gradient descent with everything else, the layer fits the labelled images better than others: their labels
are few and noisy. Logistic regression with an L2 penalty chosen on the validation people generalises better: with
23,743 labelled images accuracy on the 180 test people rose from 89.3 to 89.5 % (float32), and with the features of
every stage to 89.8. Those of the early stages change with light and sharpness, so an augmented view of each image is
fitted too, with little weight: without views accuracy would be 89.9 %, but 85.7 % instead of 88.0 where photos are
blurred, dark, compressed or half covered (mean of 13 such degradations); with views of full weight 89.8 and 88.5.
None of these brought more: label smoothing, a penalty for each attribute or each stage, probabilities by EdgeFace-S's
maps (90.1 % of the same labels right) for 50,694 images without labels. A hidden layer of 64 units that learnt from
both had 89.95 %, for 0.4 million further parameters.
"""

from collections.abc import Iterator

import torch
from torch import Tensor

from facedge.train.architectures import Edge
from facedge.train.augment import Augment, augment, centre_crop
from facedge.train.camera_conditions import FaceLayout
from facedge.train.data import Samples
from facedge.train.logistic_regression import Examples, fit_logistic
from facedge.train.validation import Scores

IMAGES = 40_000  # for one fit, which then holds 2 GB of features
VIEW_WEIGHT = 1 / 12  # of an augmented view beside the image itself
BATCH = 256

Batch = tuple[Tensor, Tensor, float]  # network inputs (B, 1, S, S), attributes (B, A), and the weight of each image


def labelled(
    samples: Samples, size: int, seed: int, augmented: tuple[Augment, FaceLayout] | None = None
) -> Iterator[Batch]:
    """The images of which an attribute is known, as at inference; with `augmented` a random view of each, too."""
    rows = torch.nonzero((samples.attributes <= 1).any(dim=1)).flatten()
    order = torch.randperm(len(rows), generator=torch.Generator().manual_seed(seed))[:IMAGES]
    for number, part in enumerate(torch.split(rows[order.to(rows.device)], BATCH)):
        yield centre_crop(samples.patches[part], size), samples.attributes[part], 1.0
        if augmented:
            strength, layout = augmented
            drawn = torch.Generator(samples.patches.device).manual_seed(seed + number)
            yield augment(samples.patches[part], layout, size, strength, drawn), samples.attributes[part], VIEW_WEIGHT


def attributes_sentence(penalty: float, scores: Scores) -> str:
    """What a fit came to, in one line."""
    return f"attribute layer fitted (L2 penalty {penalty:g}): validation accuracy {scores.attribute_accuracy:.4f}"


@torch.no_grad()
def fit_attributes(backbone: Edge, batches: Iterator[Batch], validation: Iterator[Batch]) -> float:
    """Replace the attribute layer by the regression with the least cross-entropy on validation; its penalty."""
    was_training = backbone.training
    backbone.eval()
    found = fit_logistic(_examples(backbone, batches), _examples(backbone, validation))
    backbone.attributes.weight.copy_(found.weight)
    backbone.attributes.bias.copy_(found.bias)
    backbone.train(was_training)
    return found.penalty


def _examples(backbone: Edge, batches: Iterator[Batch]) -> Examples:
    """Features of image and mirror image, as at inference."""
    features, labels, weights, device = [], [], [], backbone.attributes.weight.device
    for image, known, weight in batches:
        image = image.to(device)
        both = backbone.attribute_features(torch.cat([image, image.flip(3)]))
        features.append((both[: len(image)] + both[len(image) :]) / 2)
        labels.append(known.to(device).float())
        weights.append(torch.full((len(image), 1), weight, device=device))
    return Examples(torch.cat(features), torch.cat(labels), torch.cat(weights))
