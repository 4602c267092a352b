"""A foreign file to a ``.baler`` file."""

from __future__ import annotations

import itertools
import os
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from baler.api import card as cards
from baler.api.jobs import Progress, ahead, threads
from baler.api.latents import Rate
from baler.api.models import Asked, GivenModel, ModelMaker
from baler.container import UsedModel, Writer
from baler.core.bounds import Bound
from baler.core.chunk import empty_chunk
from baler.core.recipe import Recipe
from baler.core.schema import Schema
from baler.core.size import format_size, parse_size
from baler.io import Source, open_source
from baler.latent.model import LatentModel
from baler.planning import Policy

CHUNK_SIZE = "64 MB"
"""Column data of one chunk: what memory and the cost of reading a single entry follow."""


@dataclass(frozen=True, slots=True)
class Compression:
    """What came of a compression."""

    source: str
    target: str
    entries: int
    columns: int
    raw_bytes: int  # of all columns in their own dtypes
    source_bytes: int  # that the source takes on disk
    file_bytes: int
    seconds: float
    encode_seconds: float  # of them, spent in planning and encoding, not in reading the source
    worst: float  # largest error / bound of all values
    fallbacks: int  # chunks of columns that had to be coded exactly to keep their bound
    notes: tuple[str, ...]  # what of the original is not in the file, and of the model not used
    model: str = ""  # SHA-256 of the model that codes some columns, if one does
    model_bytes: int = 0  # that it takes in the file
    model_saved_bytes: int = 0  # about what other codecs would have taken more

    @property
    def ratio(self) -> float:
        """Bytes of column data over bytes of the file."""
        return self.raw_bytes / self.file_bytes

    def to_json(self) -> dict[str, Any]:
        """Return everything as plain JSON."""
        return {**asdict(self), "notes": list(self.notes), "ratio": self.ratio}


def compress(
    source: str | os.PathLike[str],
    target: str | os.PathLike[str],
    *,
    bounds: Mapping[str, str | Bound] | None = None,
    policy: Policy | str | os.PathLike[str] | None = None,
    dither: bool = False,
    tree: str | None = None,
    skip_unreadable: bool = False,
    model: GivenModel | ModelMaker = None,
    reference_model: bool = False,
    latent_bits: float | None = None,
    ratio: float | None = None,
    card: cards.GivenCard = None,
    chunk_size: str | int = CHUNK_SIZE,
    jobs: int | None = None,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> Compression:
    """Compress a ROOT, Parquet or npz file; exactly, but for columns that are given a bound.

    ``bounds`` maps patterns of column names to bounds or their specifications, such as
    ``{"*_pt": "rel 2^-11"}``; ``policy`` is a file of them. Later patterns win, those of ``bounds``
    last. The target appears when it is complete; nothing is left of a failed run.

    ``model`` codes the columns that it was trained for where that takes fewer bytes: a path or URL,
    a Model, a function that makes one for the file, or None (or "none"). The file holds the model,
    or only its SHA-256 with ``reference_model``: then whoever reads it has to give the same one.
    With a latent model (an autoencoder), ``latent_bits`` of a latent, or the ``ratio`` of columns
    to latents, sets a rate: columns without a bound then come back as the model predicts them.

    ``card`` is the report card of the policy (a path, its JSON or a Card), which the file keeps.

    Raises UsageError (bad bounds, target exists, a model for other columns, a card of other
    bounds), SourceError (faulty source), FormatError (faulty model), OSError.
    """
    asked = (
        policy
        if isinstance(policy, Policy)
        else Policy()
        if policy is None
        else Policy.load(policy)
    )
    asked = asked.then(Policy.of(bounds or {}, dither=dither))
    kept = cards.load_card(card)
    rate = Rate(latent_bits, ratio)
    asked_model = Asked.of(model, reference=reference_model, rate=rate)
    size = parse_size(chunk_size)
    start = time.perf_counter()
    with open_source(source, tree=tree, skip_unreadable=skip_unreadable) as opened:
        return _compress(
            opened, target, asked, asked_model, kept, size, threads(jobs), overwrite, progress,
            start,
        )  # fmt: skip


def _compress(
    source: Source,
    target: str | os.PathLike[str],
    policy: Policy,
    asked_model: Asked,
    card: cards.Card | None,
    chunk_size: int,
    workers: int,
    overwrite: bool,
    progress: Progress | None,
    start: float,
) -> Compression:
    schema = source.schema
    policy.bounds(schema)  # a faulty policy is told before anything long begins
    chunks = ahead(source.chunks(chunk_size), workers)
    chunk = first = next(chunks, empty_chunk(schema))
    entries = raw = 0  # of the chunks that are done
    encoding = -time.perf_counter()

    def report(done: int) -> None:
        if progress is not None:
            within = (done - raw) / max(chunk.nbytes, 1) * chunk.entries
            progress((entries + within) / max(source.entries, 1), done)

    recipe, model, notes = asked_model.planned(schema, first, policy, source.entries)
    encoding += time.perf_counter()
    if card is not None:
        _check_card(card, schema, recipe)
    with Writer(
        target,
        schema,
        recipe,
        metadata={
            **({"notes": list(source.notes)} if source.notes else {}),
            **({} if card is None else {cards.KEY: card.to_json()}),
        },
        model=model,
        threads=workers,
        overwrite=overwrite,
        progress=report,
    ) as writer:
        for chunk in itertools.chain([first], chunks):
            encoding -= time.perf_counter()
            writer.write(chunk)
            encoding += time.perf_counter()
            entries += chunk.entries
            raw += chunk.nbytes
    statistics = writer.statistics.values()
    saved = sum(s.saved_bytes for s in statistics)
    notes += _worth(model, saved)
    return Compression(
        source=source.name,
        target=os.fspath(target),
        entries=entries,
        columns=len(schema.columns),
        raw_bytes=raw,
        source_bytes=source.disk_bytes,
        file_bytes=writer.size,
        seconds=time.perf_counter() - start,
        encode_seconds=encoding,
        worst=max((s.worst for s in statistics), default=0.0),
        fallbacks=sum(s.fallbacks for s in statistics),
        notes=(*source.notes, *notes),
        model="" if model is None else model.model.sha256,
        model_bytes=_size(model),
        model_saved_bytes=saved,
    )


def _check_card(card: cards.Card, schema: Schema, recipe: Recipe) -> None:
    bounds = cards.bounds_of(schema.position, (plan.bound for plan in recipe.columns))
    card.check(bounds, dither=any(plan.dither for plan in recipe.columns))


def _size(model: UsedModel | None) -> int:
    """Return the bytes of the model in the file."""
    return len(model.model.pack()) if model is not None and model.embedded else 0


def _worth(model: UsedModel | None, saved: int) -> tuple[str, ...]:
    """Return a note if the file were smaller without the model."""
    if _size(model) <= saved or (model is not None and isinstance(model.model, LatentModel)):
        return ()
    return (
        f"the model takes {format_size(_size(model))} and saves {format_size(max(saved, 0))}: "
        "without it, or with a reference to it, the file is smaller",
    )
