"""A small backbone with the training's contract, so that export's tests need no training run."""

import pytest

torch = pytest.importorskip("torch")
from torch import nn  # noqa: E402


class SmallBackbone(nn.Module):
    """float32 (N, 1, S, S) -> (embedding (N, D) of length 1, attribute logits (N, 40))."""

    def __init__(self, size: int = 32, embedding: int = 16) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(1, 8, 3, 2, 1, bias=False),
            nn.BatchNorm2d(8),
            nn.ReLU(),
            nn.Conv2d(8, 16, 3, 2, 1, bias=False),
            nn.BatchNorm2d(16),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Flatten(),
        )
        self.embed = nn.Linear(16 * (size // 8) ** 2, embedding)
        self.attributes = nn.Linear(embedding, 40)

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        h = self.embed(self.body(x))
        return nn.functional.normalize(h, dim=1), self.attributes(torch.relu(h))


class SmallHead(nn.Module):
    """embedding (N, D) -> probability (N, 1), the recipe's layers."""

    def __init__(self, embedding: int = 16) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(embedding, 40), nn.ReLU(), nn.Dropout(0.4), nn.Linear(40, 1), nn.Sigmoid()
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.layers(x)


@pytest.fixture(scope="session")
def backbone() -> nn.Module:
    """A backbone whose batch norms hold statistics other than 0 and 1, so that folding them is tested."""
    torch.manual_seed(0)
    net = SmallBackbone()
    for module in net.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.normal_(module.running_mean, std=0.3)
            nn.init.uniform_(module.running_var, 0.5, 2.0)
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.normal_(module.bias, std=0.3)
    return net.eval()


@pytest.fixture(scope="session")
def head() -> nn.Module:
    torch.manual_seed(1)
    return SmallHead().eval()
