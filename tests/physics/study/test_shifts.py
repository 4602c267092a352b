"""Shifts of numbers, and their uncertainties."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest

from baler.errors import UsageError
from baler.physics.analyses.base import Failure, Measured, Outcome, Quantity
from baler.physics.study.shifts import Measurement, Resampling, shifts

from .samples import Leading, biased, events_of, jets


def measured(value: Measured, *again: Measured) -> Measurement:
    return Measurement(Outcome({"m": value}), tuple({"m": one} for one in again))


def test_a_bias_is_separated_from_the_noise_of_the_sample() -> None:
    events = jets(1000)
    analysis = Leading()
    resampling = Resampling({"data": len(events)}, 40, 0)
    before = resampling.measure(analysis, {"data": analysis.observe(events)})
    after = resampling.measure(
        analysis, {"data": analysis.observe(biased(1.001).apply(events).events)}
    )
    mean = next(one for one in shifts(before, after) if one.quantity == "mean")
    assert mean.shift == pytest.approx(0.001 * mean.before, rel=1e-3)
    assert mean.uncertainty < 0.02 * mean.statistical
    assert mean.shift > 100 * mean.uncertainty
    assert mean.relative == pytest.approx(mean.shift / mean.statistical)
    spread = np.std([one["mean"].value for one in before.resampled])  # type: ignore[union-attr]
    assert spread == pytest.approx(mean.statistical, rel=0.4)


def test_the_same_events_resampled_by_weights_or_by_repetition_measure_the_same() -> None:
    events = jets(40)
    factors = np.random.default_rng(0).poisson(1.0, 40)
    twice = np.repeat(np.arange(40), factors)
    pt = [np.asarray(one) for one in events["Jet_pt"]]
    mass = [np.asarray(one) for one in events["Jet_mass"]]
    counts = np.array([len(pt[at]) for at in twice])
    repeated = events_of(
        counts,
        genWeight=events.weights()[twice],
        Jet_pt=np.concatenate([pt[at] for at in twice]),
        Jet_mass=np.concatenate([mass[at] for at in twice]),
    )
    analysis = Leading()
    once = analysis.measure(
        {"data": analysis.observe(events).reweighted(factors.astype(np.float64))}
    )
    more = analysis.measure({"data": analysis.observe(repeated)})
    one, other = once.quantities["mean"], more.quantities["mean"]
    assert isinstance(one, Quantity)
    assert isinstance(other, Quantity)
    assert one.value == pytest.approx(other.value, rel=1e-6)


def test_failures_are_said_and_are_no_numbers() -> None:
    ten = [Quantity(1.0 + 0.1 * i, 1.0) for i in range(10)]
    failed = Failure("the fit did not converge")
    (lost,) = shifts(measured(ten[0], *ten), measured(failed, *ten))
    assert lost.failure == "after: the fit did not converge"
    assert np.isnan(lost.shift)
    (never,) = shifts(measured(failed, *ten), measured(failed, *ten))
    assert "before:" in never.failure
    assert "after:" in never.failure
    (seldom,) = shifts(measured(ten[0], *ten), measured(ten[1], *ten[:5], *[failed] * 5))
    assert seldom.shift == pytest.approx(0.1)
    assert np.isnan(seldom.uncertainty)
    assert seldom.failure == ("measured in 5 of 10 resamplings only: the fit did not converge")
    gone: Mapping[str, Measured] = {}
    (missing,) = shifts(measured(ten[0], *ten), Measurement(Outcome(gone), (gone,) * 10))
    assert missing.failure == "after: is not measured"


def test_too_few_replicas_are_refused() -> None:
    with pytest.raises(UsageError, match="at least 8 replicas are needed, not 3"):
        Resampling({"data": 5}, 3, 0)
