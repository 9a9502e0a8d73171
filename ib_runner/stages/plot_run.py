"""Drawing a run's figures: every figure of ``plot.figures`` in every format."""

import gc
from collections.abc import Callable, Mapping, Sequence
from functools import cache, lru_cache, partial
from pathlib import Path
from typing import Protocol, runtime_checkable

import pandas as pd
from matplotlib.figure import Figure
from omegaconf import DictConfig, OmegaConf

from ib_runner.collector import collector_rests
from ib_runner.config.builder import for_runs, for_sweeps
from ib_runner.errors import UsageError
from ib_runner.figures.style import Look, encode, looking
from ib_runner.files.atomic import make_folder, write_bytes
from ib_runner.files.yaml_text import parsed
from ib_runner.progress import Progress
from ib_runner.runs.folder import Run
from ib_runner.runs.log import log_to, logger
from ib_runner.selections.context import Context, Tables
from ib_runner.stages.helper import Helper, shared_out
from ib_runner.stages.plot import DRAWING, seconds_of
from ib_runner.stages.run_context import context_of, tables_of


def plot(config: DictConfig, run: Run, others: Sequence[Helper] = ()) -> None:
    """Write ``figures/NAME.FORMAT`` for every figure whose tables exist; ``others`` draw some.

    The log names figures that wait for ``ib-run measure``, and figures that have nothing to show of
    this run; figures of tables that this run does not measure are skipped silently.

    Raises ``UsageError`` where no figure can be drawn, or an epoch to draw was not measured.
    """
    with collector_rests():
        _plot(config, run, others)


def _plot(config: DictConfig, run: Run, others: Sequence[Helper]) -> None:
    there = str(run.path), list(run.allow_targets), OmegaConf.to_yaml(config)
    for one in others:
        one.begin(f"{DRAWING}:_opened", *there)
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
        tables("layers")  # writes the table if it is missing, holding the lock for that only
    folder = run.path / "figures"
    bar = Progress(len(drawable), "plot", "figure", doing=next(iter(drawable)))
    with run.held(), log_to(run.path / "plot.log"), bar:
        make_folder(folder)

        def draw(name: str) -> None:
            write_figure(folder, name, config, partial(drawable[name], tables, context))

        longest_first = sorted(drawable, key=seconds_of, reverse=True)
        for name in shared_out(longest_first, draw, (f"{DRAWING}:_draw", *there), others):
            bar.update(name)
        logger.info("%s: %s", folder, ", ".join(drawable))


def _draw(path: str, allow_targets: Sequence[str], settings: str, name: str) -> None:
    """Write the figure ``name`` of the run at ``path``, whose lock another process holds.

    ``settings`` are the configuration as YAML.
    """
    config, figures, tables, context = _opened(path, allow_targets, settings)
    write_figure(Path(path) / "figures", name, config, partial(figures[name], tables, context))


Opened = tuple[DictConfig, Mapping[str, Callable[..., Figure]], Tables, Context]


def _opened(path: str, allow_targets: Sequence[str], settings: str) -> Opened:
    return _open(path, tuple(allow_targets), settings)


@lru_cache(maxsize=1)
def _open(path: str, allow_targets: tuple[str, ...], settings: str) -> Opened:
    gc.collect()  # what was drawn of another run
    config, run = OmegaConf.create(parsed(settings)), Run(path, allow_targets)
    figures = for_runs(run.builder(config).figures())
    return config, figures, shown(config, tables_of(config, run)), context_of(config, run)


def write_figure(folder: Path, name: str, config: DictConfig, draw: Callable[[], Figure]) -> None:
    """Write the figure that ``draw`` returns as ``NAME.FORMAT``, in the style of ``config.plot``.

    Raises ``UsageError`` where the tables or the style do not allow it.
    """
    asked = config.plot
    look = Look(asked.size, asked.font, asked.style, (asked.titles or {}).get(name))
    try:
        with looking(look), collector_rests():
            drawn = draw()
            for kind in asked.formats:
                write_bytes(folder / f"{name}.{kind}", encode(drawn, kind))
    except ValueError as error:
        raise UsageError(f"{name}: {error}") from error


def shown(config: DictConfig, tables: Tables) -> Tables:
    """The tables with only the rows of ``plot.layers`` and of epochs in ``plot.epoch_range``."""
    layers, epochs = config.plot.layers, config.plot.epoch_range
    if layers is None and epochs is None:
        return tables

    @cache
    def table(name: str) -> pd.DataFrame:
        rows = tables(name)
        if name == "layers":  # facts that every figure needs, such as H(X): not selected from
            return rows
        if layers is not None and "layer" in rows:
            rows = rows[rows["layer"].isin([0, *layers])]
        if epochs is not None and "epoch" in rows:
            rows = rows[rows["epoch"].between(*epochs)]
        return rows.reset_index(drop=True)

    return table


def wants_each_run(config: DictConfig, run: Run) -> bool:
    """Whether to draw figures of each single run of a sweep.

    True with ``plot.each_run``, with ``plot.figures`` other than the run's own, and where no figure
    is over runs; False where all of them are.
    """
    figures = run.builder(config).figures()
    if figures and not for_runs(figures):
        return False
    if config.plot.each_run or not for_sweeps(figures):
        return True
    return list(config.plot.figures) != list(run.config.plot.figures)


def applies(figure: object, tables: Tables, context: Context) -> bool:
    """Whether ``figure`` has anything to show of this run; True unless the figure says no."""
    return not isinstance(figure, Applies) or figure.applies(tables, context)


def _warn(config: DictConfig, run: Run, missing: Mapping[str, Sequence[str]]) -> None:
    """Log the figures that need tables which ``ib-run measure`` would write for this run."""
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
            "plot: left out, as tables are missing: %s; `ib-run measure run=%s` writes them",
            ", ".join(waiting),
            run.path,
        )


def _say_why_not(complete: Mapping[str, object], drawable: Mapping[str, object]) -> None:
    """Log the figures that have their tables but nothing to show of this run."""
    for name, figure in complete.items():
        if name not in drawable:
            reason = getattr(figure, "shows", None)
            logger.info("plot: %s not drawn%s", name, f": it shows {reason}" if reason else "")


def _nothing(run: Run, missing: Mapping[str, Sequence[str]]) -> str:
    """The message for a run of which no figure can be drawn; ``missing`` has the missing tables."""
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
    """A figure that has nothing to show of some runs; ``shows`` says in words what it shows."""

    def applies(self, tables: Tables, context: Context) -> bool:
        """Whether there is anything to show of the run with these ``tables``."""
        ...


def _missing(run: Run, figure: object) -> list[str]:
    """The tables that ``figure`` needs and the run lacks, except ``layers``, which can be made."""
    needed = getattr(figure, "tables_needed", ())
    return [one for one in needed if one != "layers" and not run.table_path(one).is_file()]
