"""Zstandard and LZMA over bytes, with output sizes checked before anything is allocated."""

from __future__ import annotations

import lzma
import threading

import zstandard

from baler.errors import Corrupt

ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"
"""How a zstd frame begins, and no LZMA2 stream does."""

_DICTIONARY = 1 << 24
_FILTER = {"id": lzma.FILTER_LZMA2, "preset": 9, "lc": 3, "lp": 0, "pb": 0}


def lzma_compress(data: bytes) -> bytes:
    """Return data as a raw LZMA2 stream (lc=3, lp=0, pb=0, dictionary at most 16 MiB)."""
    dictionary = min(_DICTIONARY, max(1 << 12, 1 << len(data).bit_length()))
    filters = [{**_FILTER, "dict_size": dictionary}]
    return lzma.compress(data, format=lzma.FORMAT_RAW, filters=filters)


def lzma_decompress(data: bytes | memoryview, size: int) -> bytes:
    """Invert `lzma_compress`; raises Corrupt unless exactly ``size`` bytes come out."""
    filters = [{**_FILTER, "dict_size": _DICTIONARY}]
    decompressor = lzma.LZMADecompressor(format=lzma.FORMAT_RAW, filters=filters)
    try:
        out = decompressor.decompress(bytes(data), max_length=size + 1)
    except lzma.LZMAError as error:
        raise Corrupt(f"an LZMA stream is damaged: {error}") from error
    if len(out) != size or not decompressor.eof or decompressor.unused_data:
        raise Corrupt(f"an LZMA stream does not decode to {size} bytes")
    return out


def zstd_compress(data: bytes, level: int, before: bytes = b"") -> bytes:
    """Return data as one zstd frame without checksum, content size or dictionary id.

    Matches may lie in the bytes ``before`` it, which are not in the frame.
    """
    parameters = zstandard.ZstdCompressionParameters.from_level(
        level,
        source_size=len(data) + len(before),
        write_content_size=0,
        write_checksum=0,
        write_dict_id=0,
    )
    return zstandard.ZstdCompressor(
        compression_params=parameters, dict_data=_raw_dictionary(before)
    ).compress(data)


def zstd_decompress(data: bytes | memoryview, size: int, before: bytes = b"") -> bytes:
    """Invert `zstd_compress`; raises Corrupt unless exactly ``size`` bytes, not 0, come out."""
    if not size:
        raise Corrupt("a zstd frame stands for no bytes at all")
    data = bytes(data)
    try:
        stated = zstandard.get_frame_parameters(data).content_size  # which would be allocated
        if stated not in (zstandard.CONTENTSIZE_UNKNOWN, size):
            raise Corrupt(f"a zstd frame states {stated} bytes, expected {size}")
        out = zstandard.ZstdDecompressor(
            dict_data=_raw_dictionary(before), max_window_size=1 << 27
        ).decompress(data, max_output_size=size, allow_extra_data=False)
    except zstandard.ZstdError as error:
        raise Corrupt(f"a zstd frame is damaged: {error}") from error
    if len(out) != size:
        raise Corrupt(f"a zstd frame decodes to {len(out)} bytes, expected {size}")
    return out


def _raw_dictionary(content: bytes) -> zstandard.ZstdCompressionDict | None:
    if not content:
        return None
    return zstandard.ZstdCompressionDict(content, dict_type=zstandard.DICT_TYPE_RAWCONTENT)


def zstd_size(data: bytes) -> int:
    """Return about how many bytes zstd makes of data, quickly."""
    if not hasattr(_OF_THREAD, "compressor"):
        _OF_THREAD.compressor = zstandard.ZstdCompressor(level=3, write_content_size=False)
    return len(_OF_THREAD.compressor.compress(data))


_OF_THREAD = threading.local()
