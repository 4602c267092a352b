"""The notebooks of the documentation run, top to bottom in a new kernel, and say nothing of it."""

from __future__ import annotations

import re
import runpy
import shutil
from pathlib import Path
from typing import Any

import pytest

nbformat = pytest.importorskip("nbformat")

ROOT = Path(__file__).parent.parent
NOTEBOOKS = sorted((ROOT / "docs" / "notebooks").glob("*.ipynb"))
NEEDED = ("nbclient", "ipykernel", "hist", "iminuit", "matplotlib", "mplhep", "sklearn", "scipy")
MOST_BYTES = 600_000

pytestmark = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.name)


def cells(path: Path, kind: str = "code") -> list[Any]:
    return [one for one in nbformat.read(path, as_version=4).cells if one.cell_type == kind]


# What a kernel warns of as it starts has nothing to do with the notebook.
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.filterwarnings("ignore::RuntimeWarning:(zmq|tornado|jupyter_client|nbclient)")
def test_a_notebook_runs_without_a_warning_and_leaves_nothing_behind(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for package in NEEDED:
        pytest.importorskip(package)
    make = runpy.run_path(str(ROOT / "docs" / "notebooks" / "make.py"))
    shutil.copytree(ROOT / "examples", tmp_path / "examples")
    copy = tmp_path / path.name
    shutil.copy(path, copy)
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    for name in ("TMPDIR", "TEMP", "TMP"):
        monkeypatch.setenv(name, str(temporary))
    before = {one.name for one in tmp_path.iterdir()}
    done = make["executed"](copy, tmp_path)
    assert {one.name for one in tmp_path.iterdir()} == before
    assert not [one for one in temporary.iterdir() if one.is_dir()]
    for cell in done.cells:
        for output in cell.get("outputs", []):
            assert output.get("name") != "stderr", output.text
            assert str(tmp_path) not in str(output)


def test_a_notebook_is_kept_with_the_outputs_of_one_run(path: Path) -> None:
    nbformat.validate(nbformat.read(path, as_version=4))
    assert path.stat().st_size < MOST_BYTES
    counts = [cell.execution_count for cell in cells(path)]
    assert counts == list(range(1, len(counts) + 1)), "run docs/notebooks/make.py"
    for cell in cells(path):
        assert not cell.metadata
        assert all(one.output_type != "error" for one in cell.outputs)
        assert all(one.get("name") != "stderr" for one in cell.outputs)


def test_a_notebook_has_no_absolute_paths(path: Path) -> None:
    absolute = re.compile(r"""["'](/\w|[A-Za-z]:\\)|/(home|tmp|Users|work|root|var|usr)/""")
    for cell in cells(path):
        assert not absolute.search(cell.source), cell.source
        text = "".join(
            str(one.get("text", "")) + str(one.get("data", {}).get("text/plain", ""))
            for one in cell.outputs
        )
        assert not absolute.search(text), text


def test_links_of_a_notebook_lead_somewhere(path: Path) -> None:
    for cell in cells(path, "markdown"):
        for target in re.findall(r"\]\(([^)#]+)", cell.source):
            assert target.startswith("https://") or (path.parent / target).exists(), target
