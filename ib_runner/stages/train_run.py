"""Training one run, or several together, to checkpoints and the table ``training``."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, nullcontext
from typing import NoReturn

import pandas as pd
from omegaconf import DictConfig

from ib_runner.errors import IbRunError, Interrupted, TrainingFailedError, interruption_behind
from ib_runner.files import provenance
from ib_runner.runs.folder import Run, now
from ib_runner.runs.log import log_to, logger
from ib_runner.tables.files import write_table
from ib_runner.training.loop import Training, prepare
from ib_runner.training.together.loop import train_together


def train(config: DictConfig, run: Run) -> None:
    """Train, or go on training, the network of ``config`` in ``run``.

    A complete run is left as it is. Raises ``IbRunError`` where the data set differs from that of
    earlier epochs, and ``TrainingFailedError`` where the loss becomes NaN or infinite, which sets
    the run's state to ``failed``. An interruption sets it to ``interrupted``.
    """
    if is_trained(config, run):
        logger.info("%s: complete with %d epochs, left as it is", run.path, run.epochs[-1])
        return
    with _open(config, run) as training:
        try:
            training.run()
        except BaseException as error:
            _raise(_broken_off(run, error), error)
        _finished(run)


def is_trained(config: DictConfig, run: Run) -> bool:
    """Whether ``run`` has all epochs of ``config``.

    Raises ``DamagedFileError`` where the training is complete, but the checkpoints are gone.
    """
    run.check_checkpoints()
    return run.state == "complete" and run.epochs[-1] >= config.trainer.epochs


def train_runs_together(configs: Mapping[Run, DictConfig]) -> dict[Run, IbRunError]:
    """Train several runs in one loop; returns the error of each run that failed.

    Each run ends with the same files as by ``train``. A failed run stops no other.
    """
    failed: dict[Run, IbRunError] = {}
    with ExitStack() as stack:
        trainings: dict[Run, Training] = {}
        for run, config in configs.items():
            try:
                trainings[run] = stack.enter_context(_open(config, run))
            except IbRunError as error:
                failed[run] = error
        try:
            found = train_together(list(trainings.values()))
        except BaseException as error:
            for run in trainings:
                reason = _broken_off(run, error)
            _raise(reason, error)
        for number, run in enumerate(trainings):
            if number in found:
                failed[run] = found[number]
                _broken_off(run, found[number])
            else:
                _finished(run)
    return failed


@contextmanager
def _open(config: DictConfig, run: Run) -> Iterator[Training]:
    """The training of ``run``, whose lock is held and whose state is ``running`` in the block."""
    logging = run.builder(config).logging()
    with (
        run.held("train"),
        log_to(run.path / "train.log"),
        logging.open(run.path) if logging else nullcontext() as log,
    ):
        yield _begun(config, run, log)


def _begun(config: DictConfig, run: Run, log: Callable[[pd.DataFrame], None] | None) -> Training:
    builder = run.builder(config)
    dataset = builder.dataset()
    if run.epochs:
        run.check_data(dataset)
    network = builder.network(dataset)
    settings = builder.training()
    path = run.table_path("training")
    metadata: Mapping[str, str] = {}

    def save_history(rows):
        write_table(path, rows, "training", metadata)
        if log is not None:
            log(rows)

    training = prepare(
        network,
        dataset,
        checkpoints=run.checkpoints,
        history=run.table("training") if path.is_file() else None,
        on_commit=save_history,
        **settings,
    )
    run.begin_training(
        data_fingerprint=dataset.fingerprint,
        packages=provenance.package_versions(),
        git=provenance.git_revision(),
        **provenance.machine(str(settings["device"])),
    )
    metadata = run.table_metadata(config)  # after begin_training, whose fields it includes
    return training


def _broken_off(run: Run, error: BaseException) -> BaseException:
    """Write the state of a training that ended early by ``error``; returns the error to raise."""
    if (interruption := interruption_behind(error)) is not None:
        error = interruption
    if isinstance(error, KeyboardInterrupt | Interrupted):
        run.update(state="interrupted", finished=now())
    elif isinstance(error, TrainingFailedError):
        run.update(state="failed", error=str(error), finished=now())
    else:
        run.update(state="failed", error=f"{type(error).__name__}: {error}", finished=now())
    return error


def _raise(reason: BaseException, error: BaseException) -> NoReturn:
    """Raise ``reason`` from ``error``, or ``error`` again where both are the same."""
    if reason is error:
        raise error
    raise reason from None


def _finished(run: Run) -> None:
    run.update(state="complete", finished=now())
    last = run.table("training").query("epoch == epoch.max() and split == 'test'")
    logger.info(
        "%s: complete, %d epochs, test loss %.4f%s",
        run.path,
        last.epoch.item(),
        last.loss.item(),
        "" if last.accuracy.isna().item() else f", test accuracy {last.accuracy.item():.2%}",
    )
