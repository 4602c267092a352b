"""Where the bytes of a ``.baler`` file go."""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass
from typing import Any

from baler.api import card as cards
from baler.api.models import GivenModel, load
from baler.container import ColumnBytes, Reader
from baler.core.schema import Column
from baler.errors import UsageError

BY_NETWORKS = ("learned", "predicted")
"""The codecs of columns that a network coded, or predicted."""


@dataclass(frozen=True, slots=True)
class InspectedColumn:
    """One column: what was promised, how it is coded, what it takes."""

    name: str
    dtype: str
    bound: str
    codec: str  # the most frequent one of all chunks
    values: int
    raw_bytes: int
    bytes: int
    learned_bytes: int  # of them, in chunks that a network coded
    otherwise_bytes: int  # about what these chunks would take without the network
    chunks: int
    learned_chunks: int  # those that a network coded
    has_network: bool  # whether the model has a network for the column

    @property
    def drift(self) -> int:
        """Chunks in which a network that codes the column elsewhere was not good enough."""
        return self.chunks - self.learned_chunks if self.learned_chunks else 0

    @property
    def bits_per_value(self) -> float:
        """Bits in the file for each value; 0 if there are no values."""
        return 8 * self.bytes / self.values if self.values else 0.0

    def to_json(self) -> dict[str, Any]:
        """Return everything as plain JSON."""
        return {**asdict(self), "bits_per_value": self.bits_per_value, "drift": self.drift}


@dataclass(frozen=True, slots=True)
class InspectedModel:
    """The model that a file's learned columns need."""

    sha256: str
    name: str  # a hint where it came from
    bytes: int  # that it takes in the file; 0 if it is kept elsewhere


@dataclass(frozen=True, slots=True)
class InspectedCard:
    """The report card that a file holds, or what is wrong with it."""

    card: cards.Card | None
    fault: str = ""  # why it cannot be read
    differences: tuple[str, ...] = ()  # bounds of the file that are not those of the card

    def to_json(self) -> dict[str, Any]:
        """Return everything as plain JSON."""
        return {
            "card": None if self.card is None else self.card.to_json(),
            "fault": self.fault,
            "differences": list(self.differences),
        }


@dataclass(frozen=True, slots=True)
class Inspection:
    """The sizes of a file and its columns."""

    file_bytes: int
    raw_bytes: int
    entries: int
    chunks: int
    index_bytes: int  # what is neither columns nor model: names, titles, checksums
    source: dict[str, Any]
    columns: tuple[InspectedColumn, ...]
    model: InspectedModel | None = None
    card: InspectedCard | None = None

    @property
    def ratio(self) -> float:
        """Bytes of column data over bytes of the file."""
        return self.raw_bytes / self.file_bytes

    def to_json(self) -> dict[str, Any]:
        """Return everything as plain JSON."""
        columns = [column.to_json() for column in self.columns]
        card = None if self.card is None else self.card.to_json()
        return {**asdict(self), "ratio": self.ratio, "columns": columns, "card": card}


def inspect(path: str | os.PathLike[str], *, model: GivenModel = None) -> Inspection:
    """Return the sizes of a file and of its columns; values are not decoded, but for counts.

    Raises a FormatError if the file is damaged, MissingModel if counts cannot be had without it.
    """
    with Reader(path, model=load(model)) as reader:
        values = _values(reader)
        stored = reader.column_bytes()
        columns = tuple(
            _column(column, str(plan.bound), values[column.name], stored[column.name])
            for column, plan in zip(reader.schema.columns, reader.recipe.columns, strict=True)
        )
        used = reader.stored_model
        found = None if used is None else InspectedModel(used.sha256.hex(), used.name, used.size)
        return Inspection(
            file_bytes=reader.size,
            raw_bytes=sum(column.raw_bytes for column in columns),
            entries=reader.entries,
            chunks=len(reader.chunks) - 1,
            index_bytes=reader.size
            - sum(column.bytes for column in columns)
            - (0 if found is None else found.bytes),
            source=dict(reader.schema.source),
            columns=columns,
            model=found,
            card=_card(reader),
        )


def _card(reader: Reader) -> InspectedCard | None:
    if (document := reader.metadata.get(cards.KEY)) is None:
        return None
    try:
        card = cards.Card.from_json(document)
    except UsageError as error:
        return InspectedCard(None, str(error))
    bounds = cards.bounds_of(reader.schema.position, (p.bound for p in reader.recipe.columns))
    return InspectedCard(card, differences=tuple(card.differences(bounds)))


def _column(column: Column, bound: str, values: int, stored: ColumnBytes) -> InspectedColumn:
    return InspectedColumn(
        name=column.name,
        dtype=column.dtype.name,
        bound=bound,
        codec=max(stored.codecs, key=stored.codecs.__getitem__, default=""),
        values=values,
        raw_bytes=values * column.dtype.itemsize,
        bytes=stored.stored,
        learned_bytes=stored.learned,
        otherwise_bytes=stored.otherwise,
        chunks=sum(stored.codecs.values()),
        learned_chunks=sum(
            chunks for name, chunks in stored.codecs.items() if name.startswith(BY_NETWORKS)
        ),
        has_network=stored.has_network,
    )


def _values(reader: Reader) -> dict[str, int]:
    """Return how many values each column has."""
    columns, edges = reader.schema.columns, reader.chunks
    values = dict.fromkeys(reader.schema.position, 0)
    for number in range(len(edges) - 1):
        totals = reader.totals(number)
        entries = int(edges[number + 1] - edges[number])
        for column in columns:
            rows = entries if column.counts is None else totals[column.counts]
            values[column.name] += rows * column.width
    return values
