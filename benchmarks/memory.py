"""Peak memory of compressing, iterating over and decompressing a file of several GB.

The file is made here, of the events of a smaller file over and over, as a TTree written by uproot;
it and everything else is removed afterwards. Each step runs in a process of its own, whose largest
resident set the system reports.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import record

LIMIT_GB = 2.0
"""What no step may take, whatever the size of the file."""


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--policy", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--gigabytes", type=click.FloatRange(min=0, min_open=True), default=3.0, show_default=True,
    help="Column data (1e9 bytes) of the file that is made.",
)  # fmt: skip
@click.option("--chunk-sizes", default="64 MB,256 MB", show_default=True, help="With commas.")
@click.option("--jobs", type=click.IntRange(min=1), default=2, show_default=True)
@click.option("--verify/--no-verify", default=False, help="Verify as well, which takes long.")
@click.option(
    "--scratch", type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Where there is room for twice the size; by default the system's temporary folder.",
)  # fmt: skip
@click.option("--out", type=click.Path(path_type=Path), help="Result file, if not the usual one.")
@click.option("--child", hidden=True, help="A step, in the process that is measured.")
def main(
    file: Path,
    policy: Path | None,
    gigabytes: float,
    chunk_sizes: str,
    jobs: int,
    verify: bool,
    scratch: Path | None,
    out: Path | None,
    child: str | None,
) -> None:
    """Make a large file of FILE, and take it through all steps."""
    if child is not None:
        step, *words = child.split("\n")
        STEPS[step](file, *words)
        return
    rows = []
    with tempfile.TemporaryDirectory(dir=scratch, prefix="baler-memory-") as name:
        folder = Path(name)
        large, small, again = folder / "large.root", folder / "large.baler", folder / "again.root"
        rows.append(measure("import", file, []))
        rows.append(measure("make", file, [str(large), repr(gigabytes)]))
        made = {"root_bytes": large.stat().st_size}
        for chunk_size in chunk_sizes.split(","):
            size = chunk_size.strip()
            common = {"chunk_size": size, "jobs": jobs}
            asked = "" if policy is None else str(policy)
            words = [str(small), size, str(jobs), asked]
            rows.append({**measure("compress", large, words), **common})
            rows[-1]["bytes"] = small.stat().st_size
            rows.append({**measure("iterate", small, [str(jobs)]), **common})
            rows.append({**measure("decompress", small, [str(again), str(jobs)]), **common})
            rows[-1]["bytes"] = again.stat().st_size
            if verify:
                rows.append({**measure("verify", large, [str(small), str(jobs)]), **common})
            small.unlink()
            again.unlink()
    over = [row for row in rows if row["step"] != "make" and row["peak_gb"] >= LIMIT_GB]
    record.save(
        "memory",
        rows,
        [file],
        out=out,
        policy=None if policy is None else {"name": policy.name},
        gigabytes=gigabytes,
        limit_gb=LIMIT_GB,
        within_limit=not over,
        **made,
    )


def measure(step: str, file: Path, words: list[str]) -> dict[str, Any]:
    """Run a step in a process of its own; return its time and its largest resident set."""
    start = time.perf_counter()
    command = [sys.executable, __file__, str(file), "--child", "\n".join([step, *words])]
    process = subprocess.Popen(command)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    peak = usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024) / 1e9
    row = {
        "step": step,
        "peak_gb": peak,
        "seconds": time.perf_counter() - start,
        "cpu_seconds": usage.ru_utime + usage.ru_stime,
        "exit": process.returncode,
    }
    click.echo(f"{step:10} {peak:6.3f} GB, {row['seconds']:.0f} s, {words[1:]}")
    if process.returncode:
        raise click.ClickException(f"{step} ended with {process.returncode}")
    return row


def make(file: Path, target: str, gigabytes: str) -> None:
    """Write the events of a file over and over, until there are so many GB of columns."""
    from baler.io import create_sink, open_source

    with open_source(file, skip_unreadable=True) as source:
        chunks = list(source.chunks(64_000_000))
        schema = source.schema
    left = float(gigabytes) * 1e9
    with create_sink(target, schema) as sink:
        while left > 0:
            for chunk in chunks:
                sink.write(chunk)
                left -= chunk.nbytes


def compress(file: Path, target: str, chunk_size: str, jobs: str, policy: str) -> None:
    """Compress."""
    import baler

    baler.compress(file, target, policy=policy or None, chunk_size=chunk_size, jobs=int(jobs))


def iterate(file: Path, jobs: str) -> None:
    """Look at all values once, in steps of the usual size."""
    import baler

    with baler.open(file, jobs=int(jobs)) as events:
        for _ in events.iterate():
            pass


def decompress(file: Path, target: str, jobs: str) -> None:
    """Decompress to a ROOT file."""
    import baler

    baler.decompress(file, target, jobs=int(jobs))


def verify_(original: Path, file: str, jobs: str) -> None:
    """Verify, and fail if anything is wrong."""
    import baler

    if not baler.verify(original, file, jobs=int(jobs)).ok:
        raise click.ClickException("the file is not verified")


def only_import(file: Path) -> None:
    """Import everything and do nothing: what any step takes at least."""
    from baler.io.root import open_root

    open_root(str(file)).__exit__(None, None, None)


STEPS: dict[str, Callable[..., None]] = {
    "import": only_import,
    "make": make,
    "compress": compress,
    "iterate": iterate,
    "decompress": decompress,
    "verify": verify_,
}


if __name__ == "__main__":
    main()
