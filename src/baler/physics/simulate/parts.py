"""Parts of a simulation: a block of events of one process, with a seed of its own."""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import lru_cache

import awkward as ak
import numpy as np

from baler.physics.simulate.batch import simulate_batch
from baler.physics.simulate.generator import make_pythia
from baler.physics.simulate.layout import collect
from baler.physics.simulate.pileup import Pool, minimum_bias
from baler.physics.simulate.request import PROCESSES, Request

BLOCK = 500
"""Events of a part. The events depend on it."""

BATCH = 100
"""Events simulated at once. The events depend on it."""

VERSION = 1
"""Counts changes of the simulation: parts of another version are not used."""

STREAMS = ("qcd", "ttbar", "zprime", "zmumu", "order", "pile-up", "zee")
"""What has a seed of its own, in the order of drawing: new names come last."""

SEEDS = 900_000_000
"""Pythia takes seeds from 1 to this."""


@dataclass(frozen=True, slots=True)
class Part:
    """A block of events, and all that they depend on."""

    process: str
    block: int
    events: int
    seed: int
    pool_seed: int
    pileup: float
    lines: tuple[str, ...]

    @property
    def name(self) -> str:
        """A name that no other part has."""
        text = json.dumps([asdict(self), VERSION, *_versions()], sort_keys=True)
        digest = hashlib.sha256(text.encode()).hexdigest()
        return f"{self.process}-{self.block:05}-{digest[:16]}"


@lru_cache(maxsize=1)
def _versions() -> list[str]:
    return [
        importlib.metadata.version(name) for name in ("pythia8mc", "fastjet", "awkward", "numpy")
    ]


@dataclass(frozen=True, slots=True, eq=False)
class Made:
    """The events of a part, and what Pythia found their cross-section to be."""

    events: ak.Array
    """Fields as in the file: scalars, and records of collections; genWeight as Pythia gives it."""

    cross_section: float  # pb
    uncertainty: float  # pb, of the number of events
    tried: int
    """Points of phase space that it took."""


def seeds(seed: int) -> dict[str, int]:
    """Return the seed of every stream."""
    drawn = np.random.default_rng(seed).integers(1, SEEDS, len(STREAMS))
    return {name: int(one) for name, one in zip(STREAMS, drawn, strict=True)}


def parts_of(request: Request) -> list[Part]:
    """Return the parts of a simulation: the first block of each process, then the second ones."""
    own = seeds(request.seed)
    parts = [
        Part(
            process,
            start // BLOCK,
            min(BLOCK, request.share(process) - start),
            (own[process] - 1 + start // BLOCK) % SEEDS + 1,
            own["pile-up"],
            float(request.pileup),
            request.lines(process),
        )
        for process in request.mixed
        for start in range(0, request.share(process), BLOCK)
    ]
    return sorted(parts, key=lambda part: (part.block, PROCESSES[part.process].number))


def make(part: Part, report: Callable[[int], None] = lambda events: None) -> Made:
    """Simulate a part; ``report`` is called with the number of new events now and then.

    Raises UsageError for settings that Pythia refuses, BalerError if it gives up on the events.
    """
    pythia, rng = make_pythia(part.lines, part.seed), np.random.default_rng(part.seed)
    pool = shared_pool(part.pool_seed) if part.pileup else None
    batches = []
    for done in range(0, part.events, BATCH):
        size = min(BATCH, part.events - done)
        batches.append(collect(*simulate_batch(pythia, size, pool, part.pileup, rng)))
        report(size)
    found = pythia.infoPython()
    picobarn = 1e9  # Pythia counts in mb
    return Made(
        ak.to_packed(ak.concatenate(batches)),
        found.sigmaGen() * picobarn,
        found.sigmaErr() * picobarn,
        found.nTried(),
    )


@lru_cache(maxsize=1)
def shared_pool(seed: int) -> Pool:
    """Return the pool of pile-up, made once in every process that simulates."""
    return minimum_bias(seed)
