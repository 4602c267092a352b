"""Parts put together: events of all processes in random order, weights that add up."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import awkward as ak
import numpy as np
import uproot
from numpy.typing import NDArray

from baler.physics.simulate.layout import stored
from baler.physics.simulate.parts import Made, Part, seeds
from baler.physics.simulate.request import PROCESSES, Request
from baler.physics.simulate.store import Store

BASKET = 500  # events
LUMINOSITY_BLOCK = 100  # events


@dataclass(frozen=True, slots=True)
class Share:
    """The events of one process in a file."""

    process: str
    run: int
    """The value of the branch ``run``."""

    events: int
    cross_section: float  # pb
    uncertainty: float  # pb, of the number of events
    weights: float
    """Sum of the weights as Pythia gives them."""

    effective: float
    """Events without weights that would be worth as much: sum(w)^2 / sum(w^2)."""


def shares(request: Request, parts: Sequence[Part], store: Store) -> dict[str, Share]:
    """Return the share of each process, in the order of their numbers."""
    return {
        process: _share(process, (store.load(part) for part in parts if part.process == process))
        for process in request.mixed
    }


def _share(process: str, parts: Iterator[Made]) -> Share:
    """Add up parts: each counts by the points of phase space that were tried for it."""
    found = [(_weights(one.events), one.cross_section, one.uncertainty, one.tried) for one in parts]
    weights = np.concatenate([one for one, *_ in found])
    cross_section, uncertainty, tried = np.array([numbers for _, *numbers in found]).T
    return Share(
        process,
        PROCESSES[process].number,
        len(weights),
        float((cross_section * tried).sum() / tried.sum()),
        float(np.hypot.reduce(uncertainty * tried) / tried.sum()),
        float(weights.sum()),
        float(weights.sum() ** 2 / (weights**2).sum()),
    )


def _weights(events: ak.Array) -> NDArray[np.float64]:
    weights: NDArray[np.float64] = ak.to_numpy(events["genWeight"]).astype(np.float64)
    return weights


def rounds(
    request: Request, parts: Sequence[Part], store: Store, found: dict[str, Share]
) -> Iterator[dict[str, ak.Array]]:
    """Yield the branches of events: one block of each process at a time, in random order."""
    order_seed, written = seeds(request.seed)["order"], 0
    for block, own in groupby(parts, key=lambda part: part.block):
        blocks = [(found[part.process], store.load(part).events) for part in own]
        size = sum(len(events) for _, events in blocks)
        order = np.random.default_rng(order_seed + block).permutation(size)
        number = np.arange(written + 1, written + size + 1)
        weights = [_weights(one) * share.cross_section / share.weights for share, one in blocks]
        runs = [np.full(len(one), share.run) for share, one in blocks]
        head = {
            "run": np.concatenate(runs)[order],
            "luminosityBlock": (number - 1) // LUMINOSITY_BLOCK + 1,
            "event": number,
            "genWeight": np.concatenate(weights)[order],
        }
        arrays = {name: ak.Array(stored("", name, column)) for name, column in head.items()}
        events = ak.concatenate([one for _, one in blocks])[order]
        yield arrays | {name: events[name] for name in events.fields if name not in head}
        written += size


def write(path: Path, batches: Iterator[dict[str, ak.Array]]) -> None:
    """Write the tree ``Events``: one counter per collection, ZSTD at level 5; raises OSError."""
    with uproot.recreate(path, compression=uproot.ZSTD(5)) as file:
        tree = None
        for arrays in batches:
            tree = tree or file.mktree(
                "Events",
                {name: array.type.content for name, array in arrays.items()},
                counter_name=lambda collection: f"n{collection}",
                field_name=lambda collection, field: f"{collection}_{field}",
            )
            for start in range(0, len(arrays["event"]), BASKET):
                basket = {name: array[start : start + BASKET] for name, array in arrays.items()}
                tree.extend({name: ak.to_packed(array) for name, array in basket.items()})
