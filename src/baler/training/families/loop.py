"""Training: one loop for all families."""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from baler.errors import UsageError
from baler.training.families.base import Family
from baler.training.families.rowset import Rows
from baler.training.interrupts import between_steps

LEARNING_RATE = 2e-3
OBJECTS = 512
"""Objects of a batch."""
EVERY = 0.05
"""Part of the training between two looks at what is held out."""

Tell = Callable[[float, float], None]
"""Called with how much is done (0 to 1) and the error on held-out rows."""


@dataclass(frozen=True, slots=True)
class Length:
    """How long to train."""

    minutes: float = 2.0
    steps: int | None = None

    def done(self, start: float, steps: int) -> float:
        """Return how much is done, 0 to 1."""
        if self.steps is not None:
            return min(1.0, steps / self.steps)
        return min(1.0, (time.perf_counter() - start) / (60 * self.minutes))


def fit(
    model: Family,
    trained: Rows,
    held: Rows,
    length: Length,
    seed: int,
    device: torch.device,
    tell: Tell | None = None,
) -> int:
    """Train a family, and leave it with the weights that were best on held-out rows, or the last.

    Adam, with a learning rate that rises for a little while and then falls as a cosine; gradients
    are clipped. Returns the number of steps. Raises UsageError if the loss is not a number.
    """
    generator = np.random.default_rng(seed)
    rates = torch.optim.Adam(model.parameters(), lr=LEARNING_RATE)
    start, steps, looked = time.perf_counter(), 0, 0.0
    best, kept = math.inf, copy.deepcopy(model.state_dict())
    rows = min(OBJECTS, max(32, trained.x.shape[0] // 8))
    if trained.seen.size > 1 << 20:  # blocks of grids are large
        per_row = trained.seen[0].size
        rows = max(8, min(rows, (1 << 22) // per_row))
    done = 0.0
    with between_steps() as check:
        while done < 1:
            for part in trained.batches(rows, generator):
                check()
                done = length.done(start, steps)
                if done >= 1:
                    break
                for group in rates.param_groups:
                    group["lr"] = LEARNING_RATE * min(1.0, (steps + 1) / 50, _cosine(done))
                model.train()
                loss = model.loss(part.batch(device))
                if not math.isfinite(loss.item()):
                    raise UsageError(f"the training has diverged: its loss is {loss.item()}")
                rates.zero_grad()
                loss.backward()
                torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
                rates.step()
                steps += 1
                if done >= looked + EVERY:
                    looked = done
                    found = judged(model, held, device)
                    if model.steady and found <= best:
                        best, kept = found, copy.deepcopy(model.state_dict())
                    if tell is not None:
                        tell(done, found)
    if judged(model, held, device) > best:
        model.load_state_dict(kept)
    model.eval()
    return steps


def _cosine(done: float) -> float:
    return 0.01 + 0.99 * (1 + math.cos(math.pi * done)) / 2


@torch.no_grad()
def judged(model: Family, held: Rows, device: torch.device) -> float:
    """Return the loss on held-out rows, without what is random in training."""
    model.eval()
    sums = count = 0.0
    for part in held.batches(OBJECTS * 4, np.random.default_rng(0)):
        sums += float(model.loss(part.batch(device))) * part.x.shape[0]
        count += part.x.shape[0]
    return sums / max(count, 1.0)


@torch.no_grad()
def latents_of(model: Family, rows: Rows, device: torch.device) -> list[npt.NDArray[np.float32]]:
    """Return float latents of rows, in order."""
    model.eval()
    size = max(1, rows.layout.counts.size)
    runs = range(0, size, 4096)
    parts = [model.encode(rows.part(at, min(at + 4096, size)).batch(device)) for at in runs]
    return [torch.cat(found).cpu().numpy() for found in zip(*parts, strict=True)]
