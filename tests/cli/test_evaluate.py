"""``baler evaluate``."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from baler.evaluate.result import Evaluation

from .conftest import Baler, as_json

pytest.importorskip("matplotlib")

QUICK = ("-b", "*=abs 1e-3", "--candidates", "baler,bins + pcodec 12", "--scales", "1,8")


@pytest.fixture
def table(tmp_path: Path) -> Path:
    random = np.random.default_rng(0)
    x = random.normal(size=900)
    np.savez(
        tmp_path / "table.npz",
        x=x.astype(np.float32),
        y=(x + 0.05 * random.normal(size=900)).astype(np.float32),
    )
    return tmp_path / "table.npz"


def test_a_table_a_result_and_a_page(table: Path, tmp_path: Path, baler: Baler) -> None:
    folder = tmp_path / "out"
    result = baler("evaluate", table, "-o", folder, *QUICK)
    head, _, *rows = [line for line in result.stdout.splitlines() if line]
    assert head.split()[:2] == ["candidate", "setting"]
    assert [row.strip().split("  ")[0] for row in rows] == ["bins + pcodec 12"] * 2 + ["baler"] * 2
    assert all(" yes " in row for row in rows)
    assert result.stderr.splitlines()[-1] == str(folder / "report.html")
    assert {path.name for path in folder.iterdir()} == {"result.json", "report.html", "figures"}
    text = (folder / "report.html").read_text("utf-8")

    again = baler("evaluate", "--from", folder / "result.json", "-o", tmp_path / "again")
    assert again.stdout == result.stdout
    assert (tmp_path / "again" / "report.html").read_text("utf-8") == text


def test_json_is_the_result(
    table: Path, tmp_path: Path, baler: Baler, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("baler.evaluate.report.write_report", lambda *_, **__: tmp_path)
    folder = tmp_path / "out"
    result = baler("evaluate", table, "-o", folder, *QUICK, "--json", "-q")
    assert result.stderr == ""
    found = as_json(result)
    assert found == json.loads((folder / "result.json").read_text("utf-8"))
    assert found["about"]["source"] == "table.npz"
    assert str(tmp_path) not in json.dumps(found)
    assert Evaluation.from_json(found).of("baler")[1].scale == 8

    more = baler("evaluate", table, "-o", folder, *QUICK[:-1], "1,8,64", "--json", "-q")
    assert as_json(more)["points"][:2] == found["points"][:2]  # times and all: not measured again
    assert len(as_json(more)["points"]) == 6
    baler("evaluate", table, "-o", folder, *QUICK, "--columns", "x", code=2)
    other = baler("evaluate", table, "-o", folder, *QUICK, "--columns", "x", "-f", "--json", "-q")
    assert as_json(other)["about"]["columns"] == "x"


def test_a_model_and_a_family_are_trained(
    table: Path, tmp_path: Path, baler: Baler, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch = pytest.importorskip("torch")
    torch.set_num_threads(1)
    monkeypatch.setattr("baler.evaluate.report.write_report", lambda *_, **__: tmp_path)
    result = baler(
        "evaluate", table, "-o", tmp_path / "out", "-b", "*=abs 1e-3", "--candidates",
        "baler*,dense*", "--scales", "1", "--latents", "1", "--steps", "150", "--json", "-q",
    )  # fmt: skip
    points = {point["candidate"]: point for point in as_json(result)["points"]}
    assert set(points) == {"baler", "baler + learned model", "dense", "dense + bounds"}
    for name in ("baler + learned model", "dense + bounds"):
        assert points[name]["scores"][0]["verified"]
    sizes = {name: point["scores"][0]["size"] for name, point in points.items()}
    assert sizes["baler + learned model"] < sizes["baler"]
    assert sizes["dense + bounds"] < 1.1 * sizes["baler"]
    assert points["baler + learned model"]["model_bytes"] > 0
    assert points["dense"]["parameters"] > 0
    assert points["dense"]["train_seconds"] > 0
    score = points["dense"]["scores"][0]
    assert score["verified"] is None
    assert len(score["latents"]) == 1
    assert score["by_deviation"] < 0.7  # both columns say nearly the same


def test_blocks_that_stick_out_of_a_grid_are_cut_off(
    tmp_path: Path, baler: Baler, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch = pytest.importorskip("torch")
    torch.set_num_threads(1)
    monkeypatch.setattr("baler.evaluate.report.write_report", lambda *_, **__: tmp_path)
    x = np.linspace(0, 9, 29)[:, None, None] + np.linspace(0, 3, 7)[:, None] + np.linspace(0, 2, 5)
    np.savez(tmp_path / "grid.npz", u=np.sin(x))
    result = baler(
        "evaluate", tmp_path / "grid.npz", "-o", tmp_path / "out", "-b", "*=abs 1e-3",
        "--candidates", "conv-3d", "--latents", "2", "--steps", "2", "--json", "-q",
    )  # fmt: skip
    for score in as_json(result)["points"][0]["scores"]:
        assert score["columns"][0]["lost"] == 0


def test_an_interrupted_run_tells_how_to_go_on(
    table: Path, tmp_path: Path, baler: Baler, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("baler.evaluate.candidates.through_a_file", stop)
    result = baler("evaluate", table, "-o", tmp_path / "out", *QUICK, code=130)
    found = Evaluation.load(tmp_path / "out" / "result.json")
    assert found.candidates == ("bins + pcodec 12",)
    assert f"goes on from {tmp_path / 'out' / 'result.json'}" in result.stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "give either SOURCE or --from"),
        (("SOURCE", "--scales", "1,x"), "'1,x' is no list of numbers"),
        (("SOURCE", "--scales", "0"), "have to be positive"),
        (("SOURCE", "--latents", "1.5"), "have to be whole"),
        (("SOURCE", "--candidates", "nothing"), "no candidate matches 'nothing'"),
        (("SOURCE", "--columns", "z"), "no column matches 'z'"),
        (("SOURCE", "--unseen", "none.npz"), "none.npz"),
    ],
)
def test_bad_calls_are_told(
    words: tuple[str, ...], said: str, table: Path, tmp_path: Path, baler: Baler
) -> None:
    given = [str(table) if word == "SOURCE" else word for word in words]
    result = baler("evaluate", *given, "-o", tmp_path / "out", code=2)
    assert said in result.output


def test_without_matplotlib_it_is_told(
    table: Path, tmp_path: Path, baler: Baler, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    result = baler("evaluate", table, "-o", tmp_path / "out", code=2)
    assert "plots need matplotlib; pip install 'baler[plot]'" in result.output
