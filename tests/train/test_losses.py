"""The losses on cases with known results."""

import math

import torch
import torch.nn.functional as F

from facedge.train.losses import MarginSoftmax, attribute_loss, teacher_loss


def test_attribute_loss_of_undecided_logits_is_log_two() -> None:
    labels = torch.tensor([[0, 1, 1]], dtype=torch.uint8)
    assert math.isclose(attribute_loss(torch.zeros(1, 3), labels, 0.0).item(), math.log(2), rel_tol=1e-6)


def test_smoothing_penalises_certainty() -> None:
    labels, sure = torch.tensor([[1]], dtype=torch.uint8), torch.tensor([[20.0]])
    assert attribute_loss(sure, labels, 0.0) < 1e-6
    assert attribute_loss(sure, labels, 0.02) > 0.3


def test_unknown_attributes_are_left_out() -> None:
    logits = torch.tensor([[3.0, -1.0], [0.5, 2.0]], requires_grad=True)
    some = attribute_loss(logits, torch.tensor([[1, 255], [0, 255]], dtype=torch.uint8), 0.0)
    torch.testing.assert_close(some, attribute_loss(logits[:, :1], torch.tensor([[1], [0]]), 0.0))
    none = attribute_loss(logits, torch.full((2, 2), 255.0), 0.0)
    assert none.item() == 0
    none.backward()
    assert logits.grad is not None
    assert (logits.grad == 0).all()


def test_margin_softmax_equals_softmax_of_cosines_less_the_margin() -> None:
    loss = MarginSoftmax(2, 2, scale=10.0, margin=0.3)
    loss.directions.data = torch.tensor([[2.0, 0.0], [0.0, 5.0]])  # lengths do not count
    embedding = F.normalize(torch.tensor([[0.8, 0.6]]))
    own, other = math.exp(10 * (0.8 - 0.3)), math.exp(10 * 0.6)
    expected = -math.log(own / (own + other))
    assert math.isclose(loss(embedding, torch.tensor([0])).item(), expected, rel_tol=1e-5)


def test_unknown_identities_are_left_out() -> None:
    loss = MarginSoftmax(4, 3, scale=10.0, margin=0.2)
    embedding = F.normalize(torch.randn(4, 4))
    some = loss(embedding, torch.tensor([0, -1, 2, -1]))
    torch.testing.assert_close(some, loss(embedding[[0, 2]], torch.tensor([0, 2])))
    nobody = loss(embedding.requires_grad_(), torch.full((4,), -1))
    assert nobody.item() == 0
    nobody.backward()  # gradients exist all the same, which DistributedDataParallel expects
    assert loss.directions.grad is not None


def test_teacher_loss_is_zero_in_full_agreement_only() -> None:
    target = F.normalize(torch.randn(6, 8))
    assert teacher_loss(target, target, 2.0).item() < 1e-6
    assert teacher_loss(-target, target, 2.0).item() > 1.9


def test_teacher_loss_counts_similarities_of_pairs() -> None:
    """Turned as a whole, embeddings keep their similarities: the loss is that of the directions alone."""
    target = F.normalize(torch.randn(6, 8))
    turned = target @ torch.linalg.qr(torch.randn(8, 8))[0]
    torch.testing.assert_close(teacher_loss(turned, target, 5.0), teacher_loss(turned, target, 0.0), atol=1e-5, rtol=0)
    mixed = target[[1, 0, 2, 3, 4, 5]]
    assert teacher_loss(mixed, target, 5.0) > teacher_loss(mixed, target, 0.0)
