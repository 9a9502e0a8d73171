"""Draw a run's tables: every figure of ``plot.figures`` in every format."""

from collections.abc import Callable, Mapping, Sequence
from functools import cache, partial
from pathlib import Path
from typing import Protocol, runtime_checkable

import pandas as pd
from matplotlib.figure import Figure
from omegaconf import DictConfig

from ib_runner.config.builder import for_runs, for_sweeps
from ib_runner.errors import UsageError
from ib_runner.figures.style import Look, encode, looking
from ib_runner.files.atomic import make_folder, write_bytes
from ib_runner.progress import Progress
from ib_runner.runs.folder import Run
from ib_runner.runs.log import log_to, logger
from ib_runner.selections.context import Context, Tables
from ib_runner.stages.run_context import context_of, tables_of


def plot(config: DictConfig, run: Run) -> None:
    """Write ``figures/NAME.FORMAT`` for every figure whose tables are there.

    Those that wait for a measurement are named, and those that have nothing to show of such a run;
    those that need what it does not measure are passed over.

    Raises ``UsageError`` where none can be drawn, or an epoch to draw was not measured.
    """
    figures = for_runs(run.builder(config).figures())
    if not figures:
        logger.info("plot: plot.figures names no figure of a single run")
        return
    context, tables = context_of(config, run), shown(config, tables_of(config, run))
    missing = {name: _missing(run, one) for name, one in figures.items()}
    complete = {name: one for name, one in figures.items() if not missing[name]}
    _warn(config, run, missing)
    drawable = {name: one for name, one in complete.items() if applies(one, tables, context)}
    _say_why_not(complete, drawable)
    if not drawable:
        raise UsageError(_nothing(run, missing))
    if any("layers" in getattr(figure, "tables_needed", ()) for figure in drawable.values()):
        tables("layers")  # where it must be written first, the run is held for that alone
    folder = run.path / "figures"
    bar = Progress(len(drawable), "plot", "figure", doing=next(iter(drawable)))
    with run.held(), log_to(run.path / "plot.log"), bar:
        make_folder(folder)
        for name, figure in drawable.items():
            write_figure(folder, name, config, partial(figure, tables, context))
            bar.update(name)
        logger.info("%s: %s", folder, ", ".join(drawable))


def write_figure(folder: Path, name: str, config: DictConfig, draw: Callable[[], Figure]) -> None:
    """Write what ``draw`` gives as ``NAME.FORMAT``, as ``config.plot`` wants it to look.

    Raises ``UsageError`` where it cannot be drawn of these tables, or in this style.
    """
    asked = config.plot
    look = Look(asked.size, asked.font, asked.style, (asked.titles or {}).get(name))
    try:
        with looking(look):
            drawn = draw()
            for kind in asked.formats:
                write_bytes(folder / f"{name}.{kind}", encode(drawn, kind))
    except ValueError as error:
        raise UsageError(f"{name}: {error}") from error


def shown(config: DictConfig, tables: Tables) -> Tables:
    """Of the tables, the rows of ``plot.layers`` and of the epochs in ``plot.epoch_range``."""
    layers, epochs = config.plot.layers, config.plot.epoch_range
    if layers is None and epochs is None:
        return tables

    @cache
    def table(name: str) -> pd.DataFrame:
        rows = tables(name)
        if name == "layers":  # facts, of the inputs too
            return rows
        if layers is not None and "layer" in rows:
            rows = rows[rows["layer"].isin([0, *layers])]
        if epochs is not None and "epoch" in rows:
            rows = rows[rows["epoch"].between(*epochs)]
        return rows.reset_index(drop=True)

    return table


def wants_each_run(config: DictConfig, run: Run) -> bool:
    """Whether the figures of a sweep's ``run`` alone are asked for: by ``plot.each_run``, by other
    ``plot.figures`` than the run's own, or by figures that are all of single runs.
    """
    figures = run.builder(config).figures()
    if config.plot.each_run or not for_sweeps(figures):
        return True
    return list(config.plot.figures) != list(run.config.plot.figures)


def applies(figure: object, tables: Tables, context: Context) -> bool:
    """Whether ``figure`` has anything to show of this run; most always do."""
    return not isinstance(figure, Applies) or figure.applies(tables, context)


def _warn(config: DictConfig, run: Run, missing: Mapping[str, Sequence[str]]) -> None:
    """Name the figures that wait for tables that the run's measurements write."""
    if not any(missing.values()):
        return  # building the measurements imports torch
    measurements = run.builder(config).measurements().values()
    written = {one.table for one in measurements}
    waiting = [
        f"{name} ({', '.join(tables)})"
        for name, tables in missing.items()
        if tables and written.issuperset(tables)
    ]
    if waiting:
        logger.warning(
            "plot: left out for want of tables: %s; `ib-run measure run=%s` writes them",
            ", ".join(waiting),
            run.path,
        )


def _say_why_not(complete: Mapping[str, object], drawable: Mapping[str, object]) -> None:
    """Log what the figures that have their tables and can't be drawn would show."""
    for name, figure in complete.items():
        if name not in drawable:
            reason = getattr(figure, "shows", None)
            logger.info("plot: %s not drawn%s", name, f": it shows {reason}" if reason else "")


def _nothing(run: Run, missing: Mapping[str, Sequence[str]]) -> str:
    """Why none of the figures, and the tables that they are ``missing``, can be drawn."""
    waiting = [f"{name} needs {', '.join(tables)}" for name, tables in missing.items() if tables]
    if not waiting:
        return f"run={run.path}: plot.figures has nothing to show of this run."
    more = f" (and {len(waiting) - 3} more)" if len(waiting) > 3 else ""
    return (
        f"run={run.path}: nothing to draw: {'; '.join(waiting[:3])}{more}.\n"
        f"`ib-run measure run={run.path}` writes the tables that measure.measurements names."
    )


@runtime_checkable
class Applies(Protocol):
    """A figure that some runs have nothing for; its ``shows`` says what that is, in words."""

    def applies(self, tables: Tables, context: Context) -> bool:
        """Whether there is anything to show of the run with these ``tables``."""
        ...


def _missing(run: Run, figure: object) -> list[str]:
    """The tables that ``figure`` needs and the run has not; ``layers`` can be made."""
    needed = getattr(figure, "tables_needed", ())
    return [one for one in needed if one != "layers" and not run.table_path(one).is_file()]
