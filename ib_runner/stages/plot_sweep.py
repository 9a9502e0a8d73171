"""The figures about a sweep's runs together."""

from ib_runner.config.builder import Builder
from ib_runner.errors import UsageError
from ib_runner.figures.style import encode
from ib_runner.files.atomic import make_folder, write_bytes
from ib_runner.runs.log import logger
from ib_runner.selections.context import read
from ib_runner.stages.sweep_of_runs import SweepOfRuns


def plot_sweep(sweep: SweepOfRuns) -> None:
    """Write ``figures/NAME.FORMAT`` for each figure over runs whose keys and tables are there."""
    for name, (figure, config) in sweep.entries(Builder.figures).items():
        if not sweep.has_keys(figure):
            continue
        missing = [one for one in figure.tables_needed if read(sweep.tables, one) is None]
        if missing:
            logger.warning("plot: %s left out, it needs %s", name, ", ".join(missing))
            continue
        try:
            drawn = figure.over_runs(sweep.tables, sweep.about)
        except ValueError as error:
            raise UsageError(f"{name}: {error}") from error
        folder = sweep.path / "figures"
        make_folder(folder)
        for kind in config.plot.formats:
            write_bytes(folder / f"{name}.{kind}", encode(drawn, kind))
        logger.info("%s: %s", folder, name)
