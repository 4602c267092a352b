"""What is taken of files: all that there is room for, and nothing that does not fit together."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from baler.errors import UsageError
from baler.training.sample import HELD_OUT, sample_of


def written(path: Path, **columns: np.ndarray) -> Path:
    np.savez(path, **columns)
    return path


def test_events_everywhere_are_held_out_of_every_source(tmp_path: Path) -> None:
    a = written(tmp_path / "a.npz", x=np.arange(1600))
    b = written(tmp_path / "b.npz", x=np.arange(5000, 5400))
    sample = sample_of([a, b], 1 << 20)
    assert sample.sources == ("a.npz", "b.npz")
    held = sample.held_out.columns["x"].tolist()
    assert held[: 16 * 15] == [i for i in range(1600) if i % 100 >= 85]
    assert held[16 * 15 :] == [i for i in range(5000, 5400) if (i - 5000) % 25 >= 21]
    both = sorted(held + sample.trained.columns["x"].tolist())
    assert both == [*range(1600), *range(5000, 5400)]
    assert sample.entries == 2000
    assert not sample.notes


def test_of_a_large_source_events_everywhere_are_taken(tmp_path: Path) -> None:
    source = written(tmp_path / "a.npz", x=np.arange(1 << 18))
    sample = sample_of([source], 1 << 19)
    trained, held = sample.trained.columns["x"], sample.held_out.columns["x"]
    assert trained.nbytes + held.nbytes <= 1 << 19
    assert trained.size + held.size >= 1 << 14
    assert held.size / (trained.size + held.size) == pytest.approx(HELD_OUT, abs=0.01)
    for part in (trained, held):
        assert part.min() < 1 << 16
        assert part.max() > 3 << 16
    assert not set(trained.tolist()) & set(held.tolist())
    (note,) = sample.notes
    assert "of 262,144 events were used" in note


def test_memory_for_too_few_events_is_refused(tmp_path: Path) -> None:
    source = written(tmp_path / "a.npz", x=np.arange(100_000))
    with pytest.raises(UsageError, match=r"at least 200 events in memory; 800 B hold 100"):
        sample_of([source], 800)


def test_too_few_events_are_refused(tmp_path: Path) -> None:
    source = written(tmp_path / "a.npz", x=np.arange(199))
    with pytest.raises(UsageError, match="at least 200 events, got 199"):
        sample_of([source], 1 << 20)
    with pytest.raises(UsageError, match="no source is given"):
        sample_of([], 1 << 20)


def test_sources_with_other_columns_are_refused_and_it_is_said_which(tmp_path: Path) -> None:
    x = np.arange(300)
    a = written(tmp_path / "a.npz", x=x, y=x, z=x, w=x, v=np.zeros((300, 2)))
    b = written(tmp_path / "b.npz", x=x, y=x.astype(np.float32), u=x, t=x, v=np.zeros((300, 3)))
    with pytest.raises(UsageError) as caught:
        sample_of([a, b], 1 << 20)
    message = str(caught.value)
    assert "b.npz does not have the columns of" in message
    for part in (
        "lacks 'z', 'w'",
        "has 'u', 't' besides",
        "has other dtypes in 'y' (float32, not int64)",
        "has other lengths in 'v'",
    ):
        assert part in message
