"""``baler train`` and ``baler compress --model auto``."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from .conftest import Baler, as_json

QUICK = ("-b", "*=abs 1e-3", "--steps", "120", "--hidden", "32", "--shapes", "2", "--device", "cpu")


@pytest.fixture
def pairs(tmp_path: Path) -> Path:
    """Return a file with two columns that nearly say the same."""
    torch = pytest.importorskip("torch")
    torch.set_num_threads(1)
    return write_pairs(tmp_path / "pairs.npz", 2000)


def write_pairs(path: Path, size: int) -> Path:
    random = np.random.default_rng(0)
    x = random.normal(size=size)
    y = x + 0.05 * random.normal(size=size)
    np.savez(path, x=x.astype(np.float32), y=y.astype(np.float32))
    return path


def test_a_table_says_what_came_of_it(pairs: Path, tmp_path: Path, baler: Baler) -> None:
    target = tmp_path / "pairs.balermodel"
    result = baler("train", pairs, "-o", target, *QUICK)
    head, _, row, held, freezing, last = [line for line in result.stdout.splitlines() if line]
    assert head.split()[:3] == ["collection", "objects", "columns"]
    assert row.split()[:3] == ["events", "304", "2"]
    assert row.split()[-1] == "yes"
    assert held.endswith(", in 304 events held out of 2,000;")
    assert freezing.startswith("freezing: ")
    assert last.startswith(f"{target}: ")
    assert "SHA-256" in last
    lines = result.stderr.splitlines()
    assert lines[-1].startswith("100 %  events: ")
    assert "bits per value held out" in lines[-1]
    assert "without a model" in lines[-1]

    packed = tmp_path / "pairs.baler"
    baler("compress", pairs, packed, "-b", "*=abs 1e-3", "--model", target)
    assert as_json(baler("verify", pairs, packed, "--json"))["ok"]


def test_json_is_all_that_is_printed(pairs: Path, tmp_path: Path, baler: Baler) -> None:
    target = tmp_path / "m"
    result = baler("train", pairs, "-o", target, *QUICK, "--json", "--quiet", "--seed", "3")
    assert result.stderr == ""
    found = as_json(result)
    assert found["model_bytes"] == target.stat().st_size
    (figures,) = found["figures"]
    assert figures["ratio"] == figures["marginal"] / figures["learned"]
    assert figures["kept"]
    assert found["steps"] == {"events": 120}


@pytest.mark.parametrize("name", ["a.root", "a.NPZ", "a.parquet", "a.baler", "-"])
def test_a_model_never_replaces_data(name: str, baler: Baler) -> None:
    assert "Invalid value for '-o'" in baler("train", "x.npz", "-o", name, "-f", code=2).stderr


def test_faulty_calls_are_explained(pairs: Path, tmp_path: Path, baler: Baler) -> None:
    target = tmp_path / "m"
    for options, message in (
        (("--columns", "xx"), "no column matches 'xx'; near names: 'x'"),
        (("--hidden", "40"), "a multiple of 32 hidden units"),
        (("--memory", "1 kB"), "at least 200 events in memory; 1 kB hold"),
        (("--memory", "much"), "cannot read 'much'"),
        (("--tree", "Events"), "is not a ROOT file"),
    ):
        result = baler("train", pairs, "-o", target, *QUICK, *options, code=2)
        assert message in result.stderr
        assert result.stdout == ""
    assert "Missing argument 'SOURCE...'" in baler("train", "-o", target, code=2).stderr
    target.write_text("mine")
    assert "--force replaces it" in baler("train", pairs, "-o", target, code=2).stderr
    assert target.read_text() == "mine"


def test_no_model_is_an_error_and_leaves_the_target(
    pairs: Path, tmp_path: Path, baler: Baler
) -> None:
    random = np.random.default_rng(0)
    np.savez(tmp_path / "noise.npz", x=random.integers(0, 1 << 16, 2000).astype(np.uint16))
    target = tmp_path / "m"
    target.write_text("mine")
    options = ("--steps", "3", "--hidden", "32", "--shapes", "2", "--force")
    result = baler("train", tmp_path / "noise.npz", "-o", target, *options, code=1)
    assert "no network makes held-out events 1 % smaller" in result.stderr
    (row,) = [line for line in result.stdout.splitlines() if line.startswith(" events")]
    assert row.split()[-1] == "no"
    assert target.read_text() == "mine"


def heed_interruptions() -> None:
    """Undo what a shell does to what it runs in the background."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def test_control_c_keeps_what_was_reached(pairs: Path, tmp_path: Path, baler: Baler) -> None:
    target = tmp_path / "m"
    call = [sys.executable, "-m", "baler.cli", "train", str(pairs), "-o", str(target)]
    options = ["-b", "*=abs 1e-3", "--hidden", "32", "--steps", "1000000", "--device", "cpu"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    with subprocess.Popen(
        [*call, *options],
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
        preexec_fn=heed_interruptions,
    ) as program:
        try:
            assert program.stderr is not None
            program.stderr.readline()  # the first look at held-out events
            time.sleep(0.1)
            program.send_signal(signal.SIGINT)
            _, told = program.communicate(timeout=60)
        finally:
            program.kill()
    assert program.returncode == 130
    assert f"interrupted; the same command goes on from {target}.partial" in told
    assert sorted(path.name for path in tmp_path.iterdir()) == ["m.partial", "pairs.npz"]


def test_a_model_can_be_made_for_the_file(tmp_path: Path, baler: Baler) -> None:
    pytest.importorskip("torch").set_num_threads(1)
    source, target = write_pairs(tmp_path / "pairs.npz", 1000), tmp_path / "a.baler"
    bound = ("-b", "*=abs 1e-3")
    result = baler("compress", source, target, *bound, "--model", "auto", "--json")
    (note,) = as_json(result)["notes"]
    assert note.startswith("--model auto: no model; ")
    assert f"note: {note}" in result.stderr
    assert as_json(baler("verify", source, target, "--json"))["ok"]


def test_options_of_models_that_do_not_go_together_are_refused(
    tmp_path: Path, baler: Baler
) -> None:
    source, target = write_pairs(tmp_path / "pairs.npz", 300), tmp_path / "a.baler"
    result = baler("compress", source, target, "--minutes", "1", code=2)
    assert "--minutes is for --model auto" in result.stderr
    result = baler("compress", source, target, "--model", "auto", "--reference-model", code=2)
    assert "--reference-model needs a FILE" in result.stderr
    assert not target.exists()
