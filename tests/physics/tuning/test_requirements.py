"""Requirements as lines of text."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from baler.errors import UsageError
from baler.physics.tuning.requirements import (
    MEASURES,
    USUAL,
    Requirement,
    load,
    parse,
    parse_all,
    width_of,
)

NAMES = ["J/psi mass", "J/psi width", "Upsilon(1S) mass", "Upsilon(1S) width", "response"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("shift(J/psi mass) < 0.1 sigma", Requirement("shift", "J/psi mass", 0.1, "sigma")),
        ("shift(*)<1% width", Requirement("shift", "*", 1.0, "% width")),
        (" shift( Z mass ) <= 5e-2  GeV ", Requirement("shift", "Z mass", 0.05, "GeV")),
        ("width < 0.5 %", Requirement("width", "*", 0.5, "%")),
        ("ks(Jet_*) < 0.01", Requirement("ks", "Jet_*", 0.01, "")),
        ("auc < 0.51", Requirement("auc", "*", 0.51, "")),
        ("shift(Upsilon(1S) mass) < 2 %", Requirement("shift", "Upsilon(1S) mass", 2.0, "%")),
    ],
)
def test_a_line_is_a_requirement(text: str, expected: Requirement) -> None:
    assert parse(text) == expected


@given(
    st.sampled_from(sorted(MEASURES)),
    st.text(st.characters(categories=("L", "N"), include_characters="*?/_ "), min_size=1),
    st.floats(0.501, 0.999),
    st.data(),
)
def test_what_is_written_is_read_again(
    measure: str, glob: str, limit: float, data: st.DataObject
) -> None:
    units = [*MEASURES[measure], *([""] if measure != "width" else [])]
    unit = data.draw(st.sampled_from(units))
    one = Requirement(measure, glob.strip() or "*", float(f"{limit:g}"), unit)  # type: ignore[arg-type]
    assert parse(str(one)) == one


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "cannot read requirement"),
        ("mass stays", "cannot read requirement"),
        ("shift(*) > 1 %", "cannot read requirement"),
        ("drift(*) < 1 %", "no measure 'drift'"),
        ("shift(*) < much", "'much' is no number"),
        ("shift(*) < 0 %", "positive and finite"),
        ("shift(*) < nan", "positive and finite"),
        ("shift(*) < inf sigma", "positive and finite"),
        ("width(*) < 1 sigma", "in '%', not 'sigma'"),
        ("shift(*) < 1 % mass", "in 'sigma' or '%' or '% width'"),
        ("ks < 1 %", "without a unit"),
        ("auc < 0.4", "between 0.5 and 1"),
    ],
)
def test_what_cannot_be_read_is_refused(text: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        parse(text)


def test_widths_are_selected_by_either_name() -> None:
    assert parse("width(J/psi) < 1 %").select(NAMES) == ["J/psi width"]
    assert parse("width(*) < 1 %").select(NAMES) == ["J/psi width", "Upsilon(1S) width"]
    assert width_of("Upsilon(1S) mass", NAMES) == "Upsilon(1S) width"
    with pytest.raises(UsageError, match="'response' has no width"):
        width_of("response", NAMES)


def test_a_pattern_that_matches_nothing_lists_near_names() -> None:
    with pytest.raises(UsageError, match="no quantity matches 'J/psi mas'; near names: 'J/psi m"):
        parse("shift(J/psi mas) < 1 %").select(NAMES)


def test_each_line_counts_once() -> None:
    assert len(parse_all([*USUAL, *USUAL])) == len(USUAL)


@pytest.mark.parametrize(
    "content",
    ["requirements = 1", "requirements = []", "requirements = [1]", "[bounds]", "other = ['a']"],
)
def test_a_file_of_something_else_is_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "r.toml"
    path.write_text(content, "utf-8")
    with pytest.raises(UsageError, match=r"r\.toml"):
        load(path)


def test_a_file_is_a_list_of_lines(tmp_path: Path) -> None:
    path = tmp_path / "r.toml"
    path.write_text('requirements = ["auc < 0.51"]', "utf-8")
    assert load(path) == ["auc < 0.51"]
