"""``baler decompress``."""

from __future__ import annotations

import click

from baler.cli import options, talk


@click.command(short_help="Write a .baler file back to ROOT, Parquet or npz.")
@click.argument("source", metavar="SOURCE")
@options.target
@click.option(
    "--as",
    "form",
    type=click.Choice(["ttree", "rntuple"]),
    help="What a ROOT file is to hold; by default what the original held.",
)
@options.needed_model
@options.jobs
@options.force
@options.as_json
@options.quiet
@options.debug
@options.explained
def decompress(
    source: str,
    target: str,
    form: str | None,
    model: str | None,
    jobs: int | None,
    force: bool,
    as_json: bool,
    quiet: bool,
) -> None:
    """Write the .baler file SOURCE back to TARGET (.root, .parquet, .npz).

    The suffix of TARGET says what is written; it need not be the format of the original. What the
    new file does not restore, other objects of a ROOT file for instance, is said in notes.

    For example:

      baler decompress events.baler events.root
      baler decompress events.baler events.root --as rntuple
      baler decompress events.baler events.parquet
    """
    options.check_free(target, force=force)
    from baler import api
    from baler.core.size import format_size

    with talk.progress("decompressing", quiet=quiet) as report:
        done = api.decompress(
            source,
            target,
            form=form,
            model=model,
            jobs=jobs,
            overwrite=force,
            progress=report,
        )
    if as_json:
        talk.print_json(done.to_json())
    talk.say(
        f"{done.target}: {talk.count(done.entries, 'event')}, {format_size(done.raw_bytes)} of "
        f"columns, {format_size(done.target_bytes)} on disk, {talk.seconds(done.seconds)}",
        quiet=quiet,
    )
    talk.notes(done.notes, quiet=quiet)
