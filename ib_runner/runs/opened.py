"""A run in Python, with the stages as methods."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ib_runner.errors import UsageError
from ib_runner.progress import showing
from ib_runner.runs.folder import Run

if TYPE_CHECKING:  # torch takes long to import, and tables need none of it
    from omegaconf import DictConfig
    from torch import nn

    from ib_runner.config.builder import Builder


class OpenedRun(Run):
    """A run folder, and what ``ib-run`` does with one, done here.

    Settings are those of the stage: ``measure(epochs=[0, 10], target_width=0.1)`` is
    ``ib-run measure measure.epochs=[0,10] measure.target_width=0.1``.

    ``network``: of a run that a ``Recorder`` made, the network, where no factory builds it again;
    its weights don't matter. Raises ``UsageError`` where it is another one.
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
        """Have ``network`` at hand, as long as this object lives."""
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
        """``config``, where the network is at hand without the factory that would build it."""
        if self._network is None:
            return config
        config = config.copy()
        config.network.built = None
        return config

    def builder(self, config: "DictConfig | None" = None) -> "Builder":
        return super().builder(self.without_factory(self.config if config is None else config))

    def measure(self, *, progress: bool = True, **settings: Any) -> "OpenedRun":
        """Write tables; with the network at hand in this process, which alone has it.

        ``progress``: show how far it is.
        """
        ours = {} if self._network is None else {"n_jobs": 1}
        with showing(progress):
            return self._do("measure", ours | settings)

    def plot(self, *, progress: bool = True, **settings: Any) -> "OpenedRun":
        """Draw the tables. ``progress``: show how far it is."""
        with showing(progress):
            return self._do("plot", settings)

    def check(self, **settings: Any) -> "OpenedRun":
        """Hold the tables against ``findings``, entries by name."""
        return self._do("check", settings, node="findings")

    def report(self) -> Path:
        """Make one HTML file to explore; its path."""
        self._do("report", {})
        return self.path / "report.html"

    def _do(self, stage: str, settings: dict[str, Any], node: str | None = None) -> "OpenedRun":
        from ib_runner.stages.in_python import do

        do(stage, self, settings, node or stage)
        return self
