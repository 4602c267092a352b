"""Float networks to networks of integers, as coarse as held-out rows allow."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from baler.latent.arithmetic import LIMIT, ONE
from baler.latent.blocks import Blocks
from baler.latent.model import Kind, LatentModel
from baler.latent.network import Network
from baler.latent.views import View
from baler.training.families.base import Family
from baler.training.families.loop import latents_of
from baler.training.families.rowset import Rows

Array = npt.NDArray[Any]

PRECISIONS = (6, 7, 8, 9, 10, 12)
"""Bits of typical weights that are tried."""
ROUNDED = 1.02
"""Weights are rounded until held-out errors grow by this factor."""
COARSER = 1.05
"""Latents are rounded until held-out errors grow by this factor."""
JUDGED = 1 << 14
"""Held-out rows that rounding is judged by."""


def frozen_model(
    model: Family,
    held: Rows,
    kind: Kind,
    views: tuple[View, ...],
    blocks: Blocks | None,
    counts: str,
    notes: Mapping[str, Any],
) -> LatentModel:
    """Return the integer networks of a trained family, with the steps of its latents."""
    held = held.part(0, max(1, int(np.searchsorted(np.cumsum(held.layout.counts), JUDGED))))
    latents = latents_of(model, held, torch.device("cpu"))
    learned = model.steps()

    def error(decoder: Network, units: Sequence[Array]) -> float:
        inputs = [np.rint(x * ONE / u) * u for x, u in zip(latents, units, strict=True)]
        found = decoder.run([np.clip(x, -LIMIT, LIMIT) for x in inputs], held.layout)[0]
        apart = (found / ONE - held.x) * held.seen
        return float((apart * apart).sum()) + 1e-30

    if learned is None:
        deviations = [np.maximum(x.reshape(-1, x.shape[-1]).std(0), 2.0**-10) for x in latents]
        units = _coarsest(model.decoder.frozen(PRECISIONS[-1]), deviations, error)
    else:
        units = [np.maximum(1, np.rint(s.detach().cpu().numpy() * ONE)) for s in learned]
    best = error(model.decoder.frozen(PRECISIONS[-1]), units)
    decoders = (model.decoder.frozen(precision) for precision in PRECISIONS)
    return LatentModel(
        kind,
        counts,
        views,
        next(d for d in decoders if error(d, units) <= ROUNDED * best),
        tuple(u.astype(np.int64) for u in units),
        blocks,
        model.encoder.frozen(PRECISIONS[-1]),
        dict(notes),
    )


def _coarsest(
    decoder: Network,
    deviations: Sequence[Array],
    error: Callable[[Network, Sequence[Array]], float],
) -> list[Array]:
    """Return the largest steps of latents, in parts of their deviations, that do little harm."""

    def fine(part: float) -> list[Array]:
        return [np.maximum(1, np.rint(d * part * ONE)) for d in deviations]

    best = error(decoder, fine(2.0**-10))
    parts = (2.0**-k for k in range(1, 10))
    return fine(next((p for p in parts if error(decoder, fine(p)) <= COARSER * best), 2.0**-10))
