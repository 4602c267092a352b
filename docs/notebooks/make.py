"""Run the notebooks of this folder and keep their outputs: ``python docs/notebooks/make.py``.

Outputs are text and small pictures. What differs from machine to machine is not kept: times,
versions, metadata of the kernel.
"""

from __future__ import annotations

from pathlib import Path

import nbformat
from nbclient import NotebookClient

HERE = Path(__file__).parent
SECONDS = 600
"""For a cell, at most."""
METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}


def executed(path: Path, folder: Path) -> nbformat.NotebookNode:
    """Return a notebook with the outputs of a new kernel that starts in ``folder``.

    Raises nbclient's CellExecutionError for a cell that fails, CellTimeoutError for one that takes
    too long.
    """
    notebook = nbformat.read(path, as_version=4)
    client = NotebookClient(
        notebook, timeout=SECONDS, kernel_name="python3", resources={"metadata": {"path": folder}}
    )
    client.execute()
    return plain(notebook)


def plain(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """Return a notebook without what a machine adds to it."""
    notebook.metadata = nbformat.from_dict(METADATA)
    for cell in notebook.cells:
        cell.metadata = nbformat.from_dict({})
        if "outputs" in cell:
            cell.outputs = joined(cell.outputs)
        for output in cell.get("outputs", []):
            if "metadata" in output:
                output.metadata = nbformat.from_dict({})
            if "data" in output and "image/png" in output.data:
                output.data = nbformat.from_dict({"image/png": output.data["image/png"]})
    return notebook


def joined(outputs: list[nbformat.NotebookNode]) -> list[nbformat.NotebookNode]:
    """Return outputs with text that follows text of the same stream in one piece."""
    found: list[nbformat.NotebookNode] = []
    for one in outputs:
        last = found[-1] if found else None
        if last is not None and last.get("name", "") == one.get("name") == "stdout":
            last.text += one.text
        else:
            found.append(one)
    return found


def main() -> None:
    """Run all notebooks."""
    for path in sorted(HERE.glob("*.ipynb")):
        nbformat.write(executed(path, HERE), path)


if __name__ == "__main__":
    main()
