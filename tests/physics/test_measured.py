"""How measured numbers are written."""

from __future__ import annotations

import math

import pytest

from baler.physics.measured import Failure, Quantity


@pytest.mark.parametrize(
    ("value", "uncertainty", "unit", "text"),
    [
        (91.28387, 0.24804, "GeV", "91.28 +- 0.25 GeV"),
        (0.93423, 0.0113, "", "0.934 +- 0.011"),
        (254.38, 13.577, "GeV", "254 +- 14 GeV"),
        (1.31e6, 2500.0, "pb", "1.31e+06 +- 2.5e+03 pb"),
        (1.0, 0.0, "", "1 +- 0"),
        (1.0, math.nan, "", "1 +- nan"),
        (math.nan, 0.1, "", "nan +- 0.1"),
        (1e-12, 1e-13, "", "1e-12 +- 1e-13"),
    ],
)
def test_a_quantity_is_written_with_two_digits_of_its_uncertainty(
    value: float, uncertainty: float, unit: str, text: str
) -> None:
    assert str(Quantity(value, uncertainty, unit)) == text


def test_a_failure_is_written_as_its_reason() -> None:
    assert str(Failure("too few pairs")) == "too few pairs"
