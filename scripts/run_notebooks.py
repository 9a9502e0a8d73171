"""Run the notebooks of the documentation, each in an empty folder, and save their outputs.

    python scripts/run_notebooks.py [--dry-run] [NAME …]

Needs ``pip install 'ib-run[docs]'``. Fails where a cell does; ``--dry-run`` keeps nothing.
"""

import os
import sys
import tempfile
from pathlib import Path

import nbformat
from nbclient import NotebookClient

FOLDER = Path(__file__).resolve().parents[1] / "docs" / "notebooks"
#: the most seconds for one cell
PATIENCE = 900


def run(path: Path) -> nbformat.NotebookNode:
    """The notebook at ``path`` with the outputs that its cells give now."""
    notebook = nbformat.read(path, as_version=4)
    os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    with tempfile.TemporaryDirectory() as folder:
        resources = {"metadata": {"path": folder}}
        NotebookClient(
            notebook, timeout=PATIENCE, resources=resources, record_timing=False
        ).execute()
    for cell in notebook.cells:
        if cell.cell_type == "code":  # progress bars
            cell.outputs = [one for one in cell.outputs if one.get("name") != "stderr"]
    return notebook


def main(words: list[str]) -> None:
    names = [word for word in words if word != "--dry-run"]
    for path in [FOLDER / f"{name}.ipynb" for name in names] or sorted(FOLDER.glob("*.ipynb")):
        executed = run(path)
        if "--dry-run" not in words:
            nbformat.write(executed, path)


if __name__ == "__main__":
    main(sys.argv[1:])
