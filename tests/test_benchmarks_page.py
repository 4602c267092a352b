"""The tables of the benchmarks page are those that the results give."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "benchmarks.md"


def run(page: Path, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(ROOT / "benchmarks" / "page.py"), "--page", str(page), *words]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_page_is_what_the_results_give() -> None:
    done = run(PAGE, "--check")
    assert done.returncode == 0, done.stderr


def test_a_changed_figure_is_noticed_and_mended(tmp_path: Path) -> None:
    page = Path(shutil.copy(PAGE, tmp_path / "page.md"))
    text = page.read_text("utf-8")
    better = text.replace("<!-- exact -->\n", "<!-- exact -->\n| a better figure |\n")
    page.write_text(better, "utf-8")
    assert run(page, "--check").returncode == 1
    assert run(page).returncode == 0
    assert page.read_text("utf-8") == text


def test_every_section_has_a_result() -> None:
    assert "Not measured yet" not in PAGE.read_text("utf-8")


def test_results_name_no_folder_of_a_machine() -> None:
    for path in (ROOT / "benchmarks" / "results").glob("*.json"):
        text = path.read_text("utf-8")
        assert not any(folder in text for folder in ("/home/", "/tmp/", "/root/", "/work/")), path
