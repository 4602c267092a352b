"""What every result file says: commit, date, machine, versions, command, data, rows."""

from __future__ import annotations

import datetime
import hashlib
import importlib.metadata
import json
import math
import os
import platform
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import click

HERE = Path(__file__).parent
RESULTS = HERE / "results"
PACKAGES = (
    "numpy", "awkward", "uproot", "pcodec", "zstandard", "openzl", "pysz", "hdf5plugin", "h5py",
    "zfpy",
)  # fmt: skip

Row = Mapping[str, Any]


def save(
    name: str,
    rows: Sequence[Row],
    data: Iterable[Path],
    *,
    out: Path | None = None,
    **more: Any,
) -> Path:
    """Write ``results/NAME.json`` and return where it is; no path of this machine is in it."""
    command = [f"benchmarks/{Path(sys.argv[0]).name}", *map(_without_folders, sys.argv[1:])]
    result = {
        "benchmark": Path(sys.argv[0]).stem,
        "command": " ".join(command),
        **started(),
        "machine": machine(),
        "versions": versions(),
        "data": {path.name: identity(path) for path in data},
        **more,
        "rows": list(rows),
    }
    target = out or RESULTS / f"{name}.json"
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(json.dumps(plain(result), indent=1, ensure_ascii=False) + "\n", "utf-8")
    click.echo(f"wrote {target.name}", err=True)
    return target


def load(path: Path) -> dict[str, Any]:
    """Return a result file."""
    document: dict[str, Any] = json.loads(path.read_text("utf-8"))
    return document


def commit() -> dict[str, Any]:
    """Return the commit that is measured, and whether the package differs from it."""
    folder = HERE.parent
    try:
        head = _git(folder, "rev-parse", "--short=12", "HEAD")
        changed = _git(folder, "status", "--porcelain", "--untracked-files=no", "--", "src")
    except (OSError, subprocess.CalledProcessError):
        return {"commit": "unknown", "changed": []}
    return {"commit": head, "changed": [line[2:].strip() for line in changed.splitlines()]}


def _git(folder: Path, *words: str) -> str:
    done = subprocess.run(["git", *words], cwd=folder, capture_output=True, text=True, check=True)
    return done.stdout.rstrip("\n")


def started() -> dict[str, Any]:
    """Return the commit that this program started from, and the time now."""
    now = datetime.datetime.now(datetime.UTC)
    return {**_STARTED_FROM, "date": now.strftime("%Y-%m-%d %H:%M UTC")}


_STARTED_FROM = commit()  # when the code is loaded: a long run may see later commits


def machine() -> dict[str, Any]:
    """Return the model of the processor, the cores this process may use, memory and system."""
    pinned = hasattr(os, "sched_getaffinity")
    return {
        "cpu": _cpu(),
        "cores": len(os.sched_getaffinity(0)) if pinned else os.cpu_count(),
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        "system": f"{platform.system()} {platform.machine()}",
    }


def _cpu() -> str:
    known: dict[str, str] = {}
    try:
        for line in Path("/proc/cpuinfo").read_text("utf-8").splitlines():
            key, _, value = line.partition(":")
            known.setdefault(key.strip(), value.strip())
    except OSError:
        return platform.processor() or platform.machine()
    name = known.get("model name", platform.machine())
    family, model = known.get("cpu family"), known.get("model")
    return f"{name} (family {family}, model {model})" if family and model else name


def versions() -> dict[str, str]:
    """Return the version of Python, and those of packages that are installed."""
    found = {name: importlib.metadata.version(name) for name in PACKAGES if _installed(name)}
    return {"python": platform.python_version(), **found}


def _installed(name: str) -> bool:
    try:
        importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return False
    return True


def identity(path: Path) -> dict[str, Any]:
    """Return the size and the SHA-256 of a file."""
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return {"bytes": path.stat().st_size, "sha256": digest}


def plain(value: Any) -> Any:
    """Return plain JSON; numbers that are not finite become strings, long ones are rounded."""
    match value:
        case bool() | int() | str() | None:
            return value
        case float():
            return float(f"{value:.6g}") if math.isfinite(value) else str(value)
        case Mapping():
            return {str(key): plain(item) for key, item in value.items()}
        case list() | tuple() | set() | frozenset():
            return [plain(item) for item in value]
    raise TypeError(f"{type(value).__name__} is not plain JSON")


def _without_folders(word: str) -> str:
    """Return a word of the command with the last part of any path in it."""
    path = Path(word)
    if path.is_dir():
        return path.resolve().name or "."
    return path.name if len(path.parts) > 1 else word


def files_in(folder: Path, suffixes: Iterable[str]) -> list[Path]:
    """Return all files in a folder and below that have any of the suffixes, by name."""
    wanted = tuple(suffixes)
    found = [path for path in folder.rglob("*") if path.suffix in wanted and path.is_file()]
    if not found:
        raise click.ClickException(f"there are no {' or '.join(wanted)} files in {folder}")
    return sorted(found, key=lambda path: (path.name.lower(), path.name))
