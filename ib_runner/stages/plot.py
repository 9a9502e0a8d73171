"""Draw a run's tables: every figure of ``plot.figures`` in every format."""

import math
from functools import cache

from omegaconf import DictConfig, OmegaConf

from ib_runner.build import build_figures
from ib_runner.errors import UsageError
from ib_runner.figures.style import encode
from ib_runner.findings.context import Context
from ib_runner.networks.activations import BOUNDS
from ib_runner.runs.atomic import write_bytes
from ib_runner.runs.folder import Run
from ib_runner.runs.log import log_to, logger, progress


def plot(config: DictConfig, run: Run) -> None:
    """Write ``figures/NAME.FORMAT`` for every figure whose tables are there; name the others.

    Raises ``UsageError`` where none can be drawn, or an epoch to draw was not measured.
    """
    figures = build_figures(config, run.allow_targets)
    missing = {name: _missing(run, figure) for name, figure in figures.items()}
    for name, tables in missing.items():
        if tables:
            logger.warning(
                "plot: %s left out, it needs %s; `ib-run measure run=%s` writes it",
                name,
                ", ".join(tables),
                run.path,
            )
    drawable = {name: figure for name, figure in figures.items() if not missing[name]}
    if not drawable:
        raise UsageError(f"run={run.path}: nothing to draw; run `ib-run measure` first.")
    context, tables = context_of(config, run), cache(run.table)
    folder = run.path / "figures"
    folder.mkdir(exist_ok=True)
    with log_to(run.path / "plot.log"), progress(len(drawable), "plot", "figure") as bar:
        for name, figure in drawable.items():
            try:
                drawn = figure(tables, context)
            except ValueError as error:
                raise UsageError(f"{name}: {error}") from error
            for kind in config.plot.formats:
                write_bytes(folder / f"{name}.{kind}", encode(drawn, kind))
            bar.update()
        logger.info("%s: %d figures", folder, len(drawable))


def _missing(run: Run, figure: object) -> list[str]:
    needed = getattr(figure, "tables_needed", ())
    return [table for table in needed if not run.table_path(table).is_file()]


def context_of(config: DictConfig, run: Run) -> Context:
    """What figures and findings get to know about ``run`` beside its tables."""
    epochs = config.plot.epochs
    return Context(
        experiment=config.experiment,
        beta=float(OmegaConf.select(run.config, "noise.beta") or 0.0),
        h_x=math.log(len(getattr(run.dataset(), config.measure.inputs))),
        bounds=BOUNDS.get(OmegaConf.select(config, "network.activation")),
        loss=config.trainer.loss,
        unit=config.plot.unit,
        epochs=None if epochs is None else tuple(epochs),
    )
