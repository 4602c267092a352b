"""General compressors over a whole file at once: what exact results have to beat."""

from __future__ import annotations

import lzma
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import zstandard

from baler.core.chunk import Array, Chunk
from baler.core.schema import Schema
from baler.evaluate.peers.exact import shuffle

_WINDOW_LOG = 27


@dataclass(frozen=True, slots=True)
class SolidSizes:
    """Bytes of all columns back to back; shuffled means byte by byte within each column."""

    original: int
    xz: int
    xz_shuffled: int
    zstd: int
    zstd_shuffled: int


def solid_sizes(schema: Schema, chunks: Iterable[Chunk]) -> SolidSizes:
    """Compress all columns as one stream, with xz -9 and with zstd -19 in a window of 2^27 bytes.

    Columns follow each other in the order of the schema, each over all chunks. Streams are fed
    column by column: nothing but the data themselves is held in memory.
    """
    chunks = list(chunks)
    parts = [chunk.columns[column.name] for column in schema.columns for chunk in chunks]
    return SolidSizes(
        original=sum(part.nbytes for part in parts),
        xz=_xz(parts, _plain),
        xz_shuffled=_xz(parts, shuffle),
        zstd=_zstd(parts, _plain),
        zstd_shuffled=_zstd(parts, shuffle),
    )


def _plain(values: Array) -> bytes:
    return values.tobytes()


def _xz(parts: Iterable[Array], form: Callable[[Array], bytes]) -> int:
    stream = lzma.LZMACompressor(preset=9)
    return sum(len(stream.compress(form(part))) for part in parts) + len(stream.flush())


def _zstd(parts: Iterable[Array], form: Callable[[Array], bytes]) -> int:
    parameters = zstandard.ZstdCompressionParameters.from_level(
        19, window_log=_WINDOW_LOG, enable_ldm=True
    )
    stream = zstandard.ZstdCompressor(compression_params=parameters).compressobj()
    return sum(len(stream.compress(form(part))) for part in parts) + len(stream.flush())
