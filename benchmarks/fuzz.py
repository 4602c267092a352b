"""Damaged files, made without end: only our own exceptions may come of them.

Small .baler files are damaged at random: bits flipped, runs of bytes cut, moved, repeated or taken
from another file, numbers replaced by extreme ones, the end cut off. Half of the cases are damaged
as they are, and checksums catch nearly all of them; in the others the damage is done below the
checksums (to the index, or to a payload), and index, sizes and checksums are made right again, so
that it reaches what lies deeper. Every case runs in a child process with limits on memory and
time. Whatever is neither decoded nor refused with a FormatError is printed with the command that
repeats it, and so is a change that checksums should have caught and that was decoded.
"""

from __future__ import annotations

import dataclasses
import hashlib
import itertools
import os
import random
import re
import resource
import selectors
import subprocess
import sys
import tempfile
import time
import traceback
import zlib
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO, Any

import click
import numpy as np
import record

import baler
from baler.api import CompressedFile
from baler.container import Reader, Writer
from baler.container.blocks import pack_block, unpack_block
from baler.container.index import Index, pack_index, unpack_index
from baler.container.layout import HEADER_SIZE, TAIL_SIZE, check_header, pack_tail
from baler.container.parts import pack_part, unpack_part
from baler.core.bytes import ByteReader, varint
from baler.core.recipe import Group
from baler.errors import FormatError

EXTREMES = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 2**31 - 1, 2**32 - 1, 2**63 - 1, 2**64 - 1)
UNDER_CHECKSUMS = ("bytes", "cut")
"""Kinds of damage that leave checksums as they were, so that all of it has to be noticed."""

MODEL_HEAD = 13
"""Bytes of a model before its body: the last four are its checksum."""

EVENTS = record.HERE.parent / "examples" / "events.root"
LEARNED = record.HERE.parent / "tests" / "golden" / "v2"
"""Files with models: nobody trains one anew for this."""


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--minutes", type=click.FloatRange(min=0, min_open=True), default=3, show_default=True
)
@click.option("--seed", type=int, default=1, show_default=True)
@click.option("--seconds-per-case", default=20.0, show_default=True)
@click.option(
    "--gigabytes", default=3.0, show_default=True, help="Memory that a child may address."
)
@click.option("--case", type=int, help="Run one case only, and show what happens.")
@click.option("--out", type=click.Path(path_type=Path), help="Result file, if not the usual one.")
@click.option("--child", type=int, hidden=True, help="Run cases from this one on, for the parent.")
@click.option("--seeds", type=click.Path(path_type=Path), hidden=True, help="Where the files are.")
def main(
    minutes: float,
    seed: int,
    seconds_per_case: float,
    gigabytes: float,
    case: int | None,
    out: Path | None,
    child: int | None,
    seeds: Path | None,
) -> None:
    """Damage small files in many ways for some minutes, and count what comes of it."""
    if child is not None and seeds is not None:
        _child(child, seed, seeds, gigabytes)
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make_files(folder)
        if case is not None:
            _show(case, seed, load_files(folder), gigabytes)
            return
        counts, findings, seconds = _run(folder, minutes, seed, seconds_per_case, gigabytes)
    for kind, count in counts.most_common():
        click.echo(f"{count:8} {kind}")
    rows = [{"outcome": kind, "cases": count} for kind, count in counts.most_common()]
    record.save(
        "fuzz",
        rows,
        [EVENTS],
        out=out,
        cases=sum(counts.values()),
        seed=seed,
        minutes=minutes,
        seconds=seconds,
        findings=findings,
        gigabytes=gigabytes,
        seconds_per_case=seconds_per_case,
    )
    if findings:
        raise SystemExit(1)


def _run(
    folder: Path, minutes: float, seed: int, seconds_per_case: float, gigabytes: float
) -> tuple[Counter[str], list[dict[str, Any]], float]:
    """Keep a child busy until the time is over; start another one where it died or hung."""
    counts: Counter[str] = Counter()
    findings: list[dict[str, Any]] = []
    start, following = time.monotonic(), 0
    while time.monotonic() - start < 60 * minutes:
        command = [
            sys.executable, __file__, "--child", str(following), "--seed", str(seed),
            "--seeds", str(folder), "--gigabytes", str(gigabytes),
        ]  # fmt: skip
        with subprocess.Popen(command, stdout=subprocess.PIPE, bufsize=0) as process:
            assert process.stdout is not None
            lines = _Lines(process.stdout)
            running: int | None = None
            outcome = ""
            while time.monotonic() - start < 60 * minutes or running is not None:
                line = lines.next(seconds_per_case + (30 if running is None else 0))
                if line is None:
                    outcome = f"took more than {seconds_per_case:g} s"
                    break
                word, _, rest = line.partition(" ")
                if word == "begin":
                    running = int(rest)
                elif word == "end" and running is not None:
                    following = running + 1
                    _note(counts, findings, seed, running, rest)
                    running = None
                else:
                    outcome = "the process died"
                    break
            process.kill()
            process.wait()
        if outcome and running is None:
            raise click.ClickException("a child ended before its first case")
        if outcome and running is not None:
            if outcome == "the process died":
                outcome += f" ({process.returncode})"
            _note(counts, findings, seed, running, f"! {outcome}")
            following = running + 1
    return counts, findings, time.monotonic() - start


def _note(
    counts: Counter[str], findings: list[dict[str, Any]], seed: int, case: int, outcome: str
) -> None:
    """Count an outcome; one that begins with an exclamation mark is a finding."""
    fault = outcome.startswith("! ")
    outcome = outcome.removeprefix("! ")
    counts[outcome.split(":")[0]] += 1
    if fault:
        place = re.sub(r"\d+", "N", outcome)
        known = next((item for item in findings if item["place"] == place), None)
        if known is not None:
            known["cases"] += 1
            return
        command = f"benchmarks/fuzz.py --seed {seed} --case {case}"
        findings.append({"outcome": outcome, "cases": 1, "command": command, "place": place})
        click.echo(f"FOUND {outcome}\n      {command}")


class _Lines:
    """Lines of a pipe, waited for with patience that ends."""

    def __init__(self, pipe: IO[bytes]) -> None:
        self._pipe = pipe
        self._held = b""
        self._selector = selectors.DefaultSelector()
        self._selector.register(pipe, selectors.EVENT_READ)

    def next(self, seconds: float) -> str | None:
        """Return the next line, "" at the end of the pipe, None if there is none in time."""
        until = time.monotonic() + seconds
        while b"\n" not in self._held:
            if not self._selector.select(max(until - time.monotonic(), 0)):
                return None
            data = os.read(self._pipe.fileno(), 1 << 16)
            if not data:
                return ""
            self._held += data
        line, _, self._held = self._held.partition(b"\n")
        return line.decode()


def _child(first: int, seed: int, folder: Path, gigabytes: float) -> None:
    files = load_files(folder)
    _limit(gigabytes)
    for case in itertools.count(first):
        os.write(1, f"begin {case}\n".encode())
        outcome = _outcome(files, *damaged(files, random.Random(f"{seed} {case}")))
        os.write(1, f"end {outcome}\n".encode(errors="replace"))


def _limit(gigabytes: float) -> None:
    resource.setrlimit(resource.RLIMIT_AS, (int(gigabytes * 1e9),) * 2)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _outcome(files: Sequence[bytes], how: str, data: bytes) -> str:
    if data in files:
        return "unchanged"
    try:
        decode(data)
    except FormatError as error:
        return f"{type(error).__name__}"
    except BaseException as error:
        where = traceback.extract_tb(error.__traceback__)[-1]
        said = str(error).splitlines()[:1] or [""]
        name = Path(where.filename).name
        return f"! {type(error).__name__}: {said[0][:120]} ({name}:{where.lineno}; {how})"
    if how in UNDER_CHECKSUMS:
        return f"! decoded in spite of checksums: {how}"
    return "decoded"


def decode(data: bytes) -> None:
    """Do everything with a file that a user can do: read all columns, and build all fields."""
    with CompressedFile(Reader(data)) as file:
        file.reader.column_bytes()
        for name in file:
            file[name].array()


def _show(case: int, seed: int, files: Sequence[bytes], gigabytes: float) -> None:
    _limit(gigabytes)
    how, data = damaged(files, random.Random(f"{seed} {case}"))
    click.echo(f"{how}: {len(data)} bytes")
    decode(data)
    click.echo("decoded")


# ---------------------------------------------------------------------------- files to be damaged


def make_files(folder: Path) -> None:
    """Write small files that between them use every codec and node."""
    values = np.random.default_rng(0)
    for name, bounds in {"exact": {}, "bounded": {"*": "rel 2^-9", "*_eta": "abs 1e-3"}}.items():
        _compress(folder, name, _some_events(12), bounds)
    n = 300
    arrays = {
        "normal": values.normal(size=n),
        "single": values.normal(size=n).astype("f4"),
        "half": values.normal(size=n).astype("f2"),
        "err": np.abs(values.normal(size=n)) + 0.1,
        "decimal": np.round(values.normal(size=n), 2),
        "rounded": (values.normal(size=n).astype("f4").view("u4") & 0xFFFFF000).view("f4"),
        "big": values.integers(0, 2**63, n, dtype="u8"),
        "small": values.integers(-3, 4, n, dtype="i1"),
        "flags": values.random(n) < 0.3,
        "constant": np.full(n, 7, "i4"),
        "steps": np.arange(n) * 3 + 5,
        "special": np.where(values.random(n) < 0.5, np.nan, -999.0),
        "image": values.normal(size=(n, 2, 3)),
    }
    arrays["copy"] = arrays["steps"].copy()
    arrays["sum"] = arrays["normal"] + arrays["err"]
    _compress(folder, "plain", arrays, {})
    bounds = {"normal": "sigma 0.1 err", "single": "rel 2^-9", "err": "rel 2^-6", "sum": "abs 1e-3"}
    _compress(folder, "dither", arrays, bounds, dither=True)
    _compress(folder, "lossy", arrays, bounds)
    _write_apart(folder / "lossy.baler", folder / "apart.baler")
    _compress(folder, "none", {name: array[:0] for name, array in arrays.items()}, {})


def _some_events(entries: int) -> dict[str, Any]:
    import uproot

    with uproot.open(EVENTS) as file:
        arrays = file["Events"].arrays(entry_stop=entries, how=dict)
    wanted = ("run", "event", "genWeight", "HLT_", "MET_", "Jet_", "Muon_pt", "Muon_charge")
    return {name: array for name, array in arrays.items() if name.startswith(wanted)}


def _compress(
    folder: Path, name: str, arrays: dict[str, Any], bounds: dict[str, str], dither: bool = False
) -> None:
    import uproot

    source = folder / f"{name}.root"
    if isinstance(next(iter(arrays.values())), np.ndarray):
        source = folder / f"{name}.npz"
        np.savez(source, **arrays)
    else:
        with uproot.recreate(source) as file:
            file.mktree("Events", {key: array.type.content for key, array in arrays.items()})
            file["Events"].extend(arrays)
    target = folder / f"{name}.baler"
    baler.compress(source, target, bounds=bounds, dither=dither, chunk_size="10 kB", jobs=1)


def _write_apart(source: Path, target: Path) -> None:
    """Write a file again with every column in a block of its own, none of them compressed."""
    with Reader(source) as reader:
        groups = tuple(Group((at,)) for at in range(len(reader.schema.columns)))
        recipe = dataclasses.replace(reader.recipe, groups=groups)
        with Writer(target, reader.schema, recipe) as writer:
            for number in range(len(reader.chunks) - 1):
                writer.write(reader.read(number))


def load_files(folder: Path) -> list[bytes]:
    """Return the bytes of all small files, in a fixed order."""
    paths = [*sorted(folder.glob("*.baler")), *sorted(LEARNED.glob("*.baler"))]
    return [path.read_bytes() for path in paths]


# ----------------------------------------------------------------------------------------- damage


def damaged(files: Sequence[bytes], chance: random.Random) -> tuple[str, bytes]:
    """Return one of the files with some damage, and what kind it is."""
    file, other = chance.choice(files), chance.choice(files)
    kinds = {"bytes": 3, "cut": 1, "index": 3, "core": 4, "payload": 8, "model": 4}
    kind = chance.choices(tuple(kinds), tuple(kinds.values()))[0]
    match kind:
        case "bytes":
            return kind, mutate(file, other, chance)
        case "cut":
            return kind, file[: chance.randrange(len(file))]
        case "index":
            header, blocks, index = _parts(file)
            return kind, _file(header, blocks, mutate(index, _parts(other)[2], chance))
        case "core":
            header, blocks, index = _parts(file)
            return kind, _file(header, blocks, _with_core(index, chance))
        case "model":
            return kind, _with_model(file, other, chance)
    return kind, _with_payload(file, other, chance)


def _parts(file: bytes) -> tuple[bytes, bytes, bytes]:
    """Return the header, the blocks (and the model), and the index of an intact file."""
    end = len(file) - TAIL_SIZE
    offset = int.from_bytes(file[end : end + 8], "little")
    return file[:HEADER_SIZE], file[HEADER_SIZE:offset], file[offset:end]


def _file(header: bytes, blocks: bytes, index: bytes) -> bytes:
    """Return a file with a right tail."""
    return header + blocks + index + pack_tail(header, index, len(header) + len(blocks))


def _index(file: bytes) -> Index:
    """Return the index of an intact file."""
    header, blocks, packed = _parts(file)
    return unpack_index(packed, len(blocks), check_header(header))


def _with_model(file: bytes, other: bytes, chance: random.Random) -> bytes:
    """Return a file whose model is damaged below its checksum and its name."""
    header, blocks, packed = _parts(file)
    index = _index(file)
    if index.model is None:
        return _file(header, blocks, mutate(packed, packed, chance))
    start = len(blocks) - index.model.size
    model = blocks[start:]
    body = mutate(model[MODEL_HEAD:], other, chance)
    model = model[: MODEL_HEAD - 4] + zlib.crc32(body).to_bytes(4, "little") + body
    named = dataclasses.replace(index.model, sha256=hashlib.sha256(model).digest(), size=len(model))
    changed = dataclasses.replace(index, model=named)
    return _file(header, blocks[:start] + model, pack_index(changed))


def _with_core(index: bytes, chance: random.Random) -> bytes:
    """Return an index whose core, or metadata, is damaged below the compression."""
    reader = ByteReader(index)
    core, rest = bytes(unpack_part(reader)), bytes(reader.rest())
    others = chance.choice((0, 1 << 40))  # of a small file, or a large one without vocabulary
    if chance.random() < 0.9:
        return pack_part(mutate(core, core, chance), others) + rest
    return pack_part(core, others) + mutate(rest, core, chance)


def _with_payload(file: bytes, other: bytes, chance: random.Random) -> bytes:
    """Return a file in which one payload, or the directory of a block, is damaged."""
    header, blocks, packed = _parts(file)
    index = _index(file)
    if not index.sizes.size:
        return _file(header, blocks, mutate(packed, packed, chance))
    chunk = chance.randrange(index.sizes.shape[0])
    number = chance.randrange(index.sizes.shape[1])
    stored = _block(index, blocks, chunk, number)
    group = index.recipe.groups[number]
    saved = int(index.saved[chunk, number])
    if chance.random() < 0.9 and not group.learned:
        unpacked = unpack_block(memoryview(stored), saved, len(group.columns))
        payloads = [bytes(payload) for payload in unpacked]
        at = chance.randrange(len(payloads))
        payloads[at] = mutate(payloads[at], chance.choice(payloads), chance)
        block = pack_block(payloads, group.solid)
        stored, saved = block.stored, block.saved
    else:
        stored = mutate(stored, other, chance)
    sizes, saves, sums = index.sizes.copy(), index.saved.copy(), index.checksums.copy()
    sizes[chunk, number], saves[chunk, number] = len(stored), saved
    sums[chunk, number] = zlib.crc32(stored)
    offset = int(index.offsets[chunk, number]) - HEADER_SIZE
    blocks = blocks[:offset] + stored + blocks[offset + int(index.sizes[chunk, number]) :]
    changed = dataclasses.replace(index, sizes=sizes, saved=saves, checksums=sums)
    return _file(header, blocks, pack_index(changed))


def _block(index: Index, blocks: bytes, chunk: int, number: int) -> bytes:
    offset = int(index.offsets[chunk, number]) - HEADER_SIZE
    return blocks[offset : offset + int(index.sizes[chunk, number])]


def mutate(data: bytes, other: bytes, chance: random.Random) -> bytes:
    """Return bytes with one to four random changes."""
    for _ in range(chance.choice((1, 1, 1, 2, 4))):
        data = chance.choice(CHANGES)(data, other, chance)
    return data


def _flip(data: bytes, other: bytes, chance: random.Random) -> bytes:
    out = bytearray(data)
    for _ in range(chance.choice((1, 1, 2, 8)) if data else 0):
        out[chance.randrange(len(out))] ^= 1 << chance.randrange(8)
    return bytes(out)


def _set(data: bytes, other: bytes, chance: random.Random) -> bytes:
    """Put an extreme number somewhere, fixed-width or as a varint."""
    number, at = chance.choice(EXTREMES), chance.randint(0, len(data))
    width = chance.choice((0, 1, 2, 4, 8))
    new = varint(number) if not width else (number % 256**width).to_bytes(width, "little")
    return data[:at] + new + data[at + chance.choice((0, 1, len(new))) :]


def _delete(data: bytes, other: bytes, chance: random.Random) -> bytes:
    start, size = chance.randint(0, len(data)), chance.choice((1, 2, 8, 64, 1024))
    return data[:start] + data[start + size :]


def _repeat(data: bytes, other: bytes, chance: random.Random) -> bytes:
    start, size = chance.randint(0, len(data)), chance.choice((1, 2, 8, 64, 1024))
    return data[: start + size] + data[start : start + size] + data[start + size :]


def _splice(data: bytes, other: bytes, chance: random.Random) -> bytes:
    """Replace a run by one from elsewhere."""
    size = chance.choice((1, 4, 16, 64, 256))
    at, source = chance.randint(0, len(data)), chance.randint(0, len(other))
    return data[:at] + other[source : source + size] + data[at + chance.choice((0, size)) :]


def _truncate(data: bytes, other: bytes, chance: random.Random) -> bytes:
    return data[: chance.randint(0, len(data))]


Change = Callable[[bytes, bytes, random.Random], bytes]
CHANGES: tuple[Change, ...] = (_flip, _flip, _set, _set, _delete, _repeat, _splice, _truncate)


if __name__ == "__main__":
    main()
