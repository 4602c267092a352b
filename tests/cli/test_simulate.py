"""``baler simulate``."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from baler.cli import simulate as command

from .conftest import Baler

FEW = ("-n", "4", "--pileup", "0", "-j", "1")


@pytest.fixture
def generator() -> None:
    """Skip the test unless there is a generator."""
    pytest.importorskip("pythia8mc")
    pytest.importorskip("fastjet")


@pytest.mark.usefixtures("generator")
def test_a_table_says_what_was_simulated(tmp_path: Path, baler: Baler) -> None:
    target = tmp_path / "z.root"
    result = baler("simulate", target, "-p", "zmumu", *FEW)
    head, _, row, last = [line for line in result.stdout.splitlines() if line]
    assert head.split() == ["process", "run", "events", "effective", "cross-section", "(pb)"]
    assert row.split()[:4] == ["zmumu", "4", "4", "4"]
    assert last.startswith(f"{target}: 4 events, ")
    assert last.endswith(" events per second")
    assert baler("simulate", target, *FEW, code=2).stderr.startswith("Error: ")
    assert baler("simulate", target, *FEW, "-f", "-q").output == ""


@pytest.mark.usefixtures("generator")
def test_json_is_all_that_is_printed_even_by_libraries(tmp_path: Path) -> None:
    target = tmp_path / "q.root"
    arguments = ["simulate", str(target), *FEW, "--json", "-q"]
    done = subprocess.run(
        [sys.executable, "-m", "baler.cli", *arguments], capture_output=True, check=True
    )
    found = json.loads(done.stdout)
    assert done.stderr == b""
    assert found["bytes"] == target.stat().st_size
    (share,) = found["shares"]
    assert (share["process"], share["run"], share["events"]) == ("qcd", 1, 4)


@pytest.mark.usefixtures("generator")
def test_finished_parts_are_told_of(
    tmp_path: Path, baler: Baler, monkeypatch: pytest.MonkeyPatch
) -> None:
    from baler.physics import simulate

    def interrupted(target: str, *arguments: object, **options: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(simulate, "simulate", interrupted)
    target = tmp_path / "z.root"
    assert "nothing was left behind" in baler("simulate", target, *FEW, code=130).stderr
    (tmp_path / "z.root.partial").mkdir()
    said = baler("simulate", target, *FEW, code=130).stderr
    assert said == f"interrupted; the same command goes on from {target}.partial\n"


@pytest.mark.usefixtures("generator")
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("-p", "zprime", "--mass", "5"), "mass lies between 10 and 13000 GeV, not at 5"),
        (("--mass", "500"), "mass is a setting of zprime; the processes are qcd"),
        (("--set", "HardQCD: all"), "'HardQCD: all' is no setting of Pythia"),
        (("--set", "HardQCD:most = on"), "Pythia does not know the setting 'HardQCD:most = on'"),
        (("-p", "qcd", "-p", "zee", "-n", "1"), "2 processes need at least as many events, not 1"),
        (("-p", "higgs"), "'higgs' is not one of 'qcd', 'ttbar', 'zprime', 'zmumu', 'zee'"),
        (("--pileup", "100"), "100.0 is not in the range 0<=x<=80"),
    ],
)
def test_faulty_calls_are_explained(
    arguments: tuple[str, ...], message: str, tmp_path: Path, baler: Baler
) -> None:
    target = tmp_path / "a.root"
    assert message in baler("simulate", target, *arguments, code=2).stderr
    assert not list(tmp_path.iterdir())


def test_the_target_is_a_root_file(tmp_path: Path, baler: Baler) -> None:
    said = baler("simulate", tmp_path / "a.parquet", code=2).stderr
    assert "a.parquet' does not end in .root" in said


def test_missing_packages_are_named(
    tmp_path: Path, baler: Baler, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    said = baler("simulate", tmp_path / "a.root", code=2).stderr
    assert "needs Pythia 8 and FastJet, under the GNU GPL; pip install 'baler[physics]'" in said


def test_the_processes_are_those_that_there_are() -> None:
    from baler.physics.simulate import PROCESSES

    assert tuple(PROCESSES) == command.PROCESSES
    assert [process.number for process in PROCESSES.values()] == [1, 2, 3, 4, 5]


@pytest.mark.parametrize(
    ("value", "uncertainty", "text"),
    [
        (1280862.4, 21448.2, "1,280,862 ± 21,448"),
        (1331.18, 140.8, "1,331 ± 141"),
        (1.1961, 0.1464, "1.20 ± 0.15"),
        (0.03189, 0.00096, "0.03189 ± 0.00096"),
        (1.23e-9, 4.5e-11, "1.23e-09 ± 4.5e-11"),
        (3.0, 0.0, "3 ± 0"),
    ],
)
def test_a_value_has_the_digits_of_its_uncertainty(
    value: float, uncertainty: float, text: str
) -> None:
    assert command.measured(value, uncertainty) == text
