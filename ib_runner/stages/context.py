"""What figures and findings get to know about a run beside its tables."""

import math

from omegaconf import DictConfig, OmegaConf

from ib_runner.networks.activations import BOUNDS
from ib_runner.runs.folder import Run
from ib_runner.selections.context import Context


def context_of(config: DictConfig, run: Run) -> Context:
    """The context of ``run``, treated with ``config``."""
    epochs = config.plot.epochs
    return Context(
        experiment=config.experiment,
        beta=float(OmegaConf.select(run.config, "noise.beta") or 0.0),
        h_x=math.log(len(getattr(run.dataset(), config.measure.inputs))),
        bounds=BOUNDS.get(OmegaConf.select(config, "network.activation")),
        loss=config.trainer.loss,
        unit=config.plot.unit,
        epochs=None if epochs is None else tuple(epochs),
        p=float(OmegaConf.select(run.config, "noise.p") or 0.0),
        feature_maps=bool(OmegaConf.select(run.config, "noise.feature_maps")),
        seed=int(config.seed),
    )
