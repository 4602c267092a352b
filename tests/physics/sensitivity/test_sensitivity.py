"""The curve of a search that counts, so that every number is known."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

from baler.core.chunk import Chunk
from baler.core.schema import Column, Field, Leaf, Schema
from baler.errors import UsageError
from baler.physics.analyses.base import Failure, Observable, Observed, Outcome
from baler.physics.events import Events
from baler.physics.fits.search import Expected
from baler.physics.sensitivity.budget import Offer
from baler.physics.sensitivity.measure import Asked, honest, net, sensitivity
from baler.physics.sensitivity.result import Sensitivity
from baler.physics.sensitivity.threshold import Spectrum
from baler.physics.treatment import Treated, Treatment

SIGNIFICANCE, LIMIT = 4.0, 0.5


def events(name: str, values: np.ndarray) -> Events:  # type: ignore[type-arg]
    schema = Schema((Column("x", np.dtype("<f8")),), (Field("x", Leaf("x")),))
    return Events(name, schema, Chunk(len(values), {"x": values.astype("<f8")}))


SAMPLES = {"background": events("b", np.ones(100)), "signal": events("s", np.ones(100))}


@dataclass(frozen=True)
class Count:
    """Significance grows as the root of the luminosity and falls with the mean of x above 1."""

    seen: float

    def expected(self, luminosity: float, truth: Count | None = None) -> Expected | Failure:
        seen = (truth or self).seen
        if seen > 10:
            return Failure("too coarse")
        root = math.sqrt(luminosity)
        return Expected(SIGNIFICANCE * root / seen, LIMIT / root, 1.0, 0.0)


@dataclass(frozen=True)
class Counting:
    name: str = "counting"
    title: str = ""
    roles: tuple[str, ...] = ("background", "signal")
    needs: tuple[str, ...] = ("x",)
    luminosity: float = 1.0

    def picobarn(self, role: str, observed: Observed) -> float:
        return 2.0

    def like(self, spectra: Count) -> Counting:
        return self

    def observe(self, events: Events) -> Observed:
        x = events.chunk.columns["x"]
        return Observed(len(x), np.ones(len(x)), {"x": Observable("x", "", x, np.arange(len(x)))})

    def spectra(self, samples: Mapping[str, Observed]) -> Count:
        return Count(float(samples["signal"].observables["x"].values.mean()))

    def measure(self, samples: Mapping[str, Observed]) -> Outcome:
        return Outcome({})


def treatment(codec: str, policy: str, size: float, seen: float) -> Treatment:
    def apply(one: Events) -> Treated:
        x = np.full(len(one), seen)
        return Treated(one.with_columns({"x": x}), round(size * len(one)))

    return Treatment(codec, policy, {}, apply)


LADDER = [
    treatment("TTree zstd-5", "exact", 1000, 1.0),
    treatment("baler", "exact", 500, 1.0),
    treatment("baler", "fine", 100, 1.0),
    treatment("baler", "coarse", 50, 1.25),  # a fifth of the significance is lost
    treatment("baler", "hopeless", 10, 20.0),
]


@pytest.fixture(scope="module")
def found() -> Sensitivity:
    budgets = (1e4, 1e5, 1e6)
    spectrum = Spectrum(np.array([100.0, 200.0]), np.array([1000.0, 10.0]))
    asked = Asked(Offer(1000.0), budgets, spectrum, replicas=8)
    return sensitivity(Counting(), SAMPLES, LADDER, asked)


def at(found: Sensitivity, name: str, budget: float) -> tuple[float, float, float]:
    curve, place = found.curve(name), found.budgets.index(budget)
    return curve.kept[place], curve.significance[place], curve.limit[place]


def test_the_numbers_of_a_curve_are_those_made_by_hand(found: Sensitivity) -> None:
    assert at(found, "TTree zstd-5", 1e4) == pytest.approx((0.01, 0.4, 10.0))
    assert at(found, "baler, fine", 1e4) == pytest.approx((0.1, 4 * math.sqrt(0.1), 1 / 0.1**0.5))
    assert at(found, "baler, coarse", 1e4)[0] == pytest.approx(0.2)
    assert at(found, "baler, fine", 1e6) == pytest.approx((1.0, 4.0, 1.0))


def test_the_best_rung_is_coarse_where_bytes_are_scarce_and_fine_where_not(
    found: Sensitivity,
) -> None:
    best = dict(zip(found.budgets, found.best("baler"), strict=True))
    assert best[1e4] == "baler, coarse"
    assert best[1e5] == best[1e6] == "baler, fine"


def test_where_precision_costs_is_told(found: Sensitivity) -> None:
    costly, free = found.where_it_costs("baler"), found.free("baler")
    assert costly is not None
    assert free is not None
    assert (costly.policy, free.policy) == ("coarse", "fine")
    assert costly.loss == pytest.approx(0.2)
    assert found.where_it_costs("TTree zstd-5") is None


def test_what_fails_is_said_and_never_best(found: Sensitivity) -> None:
    assert found.of("baler, hopeless").failure == "too coarse"
    assert "baler, hopeless" not in found.best("baler")


def test_curves_never_fall(found: Sensitivity) -> None:
    for curve in found.curves:
        assert np.all(np.diff(curve.kept) >= 0)
        assert np.all(np.diff(curve.significance) >= 0)
        assert np.all(np.diff(curve.limit) <= 0)
        assert np.all(np.diff(np.minimum(curve.threshold, 1e9)) <= 0)


def test_thresholds_and_prescales_are_those_of_the_spectrum(found: Sensitivity) -> None:
    curve, place = found.curve("baler, fine"), found.budgets.index(1e5)
    assert (curve.threshold[place], curve.prescale[place]) == (100.0, 1.0)
    curve, place = found.curve("TTree zstd-5"), found.budgets.index(1e4)
    assert (curve.threshold[place], curve.prescale[place]) == (200.0, 100.0)


def test_a_result_is_json_and_back(found: Sensitivity, tmp_path: Path) -> None:
    found.save(tmp_path / "r.json")
    again = Sensitivity.load(tmp_path / "r.json")
    assert again.to_json() == found.to_json()
    (tmp_path / "r.json").write_text("{}", "utf-8")
    with pytest.raises(UsageError, match="no result of baler sensitivity"):
        Sensitivity.load(tmp_path / "r.json")


def test_bias_never_helps() -> None:
    fair = Expected(4.0, 1.0, 1.0, 0.0)
    assert (net(fair), honest(fair)) == (4.0, 1.0)
    for spurious in (-0.3, 0.3):
        biased = replace(fair, spurious=spurious)
        assert net(biased) == pytest.approx(2.8)
        assert honest(biased) >= 1.0
    assert net(replace(fair, strength=-1.0)) == 0.0


def test_a_search_that_fails_without_compression_is_an_error() -> None:
    samples = {**SAMPLES, "signal": events("s", np.full(10, 20.0))}
    with pytest.raises(UsageError, match="counting without compression: too coarse"):
        sensitivity(Counting(), samples, LADDER, Asked(Offer(1.0), replicas=8))


def test_plots_are_drawn(found: Sensitivity, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    from baler.physics.sensitivity.plots import write_plots

    written = write_plots(found, tmp_path)
    assert [one.name for one in written] == ["significance.png", "limit.png", "threshold.png"]
    assert all(one.stat().st_size > 10_000 for one in written)
