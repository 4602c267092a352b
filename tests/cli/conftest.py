"""Small ROOT files, and the program to try on them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import pytest
import uproot
from click.testing import CliRunner, Result

from baler.cli.commands import cli

JETS = "var * float32"
Baler = Callable[..., Result]


@pytest.fixture
def baler() -> Baler:
    """Return a function that runs the program and tells its exit code and what it printed."""

    def run(*arguments: str | Path, code: int = 0) -> Result:
        result = CliRunner().invoke(cli, [str(argument) for argument in arguments])
        assert result.exit_code == code, result.output
        return result

    return run


def as_json(result: Result) -> Any:
    """Return what was printed on standard output, which has to be JSON and nothing else."""
    return json.loads(result.stdout)


def write_events(path: Path, seed: int = 1, tree: str = "Events", entries: int = 200) -> Path:
    """Write a tree of scalars and of jets; the seed decides their values, not their numbers."""
    random = np.random.default_rng(seed)
    counts = np.random.default_rng(0).integers(0, 5, entries)
    jets = int(counts.sum())
    with uproot.update(path) if path.exists() else uproot.recreate(path) as file:
        file.mktree(
            tree,
            {"run": "uint32", "MET_pt": "float32", "Jet_pt": JETS, "Jet_phi": JETS},
            counter_name=lambda name: "nJet",
        ).extend(
            {
                "run": np.arange(entries, dtype=np.uint32),
                "MET_pt": random.exponential(40, entries).astype(np.float32),
                "nJet": counts.astype(np.int32),
                "Jet_pt": ak.unflatten(random.exponential(50, jets).astype(np.float32), counts),
                "Jet_phi": ak.unflatten(random.uniform(-3, 3, jets).astype(np.float32), counts),
            }
        )  # fmt: skip
    return path


@pytest.fixture
def events(tmp_path: Path) -> Path:
    """Return a ROOT file with one tree."""
    return write_events(tmp_path / "events.root")


@pytest.fixture
def packed(events: Path, baler: Baler) -> Path:
    """Return the events as a .baler file, with a bound on jets."""
    path = events.with_suffix(".baler")
    baler("compress", events, path, "-b", "Jet_*=rel 2^-9", "-q")
    return path
