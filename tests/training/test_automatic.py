"""Models for one file: made if they pay for themselves, and it is said why or why not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")

import baler
from baler.learned.subset import paying
from baler.planning import Policy, plan
from baler.training import ForThisFile, Settings, automatic
from baler.training.train import resolved

from .tables import family, pair, table

QUICK = Settings(steps=150, hidden=32, shapes=2, device="cpu")
BOUNDS = {"*": "abs 1e-3"}


def test_a_model_that_pays_is_in_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(automatic, "LIKELY_GAIN", 1.0)
    source = tmp_path / "pairs.npz"
    random = np.random.default_rng(0)
    x = random.normal(size=8000)
    near = (x + 0.05 * random.normal(size=x.size) for _ in range(4))
    np.savez(source, **{f"x{i}": values.astype(np.float32) for i, values in enumerate(near)})
    plain = baler.compress(source, tmp_path / "plain.baler", bounds=BOUNDS)
    done = baler.compress(source, tmp_path / "auto.baler", bounds=BOUNDS, model=ForThisFile(QUICK))
    assert 0 < done.model_bytes < done.model_saved_bytes
    assert done.file_bytes < plain.file_bytes
    assert baler.verify(source, tmp_path / "auto.baler").ok
    (note,) = done.notes
    assert note.startswith("--model auto: a model of events takes ")


def test_a_file_that_is_too_small_is_not_trained_on(tmp_path: Path) -> None:
    source = tmp_path / "pairs.npz"
    np.savez(source, **pair(size=1000))
    done = baler.compress(source, tmp_path / "a.baler", bounds=BOUNDS, model=ForThisFile())
    plain = baler.compress(source, tmp_path / "b.baler", bounds=BOUNDS)
    assert (done.model, done.file_bytes) == ("", plain.file_bytes)
    (note,) = done.notes
    assert "too little to pay for one" in note


def test_a_model_that_does_not_pay_is_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(automatic, "LIKELY_GAIN", 1.0)
    random = np.random.default_rng(0)
    source = tmp_path / "noise.npz"
    np.savez(source, **{name: random.normal(size=4000).astype(np.float32) for name in "xyz"})
    settings = Settings(steps=3, hidden=32, shapes=2, device="cpu")
    done = baler.compress(source, tmp_path / "a.baler", bounds=BOUNDS, model=ForThisFile(settings))
    assert done.model == ""
    (note,) = done.notes
    assert note.startswith("--model auto: no model; one of events takes ")


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        (np.arange(50.0), "50 events are too few"),
        (np.zeros(0), "0 events are too few"),
        (np.full(2000, 3.0), "takes 0 B, too little"),
    ],
    ids=["few", "none", "constant"],
)
def test_there_may_be_nothing_to_learn(values: np.ndarray, reason: str, tmp_path: Path) -> None:
    np.savez(tmp_path / "x.npz", x=values)
    done = baler.compress(tmp_path / "x.npz", tmp_path / "x.baler", model=ForThisFile(QUICK))
    assert done.model == ""
    assert reason in done.notes[0]


def test_networks_are_kept_by_what_each_of_them_takes() -> None:
    takes = [100, 40, 10]

    def size(kept: list[bool]) -> int:
        return sum(t for t, keep in zip(takes, kept, strict=True) if keep) + 5 * any(kept)

    assert paying([200.0, 30.0, 20.0], size) == [True, False, True]
    assert paying([90.0, 30.0, 0.0], size) == [False, False, False]
    assert paying([0.0, 0.0, 15.0], size) == [False, False, False]
    assert paying([0.0, 0.0, 16.0], size) == [False, False, True]


def test_bounds_are_those_of_the_recipe() -> None:
    schema, chunk = table(family())
    policy = Policy.of({"*_eta": "range 1e-3", "PF_*": "rel 2^-10"}, dither=True)
    recipe = plan(schema, chunk, policy)
    again = resolved(schema, recipe)
    assert again.bounds(schema) == [column.bound for column in recipe.columns]
    assert again.dither
