"""Whole studies: exact compression changes nothing, and harm is seen by all that should see it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from baler.core.bounds import Absolute, Free
from baler.errors import UnknownColumn, UsageError
from baler.physics.study.result import Effect, Study
from baler.physics.study.run import Asked, study
from baler.physics.treatment import Treated, Treatment

from .samples import EXACT, Leading, biased, events_of, jets, rounded, treatment

pytest.importorskip("sklearn")

ASKED = Asked(replicas=16)
ALL = (
    EXACT,
    biased(),
    rounded(),
    rounded(0.5, name="fine"),
    rounded(0.5, dither=True, name="dithered"),
)


@pytest.fixture(scope="module")
def found() -> Study:
    return study(Leading(), {"data": jets()}, ALL, ASKED)


def effect_of(found: Study, codec: str) -> Effect:
    return next(effect for effect in found.effects if effect.codec == codec)


def test_exact_compression_changes_nothing_to_the_last_bit(found: Study) -> None:
    exact = effect_of(found, "exact")
    assert exact.verified is True
    for shift in exact.shifts:
        if shift.quantity != "peak":
            assert (shift.shift, shift.uncertainty, shift.before) == (0.0, 0.0, shift.after)
    for column in exact.columns:
        assert (column.mean, column.rms, column.chi2) == (0, 0, 0)
        assert (column.distance.paired, column.distance.systematic) == (0, 1)
        assert column.after == found.originals.columns[column.column]
    for one in exact.observables:
        assert (one.lost, one.gained, one.mean, one.rms) == (0, 0, 0, 0)
        assert one.after == found.originals.observables[f"{one.role}: {one.observable}"]
    assert exact.sliced.paired == 0
    assert exact.separation.auc == exact.separation.identical
    assert exact.separation.excess == exact.separation.excess_uncertainty == 0
    assert exact.separation.auc == pytest.approx(0.5, abs=4 * exact.separation.uncertainty)
    assert exact.spectra == found.originals.spectra


def test_a_coarse_lattice_is_caught_by_every_check(found: Study) -> None:
    harmed = effect_of(found, "rounded")
    column = next(one for one in harmed.columns if one.column == "Jet_pt")
    assert column.distance.visible
    assert column.distance.systematic < 0.05
    assert column.chi2 > 10
    assert harmed.sliced.visible
    assert harmed.sliced.systematic < 0.05
    assert harmed.separation.excess > 10 * harmed.separation.excess_uncertainty
    assert harmed.separation.telling[0] == "Jet_pt"
    width = harmed.shift("width")
    assert width is not None
    assert width.shift > 3 * width.uncertainty
    assert harmed.verified


def test_a_bias_is_caught_by_every_check(found: Study) -> None:
    harmed = effect_of(found, "biased")
    column = next(one for one in harmed.columns if one.column == "Jet_pt")
    assert column.distance.systematic < 0.05
    assert harmed.sliced.systematic < 0.05
    assert harmed.separation.excess > 3 * harmed.separation.excess_uncertainty
    mean = harmed.shift("mean")
    assert mean is not None
    assert mean.relative > 3
    assert mean.shift > 20 * mean.uncertainty
    (pt,) = harmed.observables
    assert pt.mean == pytest.approx(2.0, rel=0.05)
    assert pt.pull > 50


def test_trees_see_a_lattice_and_not_through_dither_or_blurring(found: Study) -> None:
    plain, dithered = effect_of(found, "fine").separation, effect_of(found, "dithered").separation
    assert plain.auc > 0.75
    assert plain.blurred < 0.58
    assert dithered.auc < 0.58


def test_columns_that_do_not_change_are_not_blamed(found: Study) -> None:
    for effect in found.effects:
        mass = next(one for one in effect.columns if one.column == "Jet_mass")
        assert (mass.distance.paired, mass.rms) == (0, 0)


def test_numbers_that_cannot_be_measured_are_failures(found: Study) -> None:
    for effect in found.effects:
        peak = effect.shift("peak")
        assert peak is not None
        assert "the fit did not converge" in peak.failure
        assert np.isnan(peak.shift)


def test_a_result_is_json_and_back(found: Study, tmp_path: Path) -> None:
    found.save(tmp_path / "result.json")
    again = Study.load(tmp_path / "result.json")
    assert again.to_json() == found.to_json()
    assert again.bytes_per_event(again.effects[0]) > 0
    text = (tmp_path / "result.json").read_text("utf-8")
    assert "NaN" not in text
    (tmp_path / "other.json").write_text(json.dumps({"version": 7}), "utf-8")
    with pytest.raises(UsageError, match="no result of a study of version 1: 7"):
        Study.load(tmp_path / "other.json")
    broken = json.loads(text)
    broken["effects"][0].pop("codec")
    (tmp_path / "broken.json").write_text(json.dumps(broken), "utf-8")
    with pytest.raises(UsageError, match="no result of a study: KeyError"):
        Study.load(tmp_path / "broken.json")


def test_what_is_there_is_not_measured_again(found: Study) -> None:
    def never(events: object) -> Treated:
        raise AssertionError

    samples = {"data": jets()}
    stale = [Treatment(one.codec, one.policy, one.bounds, never) for one in ALL]
    assert study(Leading(), samples, stale, ASKED, earlier=found).effects == found.effects
    with pytest.raises(UsageError, match="asked for otherwise: replicas"):
        study(Leading(), samples, stale, Asked(replicas=9), earlier=found)
    with pytest.raises(UsageError, match="samples"):
        study(Leading(), {"data": jets(20)}, stale, ASKED, earlier=found)
    other = [replace(biased(), bounds={"Jet_pt": Absolute(1.0)})]
    with pytest.raises(UsageError, match="the bounds of 'biased, rel"):
        study(Leading(), samples, other, ASKED, earlier=found)


def test_a_broken_bound_is_seen_and_ours_counts() -> None:
    off = treatment("baler", lambda name, values: values + (name == "Jet_pt"),
                    {"Jet_pt": Absolute(0.5)}, "abs 0.5")  # fmt: skip
    lost = treatment("SZ3", lambda name, values: values + (name == "Jet_mass"))
    free = replace(lost, codec="dense", bounds={"Jet_mass": Free()})
    found = study(Leading(), {"data": jets(300)}, [lost, free], Asked(replicas=8))
    assert [effect.verified for effect in found.effects] == [False, None]
    assert found.effects[0].sizes[0].broken == ("Jet_mass",)
    assert not found.broken
    found = study(Leading(), {"data": jets(300)}, [off], Asked(replicas=8))
    assert found.effects[0].sizes[0].worst == pytest.approx(2, rel=1e-3)
    assert found.broken


def test_a_treatment_that_fails_is_skipped_with_its_reason() -> None:
    def fail(events: object) -> Treated:
        raise RuntimeError("out of order")

    broken = Treatment("odd", "exact", {}, fail)
    found = study(Leading(), {"data": jets(300)}, [broken, EXACT], Asked(replicas=8))
    assert found.skipped == {"odd": "RuntimeError: out of order"}
    assert [effect.codec for effect in found.effects] == ["exact"]


def test_missing_columns_roles_and_events_are_named() -> None:
    events = events_of(np.array([1, 1]), Jet_eta=np.array([0.0, 1.0]))
    with pytest.raises(UnknownColumn, match="no 'Jet_pt', 'Jet_mass'"):
        study(Leading(), {"data": events}, [EXACT], Asked(replicas=8))
    with pytest.raises(UsageError, match="needs events of the role 'data'"):
        study(Leading(), {}, [EXACT])
    with pytest.raises(UsageError, match="there is no collection 'Muon'; known: Jet"):
        study(Leading(), {"data": jets(50)}, [EXACT], Asked(replicas=8, collection="Muon"))


def test_a_single_event_and_weights_of_zero_end_well() -> None:
    one = jets(1)
    found = study(Leading(), {"data": one}, [EXACT, rounded()], Asked(replicas=8))
    assert "10 are needed" in (found.effects[0].shift("mean") or pytest.fail("no mean")).failure
    assert np.isnan(found.effects[0].separation.auc)
    none = jets(60)
    zeros = none.with_columns({"genWeight": np.zeros(60, np.float32)})
    found = study(Leading(), {"data": zeros}, [EXACT, rounded()], Asked(replicas=8))
    assert len(found.effects) == 2
    mixed = none.with_columns({"genWeight": np.where(np.arange(60) % 5, 1, -1).astype(np.float32)})
    found = study(Leading(), {"data": mixed}, [EXACT, rounded()], Asked(replicas=8))
    assert not found.skipped


def test_the_report_is_one_page(
    found: Study, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("matplotlib")
    from baler.physics.study.report import write_report

    drawn = []

    def saved(figure: Any, path: Path) -> bytes:
        drawn.append(path.name)
        figure.draw_without_rendering()
        return b""

    monkeypatch.setattr("baler.physics.study.report.write.saved", saved)
    histogram = found.originals.spectra["data"]
    gap = replace(histogram, contents=(np.nan, *histogram.contents[1:]))
    originals = replace(found.originals, spectra={"data": gap})
    effects = tuple(
        replace(one, policy=f"{one.policy}, {at} latents", spectra={"data": gap})
        for at, one in enumerate(found.effects[:3])
    )
    page = write_report(replace(found, originals=originals, effects=effects), tmp_path)
    text = page.read_text("utf-8")
    assert "What compression does to leading" in text
    assert "not measured" in text
    assert 'src="http' not in text
    assert {"shifts", "lattices", "columns", "columns-2", "trade"} <= set(drawn)
    nothing = replace(found, effects=())
    assert write_report(nothing, tmp_path).exists()
