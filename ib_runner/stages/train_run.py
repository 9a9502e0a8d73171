"""Train one network: from the configuration to checkpoints and the ``training`` table."""

from collections.abc import Callable
from contextlib import nullcontext

import pandas as pd
from omegaconf import DictConfig

from ib_runner.errors import Interrupted, TrainingFailedError, interruption_behind
from ib_runner.runs import provenance
from ib_runner.runs.folder import Run, now
from ib_runner.runs.log import log_to, logger
from ib_runner.tables.files import write_table
from ib_runner.training.loop import train as train_network


def train(config: DictConfig, run: Run) -> None:
    """Train, or go on training, the network of ``config`` in ``run``.

    A complete run is left as it is. Raises ``IbRunError`` where the data are not those that it
    went by before, and ``TrainingFailedError`` where the loss stops being a
    number; the run then says ``failed``. An interruption leaves it ``interrupted``.
    """
    run.check_checkpoints()
    if run.state == "complete" and run.epochs[-1] >= config.trainer.epochs:
        logger.info("%s: complete with %d epochs, left as it is", run.path, run.epochs[-1])
        return
    logging = run.builder(config).logging()
    with (
        run.held("train"),
        log_to(run.path / "train.log"),
        logging.open(run.path) if logging else nullcontext() as log,
    ):
        _train(config, run, log)


def _train(config: DictConfig, run: Run, log: Callable[[pd.DataFrame], None] | None) -> None:
    builder = run.builder(config)
    dataset = builder.dataset()
    if run.epochs:
        run.check_data(dataset)
    network = builder.network(dataset)
    settings = builder.training()
    info = {
        "data_fingerprint": dataset.fingerprint,
        "packages": provenance.package_versions(),
        "git": provenance.git_revision(),
        **provenance.machine(str(settings["device"])),
    }
    run.begin_training(**info)
    metadata = run.table_metadata(config)
    path = run.table_path("training")

    def save_history(rows):
        write_table(path, rows, "training", metadata)
        if log is not None:
            log(rows)

    history = run.table("training") if path.is_file() else None
    try:
        train_network(
            network,
            dataset,
            checkpoints=run.checkpoints,
            history=history,
            on_commit=save_history,
            **settings,
        )
    except TrainingFailedError as error:
        run.update(state="failed", error=str(error), finished=now())
        raise
    except (KeyboardInterrupt, Interrupted):
        run.update(state="interrupted", finished=now())
        raise
    except Exception as error:
        if (interruption := interruption_behind(error)) is not None:
            run.update(state="interrupted", finished=now())
            raise interruption from None
        run.update(state="failed", error=f"{type(error).__name__}: {error}", finished=now())
        raise
    run.update(state="complete", finished=now())
    last = run.table("training").query("epoch == epoch.max() and split == 'test'")
    logger.info(
        "%s: complete, %d epochs, test loss %.4f%s",
        run.path,
        config.trainer.epochs,
        last.loss.item(),
        "" if last.accuracy.isna().item() else f", test accuracy {last.accuracy.item():.2%}",
    )
