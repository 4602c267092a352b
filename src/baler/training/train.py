"""Files to a model."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import numpy as np
import torch

from baler import codecs
from baler.core.bounds import Bound, parse
from baler.core.chunk import Chunk
from baler.core.recipe import ColumnRecipe
from baler.core.replacing import check_target, replacing
from baler.core.schema import Schema
from baler.core.size import parse_size
from baler.errors import UnknownColumn, UsageError, near
from baler.learned import kernel
from baler.learned.inputs import task_of
from baler.learned.model import Model
from baler.learned.network import CollectionNet
from baler.planning.policy import Policy
from baler.training.batches import Batches
from baler.training.checkpoint import Checkpoint
from baler.training.dataset import Dataset
from baler.training.design import CollectionDesign, Design, design
from baler.training.freeze import frozen, odds
from baler.training.loop import Progress, bits_of, train_net
from baler.training.net import Net
from baler.training.sample import Sample, sample_of

MOST_BYTES = "512 MB"
"""Column data that are held in memory for training."""
PAYS = 0.99
"""A network is kept if it makes held-out events smaller by this factor at least."""


@dataclass(frozen=True, slots=True)
class Step:
    """How far a training is: told again and again."""

    collection: str
    done: float  # of the whole training, 0 to 1
    bits: float  # held out, per value of this collection
    marginal: float  # the same without a model


@dataclass(frozen=True, slots=True)
class Figures:
    """What came of one collection, all in bits per object of held-out events."""

    collection: str
    objects: int
    columns: int
    marginal: float
    learned: float
    floating: float  # before freezing
    kept: bool

    @property
    def ratio(self) -> float:
        """How many times smaller than without a model."""
        return self.marginal / self.learned


@dataclass(frozen=True, slots=True)
class Training:
    """What came of a training."""

    target: str
    model_bytes: int
    sha256: str
    seconds: float
    steps: Mapping[str, int]
    figures: tuple[Figures, ...]


def train(
    sources: str | os.PathLike[str] | Sequence[str | os.PathLike[str]],
    target: str | os.PathLike[str],
    *,
    bounds: Mapping[str, str | Bound] | None = None,
    policy: Policy | str | os.PathLike[str] | None = None,
    columns: str = "*",
    minutes: float = 10.0,
    steps: int | None = None,
    device: str = "auto",
    seed: int = 0,
    hidden: int = 128,
    shapes: int = 8,
    memory: str | int = MOST_BYTES,
    tree: str | None = None,
    skip_unreadable: bool = False,
    overwrite: bool = False,
    progress: Callable[[Step], None] | None = None,
) -> Training:
    """Train a model on one or several files of a schema and write it.

    ``columns`` is a pattern of the columns to learn. The last 15 % of every file's events are held
    out; all figures are theirs. With ``steps`` (of every network) instead of ``minutes`` the same
    seed gives the same model on the same kind of machine. An interrupted training goes on where
    it was when it is started again with the same arguments; until then its state lies beside the
    target, with ``.partial`` at the end of its name.

    Raises UsageError (bad bounds, nothing to learn, too few events), SourceError, OSError.
    """
    start = time.perf_counter()
    check_target(Path(target), overwrite=overwrite)
    many = [sources] if isinstance(sources, str | os.PathLike) else list(sources)
    asked = policy if isinstance(policy, Policy) else Policy.load(policy) if policy else Policy()
    asked = asked.then(Policy.of(bounds or {}))
    sample = sample_of(many, parse_size(memory), tree=tree, skip_unreadable=skip_unreadable)
    names = [c.name for c in sample.schema.columns]
    wanted = {name for name in names if fnmatchcase(name, columns)}
    if not wanted:
        raise UnknownColumn(f"no column matches {columns!r}{near(columns, names)}")
    plan = design(sample.schema, sample.trained, asked, wanted)
    if not plan.collections:
        raise UsageError(
            f"there is nothing to learn in {', '.join(sample.sources)}: every column is constant, "
            "text, nested, or has too few values"
        )
    where = _device(device)
    marginals = [_marginal(sample.held_out, plan, c, sample.schema) for c in plan.collections]
    shares = _shares(sample, plan, marginals)
    key = {
        "sources": list(sample.sources), "policy": [[g, str(b)] for g, b in asked.rules],
        "columns": columns, "hidden": hidden, "shapes": shapes, "seed": seed, "steps": steps,
        "minutes": None if steps else minutes, "events": sample.trained.entries,
    }  # fmt: skip
    checkpoint = Checkpoint(Path(f"{os.fspath(target)}.partial"), key)
    nets: list[CollectionNet] = []
    figures: list[Figures] = []
    taken: dict[str, int] = {}
    before = 0.0
    for i, (collection, marginal) in enumerate(zip(plan.collections, marginals, strict=True)):
        values = len(collection.columns)
        name = collection.counts.removeprefix("n") or "events"
        report = _reporter(progress, name, values, float(marginal.sum()), before, shares[i])
        net, held, state = _trained(
            sample, plan, collection, where, hidden, shapes, seed + i,
            60 * minutes * shares[i], steps, checkpoint, report,
        )  # fmt: skip
        before += shares[i]
        taken[name] = state.step
        floating = float(bits_of(net, held, held.size).sum())
        net.to("cpu")
        whole = frozen(net, plan.axes, collection)
        learned = _real_bits(Model(plan.axes, (whole,), odds(), {}), whole, sample.held_out)
        best = np.minimum(learned, marginal)
        kept = best.sum() < PAYS * marginal.sum()
        figures.append(
            Figures(name, held.size, values, marginal.sum(), best.sum(), floating, bool(kept))
        )
        if kept:
            nets.append(whole)
    notes = {"policy": key["policy"], "seed": seed, "steps": taken, "sources": list(sample.sources)}
    model = Model(plan.axes, tuple(nets), odds(), notes)
    packed = model.pack()
    with replacing(Path(target), overwrite=overwrite) as path:
        path.write_bytes(packed)
    checkpoint.remove()
    return Training(
        os.fspath(target), len(packed), model.sha256, time.perf_counter() - start, taken,
        tuple(figures),
    )  # fmt: skip


def _reporter(
    progress: Callable[[Step], None] | None,
    name: str,
    values: int,
    marginal: float,
    before: float,
    share: float,
) -> Callable[[float, float], None]:
    def report(part: float, bits: float) -> None:
        if progress is not None:
            progress(Step(name, before + part * share, bits / values, marginal / values))

    return report


def _trained(
    sample: Sample,
    plan: Design,
    collection: CollectionDesign,
    device: torch.device,
    hidden: int,
    shapes: int,
    seed: int,
    seconds: float,
    steps: int | None,
    checkpoint: Checkpoint,
    report: Callable[[float, float], None],
) -> tuple[Net, Batches, Progress]:
    """Return a trained network, the held-out objects, and what became of its training."""
    data = Dataset.of(plan.axes, collection, sample.trained)
    held = Batches(Dataset.of(plan.axes, collection, sample.held_out), device)
    torch.manual_seed(seed)
    widths = data.event.shape[1], data.parent.shape[1]
    net = Net(plan.axes, collection, widths, hidden, shapes).to(device)
    state = train_net(
        net,
        Batches(data, device),
        held,
        seconds=seconds,
        steps=steps,
        seed=seed,
        start=checkpoint.load(collection.counts),
        report=report,
        keep=lambda now: checkpoint.save(collection.counts, now),
    )
    checkpoint.save(collection.counts, state)
    return net, held, state


def _device(name: str) -> torch.device:
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if name == "cuda" and not torch.cuda.is_available():
        raise UsageError("there is no CUDA device that PyTorch can use; try --device cpu")
    return torch.device(name)


def _marginal(
    held: Chunk, plan: Design, collection: CollectionDesign, schema: Schema
) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Return bits per object of each column without a model."""
    bits = []
    for part in collection.columns:
        axis = plan.axes[part.axis]
        values = held.columns[axis.column]
        payload = codecs.encode(
            values, ColumnRecipe(parse(axis.bound)), lambda at: _no_parent(at), solid=False, seed=0
        )
        bits.append(8 * len(payload) / max(values.size, 1))
    return np.array(bits)


def _no_parent(position: int) -> Any:
    raise AssertionError(f"no column {position} is offered")


def _real_bits(
    model: Model, net: CollectionNet, held: Chunk
) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Return bits per object of each column that the frozen network really takes."""

    def column(name: str) -> np.ndarray[Any, np.dtype[Any]]:
        return held.columns[name]

    own = {
        j: model.axes[part.axis].split(column(model.axes[part.axis].column))
        for j, part in enumerate(net.columns)
    }
    task = task_of(model.axes, net, held.entries, column, own)
    task.given[:] = False
    bits = kernel.encode(model, net, task, 1).bits
    return np.asarray(bits / max(task.classes.shape[1], 1))


def _shares(
    sample: Sample, plan: Design, marginals: Sequence[np.ndarray[Any, np.dtype[np.float64]]]
) -> list[float]:
    """Return the part of the time for each collection: by what it takes without a model."""
    cost = []
    for collection, marginal in zip(plan.collections, marginals, strict=True):
        first = plan.axes[collection.columns[0].axis].column
        cost.append(float(marginal.sum()) * sample.held_out.columns[first].size)
    least = 0.04 * sum(cost)
    cost = [max(c, least) for c in cost]
    return [c / sum(cost) for c in cost]
