"""Pages of figures are what the results give."""

from __future__ import annotations

import math
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]
PAGES = {"benchmarks.md": "page.py", "models.md": "models_page.py", "physics.md": "physics_page.py"}


def run(name: str, page: Path, *words: str) -> int:
    """Return the exit code of what makes a page."""
    script = ROOT / "benchmarks" / PAGES[name]
    command = [sys.executable, str(script), "--page", str(page), *words]
    return subprocess.run(command, capture_output=True, check=False).returncode


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_what_the_results_give(name: str) -> None:
    assert run(name, ROOT / "docs" / name, "--check") == 0


@pytest.mark.parametrize("name", PAGES)
def test_a_changed_figure_is_noticed_and_mended(name: str, tmp_path: Path) -> None:
    page = Path(shutil.copy(ROOT / "docs" / name, tmp_path / "page.md"))
    text = page.read_text("utf-8")
    page.write_text(text.replace("<!-- end -->", "| better |\n<!-- end -->", 1), "utf-8")
    assert run(name, page, "--check") == 1
    assert run(name, page) == 0
    assert page.read_text("utf-8") == text


@pytest.mark.parametrize("name", PAGES)
def test_every_section_has_a_result(name: str) -> None:
    assert "Not measured yet" not in (ROOT / "docs" / name).read_text("utf-8")


def test_results_name_no_folder_of_a_machine() -> None:
    for path in (ROOT / "benchmarks" / "results").glob("*.json"):
        text = path.read_text("utf-8")
        assert not any(folder in text for folder in ("/home/", "/tmp/", "/root/", "/work/")), path


@pytest.fixture
def of_benchmarks(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return what imports a script of the benchmarks."""
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    return pytest.importorskip


def test_curves_are_read_between_their_points(of_benchmarks: Any) -> None:
    page = of_benchmarks("models_page")
    pairs = [(1.0, 0.4), (3.0, 0.1), (5.0, 0.025)]
    assert page.rate_at(pairs, 0.2) == pytest.approx(2.0)
    assert page.rate_at(pairs, 0.05) == pytest.approx(4.0)
    assert page.error_at(pairs, 4.0) == pytest.approx(0.05)
    for error in (0.5, 0.01):
        assert math.isnan(page.rate_at(pairs, error))
    assert math.isnan(page.error_at(pairs, 6.0))
    assert math.isnan(page.rate_at([], 0.1))


def test_a_quarter_of_the_bytes_is_twice_the_significance(of_benchmarks: Any) -> None:
    page = of_benchmarks("physics_page")
    exact = {"bytes_per_event": 400.0, "significance": 3.0}
    assert page.merit({"bytes_per_event": 100.0, "significance": 3.0}, exact) == 2.0
    assert page.merit({"bytes_per_event": 400.0, "significance": 1.5}, exact) == 0.5


def test_numbers_have_the_digits_of_their_uncertainty(of_benchmarks: Any) -> None:
    page = of_benchmarks("physics_page")
    found = {"before": 3.09299, "statistical": 0.00075, "unit": "GeV"}
    assert page.value(found) == "3.09299 ± 0.00075 GeV"
    assert page.value({"before": 247.3, "statistical": 12.0, "unit": ""}) == "247 ± 12"
