"""Evaluations from events to the page: the same terms for all, nothing measured twice."""

from __future__ import annotations

import base64
import json
import math
import re
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import awkward as ak
import numpy as np
import pytest
import uproot

from baler.core.bounds import Absolute, Exact, Relative, Sigma, scaled
from baler.core.chunk import Chunk
from baler.errors import UnknownColumn, UsageError
from baler.evaluate.candidates import (
    Coded,
    FamilyCandidate,
    LearnedCandidate,
    Ours,
    PeerCandidate,
    Setting,
    Told,
    on_grid,
    peers,
)
from baler.evaluate.events import Events, events_of
from baler.evaluate.peers import BOUNDED, REFERENCE
from baler.evaluate.report.choice import common_rate, nearest, shown
from baler.evaluate.result import Evaluation
from baler.evaluate.run import evaluate
from baler.planning import Policy

POLICY = Policy.of({"x": "abs 0.01", "phi": "abs 0.01", "pt": "rel 2^-8"})


def write(path: Path, size: int = 300, seed: int = 0) -> Path:
    random = np.random.default_rng(seed)
    x = random.normal(size=size)
    x[3] = math.nan
    np.savez(
        path,
        x=x.astype(np.float32),
        phi=random.uniform(-math.pi, math.pi, size),
        pt=(20 + random.exponential(30, size)).astype(np.float32),
        n=random.integers(0, 9, size).astype(np.int16),
        constant=np.ones(size, np.float32),
    )
    return path


@pytest.fixture
def events(tmp_path: Path) -> Events:
    other = write(tmp_path / "other.npz", 80, seed=1)
    return events_of(write(tmp_path / "table.npz"), POLICY, unseen=[other])


@dataclass
class Rounded:
    """An autoencoder of sorts: it keeps so many steps of each column."""

    latent: int
    model_bytes: int = 1000
    parameters: int = 7
    coded: list[int] = field(default_factory=list)

    def code(self, chunk: Chunk) -> Coded:
        self.coded.append(chunk.entries)
        columns = dict(chunk.columns)
        step = 4.0 / 2**self.latent
        columns["x"] = (np.rint(columns["x"] / step) * step).astype(np.float32)
        latents = np.rint(np.nan_to_num(columns["x"]) / step).astype(np.int64)[:, None]
        return Coded(chunk.entries * self.latent, columns, 0.1, 0.1, latents)


def family(made: list[Rounded] | None = None) -> FamilyCandidate:
    def train(events: Events, setting: Setting, told: Told) -> Rounded:
        told("training")
        one = Rounded(setting.latent or 0)
        if made is not None:
            made.append(one)
        return one

    return FamilyCandidate("steps", train)


@pytest.fixture
def found(events: Events) -> Evaluation:
    chosen = [PeerCandidate(REFERENCE), Ours(), family()]
    return evaluate(events, chosen, scales=(1, 4), latents=(3, 6), about={"source": "table.npz"})


def test_all_are_judged_by_the_same_events(found: Evaluation) -> None:
    assert [(s.name, s.entries, s.values) for s in found.sets] == [
        ("held out", 45, 225), ("other.npz", 80, 400),
    ]  # fmt: skip
    assert found.candidates == ("bins + pcodec 12", "baler", "steps")
    assert [p.setting for p in found.points] == [
        "bounds x 1", "bounds x 4", "bounds x 1", "bounds x 4", "3 latents", "6 latents",
    ]  # fmt: skip
    for point in found.points:
        assert [score.events for score in point.scores] == ["held out", "other.npz"]
        bounded = point.kind != "family"
        for score in point.scores:
            assert score.verified is (True if bounded else None)
            assert score.worst <= 1 if bounded else math.isnan(score.worst)
            assert found.ratio(score) > found.ratio(score, point.model_bytes) or bounded
    assert not found.skipped


def test_numbers_are_what_they_are_called(found: Evaluation) -> None:
    point = found.of("steps")[0]
    score = point.score("held out")
    assert score is not None
    assert found.rate(score) == pytest.approx(8 * 45 * 3 / 225)
    assert found.rate(score, point.model_bytes) == pytest.approx(8 * (45 * 3 + 1000) / 225)
    assert found.ratio(score) == pytest.approx(45 * (4 + 8 + 4 + 2 + 4) / (45 * 3))
    by = {one.column: one for one in score.columns}
    assert by["x"].rms > 0 == by["pt"].rms
    assert score.by_deviation == pytest.approx(
        by["x"].rms / found.sets[0].extents["x"].deviation / 4
    )  # constant is not counted
    assert len(score.latents) == 1
    assert 0 < score.latents[0].bits <= math.log2(score.latents[0].distinct)
    assert found.sets[0].extents["phi"].angle


def test_wider_bounds_take_fewer_bytes(found: Evaluation) -> None:
    for name in ("baler", "bins + pcodec 12"):
        narrow, wide = (p.scores[0] for p in found.of(name))
        assert wide.size < narrow.size
        assert wide.by_deviation > narrow.by_deviation
        assert wide.pulls.size(1.0) == pytest.approx(4, rel=0.2)


def test_json_there_and_back(found: Evaluation, tmp_path: Path) -> None:
    path = tmp_path / "result.json"
    found.save(path)
    again = Evaluation.load(path)
    assert again.to_json() == json.loads(path.read_text())
    assert again.to_json() == found.to_json()
    assert (
        again.points[0].scores[0].columns[0].spread == found.points[0].scores[0].columns[0].spread
    )
    assert [p.name for p in tmp_path.iterdir() if "result" in p.name] == ["result.json"]


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"version": 1}', '{"version": 99}', '{"version": 1, "sets": [3]}']
)
def test_what_is_no_result_is_refused(text: str, tmp_path: Path) -> None:
    path = tmp_path / "result.json"
    path.write_text(text)
    with pytest.raises(UsageError, match=r"result\.json"):
        Evaluation.load(path)


def test_an_interrupted_evaluation_goes_on(events: Events) -> None:
    saved: list[Evaluation] = []
    made: list[Rounded] = []
    first = evaluate(events, [family(made)], latents=(3, 6), save=saved.append)
    assert [len(one.points) for one in saved] == [1, 2]
    more = evaluate(events, [family(made), Ours()], latents=(3, 6, 8), earlier=saved[0])
    assert [rounded.latent for rounded in made] == [3, 6, 6, 8]
    assert [p.setting for p in more.points] == ["3 latents", "6 latents", "8 latents", "bounds x 1"]
    assert more.points[0] == first.points[0]


def test_results_of_other_events_are_not_mixed(events: Events) -> None:
    first = evaluate(events, [Ours()], about={"columns": "*"})
    with pytest.raises(UsageError, match="columns"):
        evaluate(events, [Ours()], about={"columns": "x"}, earlier=first)
    fewer = replace(events, sets={"held out": events.sets["held out"]})
    with pytest.raises(UsageError, match="events"):
        evaluate(fewer, [Ours()], about={"columns": "*"}, earlier=first)


def test_one_that_fails_does_not_stop_the_others(events: Events) -> None:
    def fail(*_: Any) -> Any:
        raise RuntimeError("no convergence")

    found = evaluate(
        events, [FamilyCandidate("bad", fail), FamilyCandidate("none", fail, "not here"), Ours()]
    )
    assert found.candidates == ("baler",)
    assert found.skipped == {
        "none": "not here", "bad": "4 latents: RuntimeError: no convergence",
    }  # fmt: skip


def test_broken_promises_are_told(events: Events) -> None:
    bounded = replace(family(), bounded=True)
    (point,) = evaluate(events, [bounded], latents=(2,)).points
    assert point.scores[0].verified is False
    assert point.scores[0].worst > 1


def test_a_model_that_saves_nothing_costs_nothing(events: Events) -> None:
    learned = LearnedCandidate(lambda events, bounds, told: None)
    (point,) = evaluate(events, [learned]).points
    assert (point.model_bytes, point.parameters) == (0, 0)
    assert point.scores[0].verified


def test_progress_is_told(events: Events) -> None:
    told: list[tuple[str, str, int, int]] = []
    evaluate(events, [family()], latents=(3, 6), progress=lambda *step: told.append(step))
    assert told[0] == ("steps, 3 latents", "preparing", 0, 2)
    assert ("steps, 6 latents", "training", 1, 2) in told
    assert ("steps, 6 latents", "other.npz", 1, 2) in told


def test_scales_of_bounds() -> None:
    assert scaled(Absolute(0.5), 4) == Absolute(2.0)
    assert scaled(Relative(0.1), 0.5) == Relative(0.05)
    assert scaled(Sigma(0.1, "s"), 2) == Sigma(0.2, "s")
    assert scaled(Exact(), 2) == Exact()
    assert scaled(Relative(0.1), 10) == Relative(0.5)
    assert scaled(Relative(0.7), 2) == Relative(0.7)
    assert scaled(Relative(0.7), 0.5) == Relative(0.35)


def test_bounds_by_range_are_resolved_once(tmp_path: Path) -> None:
    policy = Policy.of({"x": "range 0.01"})
    events = events_of(write(tmp_path / "t.npz"), policy)
    bound = events.bounds["x"]
    assert isinstance(bound, Absolute)
    assert Policy.of_columns(events.bounds).rules == (("x", bound),)
    assert events.trained.entries == 255


def test_columns_and_their_counts_are_chosen(tmp_path: Path) -> None:
    events = events_of(write(tmp_path / "t.npz"), Policy(), columns="x,p*")
    assert [c.name for c in events.schema.columns] == ["x", "phi", "pt"]
    assert set(events.trained.columns) == {"x", "phi", "pt"}
    with pytest.raises(UnknownColumn, match="no column matches 'y'"):
        events_of(tmp_path / "t.npz", Policy(), columns="y")


def test_counts_come_along(tmp_path: Path) -> None:
    with uproot.recreate(tmp_path / "jets.root") as file:
        counts = np.array([2, 0, 1] * 10, np.int32)
        jets = ak.unflatten(np.arange(30, dtype=np.float32), counts)
        file.mktree("Events", {"pt": "var * float32", "eta": "var * float32", "met": "float32"},
                    counter_name=lambda name: "n").extend(
            {"n": counts, "pt": jets, "eta": jets, "met": np.ones(30, np.float32)}
        )  # fmt: skip
    events = events_of(tmp_path / "jets.root", Policy(), columns="pt", held_out=0.5)
    assert [field.name for field in events.schema.fields] == ["n", "pt"]
    assert {name: len(c) for name, c in events.trained.columns.items()} == {"n": 15, "pt": 15}
    (point,) = evaluate(events, [Ours()]).points
    assert [one.column for one in point.scores[0].columns] == ["pt"]


def test_a_policy_may_speak_of_other_columns(tmp_path: Path) -> None:
    policy = Policy.of({"p*": "abs 0.1", "x": "sigma 0.1 pt"})
    events = events_of(write(tmp_path / "t.npz"), policy, columns="phi")
    assert events.bounds == {"phi": Absolute(0.1)}
    with pytest.raises(UsageError, match="of 'x' needs 'pt'"):
        events_of(tmp_path / "t.npz", policy, columns="x")


def test_events_can_be_judged_by_themselves(tmp_path: Path) -> None:
    events = events_of(write(tmp_path / "t.npz"), POLICY, held_out=0, entries=100)
    assert list(events.sets) == ["trained on"]
    assert events.sets["trained on"].entries == events.trained.entries == 100


@pytest.mark.parametrize("held_out", [-0.1, 1.0, 0.001])
def test_bad_parts_are_refused(held_out: float, tmp_path: Path) -> None:
    with pytest.raises(UsageError):
        events_of(write(tmp_path / "t.npz"), POLICY, held_out=held_out)


def test_unseen_files_have_the_same_columns(tmp_path: Path) -> None:
    np.savez(tmp_path / "u.npz", x=np.zeros(3))
    with pytest.raises(UsageError, match=r"u\.npz does not have the columns"):
        events_of(write(tmp_path / "t.npz"), POLICY, unseen=[tmp_path / "u.npz"])


@pytest.mark.parametrize("peer", [p for p in BOUNDED if p.name in ("SZ3", "SPERR", "ZFP")])
def test_compressors_for_grids_are_told_the_shape(peer: Any, tmp_path: Path) -> None:
    if not peer.available():
        pytest.skip("not installed")
    x, y, t = np.meshgrid(*(np.linspace(0, 3, n) for n in (12, 10, 20)), indexing="ij")
    field = np.sin(x * y + t).transpose(2, 0, 1).astype(np.float32)  # (20, 12, 10)
    np.savez(tmp_path / "field.npz", field=field)
    events = events_of(tmp_path / "field.npz", Policy.of({"field": "abs 1e-3"}), held_out=0.5)
    assert events.shape == (12, 10)
    assert on_grid(peer, (12, 10)) != peer
    (point,) = evaluate(events, [PeerCandidate(peer)]).points
    assert point.scores[0].verified
    flat = replace(events, schema=replace(events.schema, fields=(*events.schema.fields,) * 2))
    (series,) = evaluate(flat, [PeerCandidate(peer)]).points
    assert point.scores[0].size < series.scores[0].size


def test_exact_policies_have_one_setting(tmp_path: Path) -> None:
    events = events_of(write(tmp_path / "t.npz"), Policy())
    found = evaluate(events, [Ours(), *(p for p in peers() if p.name == "xz-9")], scales=(1, 2))
    assert [p.setting for p in found.points] == ["bounds x 1"] * 2
    assert all(p.scores[0].by_deviation == 0 for p in found.points)


# ---------------------------------------------------------------- plots and page


def test_points_are_compared_at_one_rate(found: Evaluation) -> None:
    score = found.of("baler")[0].score("held out")
    assert score is not None
    assert common_rate(found, "held out") == found.rate(score)
    points = nearest(found, "held out")
    assert points["baler"].setting == "bounds x 1"
    assert set(shown(found, "held out")) == {"bins + pcodec 12", "baler", "steps"}
    assert shown(replace(found, points=()), "held out") == {}
    alike = [replace(point, candidate=f"{point.candidate} again") for point in found.points]
    both = replace(found, points=(*found.points, *alike))
    assert set(shown(both, "held out")) == {"bins + pcodec 12", "baler", "baler again", "steps"}


SOURCE = "<b>&'\".npz"


def written(found: Evaluation, folder: Path) -> str:
    pytest.importorskip("matplotlib")
    from baler.evaluate.report import write_report

    return write_report(found, folder).read_text("utf-8")


def test_the_page_holds_everything(found: Evaluation, tmp_path: Path) -> None:
    found = replace(found, about={**found.about, "source": SOURCE})
    found.save(tmp_path / "result.json")
    found = Evaluation.load(tmp_path / "result.json")
    text = written(found, tmp_path)
    root = ElementTree.fromstring(text.removeprefix("<!DOCTYPE html>\n"))  # well-formed
    pictures = [image.attrib for image in root.iter("img")]
    assert len(pictures) >= 10
    for picture in pictures:
        kind, _, data = picture["src"].partition(",")
        assert kind == "data:image/png;base64"
        assert base64.b64decode(data).startswith(b"\x89PNG")
        assert picture["alt"]
    assert not re.search(r"https?://|<script|<link|@import|url\(", text)
    words = "".join(root.itertext())
    for name in (*found.candidates, SOURCE, "other.npz", "no bound", "abs 0.01"):
        assert name in words
    files = {path.name for path in (tmp_path / "figures").iterdir()}
    assert {"rate-error.png", "rate-error.pdf", "rate-error-other-npz.png", "pulls.pdf"} <= files


def test_a_page_of_nothing(found: Evaluation, tmp_path: Path) -> None:
    text = written(replace(found, points=(), skipped={"a": "is not installed"}), tmp_path)
    assert "Left out: a, is not installed" in text
    assert "<img" not in text


def test_odd_columns_can_be_drawn(tmp_path: Path) -> None:
    np.savez(
        tmp_path / "odd.npz",
        nothing=np.full(40, math.nan),
        constant=np.ones(40),
        huge=np.geomspace(1e-300, 1e300, 40),
        zeros=np.where(np.arange(40) == 3, 1.0, 0.0),
        flag=np.arange(40) % 2 == 0,
    )
    events = events_of(tmp_path / "odd.npz", Policy.of({"huge": "rel 0.1"}), held_out=0.5)
    found = evaluate(events, [Ours(), PeerCandidate(REFERENCE)], scales=(1, 2))
    assert all(p.scores[0].verified for p in found.points)
    ElementTree.fromstring(written(found, tmp_path).removeprefix("<!DOCTYPE html>\n"))


def test_one_look_for_each_candidate() -> None:
    from baler.report.style import looks

    few = looks([("baler", "baler"), ("a", "family")])
    many = looks([("SZ3", "peer"), ("baler", "baler"), ("a", "family"), ("b", "family")])
    assert few["baler"] == many["baler"]
    assert few["a"] == many["a"]
    assert len({(look.colour, look.marker) for look in many.values()}) == len(many)
    assert many["SZ3"].line != many["baler"].line
    both = looks([("a + bounds", "family"), ("b", "family"), ("a", "family")])
    assert both["a"].colour == both["a + bounds"].colour != both["b"].colour
    assert both["a"] != both["a + bounds"]
