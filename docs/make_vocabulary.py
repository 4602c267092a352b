"""Make src/baler/container/vocabulary.xz, the names and titles that small files need not repeat.

Run once for a vocabulary: a file that uses it needs these very bytes for ever. They are, for each
source, the columns and the fields of an index as in docs/format.md, 5.1, and the titles of 5.7.

    python docs/make_vocabulary.py data/NanoAODv5_sample.root:Events ...
"""

from __future__ import annotations

import hashlib
import lzma
from pathlib import Path

import click

from baler.container.arrays import pack_strings
from baler.container.sections import pack_columns
from baler.container.trees import pack_fields
from baler.io import open_source

TARGET = Path(__file__).parents[1] / "src/baler/container/vocabulary.xz"


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("sources", nargs=-1, required=True)
def main(sources: tuple[str, ...]) -> None:
    """Write the vocabulary of the schemas of SOURCES, each a file or FILE:TREE."""
    content = b"".join(map(schema_of, sources))
    packed = lzma.compress(content, preset=9 | lzma.PRESET_EXTREME)
    TARGET.write_bytes(packed)
    click.echo(f"{len(content)} bytes, {hashlib.sha256(content).hexdigest()}")
    click.echo(f"{TARGET}: {len(packed)} bytes")


def schema_of(source: str) -> bytes:
    """Return what an index says of a schema, without sizes and without how it is compressed."""
    with open_source(source, skip_unreadable=True) as opened:
        schema = opened.schema
    return (
        pack_columns(schema)
        + pack_fields(schema)
        + pack_strings(field.title for field in schema.fields)
    )


if __name__ == "__main__":
    main()
