"""What can be asked for, and the parts that it is made in."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("pythia8mc")
pytest.importorskip("fastjet")

from baler.errors import UsageError
from baler.physics.simulate import PROCESSES, Request
from baler.physics.simulate.parts import BLOCK, parts_of, seeds

some_processes = st.lists(st.sampled_from(list(PROCESSES)), min_size=1).map(tuple)


@given(some_processes, st.integers(5, 5000), st.integers(0, 2**40))
def test_parts_make_up_what_was_asked_for(
    processes: tuple[str, ...], events: int, seed: int
) -> None:
    request = Request(processes, events, seed)
    parts = parts_of(request)
    made: Counter[str] = Counter()
    for part in parts:
        assert 0 < part.events <= BLOCK
        made[part.process] += part.events
    assert set(made) == set(processes)
    assert made.total() == events
    assert max(made.values()) - min(made.values()) <= 1
    assert [part.block for part in parts] == sorted(part.block for part in parts)


def test_all_blocks_of_a_process_have_seeds_of_their_own() -> None:
    parts = parts_of(Request(("qcd",), 100 * BLOCK, seed=3))
    assert len({part.seed for part in parts}) == len({part.name for part in parts}) == 100
    assert all(1 <= part.seed <= 900_000_000 for part in parts)


def test_the_name_of_a_part_tells_all_that_its_events_depend_on() -> None:
    request = Request(("zprime",), 40, seed=1)
    others = [
        replace(request, seed=2),
        replace(request, events=41),
        replace(request, mass=1600.0),
        replace(request, width=10.0),
        replace(request, pileup=0.0),
        replace(request, settings=("Tune:pp = 14",)),
    ]
    names = {parts_of(one)[0].name for one in (request, *others)}
    assert len(names) == 1 + len(others)
    more = replace(request, events=10 * BLOCK)
    again = replace(request, events=BLOCK, processes=("zprime", "zprime"), mass=1500.0)
    assert parts_of(more)[0] == parts_of(again)[0]


def test_seeds_that_were_once_given_stay() -> None:
    assert seeds(1) == {
        "qcd": 425_869_828, "ttbar": 460_639_462, "zprime": 679_650_757, "zmumu": 855_417_326,
        "order": 31_367_298, "pile-up": 129_743_652, "zee": 740_649_309,
    }  # fmt: skip


def test_mass_width_and_momentum_reach_pythia() -> None:
    request = Request(("zprime", "qcd"), mass=2500, width=80.5, pt_hat_min=400)
    assert {"32:m0 = 2500.0", "32:doForceWidth = on", "32:mWidth = 80.5"} <= set(
        request.lines("zprime")
    )
    assert "PhaseSpace:pTHatMin = 400.0" in request.lines("qcd")
    assert not any("mWidth" in line for line in Request(("zprime",)).lines("zprime"))


def test_own_settings_come_last() -> None:
    request = Request(settings=("PhaseSpace:pTHatMin = 50.",))
    assert request.lines("qcd")[-1] == "PhaseSpace:pTHatMin = 50."


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"processes": ("higgs",)}, "no process 'higgs'; known: qcd, ttbar"),
        ({"processes": ()}, "no process was given; known: qcd, ttbar"),
        (
            {"processes": ("qcd", "ttbar"), "events": 1},
            "2 processes need at least as many events, not 1",
        ),
        ({"seed": -1}, "a seed is 0 or larger, not -1"),
        ({"pileup": 81.0}, "mean pile-up is 0 to 80, not 81"),
        ({"pileup": float("nan")}, "mean pile-up is 0 to 80, not nan"),
        ({"mass": 1500.0}, "mass is a setting of zprime; the processes are qcd"),
        ({"processes": ("zprime",), "mass": 13000.0}, "mass lies between 10 and 13000 GeV"),
        ({"processes": ("zprime",), "width": 0.0}, "width lies between 0 and 13000 GeV, not at 0"),
        ({"processes": ("zprime",), "pt_hat_min": 50.0}, "pt_hat_min is a setting of qcd"),
        ({"pt_hat_min": 0.0}, "pt_hat_min lies between 1 and 6500 GeV"),
        ({"settings": ("PhaseSpace:pTHatMin",)}, "'PhaseSpace:pTHatMin' is no setting of Pythia"),
        ({"settings": ("! = 3",)}, "is no setting of Pythia"),
        ({"settings": ("A:b = 1\nRandom:seed = 2",)}, "is no setting of Pythia"),
        ({"settings": (" random:seed = 5",)}, "settings of random cannot be changed"),
        ({"settings": ("Beams:eCM = 8000.",)}, "settings of Beams cannot be changed"),
    ],
)
def test_what_cannot_be_simulated_is_refused(asked: dict[str, object], message: str) -> None:
    with pytest.raises(UsageError) as caught:
        Request(**asked)  # type: ignore[arg-type]
    assert message in str(caught.value)
