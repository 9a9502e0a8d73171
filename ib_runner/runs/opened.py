"""A run as ``open_run`` returns it, with the stages as methods."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ib_runner.errors import UsageError
from ib_runner.progress import showing
from ib_runner.runs.folder import Run

if TYPE_CHECKING:  # torch takes long to import, and reading tables does without it
    from omegaconf import DictConfig
    from torch import nn

    from ib_runner.config.builder import Builder


class OpenedRun(Run):
    """A run folder with the stages of ``ib-run`` as methods.

    Keyword arguments of a method are settings of its stage: ``measure(epochs=[0, 10],
    target_width=0.1)`` is ``ib-run measure measure.epochs=[0,10] measure.target_width=0.1``.

    ``network`` is the network of a run that a ``Recorder`` made without a factory; its weights are
    replaced. Raises ``UsageError`` where it does not fit the run's weights.
    """

    def __init__(
        self,
        path: str | Path,
        allow_targets: Sequence[str] = (),
        network: "nn.Module | None" = None,
    ):
        super().__init__(path, allow_targets)
        self._network: nn.Module | None = None
        if network is not None:
            self.take(network)

    def take(self, network: "nn.Module") -> None:
        """Use ``network`` instead of building one, as long as this object lives."""
        from ib_runner.networks.recorded import check_weights, keep_at_hand

        key = self.config.network.get("key")
        if key is None:
            raise UsageError(
                f"network: run={self.path} was trained here, and its network is built from its "
                "configuration; a network can be given to runs of a Recorder."
            )
        if self.epochs:
            check_weights(network, self.weights(self.epochs[-1]), f"run={self.path}")
        keep_at_hand(str(key), network)
        self._network = network

    def without_factory(self, config: "DictConfig") -> "DictConfig":
        """``config`` without the entry of the factory, where ``take`` has given the network."""
        if self._network is None:
            return config
        config = config.copy()
        config.network.built = None
        return config

    def builder(self, config: "DictConfig | None" = None) -> "Builder":
        return super().builder(self.without_factory(self.config if config is None else config))

    def measure(self, *, progress: bool = True, **settings: Any) -> "OpenedRun":
        """Measure, and write the tables; a network from ``take`` is measured in this process alone.

        ``progress``: show a progress bar.
        """
        ours = {} if self._network is None else {"n_jobs": 1}
        with showing(progress):
            return self._do("measure", ours | settings)

    def plot(self, *, progress: bool = True, **settings: Any) -> "OpenedRun":
        """Draw the figures from the tables. ``progress``: show a progress bar."""
        with showing(progress):
            return self._do("plot", settings)

    def check(self, **settings: Any) -> "OpenedRun":
        """Check the tables against ``findings``, which maps names to entries."""
        return self._do("check", settings, node="findings")

    def report(self) -> Path:
        """Write the run's report, one HTML file; returns its path."""
        self._do("report", {})
        return self.path / "report.html"

    def _do(self, stage: str, settings: dict[str, Any], node: str | None = None) -> "OpenedRun":
        from ib_runner.stages.in_python import do

        do(stage, self, settings, node or stage)
        return self
