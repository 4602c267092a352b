"""One HTML page with all tables and plots inside, which needs no network."""

from __future__ import annotations

import base64
import math
from collections.abc import Iterable, Iterator, Sequence
from html import escape

STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; color: #222; max-width: 1180px; margin: 2em auto;
  padding: 0 1em; }
h1, h2 { line-height: 1.2; font-weight: 600; }
h2 { margin-top: 2.2em; border-bottom: 1px solid #ddd; padding-bottom: .2em; }
table { border-collapse: collapse; font-size: 13px; margin: 1em 0; }
th, td { padding: .25em .7em; text-align: right; white-space: nowrap;
  font-variant-numeric: tabular-nums; }
th:first-child, td:first-child { text-align: left; }
thead th { border-bottom: 1px solid #888; white-space: normal; vertical-align: bottom; }
tbody tr:nth-child(even) { background: #f6f6f6; }
tr.first td { border-top: 1px solid #ccc; }
.ours { font-weight: 600; }
.broken { color: #bd1f01; font-weight: 600; }
.wide { overflow-x: auto; }
figure { margin: 1.5em 0; }
figure img { max-width: 100%; height: auto; }
figcaption { color: #555; font-size: 13px; max-width: 60em; }
summary { cursor: pointer; }
dl { display: grid; grid-template-columns: max-content auto; gap: 0 1em; }
dt { color: #666; } dd { margin: 0; }
"""


def document(title: str, body: Iterable[str]) -> str:
    """Return a whole page; the body is HTML, the title is text."""
    return "\n".join(
        [
            "<!DOCTYPE html>",
            '<html lang="en">',
            "<head>",
            '<meta charset="utf-8"/>',
            '<meta name="viewport" content="width=device-width, initial-scale=1"/>',
            f"<title>{escape(title)}</title>",
            f"<style>{STYLE}</style>",
            "</head>",
            "<body>",
            f"<h1>{escape(title)}</h1>",
            *body,
            "</body>",
            "</html>",
            "",
        ]
    )


def figures(pictures: Iterable[tuple[str, bytes]]) -> Iterator[str]:
    """Yield figures; pictures are captions and PNG files."""
    for caption, png in pictures:
        data = base64.b64encode(png).decode("ascii")
        text = escape(caption, quote=True)
        yield (
            f'<figure><img alt="{text}" src="data:image/png;base64,{data}"/>'
            f"<figcaption>{text}</figcaption></figure>"
        )


def table(head: Sequence[str], rows: Iterable[tuple[str, Sequence[str]]]) -> Iterator[str]:
    """Yield a table; each row has CSS classes and texts, of which "BROKEN" is shown in red."""
    yield '<div class="wide"><table><thead><tr>'
    yield "".join(f"<th>{escape(text)}</th>" for text in head)
    yield "</tr></thead><tbody>"
    for classes, cells in rows:
        shown = "".join(
            f'<td class="broken">{escape(cell)}</td>' if cell == "BROKEN"
            else f"<td>{escape(cell)}</td>"
            for cell in cells
        )  # fmt: skip
        yield f'<tr class="{classes}">{shown}</tr>' if classes else f"<tr>{shown}</tr>"
    yield "</tbody></table></div>"


def number(value: float) -> str:
    """Return three digits of a number; nothing for nan."""
    return "" if math.isnan(value) else f"{value:.3g}"
