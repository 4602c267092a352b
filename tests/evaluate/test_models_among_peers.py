"""Files with a learned model among those of peers."""

from __future__ import annotations

from pathlib import Path

from baler.core.chunk import join_chunks
from baler.evaluate import ours
from baler.io import create_sink
from baler.planning import Policy
from tests import fitted_model as fitted


def test_a_model_makes_two_rows(tmp_path: Path) -> None:
    source = tmp_path / "events.root"
    with create_sink(source, fitted.SCHEMA) as sink:
        sink.write(join_chunks([fitted.events(600, seed=5)]))
    peers = ours.select(["bins + pcodec 8"])
    result = ours.measure(source, Policy.of(fitted.BOUNDS), peers, model=fitted.model())
    rows = {row.peer: row for row in result.peers}
    plain, apart, inside = (
        rows[f"baler, {name}"] for name in ("bounded", "model elsewhere", "model inside")
    )
    assert plain.verified
    assert apart.verified
    assert inside.verified
    assert apart.compressed < inside.compressed < plain.compressed
    assert inside.compressed - apart.compressed <= len(fitted.model().pack()) + 500
