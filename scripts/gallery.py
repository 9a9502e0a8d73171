"""The documentation's page of all figures, drawn from runs and sweeps: docs/gallery.

    python scripts/gallery.py RUN_OR_SWEEP …

Draws the figures of each run or sweep with its own settings, in print size at a low resolution, and
writes the page again. A figure that several have is taken from the first; pictures of figures that
none has stay. Short runs suffice, one for each experiment in conf/exp, such as
`ib-run all +exp=szt_tanh trainer.epochs=60`.
"""

import sys
import tempfile
from importlib import import_module
from pathlib import Path

import ib_runner
from ib_runner import cli

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "docs" / "gallery"
DOTS = 110  # per inch
HEAD = """# All figures

Each at the size at which it is printed. `scripts/gallery.py` draws them anew, from short runs.
`ib-run plot 'plot.figures=[…]'` draws those that are named; `plot.size`, `plot.font`,
`plot.titles`, `plot.layers`, `plot.epoch_range`, `plot.unit`, `plot.formats` and `plot.style`
change how they look.
"""


def main(paths):
    FOLDER.mkdir(exist_ok=True)
    drawn: set[str] = set()
    with tempfile.NamedTemporaryFile("w", suffix=".mplstyle") as style:
        style.write(f"savefig.dpi: {DOTS}\n")  # a file, as several processes draw
        style.flush()
        for path in paths:
            drawn |= draw(Path(path), style.name, drawn)
    pictures = sorted(FOLDER.glob("*.png"))
    parts = [f"## `{one.stem}`\n\n{said(one.stem)}![{one.stem}]({one.name})" for one in pictures]
    (FOLDER / "index.md").write_text("\n\n".join([HEAD.rstrip(), *parts]) + "\n", encoding="utf-8")


def draw(path, style, known):
    """Draw the figures of one run or sweep that are not ``known``, with matplotlib's ``style``, and
    copy them; returns their names.
    """
    before = {one: one.read_bytes() for one in path.glob("figures/*.png")}
    words = ["plot", f"run={path}", "plot.formats=[png]", f"plot.style={style}"]
    if (path / "run.json").is_file():
        wanted = [one for one in ib_runner.open_run(path).config.plot.figures if one not in known]
        words.append(f"plot.figures=[{','.join(wanted)}]")
    for one in before:
        one.unlink()
    assert cli.main(words) == 0
    found = {one.stem: one for one in path.glob("figures/*.png") if one.stem not in known}
    for name, one in found.items():
        (FOLDER / f"{name}.png").write_bytes(one.read_bytes())
    for one, content in before.items():
        one.write_bytes(content)
    return set(found)


def said(name):
    """The first sentence of the figure's module."""
    from ib_runner.config.compose import compose, open_hydra

    experiments = sorted(one.stem for one in (ROOT / "conf" / "exp").glob("*.yaml"))
    for experiment in ("szt_tanh", *experiments):
        figures = compose(open_hydra(), "plot", [f"+exp={experiment}"]).figure
        if name in figures:
            module = figures[name]._target_.rpartition(".")[0]
            doc = import_module(module).__doc__ or ""
            first = " ".join(doc.split("\n\n")[0].split())
            return f"{first}\n\n" if first else ""
    return ""


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    main(sys.argv[1:])
