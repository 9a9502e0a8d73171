"""Train one network: from the configuration to checkpoints and the ``training`` table."""

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

    A complete run is left as it is. Raises ``IbRunError`` where the data are not those that it
    went by before, and ``TrainingFailedError`` where the loss stops being a
    number; the run then says ``failed``. An interruption leaves it ``interrupted``.
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
    """Whether ``run`` has the epochs of ``config``; ``DamagedFileError`` where they are gone."""
    run.check_checkpoints()
    return run.state == "complete" and run.epochs[-1] >= config.trainer.epochs


def train_runs_together(configs: Mapping[Run, DictConfig]) -> dict[Run, IbRunError]:
    """Train several runs in one program; those that failed, and why.

    Each ends as ``train`` would leave it. One failure does not stop the others.
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
    """The training of ``run``, held and ``running``; its lines and scores are logged."""
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
    metadata = run.table_metadata(config)  # which has what was just written
    return training


def _broken_off(run: Run, error: BaseException) -> BaseException:
    """Write down how a training ended early; what is to be raised."""
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
    """Raise ``reason``, inside the handling of ``error``, which may be the same."""
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
