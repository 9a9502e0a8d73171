"""``Recorder``: a run folder for a user's own training loop, epoch by epoch."""

import secrets
from collections.abc import Mapping
from contextlib import ExitStack
from datetime import datetime
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ib_runner.datasets import Dataset
from ib_runner.datasets.measured import measured_split
from ib_runner.datasets.recorded import inputs_of
from ib_runner.errors import UsageError
from ib_runner.files import provenance
from ib_runner.files.atomic import make_folder
from ib_runner.measurements.trial import first_difference, try_measuring
from ib_runner.networks.hidden import has_channels, unwrapped
from ib_runner.networks.recorded import check_weights
from ib_runner.recording.as_it_trains import AsItTrains, check_rebuildable, settings_of
from ib_runner.recording.configuration import built_by, recorded_configuration
from ib_runner.recording.recorded_history import RecordedHistory
from ib_runner.runs.folder import Run, now
from ib_runner.runs.kept_inputs import INPUTS_NAME, write_inputs
from ib_runner.runs.opened import OpenedRun


class Recorder:
    """Keeps the weights and scores of a training whose loop is the user's own.

    ``network`` has noise channels (``networks.with_noise`` adds them). ``x`` [n, …] and ``y`` [n]
    are the inputs to measure and their labels, as ``datasets.measured.measured_split`` takes them:
    arrays, or a torch data set, of which ``inputs`` may choose some; ``p`` [n] gives the inputs
    unequal probabilities. The run folder keeps a copy of them. Epoch 0, the present weights, is
    recorded at once unless ``keep_initial`` is false. Each call writes to disk before it returns,
    so that a killed process loses nothing, and ``Recorder(network, x, y, resume=PATH)`` goes on
    after the last epoch.

    ``measure="as it trains"`` measures some twenty epochs per power of ten in another process while
    the training goes on; a dict, ``measure={"epochs": [0, 10], "target_width": 0.1}``, does so with
    the settings of ``run.measure()``. The tables grow meanwhile, and ``finish`` waits for the rest;
    an epoch that cannot be measured is named in the log and stops nothing.

    ``factory``, a dotted name, with ``arguments`` builds the network, noise channels included, in
    other processes: those of the command line, and the one that measures as it trains, which cannot
    do without. ``loss`` (cross_entropy, mse) is the kind of the losses, for the axes of figures.

    A context manager: leaving the block finishes the run, an exception makes its state ``failed``.
    Raises ``UsageError`` where the network cannot be measured, or the inputs are not numbers,
    before any folder is made.
    """

    def __init__(
        self,
        network: nn.Module,
        x: Any,
        y: Any = None,
        *,
        inputs: int | None = None,
        p: Any = None,
        experiment: str = "mine",
        output_root: str | Path = "outputs",
        seed: int = 0,
        loss: str = "cross_entropy",
        factory: str | None = None,
        arguments: Mapping[str, Any] | None = None,
        keep_initial: bool = True,
        resume: str | Path | None = None,
        measure: str | Mapping[str, Any] | None = None,
    ):
        self.network = unwrapped(network)
        dataset = _inputs(x, y, inputs, p, seed)
        _check_network(self.network, dataset, seed)
        arguments = dict(arguments or {})
        packages = () if factory is None else (factory.partition(".")[0],)
        if factory is not None:
            _check_factory(factory, arguments, self.network, dataset)
        if measure is not None:
            check_rebuildable(factory, type(self.network).__name__)
        if resume is None:
            config = recorded_configuration(
                self.network,
                key=secrets.token_hex(8),
                experiment=experiment,
                output_root=str(output_root),
                seed=seed,
                loss=loss,
                factory=factory,
                arguments=arguments,
            )
            measuring = settings_of(measure, config, output_root)
            path = _new_folder(Path(output_root) / experiment)
            Run.create(config, path)
            write_inputs(path, dataset)
        else:
            path = Path(resume)
            measuring = settings_of(measure, Run(path).config, path)
            if measuring is not None:
                measuring.network.built = built_by(factory, arguments)
        self.run = OpenedRun(path, packages)
        self._measuring: AsItTrains | None = None
        self._held = ExitStack()
        self._held.enter_context(self.run.held())
        try:
            self._begin(dataset, resumed=resume is not None)
            if measuring is not None:
                self._measuring = AsItTrains(measuring, self.run)
            if keep_initial and not self.run.epochs:
                self._keep(0, self._tensors(), {})
        except BaseException:
            if self._measuring is not None:
                self._measuring.stop()
            self._held.close()
            raise

    def _begin(self, dataset: Dataset, resumed: bool) -> None:
        run = self.run
        if resumed:
            if not (run.path / INPUTS_NAME).is_file():
                raise UsageError(
                    f"resume={run.path}: not a run of a Recorder (it has no {INPUTS_NAME})."
                )
            run.check_data(dataset)
        run.take(self.network)
        run.checkpoints.tidy()
        self._history = RecordedHistory(run, self.last)
        machine = provenance.machine(str(next(iter(self._tensors().values())).device))
        run.update(
            state="running",
            error=None,
            finished=None,
            data_fingerprint=dataset.fingerprint,
            packages=provenance.package_versions(),
            git=provenance.git_revision(),
            **machine,
        )

    @property
    def last(self) -> int:
        """The last recorded epoch; −1 before the first."""
        return self.run.epochs[-1] if self.run.epochs else -1

    def epoch(self, number: int | None = None, **values: Any) -> None:
        """Record the present weights as the next epoch, or as epoch (or step) ``number``.

        ``train_loss``, ``test_loss``, ``train_accuracy``, ``test_accuracy`` go to the table
        ``training``, every other number to the table ``log``. Raises ``UsageError`` where
        ``number`` is not larger than the last epoch, or a value is not a number.
        """
        number = max(self.last + 1, 1) if number is None else number
        self._keep(number, self._tensors(), values)

    def add(self, epoch: int, state_dict: Mapping[str, Tensor], **values: Any) -> None:
        """Record ``state_dict``, from a checkpoint of the user's own, as ``epoch``.

        ``values`` as in ``epoch()``; the network keeps its weights. Raises ``UsageError`` where
        ``state_dict`` does not fit the network.
        """
        weights = dict(state_dict)
        check_weights(self.network, weights, "state_dict")
        self._keep(epoch, weights, values)

    def finish(self) -> OpenedRun:
        """Mark the training as complete; returns the run, to which ``resume`` can add epochs."""
        self._close("complete")
        return self.run

    def __enter__(self) -> "Recorder":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _) -> None:
        if error is None:
            self.finish()
        elif isinstance(error, KeyboardInterrupt):
            self._close("interrupted")
        else:
            self._close("failed", f"{type(error).__name__}: {error}")

    def _tensors(self) -> dict[str, Tensor]:
        return dict(self.network.state_dict())

    def _keep(self, number: int, weights: Mapping[str, Tensor], values: Mapping[str, Any]) -> None:
        if self._closed:
            raise UsageError("The run is finished; go on with Recorder(…, resume=run.path).")
        if isinstance(number, bool) or not isinstance(number, int | np.integer) or number < 0:
            raise UsageError(f"epoch {number!r}: a whole number from 0 on is needed.")
        if number <= self.last:
            hint = " (keep_initial=False leaves epoch 0 to you)" if number == 0 else ""
            raise UsageError(
                f"epoch {number}: the last recorded is {self.last}, and epochs must increase{hint}."
            )
        kept = {
            name: tensor.detach().to("cpu", copy=True).contiguous()
            for name, tensor in weights.items()
        }
        self._history.note(int(number), values)
        checkpoints = self.run.checkpoints
        checkpoints.append(int(number), kept)
        # tables first: rows of an epoch without a checkpoint are left out when they are read
        self._history.write()
        checkpoints.commit(int(number), {})
        if self._measuring is not None:
            self._measuring.offer(int(number))

    @property
    def _closed(self) -> bool:
        return self.run.info["state"] != "running"

    def _close(self, state: str, error: str | None = None) -> None:
        if self._closed:
            return
        config = self.run.config.copy()
        config.trainer.epochs = max(1, self.last)
        self.run.save_config(config)
        self.run.update(state=state, error=error, finished=now())
        try:
            if self._measuring is not None:
                self._measuring.finish(self.last) if state == "complete" else self._measuring.stop()
        finally:
            self._held.close()


def _inputs(x: Any, y: Any, inputs: int | None, p: Any, seed: int) -> Dataset:
    try:
        return inputs_of(measured_split(x, y, inputs=inputs, p=p, seed=seed))
    except UsageError:
        raise
    except ValueError as error:
        raise UsageError(f"{error}.".replace("train.", "")) from error


def _check_network(network: nn.Module, dataset: Dataset, seed: int) -> None:
    if not has_channels(network):
        raise UsageError(
            f"{type(network).__name__} has no noise channel, without which I(X;T) says nothing: "
            "put them in with\nib_runner.networks.with_noise(network, beta=0.1, after=nn.ReLU), "
            "and train that network."
        )
    if not network.state_dict():
        raise UsageError(f"{type(network).__name__} has no weights to record.")
    try_measuring(network, dataset, seed)


def _check_factory(
    factory: str, arguments: Mapping[str, Any], network: nn.Module, dataset: Dataset
) -> None:
    """Raise ``UsageError`` unless ``factory(**arguments)`` builds the same network as ``network``.

    Both are given the same weights, and their layers are compared on some inputs.
    """
    module, _, name = factory.rpartition(".")
    if module == "__main__":
        raise UsageError(
            f"factory={factory}: other processes cannot import it; put it into a file of its own, "
            'FILE.py, and name it "FILE.function".'
        )
    try:
        with torch.random.fork_rng(devices=[]):
            built = getattr(import_module(module), name)(**arguments)
    except (ImportError, AttributeError, ValueError, TypeError) as error:
        raise UsageError(f"factory={factory}: cannot build the network: {error}") from error
    if not isinstance(built, nn.Module):
        raise UsageError(f"factory={factory}: it makes a {type(built).__name__}, no nn.Module.")
    check_weights(network, built.state_dict(), f"factory={factory}")
    if not has_channels(built):
        raise UsageError(f"factory={factory}: its network has no noise channels.")
    layer = first_difference(network, built, dataset)
    if layer is not None:
        raise UsageError(
            f"factory={factory}: another network: with the same weights, layer {layer} is not the "
            "recorded one's (its activation, its noise, or a layer before it differs)."
        )


def _new_folder(above: Path) -> Path:
    """A new folder below ``above``, named by the time, that no other process uses."""
    make_folder(above)
    while True:
        path = above / datetime.now().strftime("%Y-%m-%d_%H-%M-%S.%f")
        if not path.exists():
            make_folder(path)
            return path
