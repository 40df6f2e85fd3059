"""Run by torchrun: `facedge train backbone` where the memory of one process takes MOST images and no more.

python -m torch.distributed.run ... scarce_memory.py RANK MOST FOLDER WORDS...: each process writes its weights at the
end to FOLDER/RANK.pt.
"""

import os
import sys
from pathlib import Path

import torch

from facedge.cli import main
from facedge.train.trainer import Trainer
from facedge.train.validation import Scores


def run(rank: int, most: int, folder: Path, words: list[str]) -> None:
    own = int(os.environ["RANK"])
    forward, train = Trainer._forward_and_backward, Trainer.train

    def scarce(trainer: Trainer, rows: torch.Tensor) -> dict[str, torch.Tensor]:
        if own == rank and len(rows) > most:
            raise torch.OutOfMemoryError("simulated")
        return forward(trainer, rows)

    def train_and_keep(trainer: Trainer, *, resume: bool = False) -> Scores:
        scores = train(trainer, resume=resume)
        torch.save(dict(trainer.model.named_parameters()), folder / f"{own}.pt")
        return scores

    Trainer._forward_and_backward, Trainer.train = scarce, train_and_keep  # type: ignore[method-assign]
    main(words)


if __name__ == "__main__":
    run(int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3]), sys.argv[4:])
