"""From requirements to a policy, with an analysis whose harm is known."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest

from baler.core.bounds import Absolute, Bound
from baler.errors import UsageError
from baler.physics.events import Events
from baler.physics.tuning.finding import Estimate
from baler.physics.tuning.request import Request, Settings
from baler.physics.tuning.requirements import parse_all
from baler.physics.tuning.tune import Tuned, tune

from .made import Means, made


def run(
    *lines: str, events: Events | None = None, told: object = None, **settings: object
) -> Tuned:
    sample = made() if events is None else events
    request = Request(
        Means(),
        {"data": sample},
        parse_all(lines),
        Settings(bootstraps=30, **settings),  # type: ignore[arg-type]
        told,  # type: ignore[arg-type]
    )
    return tune(request)


def epsilon(found: Tuned, name: str) -> float:
    bound = found.card.bounds[name]
    assert isinstance(bound, Absolute)
    return bound.epsilon


def test_a_bound_is_found_to_within_a_factor() -> None:
    """Columns of deviation 1 and a shift of e / sqrt(3) sigma: 0.1 sigma at 95 % is e = 0.1."""
    found = run("shift(x mass) < 0.1 sigma", "ks(free) < 0.01")
    assert 0.02 < epsilon(found, "x") < 0.2
    assert found.card.holds
    held_out = [one for one in found.card.judged if one.events == "held out"]
    for one in held_out:
        assert one.value is not None
        assert one.uncertainty is not None
        assert one.value + 1.6448 * one.uncertainty <= one.limit


def test_ten_times_less_allowed_is_a_bound_ten_times_finer() -> None:
    loose = epsilon(run("shift(x mass) < 0.3 sigma"), "x")
    tight = epsilon(run("shift(x mass) < 0.03 sigma"), "x")
    assert 3 < loose / tight < 33


def test_nothing_else_than_what_is_required_is_coarse_at_random() -> None:
    found = run("shift(x mass) < 0.1 sigma")
    assert epsilon(found, "free") > 0.3  # as coarse as the ladder goes
    assert any("nothing is required of free" in note for note in found.card.notes)
    assert "genWeight" not in found.card.columns


def test_a_distribution_limits_a_column_that_no_analysis_reads() -> None:
    free = epsilon(run("shift(*) < 0.1 sigma", "ks(*) < 0.02"), "free")
    assert free < 0.2


def test_what_always_holds_gives_the_coarsest() -> None:
    found = run("shift(*) < 1000000 sigma")
    assert all(found.card.bounds[name].limit(np.ones(1), None) > 0.2 for name in ("x", "y"))
    assert found.card.looks == 1


def test_what_cannot_be_met_is_named() -> None:
    with pytest.raises(UsageError, match=r"keeps 'shift\(\*\) < 1e-09 sigma': with 'x' at 'abs "):
        run("shift(*) < 1e-9 sigma")


def test_a_column_whose_finest_bound_is_too_coarse_stays_exact() -> None:
    found = run("shift(x mass) < 1e-9 sigma")
    assert "x" not in found.card.columns
    assert "y" in found.card.columns
    assert any(note.startswith("exact") and "x" in note for note in found.card.notes)


def test_what_no_analysis_measures_is_named() -> None:
    with pytest.raises(UsageError, match="no quantity matches 'z mass'"):
        run("shift(z mass) < 1 %")
    with pytest.raises(UsageError, match="no column matches 'Jet_'"):
        run("ks(Jet_) < 0.1")


def test_too_few_events_for_the_analysis_are_said() -> None:
    with pytest.raises(UsageError, match=r"cannot be tested: .*too few events: 5; needed: 10"):
        run("shift(*) < 1 sigma", events=made(10))


def test_units_of_another_kind_are_refused() -> None:
    with pytest.raises(UsageError, match="it is in GeV, not in m"):
        run("shift(x mass) < 1 m")
    assert run("shift(x mass) < 0.01 GeV").card.holds


def test_widths_grow_by_less_than_is_allowed() -> None:
    """A step 2e adds e^2 / 3 to the variance: 1 % of the width is e = sqrt(0.06)."""
    found = run("width(*) < 1 %", events=made(20_000))
    assert 0.05 < epsilon(found, "x") < 0.35


def test_a_shift_may_be_told_in_parts_of_the_width() -> None:
    assert run("shift(x mass) < 1 % width").card.holds


def test_the_same_seed_gives_the_same_policy() -> None:
    first, second = (run("shift(*) < 0.1 sigma", "ks < 0.05", seed=3) for _ in range(2))
    assert first == second


def test_a_classifier_limits_all_columns() -> None:
    def told(
        which: str, before: Events, after: Events, bounds: Mapping[str, Bound], name: str | None
    ) -> Estimate:
        apart = np.abs(after.chunk.columns["free"] - before.chunk.columns["free"]).max()
        return Estimate(0.5 + min(0.5, float(apart)), 0.0)

    found = run("shift(*) < 100 sigma", "auc < 0.51", told=told)
    assert 0.001 < epsilon(found, "free") <= 0.01


def test_a_classifier_that_is_always_right_is_an_error() -> None:
    with pytest.raises(UsageError, match=r"'auc < 0.51' cannot be told with 2000 events"):
        run("auc < 0.51", told=lambda *_: Estimate(0.9, 0.0))

    def told(which: str, before: Events, after: Events, *_: object) -> Estimate:
        return Estimate(0.5 if before is after else 0.9, 0.0)

    with pytest.raises(UsageError, match=r"no bound that was tried keeps 'auc < 0\.51'"):
        run("auc < 0.51", told=told)


def test_held_out_events_that_disagree_make_bounds_finer() -> None:
    """The second half of x lies on a coarse lattice's edges, which only the verdict sees."""
    events = made()
    x = events.chunk.columns["x"].copy()
    x[2000:] = 100 + 0.001 * (x[2000:] - 100)  # a thousand times narrower
    both = run("shift(x mass) < 0.1 sigma", events=events.with_columns({"x": x}))
    assert both.card.looks > 1
    assert both.card.holds
    assert "x" not in both.card.columns or epsilon(both, "x") < 0.01


def test_settings_out_of_range_are_refused() -> None:
    for wrong in ({"held_out": 1.0}, {"confidence": 0.2}, {"seed": -1}):
        with pytest.raises(UsageError):
            Settings(**wrong)  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="nothing to tune for"):
        run()


def test_columns_that_stay_exact_are_left_alone() -> None:
    settings = replace(Settings(bootstraps=30), exact=("x", "genWeight"))
    request = Request(Means(), {"data": made()}, parse_all(["shift(*) < 1 sigma"]), settings)
    assert tune(request).card.columns.keys() == {"y", "free"}


def test_what_no_events_can_tell_is_said_once() -> None:
    sample = made(600)
    constant = np.full(len(sample), 7, np.float32)  # a mean without an uncertainty
    some = np.where(np.arange(600) < 300, sample.chunk.columns["y"], 7)  # no more in held-out ones
    for y, said in ((constant, [""]), (some.astype(np.float32), [" (held out events)"])):
        found = run("shift(* mass) < 1 sigma", events=sample.with_columns({"y": y}))
        reason = "shift(* mass) < 1 sigma: y mass: its statistical uncertainty is 0"
        assert list(found.card.untested) == [reason + one for one in said]
