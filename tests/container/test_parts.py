"""Parts of the index: what a small file need not repeat, and what a large one does not need."""

from __future__ import annotations

import lzma
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from baler.container import parts
from baler.container.parts import pack_part, unpack_part, vocabulary
from baler.core.bytes import ByteReader, varint
from baler.entropy.lz import ZSTD_MAGIC, lzma_compress, zstd_compress
from baler.errors import BalerError, Corrupt

NAMES = b"run\0luminosityBlock\0event\0nJet\0Jet_pt\0eta\0phi\0mass\0HLT_IsoMu24\0"
PHRASE = vocabulary()[1000:5000]


@given(st.binary(max_size=300) | st.sampled_from([NAMES, PHRASE]), st.integers(0, 1 << 40))
def test_parts_come_back(plain: bytes, others: int) -> None:
    reader = ByteReader(pack_part(plain, others) + b"more")
    assert bytes(unpack_part(reader)) == plain
    assert bytes(reader.rest()) == b"more"


def test_a_small_file_uses_the_vocabulary_and_a_large_one_does_not() -> None:
    small, large = pack_part(PHRASE, 1000), pack_part(PHRASE, 1_000_000)
    assert ZSTD_MAGIC in small
    assert len(small) < 60
    assert large == varint(4000) + varint(len(lzma_compress(PHRASE))) + lzma_compress(PHRASE)
    saved = len(large) - len(small)
    assert pack_part(PHRASE, 100 * (saved + 3) - len(large)) == large  # not more than 1 % of it
    assert pack_part(PHRASE, 100 * (saved - 3) - len(large)) == small


def test_no_lzma_stream_begins_like_a_frame() -> None:
    for plain in (b"", b"(", bytes(1000), NAMES, ZSTD_MAGIC * 9, bytes(range(256)) * 9000):
        assert lzma_compress(plain)[0] in (0, 1, *range(0xE0, 0x100))


@pytest.mark.parametrize(
    "frame",
    [
        zstd_compress(PHRASE, 3, vocabulary())[:-1],
        zstd_compress(PHRASE, 3, vocabulary()) + b"\0",
        zstd_compress(PHRASE[:-1], 3, vocabulary()),
        zstd_compress(PHRASE + b"\0", 3, vocabulary()),
        ZSTD_MAGIC,
    ],
    ids=["cut", "more", "too small", "too large", "nothing"],
)
def test_damaged_frames_are_refused(frame: bytes) -> None:
    with pytest.raises(Corrupt, match="zstd frame"):
        unpack_part(ByteReader(varint(len(PHRASE)) + varint(len(frame)) + frame))


def test_no_flipped_bit_makes_trouble() -> None:
    frame = zstd_compress(PHRASE, 3, vocabulary())
    head = varint(len(PHRASE)) + varint(len(frame))
    for bit in range(8 * len(frame)):
        damaged = bytearray(frame)
        damaged[bit // 8] ^= 1 << bit % 8
        try:
            found = unpack_part(ByteReader(head + bytes(damaged)))
        except Corrupt:
            continue
        assert len(found) == len(PHRASE)


@pytest.mark.parametrize("packed", [lzma.compress(b"other names"), b"", b"no .xz file"])
def test_another_vocabulary_is_noticed(
    packed: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "vocabulary.xz").write_bytes(packed)
    monkeypatch.setattr(parts, "files", lambda _: tmp_path)
    vocabulary.cache_clear()
    with pytest.raises(BalerError, match="install it again"):
        vocabulary()
    monkeypatch.undo()
    assert len(vocabulary()) == 295_399
