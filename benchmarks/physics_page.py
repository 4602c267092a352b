"""Write the tables of docs/physics.md from the result files of physics.py.

Text between ``<!-- name -->`` and ``<!-- end -->`` is replaced by what the result of that name
gives. With --check nothing is written, and the exit code is 1 if anything would change.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import click
import record
from page import Writer, fill, table

PAGE = record.HERE.parent / "docs" / "physics.md"
EXACT = "TTree zstd-5"
"""What significance per byte is told relative to."""
OURS = ("baler", "baler + learned model", "baler + dither")

Result = Mapping[str, Any]


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--results", default=record.RESULTS, type=click.Path(exists=True, path_type=Path))
@click.option("--page", default=PAGE, type=click.Path(exists=True, path_type=Path))
@click.option("--check", is_flag=True, help="Write nothing; fail if the page is not up to date.")
def main(results: Path, page: Path, check: bool) -> None:
    """Bring the tables of the page up to date."""
    fill(page, results, WRITERS.__getitem__, check=check)


def search(result: Result) -> str:
    """Return the bounds that were found, and what each treatment does to the search."""
    card = part(result, "tuned.card.json")
    effects = list(effects_of(result))
    quantities = ("signal core mass", "signal width", "significance", "limit")
    rows = [
        (
            name(effect),
            verdict(effect),
            f"{effect['bytes_per_event']:,.0f}",
            f"{effect['ratio']:.2f}",
            *(shift(effect, quantity) for quantity in quantities),
            distance(effect),
            area(effect),
        )
        for effect in sorted(effects, key=lambda one: -one["bytes_per_event"])
    ]
    before = {s["quantity"]: s for s in effects[0]["shifts"] if s["before"] is not None}
    listed = ", ".join(
        f"{quantity} {value(before[quantity])}" for quantity in quantities if quantity in before
    )
    head = ("codec, bounds", "bounds hold", "bytes per event", "ratio",
            *(f"shift of the {one} / sigma" for one in quantities), "sliced KS, p",
            "AUC (identical events)")  # fmt: skip
    holding = sum(one["holds"] for one in card["judged"])
    return "\n\n".join((
        f"Required of the tuned bounds, with {card['confidence']:.0%} confidence on events that "
        "the search for them did not see: " + "; ".join(f"`{one}`" for one in card["requirements"])
        + f". {holding} of {len(card['judged'])} tests hold.",
        f"Before compression: {listed}; each with its statistical uncertainty, of which shifts "
        "are told in parts.",
        table(head, rows, left=2),
        took(result),
    ))  # fmt: skip


def bandwidth(result: Result) -> str:
    """Return what smaller events are worth to the search."""
    treated = [one for row in result["rows"] for one in row["treated"] if not one["failure"]]
    exact = next(one for one in treated if one["codec"] == EXACT)
    treated.sort(key=lambda one: merit(one, exact))
    rows = [
        (
            name(one),
            f"{one['bytes_per_event']:,.0f}",
            f"{exact['bytes_per_event'] / one['bytes_per_event']:.2f}",
            f"{one['significance']:.3f}",
            f"{one['limit']:.3f}",
            f"{100 * one['loss']:+.2f} ± {100 * one['loss_uncertainty']:.2f} %",
            f"{merit(one, exact):.2f}",
        )
        for one in treated
    ]
    head = ("codec, bounds", "bytes per event", f"events per byte, {EXACT} = 1",
            "significance, all events", "limit [pb], all events", "lost by precision",
            f"significance at equal bytes, {EXACT} = 1")  # fmt: skip
    ours = {one["codec"]: merit(one, exact) for one in treated if one["codec"] in OURS}
    best = max((one for one in treated if one["codec"] not in OURS), key=lambda o: merit(o, exact))
    told = " and ".join(f"{factor:.2f} times ({codec})" for codec, factor in ours.items())
    return "\n\n".join((
        table(head, rows),
        f"At equal bytes ours, at its best bounds, has {told} the significance of exact ROOT "
        f"files; the best of the others, {name(best)}, {merit(best, exact):.2f} times.",
        "Significance grows with the root of the events that a budget keeps: where bytes are "
        "short, the last column is the significance of each relative to exact ROOT files at the "
        "same bytes per second, or the same bytes on disk.",
    ))  # fmt: skip


def merit(one: Mapping[str, Any], exact: Mapping[str, Any]) -> float:
    """Return the significance at equal bytes, over that of exact ROOT files."""
    events = exact["bytes_per_event"] / one["bytes_per_event"]
    return float(one["significance"] / exact["significance"] * events**0.5)


def dimuons(result: Result) -> str:
    """Return the bounds that leave peaks alone, and what coarser ones and peers do."""
    card = part(result, "dimuon.card.json")
    effects = list(effects_of(result))
    peaks = [s["quantity"] for s in effects[0]["shifts"] if s["before"] is not None]
    before = {s["quantity"]: s for s in effects[0]["shifts"]}
    sizes = card["bytes"]
    tuned = sizes["baler, tuned"]
    return "\n\n".join((
        table(("column", "bound", "bits per value"), [
            (f"`{column}`", one["bound"], f"{one['bits_per_value']:.2f}")
            for column, one in card["columns"].items()
        ], left=2),
        table(("stored as", "bytes", "of tuned"), [
            (stored, f"{size:,}", f"{size / tuned:.2f}") for stored, size in sizes.items()
        ]),
        table(("peak", "before", *(name(effect) for effect in effects)), [
            (peak, value(before[peak]), *(shift(effect, peak) for effect in effects))
            for peak in peaks
        ], left=2),
        "Shifts are in parts of the statistical uncertainty, each with its own uncertainty by "
        "resampling.",
    ))  # fmt: skip


def dither(result: Result) -> str:
    """Return what dither does to rate and to what trees see."""
    rows = [
        (
            name(effect),
            f"{effect['bytes_per_event']:,.1f}",
            shift(effect, "signal core mass"),
            distance(effect),
            area(effect),
        )
        for effect in effects_of(result)
    ]
    head = ("codec, bounds", "bytes per event", "shift of the signal core mass / sigma",
            "sliced KS, p", "AUC (identical events)")  # fmt: skip
    return table(head, rows)


def jets(result: Result) -> str:
    """Return what codecs and autoencoders do to the search if only jets are kept."""
    effects = list(effects_of(result))
    exact = next(one for one in effects if one["codec"] == EXACT)
    rows = []
    for effect in sorted(effects, key=lambda one: -one["bytes_per_event"]):
        found = next(s for s in effect["shifts"] if s["quantity"] == "significance")
        failed = bool(found["failure"])
        gain = (exact["bytes_per_event"] / effect["bytes_per_event"]) ** 0.5
        rows.append((
            name(effect),
            verdict(effect),
            f"{effect['bytes_per_event']:,.1f}",
            f"{effect['model_bytes']:,}" if effect["model_bytes"] else "",
            shift(effect, "signal core mass"),
            shift(effect, "signal width"),
            "not measured" if failed else f"{found['after']:.3f}",
            "" if failed else f"{gain * found['after'] / found['before']:.2f}",
        ))  # fmt: skip
    head = ("codec, bounds", "bounds hold", "bytes per event", "model",
            "shift of the signal core mass / sigma", "shift of the signal width / sigma",
            "significance", f"at equal bytes, {EXACT} = 1")  # fmt: skip
    return table(head, rows, left=2)


def part(result: Result, named: str) -> dict[str, Any]:
    """Return one of the results that a result is made of."""
    found: dict[str, Any] = next(row for row in result["rows"] if row["part"] == named)
    return found


def effects_of(result: Result) -> Iterator[dict[str, Any]]:
    """Return what treatments do, of all studies."""
    for row in result["rows"]:
        yield from row.get("effects", ())


def name(one: Mapping[str, Any]) -> str:
    """Return the name of a treatment; ours is bold."""
    words = one["codec"] if one["policy"] == "exact" else f"{one['codec']}, {one['policy']}"
    return f"**{words}**" if one["codec"] in OURS else words


def verdict(effect: Mapping[str, Any]) -> str:
    """Return whether bounds hold."""
    if not effect["promised"]:
        return "none promised"
    return "no" if any(size["broken"] for size in effect["sizes"]) else "yes"


def shift(effect: Mapping[str, Any], quantity: str) -> str:
    """Return how far a number moves, in units of its statistical uncertainty."""
    found = next((s for s in effect["shifts"] if s["quantity"] == quantity), None)
    if found is None or found["failure"] or not found["statistical"]:
        return ""
    moved, uncertain = (found[key] / found["statistical"] for key in ("shift", "uncertainty"))
    return f"{moved:+.3f} ± {uncertain:.3f}" if moved or uncertain else "0"


def value(found: Mapping[str, Any]) -> str:
    """Return a number with its uncertainty, to two digits of that."""
    digits = max(0, 1 - int(f"{found['statistical']:e}".partition("e")[2]))
    unit = f" {found['unit']}" if found["unit"] else ""
    return f"{found['before']:.{digits}f} ± {found['statistical']:.{digits}f}{unit}"


def distance(effect: Mapping[str, Any]) -> str:
    """Return the sliced distance, and how often chance gives more."""
    found = effect.get("sliced")
    return "" if not found else f"{found['paired']:.4f}, {found['p_value']:.2f}"


def area(effect: Mapping[str, Any]) -> str:
    """Return how well trees tell events before from after, and from themselves."""
    found = effect.get("separation")
    if not found:
        return ""
    return f"{found['auc']:.3f} ± {found['uncertainty']:.3f} ({found['identical']:.3f})"


def took(result: Result) -> str:
    """Return what was simulated and how long everything took."""
    return (
        f"{result['events']:,} QCD events, a third as many of the signal and to train on; all "
        f"steps of the page together took {result['seconds'] / 60:.0f} minutes."
    )


WRITERS: Mapping[str, Writer] = {
    "physics-search": search,
    "physics-bandwidth": bandwidth,
    "physics-jets": jets,
    "physics-dimuons": dimuons,
    "physics-dither": dither,
}


if __name__ == "__main__":
    main()
