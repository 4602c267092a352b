"""``baler tune``, and the card on its way into a file."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("hist")

from baler.planning import Policy
from tests.physics.tuning.made import Means

from .conftest import Baler, as_json

REQUIRE = ("-r", "shift(x mass) < 0.1 sigma", "-r", "ks(free) < 0.02")


@pytest.fixture(autouse=True)
def _means(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let all analyses be the means of x and y."""
    monkeypatch.setattr("baler.cli.samples.analysis_of", lambda name, cuts: Means())


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "events.npz"
    random = np.random.default_rng(0)
    columns = {name: random.normal(100, 1, 1500).astype("f4") for name in ("x", "y", "free")}
    np.savez(path, **columns)
    return path


@pytest.fixture
def tuned(source: Path, baler: Baler) -> Path:
    target = source.with_name("tuned.toml")
    baler("tune", source, "-a", "means", *REQUIRE, "-o", target, "--replicas", 10, "-q")
    return target


def test_a_policy_and_its_card_are_written(tuned: Path) -> None:
    policy = Policy.load(tuned)
    text = tuned.read_text("utf-8")
    card = json.loads(tuned.with_name("tuned.card.json").read_text("utf-8"))
    assert [glob for glob, _ in policy.rules] == list(card["columns"])
    assert [str(bound) for _, bound in policy.rules] == [
        column["bound"] for column in card["columns"].values()
    ]
    assert "#   shift(x mass) < 0.1 sigma" in text
    assert {"baler, exact", "baler, tuned", "TTree zstd-5", "TTree LZMA-9"} <= card["bytes"].keys()
    assert all(one["holds"] for one in card["judged"])
    assert {one["events"] for one in card["judged"]} == {"held out", "all"}
    assert sorted(one.name for one in tuned.parent.iterdir()) == [
        "events.npz", "tuned.card.json", "tuned.toml",
    ]  # fmt: skip


def test_a_file_keeps_the_card_and_shows_it(source: Path, tuned: Path, baler: Baler) -> None:
    target, card = source.with_suffix(".baler"), tuned.with_name("tuned.card.json")
    baler("compress", source, target, "-p", tuned, "--card", card, "-q")
    shown = baler("inspect", target).stdout
    assert "tuned for means on events.npz (1,500 events)" in shown
    assert "shift x mass: " in shown
    assert "the bounds are those of the card" in shown
    inside = as_json(baler("inspect", target, "--json"))["card"]
    assert inside["card"] == json.loads(card.read_text("utf-8"))
    assert inside["differences"] == []


def test_a_card_is_refused_with_other_bounds(source: Path, tuned: Path, baler: Baler) -> None:
    target, card = source.with_suffix(".baler"), tuned.with_name("tuned.card.json")
    said = baler("compress", source, target, "-b", "x=abs 1", "--card", card, code=2).stderr
    assert "the card does not belong to these bounds: 'x' has 'abs 1.0'" in said
    assert not target.exists()


def test_json_is_the_card(source: Path, baler: Baler, tmp_path: Path) -> None:
    (tmp_path / "r.toml").write_text('requirements = ["shift(x mass) < 1 sigma"]', "utf-8")
    asked = ("-a", "means", "--requirements", tmp_path / "r.toml", "--no-root", "--replicas", 10)
    card = as_json(baler("tune", source, *asked, "-o", tmp_path / "t.toml", "--json"))
    assert card["requirements"] == ["shift(x mass) < 1 sigma"]
    assert card == json.loads((tmp_path / "t.card.json").read_text("utf-8"))


def test_nothing_is_overwritten_or_left_of_a_failure(
    source: Path, tuned: Path, baler: Baler
) -> None:
    before = tuned.read_bytes()
    asked = ("tune", source, "-a", "means", "-o", tuned)
    assert "exists; --force replaces it" in baler(*asked, *REQUIRE, code=2).stderr
    said = baler(*asked, "-r", "shift(*) < 1e-9 sigma", "--force", code=2).stderr
    assert "keeps 'shift(*) < 1e-09 sigma'" in said
    assert tuned.read_bytes() == before
    assert len(list(tuned.parent.iterdir())) == 3


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("-r", "nonsense"), "cannot read requirement 'nonsense'"),
        (("-r", "shift(z mass) < 1 %"), "no quantity matches 'z mass'"),
        (("--exact", "nothing"), "no column matches 'nothing'"),
        (("--signal", "other.root"), "looks for no signal"),
        (("-p", "missing.toml"), "missing.toml"),
        (("--rows", "12"), "too few events: 6; needed: 10"),
    ],
)
def test_faulty_calls_say_what_is_wrong(
    source: Path, baler: Baler, tmp_path: Path, arguments: tuple[str, ...], said: str
) -> None:
    asked = ("tune", source, "-a", "means", "-o", tmp_path / "t.toml", *arguments)
    assert said in baler(*asked, code=2).stderr
    assert not (tmp_path / "t.toml").exists()


def test_a_policy_is_a_toml_file(source: Path, baler: Baler) -> None:
    asked = ("tune", source, "-a", "means", "-o", source.with_name("t.baler"))
    assert "not a file of data" in baler(*asked, code=2).stderr
