"""After the last epoch: the layers that give attributes and embedding, fitted once more to the best weights."""

import copy
from collections.abc import Callable, Sequence
from pathlib import Path

import torch

from facedge.dataset.prepared import Faces
from facedge.train import run_folder
from facedge.train.architectures import Edge, at_inference
from facedge.train.attribute_fit import attributes_sentence, fit_attributes, labelled
from facedge.train.camera_conditions import FaceLayout
from facedge.train.config import BackboneConfig
from facedge.train.data import MARGIN, Samples, load_samples
from facedge.train.embedding_fit import (
    CONDITION_NUMBERS,
    fit_condition_numbers,
    fit_embedding,
    fitted_sentence,
    inputs_and_targets,
)
from facedge.train.validation import Scores, evaluate
from facedge.types import Float32Array, Say, Track

CPU = torch.device("cpu")


def fit_last_layers(
    run: Path,
    config: BackboneConfig,
    faces: Faces,
    validation: Samples,
    *,
    more: Sequence[Faces] = (),
    targets: Float32Array | None = None,
    say: Say,
    track: Track,
) -> Scores:
    """Fit both layers of the run's weights, each where validation gains; the scores with them.

    The attribute layer to the labels of `faces` and `more`. The embedding layer to the teacher's targets (N, D) of the
    training images of `faces`, where there are any, and then to camera conditions in the numbers that these leave free.
    """
    device, size = validation.patches.device, config.spec.size
    backbone = Edge(size, len(config.attribute_names)).to(device)
    run_folder.load_weights(backbone, run)
    backbone.eval()

    def scored() -> Scores:
        return evaluate(at_inference(backbone, config.mirrored), validation, size)

    samples = load_samples(faces, "train", config.spec, CPU, more=more)
    views = config.recipe.augment, FaceLayout.of(config.spec, MARGIN)
    known, judged = labelled(samples, size, config.seed, views), labelled(validation, size, config.seed)
    fitted = _where_it_gains(backbone, scored, lambda: (fit_attributes(backbone, known, judged), scored()))
    say(attributes_sentence(*fitted) if fitted else "attribute layer kept as it was trained: validation gains nothing")
    if targets is not None:
        own = len(targets)  # of `faces`, which come first
        taught = Samples(
            samples.patches[:own], samples.attributes[:own], samples.classes[:own], torch.from_numpy(targets)
        )
        batches = inputs_and_targets(taught, own, size, config.seed)
        fitted = _where_it_gains(backbone, scored, lambda: fit_embedding(backbone, batches, scored))
        say(
            fitted_sentence("embedding", *fitted)
            if fitted
            else "embedding kept as it was trained: validation gains nothing"
        )
        if fit_condition_numbers(backbone, faces, config.spec, seed=config.seed, track=track):
            say(f"the last {CONDITION_NUMBERS} numbers of the embedding fitted to camera conditions")
    scores = scored()
    run_folder.save_weights(run, backbone.state_dict())
    record: dict[str, float | None] = {run_folder.FITTED: round(scores.attribute_accuracy, 5)}
    if targets is not None:
        record["fitted_tar_at_far_1e-3"] = scores.tar and round(scores.tar, 5)
    run_folder.amend_metrics(run, record)
    return scores


def _where_it_gains(
    backbone: Edge, scored: Callable[[], Scores], fit: Callable[[], tuple[float, Scores]]
) -> tuple[float, Scores] | None:
    """What `fit` gives; None, and the backbone as before, where its scores are no better."""
    trained, before = copy.deepcopy(backbone.state_dict()), scored()
    penalty, after = fit()
    if after.overall <= before.overall:
        backbone.load_state_dict(trained)
        return None
    return penalty, after
