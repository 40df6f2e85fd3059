"""The face head: one sigmoid neuron behind a small dense layer, on top of a frozen backbone."""

import torch
from torch import Tensor, nn

HIDDEN = 40
DROPOUT = 0.4


class FaceHead(nn.Module):
    """embedding (N, D) -> Dense 40 -> ReLU -> Dropout 0.4 -> Dense 1 -> sigmoid: probability (N, 1) that it is me."""

    def __init__(self, embedding_size: int, hidden: int = HIDDEN, dropout: float = DROPOUT) -> None:
        super().__init__()
        self.hidden = nn.Linear(embedding_size, hidden)
        self.dropout = nn.Dropout(dropout)
        self.output = nn.Linear(hidden, 1)

    def logit(self, embedding: Tensor) -> Tensor:
        """The decision before the sigmoid, (N, 1): what the loss is computed on."""
        features = torch.relu(self.hidden(embedding))  # (N, hidden)
        logit: Tensor = self.output(self.dropout(features))
        return logit

    def forward(self, embedding: Tensor) -> Tensor:
        return torch.sigmoid(self.logit(embedding))
