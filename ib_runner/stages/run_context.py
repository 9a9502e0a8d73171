"""The arguments of figures and findings: a run's tables, and the context to show them in."""

from functools import cache

import pandas as pd
from omegaconf import DictConfig

from ib_runner.files.atomic import make_folder
from ib_runner.runs.folder import Run
from ib_runner.runs.log import logger
from ib_runner.selections.context import Context, Tables
from ib_runner.tables.files import replace_rows, write_table
from ib_runner.tables.settings import made_with, settings_of


def context_of(config: DictConfig, run: Run) -> Context:
    """The context of ``run`` for the settings ``config``."""
    epochs = config.plot.epochs
    return Context(
        experiment=config.experiment,
        loss=config.trainer.loss,
        unit=config.plot.unit,
        epochs=None if epochs is None else tuple(epochs),
        seed=int(config.seed),
    )


def tables_of(config: DictConfig, run: Run) -> Tables:
    """The run's tables, each read once: the rows about the inputs that were measured last.

    Rows about other inputs (``measure.inputs``), whose H(X) differs, stay in the files. The table
    ``layers`` is written first where it is asked for and missing.
    """

    @cache
    def table(name: str) -> pd.DataFrame:
        if name == "layers":
            complete_layers(config, run)
            rows = run.table(name)
            return rows[rows["inputs"] == rows.attrs["inputs"]]
        rows = run.table(name)
        if "settings" not in rows:
            return rows
        inputs = run.table("layers").attrs["inputs"]
        return made_with(rows, settings_of(rows), "measure", "inputs", inputs)

    return table


def record_layers(config: DictConfig, run: Run) -> None:
    """Write the facts about the layers that ``config`` measures to the run's table ``layers``.

    Rows about other inputs (``measure.inputs``) stay. The caller must hold the run's lock.
    """
    from ib_runner.measurements.layers import layers_table  # torch, which tables do without

    name = config.measure.inputs
    inputs = getattr(run.dataset(), name)
    rows = layers_table(run.network(run.epochs[0]), inputs, name)
    path = run.table_path("layers")
    if path.is_file():
        rows = replace_rows(run.table("layers"), rows, "layers")
    make_folder(path.parent)
    write_table(path, rows, "layers", {**run.table_metadata(config), "inputs": name})


def complete_layers(config: DictConfig, run: Run) -> None:
    """Write the table ``layers`` where it is missing: before measuring, or from old versions."""
    if run.table_path("layers").is_file() or not run.epochs:
        return
    logger.info("%s: writing its table layers, once", run.path)
    with run.held():
        record_layers(config, run)
        run.forget_dataset()
