"""How large networks are."""

from __future__ import annotations

import pytest

from baler.training.settings import Settings


@pytest.mark.parametrize(
    ("hidden", "columns", "units"),
    [(None, 1, 64), (None, 16, 64), (None, 17, 128), (None, 200, 128), (32, 17, 32), (256, 1, 256)],
)
def test_networks_of_many_columns_are_wider_if_it_is_not_said(
    hidden: int | None, columns: int, units: int
) -> None:
    assert Settings(hidden=hidden).units(columns) == units


def test_notes_say_how_wide_only_if_that_was_asked_for() -> None:
    assert "hidden" not in Settings().notes()
    assert Settings(hidden=96).notes()["hidden"] == 96
