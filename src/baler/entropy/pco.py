"""Numbers through pcodec, in its wrapped form (no header of its own beyond two bytes)."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from pcodec import ChunkConfig, PagingSpec
from pcodec.wrapped import FileCompressor, FileDecompressor

from baler.errors import Corrupt

SEGMENT = 1 << 20
"""Numbers per pcodec chunk: its statistics adapt to a column that changes along a file."""

_TYPES = {
    "u1": "u8", "u2": "u16", "u4": "u32", "u8": "u64",
    "i1": "i8", "i2": "i16", "i4": "i32", "i8": "i64",
    "f2": "f16", "f4": "f32", "f8": "f64",
}  # fmt: skip


def pco_compress(values: npt.NDArray[Any], level: int) -> bytes:
    """Return a pcodec header, then for each 2**20 values a chunk of one page (metadata, page)."""
    compressor = FileCompressor()
    parts = [compressor.write_header()]
    for first in range(0, values.size, SEGMENT):
        segment = values[first : first + SEGMENT]
        config = ChunkConfig(
            compression_level=level,
            paging_spec=PagingSpec.exact_page_sizes([segment.size]),
            enable_8_bit=values.dtype.itemsize == 1,
        )
        chunk = compressor.chunk_compressor(segment, config)
        parts += [chunk.write_meta(), chunk.write_page(0)]
    return b"".join(parts)


def pco_decompress(data: bytes | memoryview, dtype: np.dtype[Any], size: int) -> npt.NDArray[Any]:
    """Invert `pco_compress`; raises Corrupt unless exactly ``size`` values come out."""
    data = bytes(data)
    values = np.empty(size, dtype)
    try:
        at = _fill(values, data)
    except (RuntimeError, TypeError, ValueError, OverflowError) as error:
        raise Corrupt(f"a pcodec stream is damaged: {error}") from error
    except BaseException as error:
        if type(error).__name__ != "PanicException":  # the library's own assertion failures
            raise
        raise Corrupt(f"a pcodec stream is damaged: {error}") from error
    if at != len(data):
        raise Corrupt(f"{len(data) - at} bytes are left over after a pcodec stream")
    return values


def _fill(values: npt.NDArray[Any], data: bytes) -> int:
    """Decode into an array and return how many bytes that took."""
    decompressor, at = FileDecompressor.new(data)
    for first in range(0, values.size, SEGMENT):
        segment = values[first : first + SEGMENT]
        chunk, used = decompressor.chunk_decompressor(data[at:], _TYPES[values.dtype.str[1:]])
        at += used
        progress, used = chunk.read_page_into(data[at:], segment.size, segment)
        at += used
        if progress.n_processed != segment.size:
            raise ValueError(f"a page holds {progress.n_processed} of {segment.size} values")
    return int(at)
