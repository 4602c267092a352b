"""``baler sensitivity``."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

pytest.importorskip("hist")
pytest.importorskip("matplotlib")

from .conftest import Baler

EXAMPLE = Path(__file__).parents[2] / "examples" / "events.root"
ASKED = ("sensitivity", EXAMPLE, "--signal", EXAMPLE, "--codecs", "baler", "--replicas", 8)


def test_a_trigger_ends_in_a_table_a_result_and_plots(baler: Baler, tmp_path: Path) -> None:
    folder = tmp_path / "found"
    shown = baler(*ASKED, "--rate", 100, "--bandwidth", "1 kB/s,1 GB/s", "-o", folder).stdout
    assert "best policy" in shown
    assert {one.name for one in folder.iterdir()} == {
        "result.json", "significance.png", "significance.pdf", "limit.png", "limit.pdf",
    }  # fmt: skip
    found = json.loads((folder / "result.json").read_text("utf-8"))
    (treated,), curves = found["treated"], {one["treatment"]: one for one in found["curves"]}
    place = found["budgets"].index(1000)
    kept = 1000 / (100 * treated["bytes_per_event"])
    assert curves["baler"]["kept"][place] == pytest.approx(kept, rel=1e-4)
    assert curves["baler"]["kept"][-1] == 1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "as --rate or --luminosity, not both"),
        (("--rate", 1, "--luminosity", 1e34), "as --rate or --luminosity, not both"),
        (("--disk", "1 TB"), "a disk has --disk and --events"),
        (("--disk", "1 TB", "--events", 9, "--rate", 1), "a disk has --disk and --events"),
        (("--rate", 1, "-a", "dimuon"), "dimuon is no search; dijet is one"),
        (("--rate", 1, "-a", "nothing"), "there is no analysis 'nothing'"),
        (("--rate", 1, "--bandwidth", "fast"), "fast"),
        (("--rate", 1, "--codecs", "zip"), "no codec matches 'zip'"),
    ],
)
def test_faulty_calls_say_what_is_wrong(
    baler: Baler, tmp_path: Path, arguments: tuple[str | float, ...], said: str
) -> None:
    assert said in baler(*ASKED, *arguments, "-o", tmp_path / "found", code=2).stderr
    assert not (tmp_path / "found").exists()
