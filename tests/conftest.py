"""Shared machines: no deadlines, the same examples every time under CI, one thread for OpenMP."""

from __future__ import annotations

import os

import pytest
from hypothesis import settings

os.environ.setdefault("OMP_NUM_THREADS", "1")  # threads that spin on a busy core wait for ever
settings.register_profile("default", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True, print_blob=True)
settings.load_profile("ci" if os.environ.get("CI") else "default")


def pytest_configure(config: pytest.Config) -> None:
    """Let tests run where there is no native kernel, which is told but is no error."""
    config.addinivalue_line("filterwarnings", "default:the native kernel:RuntimeWarning")
