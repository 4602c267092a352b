"""The libraries underneath: what they get wrong, or are made to, ends in our own errors."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from baler.entropy import pco
from baler.entropy.lz import lzma_compress, lzma_decompress, zstd_compress, zstd_decompress
from baler.entropy.pco import SEGMENT, pco_compress, pco_decompress
from baler.errors import Corrupt

F4 = np.dtype("<f4")


class PanicException(BaseException):
    """What the library raises where it fails an assertion of its own."""


def test_a_panic_of_the_library_is_damage(monkeypatch: pytest.MonkeyPatch) -> None:
    def panic(data: bytes) -> None:
        raise PanicException("attempt to subtract with overflow")

    monkeypatch.setattr(pco, "FileDecompressor", SimpleNamespace(new=panic))
    with pytest.raises(Corrupt, match="a pcodec stream is damaged: attempt to subtract"):
        pco_decompress(b"", F4, 3)


@pytest.mark.parametrize("interrupt", [KeyboardInterrupt, SystemExit])
def test_an_interrupt_is_not_damage(
    monkeypatch: pytest.MonkeyPatch, interrupt: type[BaseException]
) -> None:
    def stop(data: bytes) -> None:
        raise interrupt

    monkeypatch.setattr(pco, "FileDecompressor", SimpleNamespace(new=stop))
    with pytest.raises(interrupt):
        pco_decompress(b"", F4, 3)


def test_a_page_that_is_too_short_is_damage(monkeypatch: pytest.MonkeyPatch) -> None:
    def chunk(data: bytes, kind: str) -> tuple[Any, int]:
        progress = SimpleNamespace(n_processed=2)
        return SimpleNamespace(read_page_into=lambda *_: (progress, 0)), 0

    fake = SimpleNamespace(chunk_decompressor=chunk)
    monkeypatch.setattr(pco, "FileDecompressor", SimpleNamespace(new=lambda _: (fake, 0)))
    with pytest.raises(Corrupt, match="a page holds 2 of 3 values"):
        pco_decompress(b"", F4, 3)


def test_long_columns_are_several_chunks() -> None:
    values = (np.arange(SEGMENT + 5) // 1000).astype("<u2")
    payload = pco_compress(values, 4)
    assert np.array_equal(pco_decompress(payload, values.dtype, values.size), values)
    with pytest.raises(Corrupt, match="bytes are left over after a pcodec stream"):
        pco_decompress(payload, values.dtype, SEGMENT)


def test_zstd_windows_have_a_limit() -> None:
    def frame(window: int) -> bytes:
        return bytes.fromhex("28b52ffd00") + bytes([(window - 10) << 3, 9, 0, 0]) + b"a"

    assert zstd_decompress(frame(27), 1) == b"a"
    with pytest.raises(Corrupt, match="a zstd frame is damaged"):
        zstd_decompress(frame(28), 1)


@pytest.mark.parametrize("level", [1, 9, 19])
def test_sizes_are_checked(level: int) -> None:
    data = bytes(range(200)) * 50
    for compressed, decompress in (
        (zstd_compress(data, level), zstd_decompress),
        (lzma_compress(data), lzma_decompress),
    ):
        assert decompress(memoryview(compressed), len(data)) == data
        for size in (1, len(data) - 1, len(data) + 1, 2 * len(data)):
            with pytest.raises(Corrupt):
                decompress(compressed, size)
