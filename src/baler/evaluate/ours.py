"""Our own files among the others: measured by the same clock, judged by the same judge."""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path

from baler.api.models import Asked
from baler.container import Reader, Writer
from baler.container.models import AnyModel
from baler.core.bounds import Bound
from baler.core.chunk import Array, Chunk, empty_chunk, join_chunks, slice_chunk
from baler.core.schema import Schema
from baler.core.size import parse_size
from baler.errors import UsageError, near
from baler.evaluate.benchmark import Progress, Result, run
from baler.evaluate.peers import ALL
from baler.evaluate.peers.base import FilePeer, Kind, Peer
from baler.io import open_source
from baler.planning import Policy, plan

OURS = "baler"
"""How the names of our own rows begin."""


@dataclass(frozen=True, slots=True)
class OurFile(FilePeer):
    """A whole ``.baler`` file: planning, index and checksums included; one thread."""

    policy: Policy = field(default_factory=Policy)
    model: AnyModel | None = None
    embedded: bool = False  # the networks of the model that pay for their bytes are in the file

    @property
    def kind(self) -> Kind:
        """Bounded if the policy allows any loss."""
        return "bounded" if any(bound.lossy for _, bound in self.policy.rules) else "exact"

    @property
    def packages(self) -> tuple[str, ...]:
        """None but what we always need."""
        return ()

    def write(
        self, path: Path, schema: Schema, chunks: Sequence[Chunk], bounds: Mapping[str, Bound]
    ) -> None:
        """Plan by our own policy, of which the bounds were made, and write."""
        first = chunks[0] if chunks else empty_chunk(schema)
        asked = Asked(self.model, self.embedded, "")
        recipe, used, _ = asked.planned(schema, first, self.policy, sum(c.entries for c in chunks))
        with Writer(path, schema, recipe, model=used) as writer:
            for chunk in chunks:
                writer.write(chunk)

    def read(self, path: Path, schema: Schema) -> Iterator[tuple[str, Array]]:
        """Yield each column."""
        with Reader(path, model=None if self.embedded else self.model) as reader:
            chunks = [reader.read(number) for number in range(len(reader.chunks) - 1)]
        yield from join_chunks(chunks or [empty_chunk(schema)]).columns.items()


def select(patterns: Iterable[str]) -> tuple[Peer, ...]:
    """Return the peers whose names match any of some patterns; UsageError if one matches none."""
    patterns = list(patterns)
    names = [peer.name for peer in ALL]
    for pattern in patterns:
        if not any(fnmatchcase(name, pattern) for name in names):
            raise UsageError(f"no peer matches {pattern!r}{near(pattern, names, limit=len(names))}")
    return tuple(p for p in ALL if any(fnmatchcase(p.name, pattern) for pattern in patterns))


def measure(
    source: str | os.PathLike[str],
    policy: Policy,
    peers: Sequence[Peer] = ALL,
    *,
    tree: str | None = None,
    skip_unreadable: bool = False,
    entries: int | None = None,
    chunk_size: str | int = "64 MB",
    seconds_per_peer: float = math.inf,
    model: AnyModel | None = None,
    progress: Progress | None = None,
) -> Result:
    """Compress a foreign file, or its first ``entries``, with ourselves and with others.

    Our exact file is always a row; if the policy allows loss, so is the file that makes use of it,
    and bounded peers are tried. With a model there are two rows more: without its bytes, and with
    the file holding it. All data are held in memory.
    """
    with open_source(source, tree=tree, skip_unreadable=skip_unreadable) as opened:
        schema = opened.schema
        chunks = list(_first(schema, opened.chunks(parse_size(chunk_size)), entries))
    recipe = plan(schema, chunks[0] if chunks else empty_chunk(schema), policy)
    bounds = {c.name: p.bound for c, p in zip(schema.columns, recipe.columns, strict=True)}
    ours = [OurFile(f"{OURS}, exact")]
    if OurFile(OURS, policy).kind == "bounded":
        ours.append(OurFile(f"{OURS}, bounded", policy))
        if model is not None:
            ours.append(OurFile(f"{OURS}, model elsewhere", policy, model))
            ours.append(OurFile(f"{OURS}, model inside", policy, model, embedded=True))
    else:
        peers = [peer for peer in peers if peer.kind == "exact"]
    return run(
        schema,
        chunks,
        bounds,
        [*ours, *peers],
        seconds_per_peer=seconds_per_peer,
        progress=progress,
    )


def _first(schema: Schema, chunks: Iterable[Chunk], entries: int | None) -> Iterator[Chunk]:
    left = math.inf if entries is None else entries
    for chunk in chunks:
        if left < chunk.entries:
            yield slice_chunk(schema, chunk, 0, int(left))
            return
        yield chunk
        left -= chunk.entries
        if not left:
            return
