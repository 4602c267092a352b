"""What is compared: compressors and models behind one face, one setting at a time."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np
import numpy.typing as npt

from baler.api.models import Asked, GivenModel, load
from baler.container import Reader, Writer
from baler.core.bounds import Bound
from baler.core.chunk import Array, Chunk, join_chunks
from baler.core.schema import Schema
from baler.evaluate.benchmark import try_column
from baler.evaluate.events import Events
from baler.evaluate.peers import BOUNDED, EXACT, REFERENCE
from baler.evaluate.peers.absolute import ByAbsolute
from baler.evaluate.peers.base import BoundedPeer, ColumnPeer, in_order
from baler.learned.model import Model
from baler.planning import Policy

Kind = Literal["peer", "baler", "learned", "family"]
"""Another compressor; ours without a model; ours with one; a family of autoencoders."""

Told = Callable[[str], None]
"""Called with what a candidate is doing."""


@dataclass(frozen=True, slots=True)
class Setting:
    """One point of a curve: bounds so many times as wide, and so many latents of an object."""

    scale: float = 1.0
    latent: int | None = None  # of those that have any

    def __str__(self) -> str:
        """Return it for people."""
        wide = f"bounds x {self.scale:g}"
        if self.latent is None:
            return wide
        return f"{self.latent} latents" + (f", {wide}" if self.scale != 1 else "")


@dataclass(frozen=True, slots=True, eq=False)
class Coded:
    """A set of events there and back."""

    size: int  # bytes, without a model
    columns: Mapping[str, Array]  # decoded
    compress_seconds: float  # CPU
    decompress_seconds: float
    latents: npt.NDArray[np.integer[Any]] | None = None  # (objects, latents) integers


class Coder(Protocol):
    """A candidate at one setting, trained if it must be."""

    @property
    def model_bytes(self) -> int:
        """What decoding needs besides the bytes of each file."""

    @property
    def parameters(self) -> int:
        """Numbers in the model."""

    @property
    def train_seconds(self) -> float:
        """CPU seconds."""

    def code(self, chunk: Chunk) -> Coded:
        """Compress events and decompress them again."""


class Candidate(Protocol):
    """A compressor or a kind of model."""

    @property
    def name(self) -> str:
        """The name in tables and plots."""

    @property
    def kind(self) -> Kind:
        """Which kind it is."""

    @property
    def bounded(self) -> bool:
        """Whether it promises to keep bounds; if not, none is asked for."""

    def missing(self) -> str:
        """Say why it cannot be used here; nothing if it can."""

    def settings(
        self, events: Events, scales: Sequence[float], latents: Sequence[int]
    ) -> list[Setting]:
        """Return the settings to try."""

    def coder(self, events: Events, setting: Setting, told: Told) -> Coder:
        """Return what codes events at a setting; this trains."""


@dataclass(frozen=True, slots=True)
class Untrained:
    """What needs no training."""

    code_chunk: Callable[[Chunk], Coded]
    model_bytes: int = 0
    parameters: int = 0
    train_seconds: float = 0.0

    def code(self, chunk: Chunk) -> Coded:
        """Compress events and decompress them again."""
        return self.code_chunk(chunk)


def by_bounds(events: Events, scales: Sequence[float]) -> list[Setting]:
    """Return a setting for each scale, or a single one where all columns are exact."""
    return [Setting(float(scale)) for scale in scales] if events.lossy else [Setting()]


@dataclass(frozen=True, slots=True)
class PeerCandidate:
    """Another compressor, column by column."""

    peer: ColumnPeer
    kind: Kind = "peer"
    bounded: bool = True

    @property
    def name(self) -> str:
        """That of the peer."""
        return self.peer.name

    def missing(self) -> str:
        """Name the packages that are not installed."""
        lacking = self.peer.missing()
        return f"not installed: {', '.join(lacking)}" if lacking else ""

    def settings(
        self, events: Events, scales: Sequence[float], latents: Sequence[int]
    ) -> list[Setting]:
        """Return a setting for each scale; one, if bounds do not matter."""
        return by_bounds(events, scales) if self.peer.kind == "bounded" else [Setting()]

    def coder(self, events: Events, setting: Setting, told: Told) -> Coder:
        """Return the peer with these bounds; on a grid, one that knows the shape of the grid."""
        peer, bounds = on_grid(self.peer, events.shape), events.at(setting.scale)

        def code(chunk: Chunk) -> Coded:
            columns: dict[str, Array] = {}
            size, seconds = 0, [0.0, 0.0]
            for column in in_order(events.schema, bounds):
                told(column.name)
                bound = bounds[column.name]
                sigma = None if bound.parent is None else [columns[bound.parent]]
                row, (values,) = try_column(
                    peer, column, bound, [chunk.columns[column.name]], sigma
                )
                columns[column.name] = values
                size += row.compressed or 0
                seconds[0] += row.encode_seconds
                seconds[1] += row.decode_seconds
            return Coded(size, columns, seconds[0], seconds[1])

        return Untrained(code)


def on_grid(peer: ColumnPeer, shape: tuple[int, ...]) -> ColumnPeer:
    """Return a peer that is told the shape of an entry, if it can make use of it."""
    if shape and isinstance(peer, BoundedPeer) and isinstance(peer.lossy, ByAbsolute):
        coder = replace(peer.lossy.coder, shape=shape)  # type: ignore[type-var]
        return replace(peer, lossy=ByAbsolute(coder))
    return peer


@dataclass(frozen=True, slots=True)
class Ours:
    """A whole ``.baler`` file, without a model."""

    name: str = "baler"
    kind: Kind = "baler"
    bounded: bool = True
    dither: bool = False

    def missing(self) -> str:
        """Nothing is."""
        return ""

    def settings(
        self, events: Events, scales: Sequence[float], latents: Sequence[int]
    ) -> list[Setting]:
        """Return a setting for each scale."""
        return by_bounds(events, scales)

    def coder(self, events: Events, setting: Setting, told: Told) -> Coder:
        """Return what writes and reads files."""
        bounds = events.at(setting.scale)
        return Untrained(
            lambda chunk: through_a_file(events.schema, chunk, bounds, dither=self.dither)
        )


TrainModel = Callable[[Events, Mapping[str, Bound], Told], Model | None]
"""Trains a learned model for bounds on the first part of events; None if it is of no use."""


@dataclass(frozen=True, slots=True)
class LearnedCandidate:
    """A whole ``.baler`` file that refers to a model, trained on other events for these bounds."""

    train: TrainModel = field(repr=False)
    why_not: str = ""
    name: str = "baler + learned model"
    kind: Kind = "learned"
    bounded: bool = True

    def missing(self) -> str:
        """Say if PyTorch is."""
        return self.why_not

    def settings(
        self, events: Events, scales: Sequence[float], latents: Sequence[int]
    ) -> list[Setting]:
        """Return a setting for each scale: each is a training."""
        return by_bounds(events, scales)

    def coder(self, events: Events, setting: Setting, told: Told) -> Coder:
        """Train a model for bounds."""
        bounds = events.at(setting.scale)
        start = time.process_time()
        model = self.train(events, bounds, told)
        seconds = time.process_time() - start
        return Untrained(
            lambda chunk: through_a_file(events.schema, chunk, bounds, model),
            model_bytes=0 if model is None else len(model.pack()),
            parameters=0 if model is None else parameters_of(model),
            train_seconds=seconds,
        )


def through_a_file(
    schema: Schema,
    chunk: Chunk,
    bounds: Mapping[str, Bound],
    model: GivenModel = None,
    *,
    dither: bool = False,
) -> Coded:
    """Write a ``.baler`` file, which only refers to its model, and read it; one thread."""
    policy = Policy.of_columns(bounds, dither=dither)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "events.baler"
        start = time.process_time()
        asked = Asked.of(model, reference=model is not None)
        recipe, used, _ = asked.planned(schema, chunk, policy, chunk.entries)
        with Writer(path, schema, recipe, model=used) as writer:
            writer.write(chunk)
        middle = time.process_time()
        with Reader(path, model=load(model)) as reader:
            back = join_chunks([reader.read(n) for n in range(len(reader.chunks) - 1)])
        end = time.process_time()
        size = path.stat().st_size
    return Coded(size, back.columns, middle - start, end - middle)


def parameters_of(model: Model) -> int:
    """Return how many numbers the networks of a model hold, tables included."""
    parts: list[Any] = [part for net in model.collections for part in (net, *net.columns)]
    members = (getattr(part, member.name) for part in parts for member in fields(part))
    return sum(member.size for member in members if isinstance(member, np.ndarray))


class Trained(Protocol):
    """A member of a family of autoencoders after its training."""

    @property
    def model_bytes(self) -> int:
        """Everything that decoding needs besides latents."""

    @property
    def parameters(self) -> int:
        """Numbers in the networks."""

    def code(self, chunk: Chunk) -> Coded:
        """Compress events, latents entropy-coded, and decompress them again."""


TrainFamily = Callable[[Events, Setting, Told], Trained]
"""Trains a member of a family on the first part of events."""


@dataclass(frozen=True, slots=True)
class FamilyCandidate:
    """A family of autoencoders: a curve by its latents, or by its bounds if it is to keep any."""

    name: str
    train: TrainFamily = field(repr=False)
    why_not: str = ""
    bounded: bool = False
    kind: Kind = "family"

    def missing(self) -> str:
        """Say why it cannot be trained here."""
        return self.why_not

    def settings(
        self, events: Events, scales: Sequence[float], latents: Sequence[int]
    ) -> list[Setting]:
        """Return a setting for each training: one for each number of latents, or for each scale.

        With bounds the fewest latents are taken: residuals say the rest.
        """
        if not self.bounded:
            return [Setting(1.0, latent) for latent in latents]
        return [Setting(one.scale, min(latents)) for one in by_bounds(events, scales)]

    def coder(self, events: Events, setting: Setting, told: Told) -> Coder:
        """Train a member of the family."""
        start = time.process_time()
        trained = self.train(events, setting, told)
        seconds = time.process_time() - start
        return Untrained(trained.code, trained.model_bytes, trained.parameters, seconds)


USUAL = (
    REFERENCE.name,
    "mantissa + split + zstd-5",
    "mantissa + LZMA-9",
    "SZ3",
    "SPERR",
    "ZFP",
)
"""The peers that are tried unless others are named."""


def peers() -> list[PeerCandidate]:
    """Return all peers that code columns."""
    return [PeerCandidate(p) for p in (*BOUNDED, *EXACT) if isinstance(p, ColumnPeer)]
