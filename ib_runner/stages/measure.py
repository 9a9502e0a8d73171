"""Measure one run: from checkpoints to tables, epoch by epoch, in parallel."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from omegaconf import DictConfig, OmegaConf

from ib_runner.build import build_measurements, build_network, for_runs
from ib_runner.errors import MeasurementFailedError, UsageError
from ib_runner.measurements.measurement import Summary
from ib_runner.runs.folder import Run
from ib_runner.runs.log import log_to, logger, progress
from ib_runner.runs.parts import Parts
from ib_runner.runs.schema import TABLES
from ib_runner.runs.tables import replace_rows, write_table
from ib_runner.stages.epochs import epochs_to_measure
from ib_runner.stages.measure_cluster import on_cluster
from ib_runner.stages.measure_epoch import Failure, measure_epoch
from ib_runner.stages.measure_processes import in_processes


def measure(config: DictConfig, run: Run) -> None:
    """Measure what ``config.measure`` asks for and merge it into the run's tables.

    Epochs that are done are kept in part files until all are: an interrupted measurement goes on
    where it stopped. Raises ``UsageError`` where an epoch to measure has no checkpoint, and, when
    all else is in the tables, ``MeasurementFailedError`` where some points could not be measured.
    """
    if not run.epochs:
        raise UsageError(f"run={run.path}: nothing is trained yet; `ib-run train run={run.path}`.")
    epochs = epochs_to_measure(config, run.epochs)
    measurements = for_runs(build_measurements(config, run.allow_targets))
    summaries = [one for one in measurements.values() if hasattr(one, "summarise")]
    names = _measured_at_this_noise(config, run, measurements)
    with run.held(), log_to(run.path / "measure.log"):
        _remark(config, run, [measurements[name] for name in names])
        parts = Parts(run.path / "measurements" / f".parts-{_settings_hash(config, names, epochs)}")
        failures = _measure_epochs(config, run, names, epochs, parts)
        _merge(config, run, parts)
        failed = {
            name for one in failures for name in ([one.measurement] if one.measurement else names)
        }
        _summarise(config, run, summaries, {measurements[name].table for name in failed})
        if failures:
            raise MeasurementFailedError(_told(run, failures, len(epochs)))
        parts.remove()


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


def _remark(config: DictConfig, run: Run, measurements: Sequence[Any]) -> None:
    """Log, once, what measurements have to say about the network that they will measure."""
    for one in measurements:
        if hasattr(one, "remarks"):
            network = build_network(config, run.dataset(), run.allow_targets).eval()
            for remark in one.remarks(network, run.dataset().all.x[:2]):
                logger.info("%s: %s", one.table, remark)


def _settings_hash(config: DictConfig, names: list[str], epochs: list[int]) -> str:
    """Two calls with one hash make the same rows."""
    text = json.dumps([_settings(config), names, epochs], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _settings(config: DictConfig) -> dict[str, Any]:
    """What the rows are a function of: not where they are computed."""
    settings = OmegaConf.to_container(config, resolve=True)
    relevant = {key: settings[key] for key in ("measure", "measurement", "noise", "seed")}
    for key in ("n_jobs", "scheduler"):
        relevant["measure"].pop(key, None)
    return relevant


def _measure_epochs(
    config: DictConfig, run: Run, names: list[str], epochs: list[int], parts: Parts
) -> list[Failure]:
    """Keep the parts that are missing; what failed."""
    settings = OmegaConf.to_yaml(config, resolve=True)
    path = str(run.path.resolve())
    task = partial(measure_epoch, path, run.allow_targets, settings, names, epochs)
    todo = [epoch for epoch in epochs if epoch not in parts.done]
    if config.measure.scheduler is None:
        results = in_processes(task, todo, config.measure.n_jobs)
    else:
        results = on_cluster(task, todo, config.measure.scheduler)
    failures = []
    bar = progress(len(epochs), f"measure {run.path.name}", "epoch", len(epochs) - len(todo))
    with bar:
        for measured in results:
            for failure in measured.failures:
                logger.warning("measure: %s", failure)
            failures += measured.failures
            parts.add(measured.epoch, measured.tables, whole=not measured.failures)
            bar.update()
    return failures


def _told(run: Run, failures: Sequence[Failure], n_epochs: int) -> str:
    epochs = {failure.epoch for failure in failures}
    more = f" (and {len(failures) - 1} more, see measure.log)" if len(failures) > 1 else ""
    return (
        f"run={run.path}: points of {len(epochs)} of {n_epochs} epochs failed, the others are in "
        f"the tables;\nthe same command tries them again. {failures[0]}{more}"
    )


def _merge(config: DictConfig, run: Run, parts: Parts) -> None:
    metadata = run.table_metadata(config)
    for name, new in parts.tables():
        path = run.table_path(name)
        merged = replace_rows(run.table(name), new, name) if path.is_file() else new
        write_table(path, merged, name, metadata)


def _summarise(
    config: DictConfig, run: Run, summaries: Sequence[Summary], failed: set[str]
) -> None:
    """Tables made from tables: those whose sources are there, and whole: none of ``failed``."""
    n_inputs = len(getattr(run.dataset(), config.measure.inputs))
    beta = float(OmegaConf.select(run.config, "noise.beta") or 0.0)
    for one in summaries:
        if not failed.isdisjoint(one.tables_needed):
            logger.warning(
                "measure: %s left as it is, for want of the points that failed", one.table
            )
        elif all(run.table_path(table).is_file() for table in one.tables_needed):
            rows = one.summarise(run.table, n_inputs, beta)
            if len(rows):
                write_table(run.table_path(one.table), rows, one.table, run.table_metadata(config))
