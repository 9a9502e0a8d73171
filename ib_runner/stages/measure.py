"""Measure one run: from checkpoints to tables, epoch by epoch, in parallel."""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pandas as pd
from joblib import Parallel, delayed
from omegaconf import DictConfig, OmegaConf

from ib_runner.build import build_measurements, for_runs
from ib_runner.errors import UsageError
from ib_runner.measurements.measurement import Summary
from ib_runner.runs.folder import Run
from ib_runner.runs.lock import hold
from ib_runner.runs.log import log_to, logger, progress
from ib_runner.runs.parts import Parts
from ib_runner.runs.provenance import processors
from ib_runner.runs.schema import TABLES
from ib_runner.runs.tables import replace_rows, write_table
from ib_runner.stages.epochs import epochs_to_measure
from ib_runner.stages.measure_epoch import measure_epoch


def measure(config: DictConfig, run: Run) -> None:
    """Measure what ``config.measure`` asks for and merge it into the run's tables.

    Epochs that are done are kept in part files until all are: an interrupted measurement goes on
    where it stopped. Raises ``UsageError`` where an epoch to measure has no checkpoint.
    """
    if not run.epochs:
        raise UsageError(f"run={run.path}: nothing is trained yet; `ib-run train run={run.path}`.")
    epochs = epochs_to_measure(config, run.epochs)
    measurements = for_runs(build_measurements(config, run.allow_targets))
    summaries = [one for one in measurements.values() if hasattr(one, "summarise")]
    names = _measured_at_this_noise(config, run, measurements)
    with hold(run.path), log_to(run.path / "measure.log"):
        _remark(config, run, [measurements[name] for name in names], epochs[0])
        parts = Parts(run.path / "measurements" / f".parts-{_settings_hash(config, names, epochs)}")
        _measure_epochs(config, run, names, epochs, parts)
        _merge(run, parts, _settings_metadata(config))
        _summarise(config, run, summaries)


def _measured_at_this_noise(
    config: DictConfig, run: Run, measurements: Mapping[str, Any]
) -> list[str]:
    """The measurements to make: all, or at another noise level those whose rows name it."""
    measurements = {
        name: one for name, one in measurements.items() if not hasattr(one, "summarise")
    }
    trained, measured = (OmegaConf.select(c, "noise.beta") for c in (run.config, config))
    if trained == measured:
        return list(measurements)
    kept = [name for name, one in measurements.items() if "beta" in TABLES[one.table]]
    logger.info(
        "noise.beta = %s, trained with %s: measuring %s only, whose rows name the noise level",
        measured,
        trained,
        ", ".join(kept) or "nothing",
    )
    return kept


def _remark(config: DictConfig, run: Run, measurements: Sequence[Any], epoch: int) -> None:
    """Log, once, what measurements have to say about the network that they will measure."""
    for one in measurements:
        if hasattr(one, "remarks"):
            inputs = getattr(run.dataset(), config.measure.inputs)
            for remark in one.remarks(run.network(epoch, config), inputs.x[:2]):
                logger.info("%s: %s", one.table, remark)


def _settings_hash(config: DictConfig, names: list[str], epochs: list[int]) -> str:
    """Two calls with one hash make the same rows."""
    settings = OmegaConf.to_container(config, resolve=True)
    relevant = {key: settings[key] for key in ("measure", "measurement", "noise", "seed")}
    relevant["measure"].pop("n_jobs", None)
    text = json.dumps([relevant, names, epochs], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _settings_metadata(config: DictConfig) -> dict[str, str]:
    measure = OmegaConf.to_container(config.measure, resolve=True)
    return {"measure": json.dumps(measure, sort_keys=True)}


def n_workers(n_jobs: int, tasks: int) -> int:
    """Worker processes for ``measure.n_jobs``; −1 stands for every processor there is."""
    return max(1, min(tasks, processors() if n_jobs == -1 else n_jobs))


def _measure_epochs(
    config: DictConfig, run: Run, names: list[str], epochs: list[int], parts: Parts
) -> None:
    todo = [epoch for epoch in epochs if epoch not in parts.done]
    bar = progress(len(epochs), f"measure {run.path.name}", "epoch", len(epochs) - len(todo))
    with bar:
        for epoch, tables in _results(config, run, names, epochs, todo):
            parts.add(epoch, tables)
            bar.update()


def _results(
    config: DictConfig, run: Run, names: list[str], epochs: list[int], todo: list[int]
) -> Iterator[tuple[int, dict[str, pd.DataFrame]]]:
    settings = OmegaConf.to_yaml(config, resolve=True)
    workers = n_workers(config.measure.n_jobs, len(todo))
    threads = max(1, processors() // workers)
    shared = (str(run.path), run.allow_targets, settings, names, epochs)
    tasks = [delayed(measure_epoch)(*shared, epoch, threads) for epoch in todo]
    yield from Parallel(n_jobs=workers, return_as="generator_unordered")(tasks)


def _merge(run: Run, parts: Parts, settings: dict[str, str]) -> None:
    metadata = {**run.table_metadata(), **settings}
    for name, new in parts.tables():
        path = run.table_path(name)
        merged = replace_rows(run.table(name), new, name) if path.is_file() else new
        write_table(path, merged, name, metadata)
    parts.remove()


def _summarise(config: DictConfig, run: Run, summaries: Sequence[Summary]) -> None:
    """Tables made from tables: those whose sources are there."""
    n_inputs = len(getattr(run.dataset(), config.measure.inputs))
    beta = float(OmegaConf.select(run.config, "noise.beta") or 0.0)
    for one in summaries:
        if all(run.table_path(table).is_file() for table in one.tables_needed):
            rows = one.summarise(run.table, n_inputs, beta)
            if len(rows):
                write_table(run.table_path(one.table), rows, one.table, run.table_metadata())
