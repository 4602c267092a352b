"""Whatever happens to a file with learned columns, only a FormatError says so."""

from __future__ import annotations

import random
from contextlib import suppress
from pathlib import Path

import pytest

from baler.codecs import encode_learned
from baler.container import Reader, UsedModel, Writer
from baler.container.blocks import Contents, pack_learned
from baler.container.layout import HEADER_SIZE, LEARNED, pack_header, pack_tail
from baler.errors import Corrupt, FormatError
from baler.learned.model import Model
from baler.planning import Policy, learned_groups, plan
from tests import fitted_model as fitted
from tests.container.test_damage import Anything, mutations, part, parts

SMALL = 25
"""Entries of the chunk."""


@pytest.fixture(scope="module")
def model() -> Model:
    """Return the fitted model."""
    return fitted.model()


@pytest.fixture
def learned(tmp_path: Path, model: Model, monkeypatch: pytest.MonkeyPatch) -> bytes:
    """Return a small file of which all columns that can be learned are."""
    chunk = fitted.events(SMALL, 1)
    policy = Policy.of(fitted.BOUNDS)
    recipe = plan(fitted.SCHEMA, chunk, policy, learned_groups(model, fitted.SCHEMA, policy)[0])
    path = tmp_path / "learned.baler"
    with monkeypatch.context() as patch:
        patch.setattr("baler.container.choosing.CLEAR", float("inf"))
        patch.setattr("baler.container.choosing.SURE", float("inf"))
        with Writer(path, fitted.SCHEMA, recipe, model=UsedModel(model)) as writer:
            writer.write(chunk)
    return path.read_bytes()


def read_all(file: bytes) -> None:
    """Read and describe every column."""
    with Reader(file) as reader:
        for number in range(len(reader.chunks) - 1):
            reader.totals(number)
        reader.column_bytes()
        for number in range(len(reader.chunks) - 1):
            reader.read(number)


def seal(blocks: bytes, *index: bytes) -> bytes:
    """Return a file of which every checksum of header and index is right."""
    header, whole = pack_header(LEARNED), b"".join(index)
    return header + blocks + whole + pack_tail(header, whole, HEADER_SIZE + len(blocks))


def test_the_tools_of_these_tests(learned: bytes) -> None:
    blocks, core, checksums, metadata = parts(learned)
    assert seal(blocks, part(core), checksums, part(metadata)) == learned
    read_all(learned)


def test_truncations_are_refused(learned: bytes) -> None:
    for size in range(len(learned)):
        with pytest.raises(FormatError):
            read_all(learned[:size])


def test_flipped_bits_are_noticed(learned: bytes) -> None:
    rng = random.Random(1)
    for at in range(len(learned)):
        damaged = bytearray(learned)
        damaged[at] ^= 1 << rng.randrange(8)
        with pytest.raises(FormatError):
            read_all(bytes(damaged))


def test_a_damaged_model_is_named(learned: bytes, model: Model) -> None:
    blocks = parts(learned)[0]
    damaged = bytearray(learned)
    damaged[HEADER_SIZE + len(blocks) - 1] ^= 1
    with Reader(bytes(damaged)) as reader:
        reader.read(0, ["run"])
        with pytest.raises(Corrupt, match="does not have the SHA-256 in the index") as caught:
            reader.read(0, ["Jet_phi"])
    assert f"in the model in {len(learned)} bytes" in str(caught.value)


def test_hostile_indexes_with_right_checksums(learned: bytes) -> None:
    blocks, core, checksums, metadata = parts(learned)
    for damaged in mutations(random.Random(2), core, 1500):
        with suppress(FormatError):
            read_all(seal(blocks, part(damaged), checksums, part(metadata)))


def test_hostile_blocks_with_right_checksums(
    learned: bytes, model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("baler.container.reader.checksum", lambda stored: Anything())
    monkeypatch.setattr("baler.core.chunk.MAX_COLUMN_BYTES", 1 << 16)
    inside = len(parts(learned)[0]) - len(model.pack())
    blocks, rest = learned[HEADER_SIZE:][:inside], learned[HEADER_SIZE + inside :]
    good = 0
    for damaged in mutations(random.Random(4), blocks, 1500):
        with suppress(FormatError):
            read_all(learned[:HEADER_SIZE] + damaged[:inside].ljust(inside, b"\0") + rest)
            good += 1
    assert good < 700


RAW = b"\x00"
PLAIN = [RAW + b"\1\0\0\0" * 4, RAW + bytes(16)]  # nJet and MET_pt of 4 entries


@pytest.mark.parametrize(
    ("contents", "message"),
    [
        (Contents(PLAIN, [4]), None),
        (Contents(PLAIN, [5]), "the counts sum to 4, not to 5"),
        (Contents(PLAIN, [4], [b"12345678"]), "a block of a learned group has 1 streams"),
        (
            Contents([PLAIN[0], encode_learned(0, 0, 0, b"")], [4]),
            "a block of a learned group has 0 streams",
        ),
        (
            Contents([PLAIN[0], encode_learned(0, 0, 0, b"")], [4], [b"12345678"] * 65),
            "a block of a learned group has 65 streams",
        ),
        (
            Contents([PLAIN[0], encode_learned(0, 0, 0, b"")], [4], [b""]),
            "stream",
        ),
        (
            Contents([PLAIN[0], encode_learned(0, 0, 5, RAW + bytes(20))], [4], [b"12345678"]),
            "5 of 4 values are verbatim",
        ),
        (Contents([PLAIN[0], b""], [4]), "ends 1 bytes too early"),
    ],
)
def test_hostile_contents(
    contents: Contents, message: str | None, model: Model, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    policy = Policy.of(fitted.BOUNDS)
    groups, _ = learned_groups(model, fitted.SCHEMA, policy)
    chunk = fitted.events(4, jets=0)
    recipe = plan(fitted.SCHEMA, chunk, policy, groups)
    path = tmp_path / "hostile.baler"

    def hostile(given: Contents) -> object:
        return pack_learned(contents if len(given.payloads) == 2 else given)

    monkeypatch.setattr("baler.container.writer.pack_learned", hostile)
    with Writer(path, fitted.SCHEMA, recipe, model=UsedModel(model)) as writer:
        writer.write(chunk)
    with Reader(path) as reader:
        if message is None:
            assert reader.read(0, ["nJet"]).columns["nJet"].tolist() == [1] * 4
            return
        with pytest.raises(FormatError) as caught:
            reader.read(0, ["nJet"])
        assert message in str(caught.value)
        assert "chunk 0 of" in str(caught.value)
