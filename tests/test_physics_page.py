"""The page on physics is what the results give."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "physics.md"


def run(page: Path, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(ROOT / "benchmarks" / "physics_page.py"), "--page", str(page)]
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
def physics_page(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    return pytest.importorskip("physics_page")


def test_a_quarter_of_the_bytes_is_twice_the_significance(physics_page: Any) -> None:
    exact = {"bytes_per_event": 400.0, "significance": 3.0}
    assert physics_page.merit({"bytes_per_event": 100.0, "significance": 3.0}, exact) == 2.0
    assert physics_page.merit({"bytes_per_event": 400.0, "significance": 1.5}, exact) == 0.5


def test_numbers_have_the_digits_of_their_uncertainty(physics_page: Any) -> None:
    found = {"before": 3.09299, "statistical": 0.00075, "unit": "GeV"}
    assert physics_page.value(found) == "3.09299 ± 0.00075 GeV"
    assert physics_page.value({"before": 247.3, "statistical": 12.0, "unit": ""}) == "247 ± 12"
