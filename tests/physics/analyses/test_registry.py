"""Analyses by name, with cuts as strings."""

from __future__ import annotations

import awkward as ak
import numpy as np
import pytest

from baler.errors import UnknownColumn, UsageError
from baler.physics.analyses import ANALYSES, Failure, analysis, cuts
from tests.physics.analyses.handmade import events_of


def test_cuts_are_numbers_or_strings_that_are_numbers() -> None:
    assert analysis("dijet", pt="200", parameters="4") == analysis("dijet", pt=200.0, parameters=4)
    assert analysis("btag", discriminator="btagDeepFlavB").needs[2] == "Jet_btagDeepFlavB"


def test_an_analysis_that_is_not_known_is_told_with_those_that_are() -> None:
    with pytest.raises(UsageError, match="no analysis 'dijets'; there are dijet, dimuon, btag"):
        analysis("dijets")
    with pytest.raises(UsageError, match="no analysis 'dijets'"):
        cuts("dijets")


def test_a_cut_that_is_not_known_is_told_with_those_that_are() -> None:
    expected = r"'dimuon' has no cut 'ptt'; near names: 'pt'; it has pt=3.0, eta=2.4, muons=2"
    with pytest.raises(UsageError, match=expected):
        analysis("dimuon", ptt="4")


@pytest.mark.parametrize(("cut", "value", "kind"), [
    ("pt", "high", "a number"), ("pt", "nan", "a number"), ("parameters", "3.5", "an integer"),
])  # fmt: skip
def test_a_value_that_is_none_is_told(cut: str, value: str, kind: str) -> None:
    with pytest.raises(UsageError, match=f"cut {cut}='{value}' is not {kind}"):
        analysis("dijet", **{cut: value})


@pytest.mark.parametrize(
    ("name", "wrong", "message"),
    [
        ("dijet", {"start": 4000}, "start=4000 and stop=3147 leave no spectrum of 6 bins"),
        ("dijet", {"stop": 13000}, "stop=13000 leave no spectrum"),
        ("dijet", {"parameters": 2}, "parameters=2 is not 0, 3, 4 or 5"),
        ("dijet", {"luminosity": 0}, "luminosity=0 is not positive"),
        ("btag", {"tight": 0}, "tight=0 is not between 0 and 1"),
    ],
)
def test_cuts_that_cannot_be_are_refused(name: str, wrong: dict[str, float], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        analysis(name, **wrong)


@pytest.mark.parametrize("name", ANALYSES)
def test_every_analysis_says_what_it_is_and_what_its_cuts_mean(name: str) -> None:
    one = analysis(name)
    assert one.name == name
    assert one.title
    assert one.roles
    assert all(cut.meaning for cut in cuts(name).values())


@pytest.mark.parametrize("name", ANALYSES)
def test_all_fields_that_are_missing_are_named(name: str) -> None:
    one = analysis(name)
    with pytest.raises(UnknownColumn) as error:
        one.observe(events_of(genWeight=[1.0, 2.0]))
    assert all(repr(field) in str(error.value) for field in one.needs)


@pytest.mark.parametrize("name", ANALYSES)
def test_no_events_are_failures_and_no_numbers(name: str) -> None:
    one = analysis(name)
    whole = ("genJetIdx", "hadronFlavour", "charge")
    none = {
        field: ak.values_astype([[0], [0]], np.int64 if field.endswith(whole) else np.float64)
        for field in one.needs
    }
    events = events_of(**{
        field: [0.0, 0.0] if field.startswith(("MET", "GenMET")) else values[:, :0]
        for field, values in none.items()
    })  # fmt: skip
    found = one.measure(dict.fromkeys(one.roles, one.observe(events))).quantities
    numbers = {name for name, measured in found.items() if not isinstance(measured, Failure)}
    # no event in two passes is a number
    assert numbers == ({"signal efficiency", "background efficiency"} if name == "dijet" else set())
    none_at_all = one.observe(events.between(0, 0))
    found = one.measure(dict.fromkeys(one.roles, none_at_all)).quantities
    assert all(isinstance(measured, Failure) for measured in found.values())
