"""Drawing the figures about a sweep's runs together."""

from functools import partial
from typing import Any

from omegaconf import DictConfig

from ib_runner.config.builder import Builder
from ib_runner.files.atomic import make_folder
from ib_runner.runs.log import logger
from ib_runner.selections.context import read
from ib_runner.stages.plot_run import shown, write_figure
from ib_runner.stages.sweep_of_runs import SweepOfRuns


def plot_sweep(sweep: SweepOfRuns) -> None:
    """Write ``figures/NAME.FORMAT`` for each figure over runs whose swept keys and tables exist."""
    entries = sweep.entries(Builder.figures)
    drawn = [_draw(sweep, name, *one) for name, one in entries.items()]
    if any(drawn):
        return
    needed = {key for figure, _ in entries.values() for key in getattr(figure, "keys_needed", ())}
    logger.info(
        "plot: no figure over the runs of this sweep, which varies %s; those of plot.figures are "
        "over %s.\nplot.each_run=true draws the figures of each run.",
        ", ".join(sweep.keys),
        ", ".join(sorted(needed)) or "nothing",
    )


def _draw(sweep: SweepOfRuns, name: str, figure: Any, config: DictConfig) -> bool:
    """Draw figure ``name``; returns whether its tables were there."""
    if not sweep.has_keys(figure):
        return False
    tables = shown(config, sweep.tables)
    missing = [one for one in figure.tables_needed if read(tables, one) is None]
    if missing:
        logger.warning("plot: %s left out, it needs %s", name, ", ".join(missing))
        return False
    folder = sweep.path / "figures"
    make_folder(folder)
    write_figure(folder, name, config, partial(figure.over_runs, tables, sweep.about))
    logger.info("%s: %s", folder, name)
    return True
