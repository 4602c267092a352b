"""The page of models old and new is what the results give."""

from __future__ import annotations

import math
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "models.md"


def run(page: Path, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(ROOT / "benchmarks" / "models_page.py"), "--page", str(page)]
    return subprocess.run([*command, *words], capture_output=True, text=True, check=False)


def test_page_is_what_the_results_give() -> None:
    done = run(PAGE, "--check")
    assert done.returncode == 0, done.stderr


def test_a_changed_figure_is_noticed(tmp_path: Path) -> None:
    page = Path(shutil.copy(PAGE, tmp_path / "page.md"))
    text = page.read_text("utf-8")
    page.write_text(text.replace("<!-- end -->", "| better |\n<!-- end -->", 1), "utf-8")
    assert run(page, "--check").returncode == 1


@pytest.fixture
def models_page(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    return pytest.importorskip("models_page")


def test_curves_are_read_between_their_points(models_page: Any) -> None:
    pairs = [(1.0, 0.4), (3.0, 0.1), (5.0, 0.025)]
    assert models_page.rate_at(pairs, 0.2) == pytest.approx(2.0)
    assert models_page.rate_at(pairs, 0.05) == pytest.approx(4.0)
    assert models_page.error_at(pairs, 4.0) == pytest.approx(0.05)
    for error in (0.5, 0.01):
        assert math.isnan(models_page.rate_at(pairs, error))
    assert math.isnan(models_page.error_at(pairs, 6.0))
    assert math.isnan(models_page.rate_at([], 0.1))
