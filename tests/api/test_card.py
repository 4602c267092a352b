"""Report cards: round trips, and cards that mean harm."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import baler
from baler.api.card import MAX_BYTES, Card, Judged, JudgedBy, TunedColumn
from baler.api.inspection import Inspection
from baler.container import Writer
from baler.core.chunk import Chunk
from baler.core.schema import Column, Field, Leaf, Schema
from baler.errors import UsageError
from baler.planning import Policy, plan

CARD = Card(
    analysis="dimuon",
    cuts={"pt": 3.0, "kind": "tight"},
    requirements=("shift(*) < 0.1 sigma",),
    confidence=0.95,
    seed=0,
    looks=1,
    judged_by=(JudgedBy("data", "events.root", 100, 50, 100.0),),
    judged=(
        Judged("shift(*) < 0.1 sigma", "shift Z mass", "held out", 0.01, 0.02, 0.1, "sigma", True),
        Judged("shift(*) < 0.1 sigma", "shift Z width", "all", None, None, 0.1, "sigma", False,
               "too few events"),
    ),
    bytes={"baler, exact": 1000, "baler, tuned": 300},
    columns={"x": TunedColumn("abs 0.01", 7.5)},
)  # fmt: skip


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "events.npz"
    random = np.random.default_rng(0)
    np.savez(path, x=random.normal(size=100), y=random.normal(size=100))
    return path


def compressed(source: Path, **options: Any) -> Inspection:
    target = source.with_suffix(".baler")
    baler.compress(source, target, overwrite=True, **options)
    return baler.inspect(target)


def test_a_card_is_plain_json_and_back() -> None:
    assert Card.from_json(json.loads(json.dumps(CARD.to_json()))) == CARD


def test_a_card_is_a_file_and_back(tmp_path: Path) -> None:
    CARD.save(tmp_path / "c.json")
    assert Card.load(tmp_path / "c.json") == CARD


@pytest.mark.parametrize("given", [Card.to_json, lambda card: card])
def test_a_file_keeps_the_card_of_its_bounds(source: Path, given: Callable[[Card], Any]) -> None:
    found = compressed(source, bounds={"x": "abs 0.01"}, card=given(CARD)).card
    assert found is not None
    assert (found.card, found.fault, found.differences) == (CARD, "", ())
    assert compressed(source).card is None


def test_a_card_of_other_bounds_is_refused_and_nothing_is_written(source: Path) -> None:
    for bounds in ({"x": "abs 0.02"}, {}, {"x": "abs 0.01", "y": "rel 2^-9"}):
        with pytest.raises(UsageError, match="the card does not belong to these bounds"):
            compressed(source, bounds=bounds, card=CARD)
    with pytest.raises(UsageError, match="dithered"):
        compressed(source, bounds={"x": "abs 0.01"}, dither=True, card=CARD)
    assert not source.with_suffix(".baler").exists()


def deep() -> Any:
    nested: Any = []
    for _ in range(50):
        nested = [nested]
    return nested


HARM: list[tuple[dict[str, Any], str]] = [
    ({"version": 2}, "version 2"),
    ({"version": "1" * 10**6}, "version"),
    ({"analysis": 7}, "'analysis' of the card is 7, expected str"),
    ({"analysis": "\x1b[2Jboo"}, "printable"),
    ({"analysis": "\u202eboo"}, "printable"),
    ({"analysis": "a" * 10**6}, "printable"),
    ({"requirements": "shift"}, "'requirements'"),
    ({"requirements": deep()}, "item 0 in 'requirements'"),
    ({"requirements": ["a"] * 20_000}, "at most 10000"),
    ({"requirements": ["a" * 999] * 2000}, f"more than {MAX_BYTES}"),
    ({"confidence": float("nan")}, "'confidence'"),
    ({"confidence": 10**400}, "beyond 64 bits"),
    ({"seed": True}, "'seed' of the card is True"),
    ({"cuts": {"pt": None}}, "'cuts'"),
    ({"cuts": {"\x07": 1.0}}, "printable"),
    ({"bytes": {"a": 1.5}}, "expected int"),
    ({"columns": {"x": {"bound": "abs 0.01"}}}, "has no 'bits_per_value'"),
    ({"columns": {"x": {"bound": "abs 1e", "bits_per_value": 1.0}}}, "cannot read '1e'"),
    ({"columns": {"x": {"bound": "abs  0.01", "bits_per_value": 1.0}}}, "expected 'abs 0.01'"),
    ({"judged": [{"value": 1}]}, "item 0 in 'judged'"),
    ({"more": 1}, "'more', which is unknown"),
]


@pytest.mark.parametrize(("harm", "said"), HARM)
def test_a_hostile_card_is_refused_on_writing(
    source: Path, harm: dict[str, Any], said: str
) -> None:
    with pytest.raises(UsageError, match=said.replace("[", r"\[")) as refused:
        compressed(source, bounds={"x": "abs 0.01"}, card={**CARD.to_json(), **harm})
    assert str(refused.value).replace("\n", "").isprintable()
    assert len(str(refused.value)) < 500


@pytest.mark.parametrize("content", [b"", b"{", b"[" * 100_000, b"\xff", b"7", b"[]", b"x" * 2**21])
def test_a_file_that_is_no_card_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "c.json"
    path.write_bytes(content)
    with pytest.raises(UsageError, match=r"c\.json"):
        Card.load(path)


def written_with(path: Path, card: object) -> Path:
    """Write a file whose metadata hold anything as its card."""
    schema = Schema((Column("x", np.dtype("<f8")),), (Field("x", Leaf("x")),))
    chunk = Chunk(3, {"x": np.array([1.0, 2.0, 3.0])})
    recipe = plan(schema, chunk, Policy())
    with Writer(path, schema, recipe, metadata={"card": card}) as writer:
        writer.write(chunk)
    return path


@pytest.mark.parametrize(
    "card",
    [*({**CARD.to_json(), **harm} for harm, _ in HARM if "confidence" not in harm), 7, [], "\x1b"],
)
def test_a_hostile_card_is_harmless_on_reading(tmp_path: Path, card: object) -> None:
    found = baler.inspect(written_with(tmp_path / "a.baler", card)).card
    assert found is not None
    assert found.card is None
    assert found.fault.replace("\n", "").isprintable()
    assert len(found.fault) < 500
    json.dumps(found.to_json(), allow_nan=False)


def test_a_card_of_other_bounds_is_noticed_on_reading(tmp_path: Path) -> None:
    found = baler.inspect(written_with(tmp_path / "a.baler", CARD.to_json())).card
    assert found is not None
    assert found.card == CARD
    assert found.differences == ("'x' has 'exact', the card 'abs 0.01'",)
