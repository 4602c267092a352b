"""``baler migrate``."""

from __future__ import annotations

import click

from baler.cli import options, talk


@click.command(short_help="Take over the model of a project of Baler 1.")
@click.argument("project", type=click.Path())
@click.option(
    "-o",
    "--output",
    "target",
    metavar="TARGET",
    required=True,
    callback=options.not_data,
    help="The file of the model, such as cfd.balermodel.",
)
@click.option(
    "--data",
    metavar="FILE",
    help="The original .npz file; by default the one that the configuration names, if it is there.",
)
@options.force
@options.as_json
@options.quiet
@options.debug
@options.explained
def migrate(
    project: str, target: str, data: str | None, force: bool, as_json: bool, quiet: bool
) -> None:
    """Read PROJECT, the folder of a project of Baler 1, and write its model to TARGET.

    The configuration is read and not run; of the weights, only tensors are loaded. Dense models are
    taken over, with their ranges and the names of columns; for others you are told which family
    to train anew. This needs PyTorch: pip install 'baler[train]'.

    For example:

      baler migrate workspaces/CFD_workspace/CFD_project_animation -o cfd.balermodel
      baler compress CFD_animation.npz cfd.baler --model cfd.balermodel --latent-bits 8
    """
    options.check_free(target, force=force)
    from baler.training.families.migrate import migrate as run

    done = run(project, target, data=data, overwrite=force)
    if as_json:
        talk.print_json(done.to_json())
    elif done.target:
        click.echo(
            f"{done.target}: {done.model}, {talk.count(done.columns, 'column')}, "
            f"{talk.count(done.latents, 'latent')}"
        )
    talk.notes(done.notes, quiet=quiet)
