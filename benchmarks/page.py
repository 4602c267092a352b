"""Write the tables of docs/benchmarks.md from the files in benchmarks/results.

What stands between ``<!-- NAME -->`` and ``<!-- end -->`` on the page is replaced by what the
results give. With --check nothing is written, and the exit code is 1 if anything would change.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import click
import record

PAGE = record.HERE.parent / "docs" / "benchmarks.md"
SECTION = re.compile(r"(<!-- (?P<name>[\w-]+) -->\n).*?(<!-- end -->)", re.DOTALL)

Result = Mapping[str, Any]
Writer = Callable[[Result], str]


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--results", type=click.Path(path_type=Path), default=record.RESULTS)
@click.option("--page", type=click.Path(path_type=Path), default=PAGE)
@click.option("--check", is_flag=True, help="Write nothing; fail if the page is not up to date.")
def main(results: Path, page: Path, check: bool) -> None:
    """Bring the tables of the page up to date."""
    fill(page, results, lambda name: WRITERS[name.split("-")[0]], check=check)


def fill(page: Path, results: Path, writer: Callable[[str], Writer], *, check: bool) -> None:
    """Make all sections of a page anew; with ``check`` only see whether that changes anything.

    ``writer`` gives what writes the section of a name.
    """

    def section(name: str) -> str:
        path = results / f"{name}.json"
        if not path.exists():
            return "\nNot measured yet.\n\n"
        result = record.load(path)
        return f"\n{writer(name)(result)}\n\n{provenance(result)}\n\n"

    before = page.read_text("utf-8")
    after = SECTION.sub(lambda found: found[1] + section(found["name"]) + found[3], before)
    if not check:
        page.write_text(after, "utf-8")
    elif after != before:
        script = Path(sys.argv[0]).name
        raise click.ClickException(f"{page.name} is not what the results give; run {script}")


def provenance(result: Result) -> str:
    """Return what every figure has to state: data, machine, commit, versions, command."""
    machine = result["machine"]
    files = [
        f"`{name}` ({item['bytes']:,} bytes, SHA-256 {item['sha256'][:12]}...)"
        for name, item in result["data"].items()
    ]
    many = f"{len(files)} files, each with its SHA-256 in the result"
    data = "as simulated" if not files else files[0] if len(files) == 1 else many
    changed = " with changes that were not committed" if result["changed"] else ""
    used = ", ".join(f"{name} {version}" for name, version in result["versions"].items())
    return (
        f"Data: {data}. Machine: {machine['cpu']}, {machine['cores']} cores, "
        f"{machine['memory_gib']:.0f} GiB. {result['date']}, commit {result['commit']}{changed}. "
        f"Versions: {used}.\n\nCommand: `python {result['command']}`"
    )


def table(head: Sequence[str], rows: Iterable[Sequence[str]], left: int = 1) -> str:
    """Return a table; the first columns are text, the others numbers."""
    rule = ["---" if i < left else "---:" for i in range(len(head))]
    return "\n".join("| " + " | ".join(row) + " |" for row in (head, rule, *rows))


def bounded(result: Result) -> str:
    """Return the table of all compressors at one policy, and what it says of us."""
    rows = sorted(result["rows"], key=_place)
    reference = next((r for r in rows if r["peer"] == result["reference"]), None)
    shown = table(
        ("compressor", "kind", "verified", "bytes", "ratio", "of reference", "bits per float",
         "encode MB/s", "decode MB/s"),
        (
            (
                f"**{row['peer']}**" if row["ours"] else row["peer"],
                row["kind"],
                row["verdict"],
                f"{row['bytes']:,}" + ("" if row["complete"] else " (in part)"),
                f"{row['ratio']:.3f}",
                f"{row['bytes'] / reference['bytes']:.3f}" if reference else "",
                "" if row["bits_per_float"] is None else f"{row['bits_per_float']:.3f}",
                _speed(row["encode_mb_per_cpu_second"]),
                _speed(row["decode_mb_per_cpu_second"]),
            )
            for row in rows
        ),
        left=3,
    )  # fmt: skip
    bounds = ", ".join(f'"{glob}" {bound}' for glob, bound in result["policy"]["bounds"].items())
    said = [f"Policy `{result['policy']['name']}`: {bounds}.", *_standing(rows)]
    if result["seconds_per_peer"]:
        said.append(
            f"A peer stops before its next column after {result['seconds_per_peer']:g} CPU seconds."
        )
    if result["entries"] != "all":
        said.append(f"Only the first {result['entries']:,} entries were taken.")
    said += [f"{peer} was left out: {why}." for peer, why in result["skipped"].items()]
    behind = [
        f"`{c['column']}` ({c['ours']:,} against {c['reference']:,})"
        for c in result["columns_behind"][:6]
    ]
    if behind:
        said.append(
            f"Columns in which we take more bytes than the reference (small columns that are "
            f"compressed together are charged by their share): {', '.join(behind)}."
        )
    return f"{shown}\n\n" + _listed(said)


def _place(row: Result) -> tuple[bool, bool, int]:
    """Bounded ones first, incomplete ones last of their kind, the smallest first."""
    return row["kind"] != "bounded", not row["complete"], row["bytes"]


def _standing(rows: Sequence[Result]) -> list[str]:
    """Say for each kind of row where ours is, in size and in speed."""
    said = []
    for kind in ("bounded", "exact"):
        ours = [row for row in rows if row["ours"] and row["kind"] == kind]
        others = [r for r in rows if not r["ours"] and r["kind"] == kind and r["verified"]]
        if not ours or not others:
            continue
        best = min(others, key=lambda row: row["bytes"])
        for mine in ours:
            change = mine["bytes"] / best["bytes"] - 1
            word = "smaller" if change < 0 else "LARGER"
            said.append(
                f"{mine['peer']} is {abs(change):.1%} {word} than the best verified peer, "
                f"{best['peer']}."
            )
        plain = max(ours, key=lambda row: row["bytes"])  # no model
        for step in ("encode", "decode"):
            key = f"{step}_mb_per_cpu_second"
            faster = [r["peer"] for r in others if (r[key] or 0) > (plain[key] or 0)]
            if faster:
                said.append(f"Faster to {step} than {plain['peer']}: {', '.join(faster)}.")
    return said


def exact(result: Result) -> str:
    """Return the table of exact files, and where we lose."""
    rows = result["rows"]
    shown = table(
        ("file", "columns", "raw", "on disk", ".baler", "of which index", "names under xz",
         "best of xz and zstd", "bytes", "ratio", "ratio with names", "exact"),
        (
            (
                _named(row), f"{row['columns']:,}", f"{row['raw']:,}", f"{row['disk']:,}",
                f"{row['baler']:,}", f"{row['index']:,}", f"{row['names_under_xz']:,}",
                row["best"], f"{row['best_bytes']:,}", f"{row['over_best']:.3f}",
                f"{row['over_best_and_names']:.3f}",
                "yes" if row["verified"] and row["same_bytes"] else "NO",
            )
            for row in rows
        ),
    )  # fmt: skip
    ratios = [row["over_best"] for row in rows]
    lost = [f"{_named(r)} ({r['over_best']:.3f})" for r in rows if r["over_best"] >= 1]
    named = [
        f"{_named(r)} ({r['over_best_and_names']:.3f})"
        for r in rows
        if r["over_best_and_names"] >= 1
    ]
    product = 1.0
    for ratio in ratios:
        product *= ratio
    said = [
        f"Geometric mean of the ratios: {product ** (1 / len(ratios)):.3f}.",
        "We lose against streams without names: " + (", ".join(lost) or "nowhere") + ".",
        "We lose against streams with names: " + (", ".join(named) or "nowhere") + ".",
    ]
    return f"{shown}\n\n" + _listed(said)


def _named(row: Result) -> str:
    return f"{row['file']}:{row['tree']}" if row["tree"] else str(row["file"])


def roundtrip(result: Result) -> str:
    """Return the table of files that came back, and what did not."""
    rows = result["rows"]
    shown = table(
        ("file", "kind", "entries", "branches", "compared", "equal", "different", "not restored",
         "uproot cannot read", "dtype changed", "branches added"),
        (
            (
                _named(row), _kinds(row), f"{row['entries']:,}",
                *(f"{row[key]:,}" for key in ("branches", "compared", "equal")),
                *(
                    f"{len(row[key]):,}"
                    for key in ("different", "missing", "unreadable", "dtypes_changed", "added")
                ),
            )
            for row in rows
        ),
        left=2,
    )  # fmt: skip
    compared, equal = (sum(row[key] for row in rows) for key in ("compared", "equal"))
    values = sum(row["values"] for row in rows)
    said = [f"{equal:,} of {compared:,} branches are equal, bit for bit; {values:,} values."]
    said += [f"Different: {what}." for row in rows for what in row["different"]]
    said += [
        f"Readable, but not restored, of {_named(row)}: {', '.join(row['missing'][:8])}"
        + (f" and {len(row['missing']) - 8} more." if len(row["missing"]) > 8 else ".")
        for row in rows if row["missing"]
    ]  # fmt: skip
    said += [f"{_named(row)} cannot be restored: {row['failed']}." for row in rows if row["failed"]]
    kinds = _kinds_of(what for row in rows for what in row["dtypes_changed"])
    if kinds:
        said.append(f"Changes of type, all values equal: {kinds}.")
    notes = dict.fromkeys(_general(note) for row in rows for note in row["notes"])
    lines = [f"* {note}" for note in notes if note]
    return (
        f"{shown}\n\n"
        + _listed(said)
        + "\n\nWhat is said not to be restored:\n\n"
        + "\n".join(lines)
    )


def _kinds(row: Result) -> str:
    before, after = (row[key].removeprefix("ROOT::") for key in ("kind", "restored_as"))
    return before if after in (before, "") else f"{before} to {after}"


def _kinds_of(changes: Iterable[str]) -> str:
    counts: dict[str, int] = {}
    for change in changes:
        kind = change.rpartition(": ")[2]
        counts[kind] = counts.get(kind, 0) + 1
    return ", ".join(f"{kind} ({count} branches)" for kind, count in counts.items())


def _general(note: str) -> str:
    """Return a note without names and numbers, so that each kind is told once."""
    if note.startswith("left out"):
        return "branches that uproot cannot read are left out, each with a note"
    if "because a TTree cannot hold" in note:
        return "the file holds an RNTuple where a TTree cannot hold all fields"
    head = note.split(": ")[0]
    return re.sub(r"'[^']*'", "...", re.sub(r"\b\d[\d,]*\b", "N", head))


def speed(result: Result) -> str:
    """Return the table of speeds."""
    rows = result["rows"]
    shown = table(
        ("what", "step", "threads", "MB per CPU second, best", "median", "MB per second, best",
         "median", "repetitions"),
        (
            (
                f"**{row['name']}**" if row["name"].startswith("baler") else row["name"],
                row["step"], str(row["jobs"]),
                *(_speed(row[k]) for k in ("cpu_best", "cpu_median", "wall_best", "wall_median")),
                str(row["repeats"]),
            )
            for row in rows
        ),
        left=2,
    )  # fmt: skip
    said = [
        f"{result['raw']:,} bytes of columns in {result['chunks']} chunks, policy "
        f"`{result['policy']['name']}`. Load of the machine before: {result['load_before']:.1f}."
    ]
    said += _slower(rows)
    return f"{shown}\n\n" + _listed(said)


def _slower(rows: Sequence[Result]) -> list[str]:
    said = []
    for step in ("encode", "decode"):
        one = [row for row in rows if row["step"] == step and row["jobs"] == 1]
        ours = [row for row in one if row["name"].startswith("baler")]
        for mine in ours:
            faster = [
                f"{row['name']} ({row['cpu_best'] / mine['cpu_best']:.1f} times)"
                for row in one
                if row not in ours and row["cpu_best"] > mine["cpu_best"]
            ]
            if faster:
                said.append(f"Faster than {mine['name']} to {step}: {', '.join(faster)}.")
    return said


def memory(result: Result) -> str:
    """Return the table of peak memory."""
    shown = table(
        ("step", "chunk size", "threads", "peak GB", "seconds", "CPU seconds"),
        (
            (
                row["step"], row.get("chunk_size", ""), str(row.get("jobs", "")),
                f"{row['peak_gb']:.2f}", f"{row['seconds']:.0f}", f"{row['cpu_seconds']:.0f}",
            )
            for row in result["rows"]
        ),
        left=2,
    )  # fmt: skip
    verdict = "No step takes" if result["within_limit"] else "NOT ALL steps stay below"
    policy = f"policy `{result['policy']['name']}`" if result["policy"] else "no bounds"
    said = (
        f"{verdict} {result['limit_gb']:g} GB or more" if result["within_limit"]
        else f"{verdict} {result['limit_gb']:g} GB"
    )  # fmt: skip
    return (
        f"{shown}\n\n{said}. The file holds {result['gigabytes']:g} GB of columns "
        f"({result['root_bytes']:,} bytes as ROOT file); {policy}. 1 GB is 1e9 bytes."
    )


def fuzz(result: Result) -> str:
    """Return what came of damaged files."""
    shown = table(
        ("outcome", "cases"), ((row["outcome"], f"{row['cases']:,}") for row in result["rows"])
    )
    findings = [
        f"* {item['outcome']} ({item['cases']} cases): `{item['command']}`"
        for item in result["findings"]
    ]
    said = (
        f"{result['cases']:,} cases in {result['seconds']:.0f} s from seed {result['seed']}, each "
        f"with at most {result['gigabytes']:g} GB and {result['seconds_per_case']:g} s. "
        f"Neither decoded nor refused as they should be: {len(findings)}."
    )
    return "\n".join([f"{shown}\n\n{said}", *(["", *findings[:20]] if findings else [])])


def learned(result: Result) -> str:
    """Return the table of what a model saves, by collection."""
    rows = result["rows"]
    whole = {row["file"]: row for row in rows if row["collection"] == "all"}
    shown = table(
        ("events", "collection", "bins + pcodec 12", "baler without a model", "with it",
         "pcodec over it", "without over with"),
        (
            (
                f"{row['kind']}, `{row['file']}`", row["collection"],
                *(f"{row[k]:,}" for k in ("pcodec", "without", "with")),
                f"{row['pcodec'] / row['with']:.3f}", f"{row['without'] / row['with']:.3f}",
            )
            for row in rows
            if 50 * row["pcodec"] > whole[row["file"]]["pcodec"]
        ),
        left=2,
    )  # fmt: skip
    training = result["training"]
    said = [
        f"The model takes {result['model_bytes']:,} bytes, which no row counts: it is made once "
        f"for many files. It was trained in {training['seconds'] / 60:.0f} minutes on the first "
        f"{1 - result['held_out']:.0%} of the events; *held out* are the others."
        if training
        else f"The model takes {result['model_bytes']:,} bytes, which no row counts."
    ]
    said += [
        f"`{row['file']}`, {row['kind']}, as a whole file: {row['without_file']:,} bytes "
        f"without a model, {row['with_file']:,} with one that is kept elsewhere."
        for row in whole.values()
    ]
    most, columns = max(row["worst_column"] for row in whole.values())
    more = f"over {most:.2%} more than" if most > 0 else "more than"
    said.append(
        f"No column takes {more} its payload without a model and 64 bytes"
        + (f" ({columns}); " if most > 0 else "; ")
        + "columns that are coded with each other's help count together."
    )
    return f"{shown}\n\n" + _listed(said)


def embedded(result: Result) -> str:
    """Return the table of what models save that lie within their files."""
    return table(
        ("file", "bounds", "raw", "without a model", "with it inside", "of it the model",
         "without over with", "training"),
        (
            (
                f"`{row['file']}`", row["bounds"],
                *(f"{row[k]:,}" for k in ("raw", "without", "with", "model")),
                f"{row['without'] / row['with']:.3f}", f"{row['minutes']:.0f} min",
            )
            for row in result["rows"]
        ),
        left=2,
    )  # fmt: skip


def derived(result: Result) -> str:
    """Return the table of what formulas save."""
    return table(
        ("file", "bounds", "bins + pcodec 12", "without formulas", "with formulas",
         "pcodec over file", "pcodec over columns"),
        (
            (
                f"`{row['file']}`", row["bound"],
                *(f"{row[k]:,}" for k in ("reference", "without", "bytes")),
                f"{row['reference_over_file']:.3f}", f"{row['reference_over_columns']:.3f}",
            )
            for row in result["rows"]
        ),
        left=2,
    )  # fmt: skip


def _listed(sentences: Iterable[str]) -> str:
    return "\n".join(f"* {sentence}" for sentence in sentences)


def _speed(speed: float | None) -> str:
    return "" if speed is None else f"{speed:,.0f}" if speed >= 99.5 else f"{speed:.1f}"


WRITERS: Mapping[str, Writer] = {
    "bounded": bounded,
    "exact": exact,
    "roundtrip": roundtrip,
    "speed": speed,
    "memory": memory,
    "fuzz": fuzz,
    "learned": learned,
    "embedded": embedded,
    "derived": derived,
}


if __name__ == "__main__":
    main()
