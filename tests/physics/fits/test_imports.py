"""Fits stand below analyses: they can be imported first."""

from __future__ import annotations

import subprocess
import sys

import pytest


@pytest.mark.parametrize("module", ["search", "weighted"])
def test_fits_are_imported_without_analyses(module: str) -> None:
    code = (
        f"import sys, baler.physics.fits.{module}; print('baler.physics.analyses' in sys.modules)"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout == "False\n"
