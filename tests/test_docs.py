"""The documentation runs: every block of code, page by page, top to bottom, as a reader would.

What is done with a fenced block depends on its language:

* ``python``: run; all blocks of a page share their names;
* ``pycon``: run as a doctest, outputs compared (``...`` stands for anything);
* ``console``: the lines after ``$`` are run. What they print is not compared, except errors: a
  command that is shown with ``Error: ...`` must fail with these words, all others must succeed;
* ``toml``: written to the file that its first line, a comment, names.

Blocks and commands with a URL are not run, nor are make and pip.
"""

from __future__ import annotations

import doctest
import json
import os
import re
import runpy
import shlex
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from baler.cli.commands import cli

ROOT = Path(__file__).parent.parent
PAGES = (ROOT / "README.md", *sorted((ROOT / "docs" / "guide").glob("*.md")))
ALL_PAGES = (*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"))
NOT_RUN = ("make", "pip", "git", "python")


@dataclass(frozen=True)
class Block:
    """A fenced block of a page."""

    language: str
    text: str
    line: int  # of its first line


def blocks(page: Path) -> list[Block]:
    text = page.read_text(encoding="utf-8")
    found = re.finditer(r"^```(\w+)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    return [Block(m[1], m[2], text.count("\n", 0, m.start(2)) + 1) for m in found]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder with the example files, in which ``baler`` is a command."""
    for name in ("events.root", "nano.toml"):
        (tmp_path / "examples").mkdir(exist_ok=True)
        shutil.copy(ROOT / "examples" / name, tmp_path / "examples")
        shutil.copy(ROOT / "examples" / name, tmp_path)
    commands = tmp_path / "bin"
    commands.mkdir()
    command = commands / "baler"
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m baler.cli "$@"\n', encoding="utf-8")
    command.chmod(0o755)
    monkeypatch.setenv("PATH", f"{commands}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.skipif(os.name != "posix", reason="the shell blocks are written for sh")
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_page_runs(page: Path, folder: Path) -> None:
    if "parquet" in page.name or ".parquet" in page.read_text(encoding="utf-8"):
        pytest.importorskip("pyarrow")
    if page.name == "simulate.md":
        pytest.importorskip("pythia8mc")
        pytest.importorskip("fastjet")
    names: dict[str, Any] = {"__name__": page.stem}
    for block in blocks(page):
        match block.language:
            case "python" if "://" not in block.text:
                run_python(block, page, names)
            case "pycon":
                run_doctest(block, page, names)
            case "console":
                run_console(block, page)
            case "toml" if target := re.match(r"# (\w+\.toml)\n", block.text):
                (folder / target[1]).write_text(block.text, encoding="utf-8")


def run_python(block: Block, page: Path, names: dict[str, Any]) -> None:
    padded = "\n" * (block.line - 1) + block.text  # errors then tell lines of the page
    exec(compile(padded, str(page), "exec"), names)


def run_doctest(block: Block, page: Path, names: dict[str, Any]) -> None:
    flags = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
    test = doctest.DocTestParser().get_doctest(
        block.text, names, page.name, str(page), block.line - 1
    )
    report: list[str] = []
    result = doctest.DocTestRunner(optionflags=flags).run(
        test, out=report.append, clear_globs=False
    )
    names.update(test.globs)
    assert not result.failed, "".join(report)


def run_console(block: Block, page: Path) -> None:
    line = block.line
    for part in re.split(r"^\$ ", block.text, flags=re.MULTILINE)[1:]:
        command, _, shown = part.replace("\\\n", " ").partition("\n")
        where = f"{page.name}:{line}: {command}"
        line += part.count("\n")
        if Path(command.split()[0]).name in NOT_RUN or "://" in command:
            continue
        code, said = run_command(command)
        expected = re.search(r"^Error: .*", shown, re.MULTILINE)
        if expected is None:
            assert code == 0, f"{where}\n{said}"
        else:
            assert code != 0, f"{where}\nshould have failed"
            assert expected[0] in said, f"{where}\n{said}"


def run_command(command: str) -> tuple[int, str]:
    """Return exit code and output; what needs no shell saves the start of a process."""
    words = shlex.split(command)
    if words[0] == "baler" and not {"&&", "|", ">", ";"} & set(words):
        result = CliRunner().invoke(cli, words[1:], prog_name="baler")
        return result.exit_code, result.output
    done = subprocess.run(command, shell=True, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize("page", ALL_PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    text = re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.M | re.S)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if "://" in target or target.startswith("mailto:"):
            continue
        path, _, anchor = target.partition("#")
        linked = (page.parent / path).resolve() if path else page
        assert linked.exists(), f"{page.name} links to {target}"
        if anchor:
            assert anchor in anchors(linked), f"{page.name} links to {target}"


def anchors(page: Path) -> set[str]:
    """Return what GitHub makes of headings."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_the_page_on_the_command_line_is_up_to_date() -> None:
    script = runpy.run_path(str(ROOT / "docs" / "make_cli.py"))
    written = (ROOT / "docs" / "cli.md").read_text(encoding="utf-8")
    assert written == script["page"](), "run: python docs/make_cli.py"


def test_the_table_of_the_readme_is_what_was_measured() -> None:
    script = runpy.run_path(str(ROOT / "docs" / "images" / "make.py"))
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    numbers = json.loads(script["NUMBERS"].read_text(encoding="utf-8"))
    assert readme == script["filled"](readme, numbers), "run: python docs/images/make.py --draw"
