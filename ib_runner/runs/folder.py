"""A run folder: configuration, state, checkpoints and tables of one trained network."""

import json
import re
import weakref
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from yaml import YAMLError

from ib_runner.differences import changed
from ib_runner.errors import DamagedFileError, IbRunError, RunInUseError, UsageError
from ib_runner.files import provenance
from ib_runner.files.atomic import make_folder, remove_temporaries, write_json, write_text
from ib_runner.files.reading import unread
from ib_runner.files.yaml_text import parsed
from ib_runner.runs.about import run_text
from ib_runner.runs.lock import LOCK_NAME, hold, holder
from ib_runner.tables.version import SCHEMA_VERSION
from ib_runner.wording import near_miss, show

if TYPE_CHECKING:  # slow imports, without which `ib-run list` and reading tables do
    import pandas as pd
    from torch import Tensor, nn

    from ib_runner.config.builder import Builder
    from ib_runner.datasets import Dataset
    from ib_runner.runs.checkpoints import Checkpoints

CONFIG_NAME = "config.yaml"
STATE_NAME = "run.json"
STATES = ("running", "complete", "failed", "interrupted")
#: the folders of a run into which files are written, beside the logs
FOLDERS = ("checkpoints", "resume", "measurements", "figures", "tensorboard")


#: nodes of the configuration that decide the trained weights
TRAINING = ("seed", "dataset", "network", "noise", "regularizer", "optimizer", "trainer")


def _trained_with(config: DictConfig) -> dict[str, Any]:
    tree = OmegaConf.to_container(config)
    return {key: tree[key] for key in TRAINING if key in tree}


def now() -> str:
    """The present time in UTC, to the microsecond, as text that sorts by time."""
    return datetime.now(UTC).isoformat(timespec="microseconds")


def _remove_unmade(path: Path) -> None:
    """Remove folder ``path``, which did not become a run, unless it has other files."""
    with suppress(OSError):
        for name in (CONFIG_NAME, LOCK_NAME):
            (path / name).unlink(missing_ok=True)
        path.rmdir()


class Run:
    """One run folder, read lazily.

    ``allow_targets`` names the packages, beside ib_runner and torch, that a ``_target_`` of the
    saved configuration may come from; a run folder may come from a stranger.
    """

    def __init__(self, path: str | Path, allow_targets: Sequence[str] = ()):
        self.path = Path(path)
        self.allow_targets = tuple(allow_targets)
        self._lock: ExitStack | None = None
        if not (self.path / STATE_NAME).is_file():
            raise UsageError(
                f"run={path}: no run folder (it holds no {STATE_NAME}).\n"
                "Give the folder that `ib-run train` printed, or see `ib-run list`."
            )

    def __repr__(self) -> str:
        try:
            return f"<run {self.path}: {run_text(self)}>"
        except (IbRunError, OSError) as error:
            return f"<run {self.path}: {str(error).splitlines()[0]}>"

    @classmethod
    def create(
        cls,
        config: DictConfig,
        path: str | Path,
        allow_targets: Sequence[str] = (),
        doing: str | None = None,
    ) -> "Run":
        """Make ``path`` a run folder. Raises ``FileExistsError`` where it already is one.

        A folder without ``run.json`` may exist, left by a process that was killed. Where the stage
        ``doing`` is given, the run's lock is held from here to the end of the first ``held`` block,
        or as long as the returned object lives.
        """
        path = Path(path)
        make_folder(path)
        with ExitStack() as lock:
            try:
                lock.enter_context(hold(path, doing or ""))
                cls._begin(config, path)
            except RunInUseError:
                raise
            except IbRunError:
                _remove_unmade(path)
                raise
            run = cls(path, allow_targets)
            if doing is not None:
                run._lock = lock.pop_all()
                weakref.finalize(run, run._lock.close)
        return run

    @staticmethod
    def _begin(config: DictConfig, path: Path) -> None:
        if (path / STATE_NAME).exists():
            raise FileExistsError(f"{path}: a run folder already")
        write_text(path / CONFIG_NAME, OmegaConf.to_yaml(config))
        state = {
            "schema_version": SCHEMA_VERSION,
            "state": "interrupted",
            "experiment": config.experiment,
            "seed": config.seed,
            "trained_with": _trained_with(config),
            "started": now(),
            "finished": None,
        }
        write_json(path / STATE_NAME, state)

    @cached_property
    def config(self) -> DictConfig:
        """The configuration saved with the run."""
        path = self.path / CONFIG_NAME
        try:
            config = OmegaConf.create(parsed(path.read_text(encoding="utf-8")))
        except (OSError, ValueError, YAMLError, OmegaConfBaseException) as error:
            raise unread(path, error) from error
        if not isinstance(config, DictConfig):
            raise DamagedFileError(f"{path}: not a configuration.")
        self._check_unchanged(config)
        return config

    def _check_unchanged(self, config: DictConfig) -> None:
        """Raise ``DamagedFileError`` where ``config`` has other settings of training than the run.

        More epochs are allowed.
        """
        made = self.info.get("trained_with")
        if made is None:
            return
        for key, (before, after) in changed(
            made, _trained_with(config), allowed=["trainer.epochs", "trainer.together"]
        ).items():
            raise DamagedFileError(
                f"{self.path / CONFIG_NAME}: it has {key}={show(after)}, the run was made with "
                f"{key}={show(before)}.\nPut that back; for another value start a new run."
            )

    def builder(self, config: DictConfig | None = None) -> "Builder":
        """The builder for ``config`` (default: the saved one), which trusts ``allow_targets``."""
        from ib_runner.config.builder import Builder  # imported here, because it is slow

        return Builder(self.config if config is None else config, self.allow_targets)

    @property
    def info(self) -> dict[str, Any]:
        """``run.json``, with the state corrected by whether a process trains the run now.

        ``running`` without such a process becomes ``interrupted``; with one, every state becomes
        ``running``, even before training itself has begun.
        """
        info, holding = self._saved_info(), holder(self.path)
        if holding is None and info["state"] == "running":
            info["state"] = "interrupted"
        if holding is not None and holding.doing == "train":
            info["state"] = "running"
        return info

    def _saved_info(self) -> dict[str, Any]:
        """``run.json`` as it is on disk."""
        path = self.path / STATE_NAME
        try:
            info = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError) as error:
            raise unread(path, error, "Restore the file from a copy.") from error
        if (
            not isinstance(info, dict)
            or info.get("state") not in STATES
            or not isinstance(info.get("started", ""), str)
            or not isinstance(info.get("trained_with"), dict | None)
        ):
            raise DamagedFileError(
                f"{path}: not the state of a run.\nRestore the file from a copy."
            )
        if not isinstance(info.get("schema_version"), int) or (
            info["schema_version"] > SCHEMA_VERSION
        ):
            raise DamagedFileError(
                f"{path}: schema version {info.get('schema_version')}; this program knows versions "
                f"up to {SCHEMA_VERSION}.\nUpdate ib-run."
            )
        return info

    @property
    def state(self) -> str:
        """running, complete, failed or interrupted."""
        return self.info["state"]

    @contextmanager
    def held(self, doing: str = "") -> Iterator[None]:
        """Hold the run's lock for the stage ``doing``, and remove a killed process's partial files.

        Raises ``RunInUseError`` naming host and process of another holder, and ``DamagedFileError``
        where one of the run's files or folders is a link, which could lead outside the run folder.
        """
        kept, self._lock = self._lock, None
        with kept or hold(self.path, doing):
            self._check_no_links()
            for folder in (self.path, self.path / "measurements", self.path / "figures"):
                remove_temporaries(folder)
            yield

    def _check_no_links(self) -> None:
        for path in (*(self.path / name for name in FOLDERS), *sorted(self.path.glob("*.log"))):
            if path.is_symlink():
                kind = "file" if path.suffix == ".log" else "folder"
                raise DamagedFileError(
                    f"{path}: is a link; a run's files are its own.\nPut the {kind} itself there."
                )

    def check_checkpoints(self) -> None:
        """Raise ``DamagedFileError`` where the training is complete, but no checkpoint is there."""
        if self.state == "complete" and not self.epochs:
            path = self.path / "checkpoints" / "index.json"
            raise DamagedFileError(
                f"{path}: missing or without checkpoints, though the training is complete.\n"
                "Restore the folder checkpoints from a copy, or start a new run."
            )

    def check_data(self, dataset: "Dataset") -> None:
        """Raise ``IbRunError`` where the run was trained on another data set than ``dataset``."""
        known = self.info.get("data_fingerprint")
        if known is not None and dataset.fingerprint != known:
            raise IbRunError(
                f"run={self.path}: the data set is not the one that it was trained on "
                f"(data_fingerprint in {STATE_NAME}).\n"
                "Put the data back as they were, or train a new run on these."
            )

    def update(self, **fields: Any) -> None:
        """Rewrite ``run.json`` with ``fields`` changed. The caller must hold the run's lock."""
        info, holding = self._saved_info(), holder(self.path)
        if info["state"] == "running" and (holding is None or holding.doing != "train"):
            info["state"] = "interrupted"  # the process that trained the run has ended
        write_json(self.path / STATE_NAME, {**info, **fields})

    def save_config(self, config: DictConfig) -> None:
        """Replace the saved configuration, for more epochs. The caller must hold the run's lock."""
        write_text(self.path / CONFIG_NAME, OmegaConf.to_yaml(config))
        self.__dict__.pop("config", None)

    def begin_training(self, **fields: Any) -> None:
        """Write state ``running``, the settings of training and ``fields`` into ``run.json``."""
        trained_with = _trained_with(self.config)
        self.update(state="running", error=None, finished=None, trained_with=trained_with, **fields)

    @cached_property
    def checkpoints(self) -> "Checkpoints":
        """The weights on disk."""
        from ib_runner.runs.checkpoints import Checkpoints

        return Checkpoints(self.path, shard_epochs=self.config.trainer.shard_epochs)

    @property
    def epochs(self) -> list[int]:
        """The checkpointed epochs."""
        return self.checkpoints.epochs

    def weights(self, epoch: int) -> dict[str, "Tensor"]:
        """The weights (and buffers) of ``epoch``."""
        return self.checkpoints.weights(epoch)

    def network(self, epoch: int, config: DictConfig | None = None) -> "nn.Module":
        """The network with the weights of ``epoch``, in eval mode (noise off).

        ``config`` replaces the saved configuration (to measure at another noise level).
        """
        return self.with_weights(self.builder(config).network(self.dataset()), epoch)

    def with_weights(self, network: "nn.Module", epoch: int) -> "nn.Module":
        """``network`` with the weights of ``epoch``, in eval mode (noise off).

        Raises ``DamagedFileError`` where they do not fit it.
        """
        weights = self.weights(epoch)
        try:
            network.load_state_dict(weights)
        except RuntimeError as error:
            raise DamagedFileError(
                f"{self.path}: the checkpoint of epoch {epoch} does not fit the network of "
                f"{CONFIG_NAME}.\n{str(error).splitlines()[-1].strip()}"
            ) from error
        return network.eval()

    def dataset(self) -> "Dataset":
        """The data set, built again from the configuration: ``.train``, ``.test``, ``.all``."""
        return self._dataset

    @cached_property
    def _dataset(self) -> "Dataset":
        from ib_runner.runs.kept_inputs import INPUTS_NAME, read_inputs

        if (self.path / INPUTS_NAME).is_file():  # a recorded run keeps a copy of its inputs
            return read_inputs(self.path)
        return self.builder().dataset()

    def forget_dataset(self) -> None:
        """Free the data set's memory; ``dataset()`` builds it again."""
        self.__dict__.pop("_dataset", None)

    def table_path(self, name: str) -> Path:
        """The path of table ``name``, ours or that of a user's own measurement.

        Raises ``UsageError`` for a name with other characters than letters, digits and _.
        """
        if not re.fullmatch(r"\w+", name):
            raise UsageError(f"table {name}: a name of letters, digits and _ is needed")
        folder = self.path if name == "training" else self.path / "measurements"
        return folder / f"{name}.parquet"

    def table(self, name: str) -> "pd.DataFrame":
        """Table ``name`` as a DataFrame; ``FileNotFoundError`` says which stage writes it."""
        from ib_runner.tables.files import read_table
        from ib_runner.tables.schema import TABLES

        path = self.table_path(name)
        if not path.is_file():
            if name not in TABLES:
                raise FileNotFoundError(f"{path}: there is no such table.{near_miss(name, TABLES)}")
            stage = {"training": "train", "findings": "check"}.get(name, "measure")
            raise FileNotFoundError(f"{path}: not there yet; `ib-run {stage}` writes it")
        return read_table(path)

    def table_metadata(self, config: DictConfig) -> Mapping[str, str]:
        """The metadata for a table of this run that is made with ``config``."""
        info, settings = self.info, OmegaConf.to_container(config, resolve=True)
        return {
            "run": str(self.path.name),
            "experiment": str(info.get("experiment")),
            "seed": str(info.get("seed")),
            "data_fingerprint": str(info.get("data_fingerprint")),
            "settings": json.dumps(settings, sort_keys=True),
            **provenance.software(),
        }
