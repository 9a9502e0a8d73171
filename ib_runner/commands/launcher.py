"""Choosing the Hydra launcher that starts a sweep's jobs, and refusing unsuitable ones."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hydra._internal.callbacks import Callbacks
from hydra._internal.hydra import Hydra
from hydra.core.plugins import Plugins
from hydra.errors import HydraException
from hydra.types import HydraContext
from omegaconf import DictConfig, OmegaConf, open_dict
from omegaconf.errors import OmegaConfBaseException

from ib_runner.errors import UsageError

_PLUGINS = "hydra._internal.core_plugins"
#: the launcher that starts jobs one after the other in this process, and Hydra's own sweeper
_HERE = f"{_PLUGINS}.basic_launcher.BasicLauncher"
_SWEEPER = f"{_PLUGINS}.basic_sweeper.BasicSweeper"

#: errors that Hydra raises for a launcher that is no plugin, or that does not take the keys given
_WRONG = (RuntimeError, TypeError, ValueError)


def check_alone(config: DictConfig) -> None:
    """Raise ``UsageError`` where a single run, which never uses a launcher, asks for one.

    ``config`` includes Hydra's own node, where an experiment's YAML may have set a launcher.
    """
    _check_sweeper(config)
    if config.hydra.launcher._target_ != _HERE:
        raise UsageError(
            f"hydra/launcher={_launcher_name(config)}: a launcher starts the jobs of a sweep.\n"
            "Add -m to use it, or hydra/launcher=basic to work here."
        )


def check_together(configs: Iterable[DictConfig]) -> None:
    """Raise ``UsageError`` where the jobs' ``configs`` ask for different launchers, for a sweeper,
    or for a launcher beside ``trainer.together``, which trains in this process.
    """
    names: dict[str, str] = {}
    for config in configs:
        _check_sweeper(config)
        settings = str(OmegaConf.to_container(config.hydra.launcher))
        names.setdefault(settings, _launcher_name(config))
        together = config.trainer.together
        if together > 1 and config.hydra.launcher._target_ != _HERE:
            raise UsageError(
                f"trainer.together={together}: jobs are trained together in this program; leave\n"
                f"hydra/launcher={_launcher_name(config)} out, or trainer.together."
            )
    if len(names) > 1:
        raise UsageError(
            f"hydra/launcher: the jobs ask for different ones ({', '.join(names.values())}), by "
            "their experiments.\nGive one on the command line, such as hydra/launcher=basic."
        )


def _check_sweeper(config: DictConfig) -> None:
    sweeper = config.hydra.sweeper
    if sweeper._target_ != _SWEEPER:
        name = config.hydra.runtime.choices.get("hydra/sweeper")
        raise UsageError(
            f"hydra/sweeper={name}: ib-run expands sweeps itself; leave it out, and give the "
            "values with -m."
        )
    if sweeper.get("params"):
        keys = ", ".join(sweeper.params)
        raise UsageError(
            f"hydra.sweeper.params: {keys} would be swept, but values to sweep over are given on "
            "the command line, with -m."
        )


def _launcher_name(config: DictConfig) -> str:
    return str(config.hydra.runtime.choices.get("hydra/launcher"))


def check_launcher(hydra: Hydra, given: Sequence[str], config: DictConfig) -> None:
    """Raise ``UsageError`` where ``make_launcher`` would fail for a job's ``config``.

    ``given`` are the overrides that ask for the launcher, for the message.
    """
    try:
        make_launcher(hydra, {(): config}, print, Path())
    except (HydraException, OmegaConfBaseException, ImportError, *_WRONG) as error:
        reason = str(error.__cause__ or error).strip().partition("\n")[0]
        raise UsageError(
            f"{' '.join(given) or 'hydra/launcher'}: no launcher ({reason}).\n"
            "hydra/launcher=basic, joblib or submitit_slurm (pip install 'ib-run[sweep]')."
        ) from error


def make_launcher(
    hydra: Hydra,
    configs: Mapping[tuple[str, ...], DictConfig],
    task: Callable[[DictConfig], Any],
    folder: Path,
) -> Any:
    """The launcher that the jobs' ``configs`` ask for, which calls ``task`` for each job.

    ``configs`` maps each job's overrides to its configuration, Hydra's own node included. Launchers
    for clusters keep their own files in ``folder``.
    """
    master = deepcopy(next(iter(configs.values())))
    with open_dict(master):
        master.hydra.sweep.dir = str(folder)
    here = master.hydra.launcher._target_ == _HERE
    # launchers of other processes get Hydra's loader, which composes a job's configuration where
    # the job runs; _Composed would be pickled with all configurations for every job
    loader: Any = _Composed(configs) if here else hydra.config_loader
    return Plugins.instance().instantiate_launcher(
        hydra_context=HydraContext(loader, Callbacks(master)),
        task_function=task,
        config=master,
    )


@dataclass
class _Composed:
    """Gives a launcher in this process the configurations that the plan has composed."""

    configs: Mapping[tuple[str, ...], DictConfig]

    def load_sweep_config(self, master: DictConfig, overrides: Sequence[str]) -> DictConfig:
        config = deepcopy(self.configs[tuple(overrides)])
        OmegaConf.copy_cache(from_config=master, to_config=config)  # all jobs share one time stamp
        return config
