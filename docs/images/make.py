"""Measure the example events, draw ``sizes.png``, and fill the table of the README.

    python docs/images/make.py          measure anew; three minutes
    python docs/images/make.py --draw   use the numbers in ``sizes.json`` again

Needs matplotlib and ``pip install '.[bench]'``, and runs from anywhere. It belongs before a
release, on a machine that is idle.
"""

from __future__ import annotations

import json
import platform
import re
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
NUMBERS, PICTURE, README = HERE / "sizes.json", HERE / "sizes.png", ROOT / "README.md"
PEERS = (
    "pcodec 12", "openzl 9", "zstd-19", "xz-9",
    "bins + pcodec 12", "SZ3", "mantissa + LZMA-9",
    "TTree *", "RNTuple *",
)  # fmt: skip

BARS = (  # bounds, row of the benchmark, label
    ("exact", "TTree zstd-5, exact", "ROOT TTree, zstd"),
    ("exact", "TTree LZMA-9, exact", "ROOT TTree, LZMA"),
    ("exact", "baler, exact", "baler"),
    ("bounded", "TTree zstd-5, rounded", "ROOT TTree, zstd"),
    ("bounded", "TTree LZMA-9, rounded", "ROOT TTree, LZMA"),
    ("bounded", "baler, bounded", "baler"),
)
TITLES = {
    "exact": "Bit for bit",
    "bounded": "To the precision of NanoAOD (ROOT: mantissas rounded)",
}
OURS, OTHERS, TEXT = "#0072B2", "#B8BCC2", "#222222"


def measure() -> dict[str, Any]:
    """Return sizes of ourselves and of others, and the best speeds of three times."""
    runs = [_measure() for _ in range(3)]
    rows = runs[0]
    for name, row in rows.items():
        for speed in ("encode MB/s", "decode MB/s"):
            row[speed] = round(max(run[name][speed] for run in runs), 1)
    return {"machine": _machine(), "rows": rows}


def _measure() -> dict[str, dict[str, Any]]:
    from baler.evaluate import ours
    from baler.planning import Policy

    result = ours.measure(
        ROOT / "examples" / "events.root",
        Policy.load(ROOT / "examples" / "nano.toml"),
        ours.select(PEERS),
    )
    if result.skipped or not all(row.verified for row in result.peers):
        raise SystemExit(f"a peer is missing ({dict(result.skipped)}) or not within its bounds")
    return {
        row.peer: {
            "bounds": row.kind,
            "original": row.original,
            "compressed": row.compressed,
            "encode MB/s": row.encode_speed,
            "decode MB/s": row.decode_speed,
        }
        for row in result.peers
    }


def _machine() -> str:
    cpu = Path("/proc/cpuinfo")
    found = re.search(r"model name\s*: (.+)", cpu.read_text()) if cpu.exists() else None
    name = found[1].strip() if found else platform.processor()
    return f"{name}, {platform.system()}, Python {platform.python_version()}"


def draw(numbers: dict[str, Any]) -> None:
    """Draw the sizes as bars: exact ones above, bounded ones below."""
    import matplotlib as mpl
    from matplotlib import pyplot as plt

    mpl.rcParams.update({"font.family": "DejaVu Sans", "font.size": 10, "text.color": TEXT})
    figure, axes = plt.subplots(2, 1, figsize=(7.2, 3.3), sharex=True, facecolor="white")
    for axis, (kind, title) in zip(axes, TITLES.items(), strict=True):
        bars = [(row, label) for bounds, row, label in BARS if bounds == kind]
        for at, (row, label) in enumerate(bars):
            found = numbers["rows"][row]
            size, ratio = found["compressed"] / 1e6, found["original"] / found["compressed"]
            own = label == "baler"
            weight = "bold" if own else "normal"
            axis.barh(at, size, 0.72, color=OURS if own else OTHERS)
            axis.text(-0.03, at, label, ha="right", va="center", weight=weight)
            said = f"{size:.2f} MB, ratio {ratio:.1f}"
            axis.text(size + 0.03, at, said, va="center", weight=weight)
        axis.set_title(title, loc="left", fontsize=10, x=0, color=TEXT, pad=4)
        axis.set_ylim(len(bars) - 0.5, -0.5)
        axis.set_xlim(0, 3.9)
        axis.axis("off")
    figure.subplots_adjust(left=0.2, right=0.995, top=0.92, bottom=0.02, hspace=0.3)
    figure.savefig(PICTURE, dpi=160, metadata={"Software": None})


def table(numbers: dict[str, Any]) -> str:
    """Return the rows as a table in Markdown, the smallest of each kind first."""
    rows = sorted(
        numbers["rows"].items(),
        key=lambda item: (item[1]["bounds"] != "exact", item[1]["compressed"]),
    )
    lines = [
        "| | bounds | bytes | ratio | encode MB/s | decode MB/s |",
        "|---|---|---:|---:|---:|---:|",
    ]
    for name, row in rows:
        shown = f"**{name}**" if name.startswith("baler") else name
        ratio = row["original"] / row["compressed"]
        lines.append(
            f"| {shown} | {row['bounds']} | {row['compressed']:,} | {ratio:.2f} | "
            f"{_speed(row['encode MB/s'])} | {_speed(row['decode MB/s'])} |"
        )
    lines += [
        "",
        f"Machine: {numbers['machine']}; MB of column data per CPU second, the best of three runs.",
    ]
    return "\n".join(lines)


def _speed(speed: float) -> str:
    return f"{speed:.0f}" if speed >= 9.95 else f"{speed:.1f}"


def filled(readme: str, numbers: dict[str, Any]) -> str:
    """Return the README with the table between its marks."""
    new = f"<!-- table -->\n{table(numbers)}\n<!-- end of table -->"
    return re.sub(r"<!-- table -->.*<!-- end of table -->", lambda _: new, readme, flags=re.DOTALL)


def main() -> None:
    """Measure, unless told not to; draw; fill the table."""
    if "--draw" not in sys.argv:
        NUMBERS.write_text(json.dumps(measure(), indent=1) + "\n", encoding="utf-8")
    numbers = json.loads(NUMBERS.read_text(encoding="utf-8"))
    draw(numbers)
    README.write_text(filled(README.read_text(encoding="utf-8"), numbers), encoding="utf-8")


if __name__ == "__main__":
    main()
