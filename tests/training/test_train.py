"""Files to models: reproducible, resumable, and refused when there is nothing to learn."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch")

import baler
from baler.errors import TargetExists, UnknownColumn, UsageError
from baler.learned.model import Model
from baler.training import Step, Training, train

from .tables import Columns, pair

QUICK: dict[str, Any] = {
    "bounds": {"*": "abs 1e-3"},
    "hidden": 32,
    "uses": 20.0,
    "shapes": 2,
    "device": "cpu",
}


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return written(tmp_path / "pairs.npz", pair())


def written(path: Path, columns: Columns) -> Path:
    np.savez(path, **columns)
    return path


def interrupting(after: float, how: Callable[[], None]) -> Callable[[Step], None]:
    """Return a report that interrupts a training once a part of it is done."""
    left = [how]

    def report(step: Step) -> None:
        if left and step.done > after:
            left.pop()()

    return report


@pytest.fixture(autouse=True)
def heeded() -> Iterator[None]:
    """Undo what a shell does to what it runs in the background."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def stop() -> None:
    raise KeyboardInterrupt


def press() -> None:
    signal.raise_signal(signal.SIGINT)


def test_a_model_makes_files_smaller_and_all_is_kept(source: Path, tmp_path: Path) -> None:
    steps: list[Step] = []
    done = baler.train(source, tmp_path / "m", steps=150, progress=steps.append, **QUICK)
    assert isinstance(done, Training)
    assert done.written
    assert done.model_bytes == (tmp_path / "m").stat().st_size
    assert done.entries == 1696
    assert done.held_out == 304
    assert done.steps == {"events": 150}
    assert not list(tmp_path.glob("*.partial"))

    (figures,) = done.figures
    assert figures.kept
    assert figures.ratio == figures.marginal / figures.learned > 1.15
    assert steps[-1].done == 1
    assert [step.done for step in steps] == sorted(step.done for step in steps)
    assert 3 * steps[-1].marginal == pytest.approx(figures.marginal)
    assert 3 * steps[-1].bits == pytest.approx(figures.floating, rel=1e-3)

    more = written(tmp_path / "more.npz", pair(seed=1, size=4000))
    plain = baler.compress(more, tmp_path / "plain.baler", bounds=QUICK["bounds"])
    learned = baler.compress(
        more, tmp_path / "learned.baler", bounds=QUICK["bounds"], model=tmp_path / "m"
    )
    assert learned.file_bytes - done.model_bytes < plain.file_bytes / 1.08
    assert baler.verify(more, tmp_path / "learned.baler").ok


def test_the_model_says_how_it_was_made(source: Path, tmp_path: Path) -> None:
    done = train(source, tmp_path / "m", steps=40, seed=3, **QUICK)
    model = Model.unpack((tmp_path / "m").read_bytes())
    assert model.sha256 == done.sha256
    (figures,) = done.figures
    told = dict(model.notes)
    (said,) = told.pop("figures")
    assert told == {
        "policy": [["*", "abs 0.001"]], "sources": ["pairs.npz"], "events": 1696,
        "seed": 3, "hidden": 32, "uses": 20.0, "shapes": 2, "steps": 40, "taken": {"events": 40},
    }  # fmt: skip
    assert said["collection"] == "events"
    for key, value in figures.to_json().items():
        assert said[key] == pytest.approx(value, abs=1e-4)


def test_the_same_seed_gives_the_same_bytes(source: Path, tmp_path: Path) -> None:
    names = {}
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        names[name] = train(source, tmp_path / name, steps=20, seed=seed, **QUICK).sha256
    assert names["a"] == names["b"] != names["c"]
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    first, other = (Model.unpack((tmp_path / name).read_bytes()) for name in "ac")
    assert (first.collections[0].bias != other.collections[0].bias).any()


def test_sums_have_one_order_and_the_caller_is_left_alone(source: Path, tmp_path: Path) -> None:
    import torch

    seen: list[bool] = []

    def look(step: Step) -> None:
        seen.append(torch.are_deterministic_algorithms_enabled())

    torch.manual_seed(5)
    drawn = torch.rand(3)
    torch.manual_seed(5)
    train(source, tmp_path / "m", steps=2, progress=look, **QUICK)
    assert (torch.rand(3) == drawn).all()
    assert all(seen)
    assert not torch.are_deterministic_algorithms_enabled()
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


@pytest.mark.parametrize("how", [stop, press], ids=["between", "within"])
@pytest.mark.parametrize("after", [0.2, 0.7])
def test_an_interrupted_training_goes_on_as_if_nothing_had_been(
    after: float, how: Callable[[], None], tmp_path: Path
) -> None:
    random = np.random.default_rng(0)
    counts = random.integers(0, 3, 2000).astype(np.int32)
    source = jagged(tmp_path / "jets.parquet", counts, random.normal(size=counts.sum()))
    whole = train(source, tmp_path / "whole", steps=30, **QUICK)

    target = tmp_path / "model"
    target.write_bytes(b"mine")
    call: dict[str, Any] = {"steps": 30, "overwrite": True, **QUICK}
    with pytest.raises(KeyboardInterrupt):
        train(source, target, progress=interrupting(after, how), **call)
    assert target.read_bytes() == b"mine"
    assert sorted(path.name for path in tmp_path.iterdir() if "model" in path.name) == [
        "model", "model.partial",
    ]  # fmt: skip

    steps: list[Step] = []
    resumed = train(source, target, progress=steps.append, **call)
    assert steps[0].done > after
    assert "went on with the training" in resumed.notes[-1]
    assert resumed.sha256 == whole.sha256
    assert target.read_bytes() == (tmp_path / "whole").read_bytes()
    assert not (tmp_path / "model.partial").exists()


def jagged(path: Path, counts: Any, x: Any) -> Path:
    pyarrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    offsets = np.concatenate([[0], np.cumsum(counts)]).astype(np.int32)
    both = {"Jet_x": x, "Jet_y": x + 0.1 * np.arange(x.size) % 1}
    lists = {
        name: pyarrow.ListArray.from_arrays(offsets, pyarrow.array(values.astype(np.float32)))
        for name, values in both.items()
    }
    parquet.write_table(pyarrow.table({**lists, "n": counts, "m": counts // 2}), path)
    return path


def test_what_another_training_left_is_not_taken_up(source: Path, tmp_path: Path) -> None:
    call: dict[str, Any] = {"steps": 10, **QUICK}
    with pytest.raises(KeyboardInterrupt):
        train(source, tmp_path / "m", progress=interrupting(0, stop), **call)
    done = train(source, tmp_path / "m", seed=1, **call)
    assert "is of another training" in done.notes[-1]
    assert done.sha256 == train(source, tmp_path / "n", seed=1, **call).sha256


@pytest.mark.parametrize("damage", ["cut", "flip", "text", "empty"])
def test_a_damaged_checkpoint_is_ignored_and_said(
    damage: str, source: Path, tmp_path: Path
) -> None:
    call: dict[str, Any] = {"steps": 10, **QUICK}
    with pytest.raises(KeyboardInterrupt):
        train(source, tmp_path / "m", progress=interrupting(0, stop), **call)
    partial = tmp_path / "m.partial"
    content = bytearray(partial.read_bytes())
    if damage == "cut":
        del content[len(content) // 2 :]
    elif damage == "flip":
        content[len(content) // 3] ^= 255
    elif damage == "text":
        content[:] = b"not a checkpoint"
    else:
        content.clear()
    partial.write_bytes(content)
    done = train(source, tmp_path / "m", **call)
    assert "is damaged" in done.notes[-1]
    assert done.sha256 == train(source, tmp_path / "n", **call).sha256


def test_nothing_is_written_if_nothing_gets_smaller(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    noise = {name: random.integers(0, 1 << 16, 2000).astype(np.uint16) for name in "ab"}
    source, target = written(tmp_path / "noise.npz", noise), tmp_path / "m"
    target.write_bytes(b"mine")
    done = train(source, target, **{**QUICK, "bounds": {}}, steps=20, overwrite=True)
    assert not done.written
    assert (done.model_bytes, done.sha256) == (0, "")
    assert [figures.kept for figures in done.figures] == [False]
    assert target.read_bytes() == b"mine"


def test_a_target_that_exists_is_refused_before_the_work(source: Path, tmp_path: Path) -> None:
    with pytest.raises(TargetExists, match="overwriting was not asked for"):
        train(source, source, **QUICK)
    with pytest.raises(UsageError, match="does not exist"):
        train(source, tmp_path / "nowhere" / "m", **QUICK)


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"x": np.zeros(0)}, "at least 200 events, got 0"),
        ({"x": np.arange(150.0)}, "at least 200 events, got 150"),
        ({"x": np.arange(300.0)}, "nothing to learn in data.npz"),
        ({"x": np.full(2000, 7.0), "y": np.zeros(2000, int)}, "every column is constant"),
        ({"x": np.full(2000, np.nan)}, "every column is constant"),
    ],
    ids=["empty", "few", "some", "constant", "nan"],
)
def test_data_without_anything_to_learn_are_refused(
    columns: Columns, message: str, tmp_path: Path
) -> None:
    source = written(tmp_path / "data.npz", columns)
    with pytest.raises(UsageError, match=message):
        train(source, tmp_path / "m", steps=1, device="cpu")
    assert [path.name for path in tmp_path.iterdir()] == ["data.npz"]


def test_patterns_of_columns_that_match_nothing_are_refused(source: Path, tmp_path: Path) -> None:
    with pytest.raises(UnknownColumn, match="no column matches 'xx'; near names: 'x'"):
        train(source, tmp_path / "m", columns="y,xx", **QUICK)
    with pytest.raises(UnknownColumn, match="no column matches 'q"):
        train(source, tmp_path / "m", bounds={"q*": "abs 1"})


def test_dithered_columns_are_left_out(source: Path, tmp_path: Path) -> None:
    policy = baler.Policy.of({"[xy]": "abs 1e-3"}, dither=True)
    call = {**QUICK, "bounds": None, "policy": policy, "steps": 2}
    done = train(source, tmp_path / "m", **call)
    assert done.figures[0].columns == 1
    assert done.notes == ("dithered columns are not learned: x, y",)


def test_range_bounds_are_those_of_the_sample(source: Path, tmp_path: Path) -> None:
    call = {**QUICK, "bounds": {"[xy]": "range 1e-3"}, "steps": 20}
    done = train(source, tmp_path / "m", **call)
    model = Model.unpack((tmp_path / "m").read_bytes())
    bounds = {axis.column: axis.bound for axis in model.axes}
    assert bounds["z"] == "exact"
    assert f"range bounds became 'x' {bounds['x']}, 'y' {bounds['y']};" in done.notes[0]
    assert bounds["x"].startswith("abs 0.00")
    assert done.figures[0].learned < done.figures[0].marginal


@pytest.mark.parametrize(
    ("faulty", "message"),
    [
        ({"hidden": 33}, "multiple of 32 hidden units, up to 1024, not 33"),
        ({"hidden": 0}, "not 0"),
        ({"shapes": 257}, "1 to 256 shapes, not 257"),
        ({"steps": 0}, "at least one step, not 0"),
        ({"minutes": 0.0}, "some minutes, not 0.0"),
        ({"minutes": float("nan")}, "some minutes, not nan"),
        ({"seed": -1}, "not negative"),
        ({"device": "tpu"}, "no device 'tpu'; known are auto, cpu, cuda"),
    ],
)
def test_settings_that_make_no_sense_are_refused(
    faulty: dict[str, Any], message: str, source: Path, tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match=message):
        train(source, tmp_path / "m", **faulty)


def test_a_gpu_that_is_not_there_is_refused(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    with pytest.raises(UsageError, match="no CUDA device that PyTorch can use"):
        train(source, tmp_path / "m", device="cuda")


def test_without_pytorch_it_is_said_how_to_get_it(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(UsageError, match=r"needs PyTorch; pip install 'baler\[train\]'"):
        train(source, tmp_path / "m")


def test_minutes_end_a_training(source: Path, tmp_path: Path) -> None:
    done = train(source, tmp_path / "m", minutes=0.02, **QUICK)
    assert 0 < done.steps["events"] < 2000
    assert done.seconds < 30
