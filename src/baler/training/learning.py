"""A sample to networks, and what each of them is worth."""

from __future__ import annotations

import math
import warnings
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from baler.core.chunk import Chunk
from baler.learned.axis import Axis
from baler.learned.model import Model
from baler.learned.network import CollectionNet, collection_name
from baler.learned.subset import model_of
from baler.planning import Policy
from baler.training.batches import Batches
from baler.training.checkpoint import Checkpoint
from baler.training.dataset import Dataset
from baler.training.design import CollectionDesign, Design, as_decoded
from baler.training.freeze import frozen, odds
from baler.training.loop import Progress, bits_of, shapes_used, train_net
from baler.training.measure import Floats, Plain, with_model
from baler.training.net import Net
from baler.training.results import Figures, Step
from baler.training.sample import Sample
from baler.training.settings import Settings

PAYS = 0.99
"""A network is kept if it makes held-out events smaller by this factor at least."""
LEAST_SHARE = 0.04
"""Of the time, for a collection."""

Tell = Callable[[Step], None]


@dataclass(frozen=True, slots=True, eq=False)
class Learned:
    """The network of a collection, and what it is worth on held-out events."""

    net: CollectionNet
    marginal: Floats  # (columns,) bits per object without a model
    coded: Floats  # (columns,) with it
    floating: float  # bits per object of all columns before freezing, and after
    frozen: float
    objects: int
    steps: int

    @property
    def name(self) -> str:
        """What people call the collection."""
        return self.net.name

    @property
    def best(self) -> Floats:
        """Bits per object of each column if the smaller is always taken."""
        return np.minimum(self.coded, self.marginal)

    @property
    def pays(self) -> bool:
        """Whether it is worth keeping, whatever the bytes of the network."""
        return bool(self.best.sum() < PAYS * self.marginal.sum())

    def figures(self, *, kept: bool) -> Figures:
        """Return the figures that people see."""
        return Figures(
            collection=self.name,
            objects=self.objects,
            columns=self.marginal.size,
            marginal=float(self.marginal.sum()),
            learned=float(self.best.sum()),
            floating=self.floating,
            frozen=self.frozen,
            kept=kept,
        )


def learn(
    sample: Sample,
    design: Design,
    plain: Plain,
    settings: Settings,
    checkpoint: Checkpoint | None = None,
    tell: Tell | None = None,
    widths: Mapping[str, int] | None = None,
) -> list[Learned]:
    """Train a network for each collection of a design; ``plain`` are the held-out events.

    ``widths`` are numbers of hidden units by counts, if they are not those of the settings.
    """
    marginals = [plain.bits(columns_of(design, part)) for part in design.collections]
    shares = _shares(design, plain, marginals)
    trained, held_out = (as_decoded(design.axes, c) for c in (sample.trained, sample.held_out))
    found: dict[int, Learned] = {}
    spent = 0.0
    for i in sorted(range(len(shares)), key=shares.__getitem__):
        part, marginal = design.collections[i], marginals[i]
        left = 1 - sum(shares[k] for k in found)
        share = (1 - spent) * shares[i] / left
        report = _reporter(tell, part, float(marginal.sum()), spent, share)
        own = replace(
            settings,
            seed=settings.seed + i,
            minutes=settings.minutes * share,
            hidden=(widths or {}).get(part.counts, settings.hidden),
        )
        net, held, state = _train(
            trained, held_out, design, part, own, checkpoint, report, marginal, sample.part
        )
        spent += share * min(1.0, state.spent / (60 * own.minutes)) if not settings.steps else share
        floating = float(bits_of(net, held, held.size).sum())
        used = shapes_used(net, held)
        whole = frozen(net.to("cpu"), design.axes, part, used.numpy())
        coded = with_model(Model(design.axes, (whole,), odds()), 0, plain)
        found[i] = Learned(
            net=whole,
            marginal=marginal,
            coded=coded.total,
            floating=floating,
            frozen=float(coded.streams.sum()),
            objects=held.size,
            steps=state.step,
        )
    return [found[i] for i in range(len(shares))]


def columns_of(design: Design, part: CollectionDesign) -> list[str]:
    """Return the names of the columns that a network is to code."""
    return [design.axes[column.axis].column for column in part.columns]


def _shares(design: Design, plain: Plain, marginals: Sequence[Floats]) -> list[float]:
    """Return the part of the time for each collection: the root of what it takes otherwise."""
    cost = []
    for part, marginal in zip(design.collections, marginals, strict=True):
        size = plain.originals[columns_of(design, part)[0]].size
        cost.append(math.sqrt(float(marginal.sum()) * size))
    least = max(LEAST_SHARE * sum(cost), 1.0)
    cost = [max(c, least) for c in cost]
    return [c / sum(cost) for c in cost]


def _reporter(
    tell: Tell | None, part: CollectionDesign, marginal: float, before: float, share: float
) -> Callable[[float, float], None]:
    """Return what tells how far the training is, given that of one network."""
    name, columns = collection_name(part.counts), len(part.columns)

    def report(done: float, bits: float) -> None:
        if tell is not None:
            tell(Step(name, before + done * share, bits / columns, marginal / columns))

    return report


def _train(
    trained: Chunk,
    held_out: Chunk,
    design: Design,
    part: CollectionDesign,
    settings: Settings,
    checkpoint: Checkpoint | None,
    report: Callable[[float, float], None],
    marginal: Floats,
    share: float,
) -> tuple[Net, Batches, Progress]:
    """Return a trained network, the held-out objects, and what became of its training."""
    device = settings.torch_device()
    data = Dataset.of(design.axes, part, trained)
    held = Batches(Dataset.of(design.axes, part, held_out), device, has_key=bool(part.key))

    def keep(now: Progress) -> None:
        if checkpoint is not None:
            checkpoint.save(part.counts, now)

    with _reproducible(settings.seed, device, whole=settings.steps is not None):
        units = settings.units(len(part.columns))
        net = Net(design.axes, part, data.widths, units, settings.shapes).to(device)
        state = train_net(
            net,
            Batches(data, device, has_key=bool(part.key)),
            held,
            seconds=60 * settings.minutes,
            steps=settings.steps,
            seed=settings.seed,
            start=None if checkpoint is None else checkpoint.load(part.counts),
            report=report,
            marginal=torch.from_numpy(marginal).float(),
            price=share / (settings.uses * data.size),
            keep=keep,
        )
        keep(state)
    return net, held, state


@contextmanager
def _reproducible(seed: int, device: torch.device, *, whole: bool) -> Iterator[None]:
    """Let PyTorch draw numbers from a seed, and add in one order (on CUDA only if ``whole``).

    It takes half the cores: its threads wait for each other at every step, and more of them than
    are free make it many times slower.
    """
    pool = torch.get_num_threads()
    torch.set_num_threads(max(1, pool // 2))
    strict = whole or device.type == "cpu"
    before = torch.are_deterministic_algorithms_enabled()
    with torch.random.fork_rng(), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*deterministic")
        torch.manual_seed(seed)
        torch.use_deterministic_algorithms(strict or before, warn_only=device.type != "cpu")
        try:
            yield
        finally:
            torch.use_deterministic_algorithms(before)
            torch.set_num_threads(pool)


def checkpoint_of(
    target: Path, sample: Sample, design: Design, policy: Policy, settings: Settings
) -> Checkpoint:
    """Return the checkpoint of a training, if there is one, beside the model to be."""
    key = {
        **asdict(settings),
        "minutes": None if settings.steps else settings.minutes,
        "policy": [[glob, str(bound)] for glob, bound in policy.rules],
        "design": repr(design),
        "trained": _mark(sample.trained),
        "held out": _mark(sample.held_out),
        "torch": torch.__version__,
    }
    return Checkpoint(target.with_name(target.name + ".partial"), key)


def _mark(chunk: Chunk) -> int:
    mark = 0
    for name, values in chunk.columns.items():
        mark = zlib.crc32(np.ascontiguousarray(values).data, zlib.crc32(name.encode(), mark))
    return mark


def made_of(
    axes: Sequence[Axis], learned: Sequence[Learned], kept: Sequence[bool], notes: dict[str, Any]
) -> Model:
    """Return the model of the networks kept, with the figures of all in its notes."""
    nets = [part.net for part, keep in zip(learned, kept, strict=True) if keep]
    figures = [part.figures(kept=keep) for part, keep in zip(learned, kept, strict=True)]
    taken = {part.name: part.steps for part in learned}
    told = [_rounded(figure.to_json()) for figure in figures]
    return model_of(axes, nets, odds(), {**notes, "taken": taken, "figures": told})


def _rounded(figures: dict[str, Any]) -> dict[str, Any]:
    return {k: round(v, 4) if isinstance(v, float) else v for k, v in figures.items()}
