"""The configuration of a recorded run: the defaults, with the user's network and inputs."""

from collections.abc import Mapping
from functools import cache
from typing import Any

from omegaconf import DictConfig, OmegaConf
from torch import nn

from ib_runner.config.compose import compose, our_hydra, settings
from ib_runner.config.validate import check_new_run, validate
from ib_runner.errors import UsageError
from ib_runner.networks.noise import DropoutNoise, NoiseChannel
from ib_runner.networks.recorded import common_level

#: the largest shard of checkpoints, bytes: a shard is rewritten for every epoch added to it
SHARD_BYTES = 2_000_000
#: number of epochs in the configuration, as the length of the user's loop is unknown
ENDLESS = 10**9


def recorded_configuration(
    network: nn.Module,
    *,
    key: str,
    experiment: str,
    output_root: str,
    seed: int,
    loss: str,
    factory: str | None,
    arguments: Mapping[str, Any],
) -> DictConfig:
    """The configuration that is saved with the run. Raises ``UsageError`` for invalid arguments."""
    config = _defaults().copy()
    config.experiment = experiment
    rows = max(1, sum(one.numel() * one.element_size() for one in network.state_dict().values()))
    config.output_root, config.seed = str(output_root), seed
    config.dataset = {"_target_": "ib_runner.datasets.recorded.recorded_inputs"}
    config.noise = _noise(network)
    config.trainer.epochs, config.trainer.loss = ENDLESS, loss
    config.trainer.shard_epochs = max(1, min(100, SHARD_BYTES // rows))
    if not config.noise.get("beta"):
        config.measure.bin_widths = [0.01, 0.1]
    config.network = {
        "_target_": "ib_runner.networks.recorded.recorded_network",
        "key": key,
        "built": built_by(factory, arguments),
    }
    validate(config)
    check_new_run(config)
    return config


def built_by(factory: str | None, arguments: Mapping[str, Any]) -> dict[str, Any] | None:
    """The entry ``network.built``, which calls ``factory(**arguments)``; None without a factory.

    Raises ``UsageError`` for arguments that YAML cannot hold.
    """
    try:
        return None if factory is None else {"_target_": factory, **_plain(arguments)}
    except ValueError as error:
        raise UsageError(f"arguments: plain values only, for they are saved: {error}") from error


@cache
def _defaults() -> DictConfig:
    """The configuration ``base``, from which every stage starts."""
    with our_hydra() as hydra:
        return settings(compose(hydra, "train", []))


def _plain(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """``arguments`` as plain values. Raises ``ValueError`` for values that YAML cannot hold."""
    kept = OmegaConf.to_container(OmegaConf.create(dict(arguments)))
    if "_target_" in kept:
        raise ValueError("_target_ is not for a factory's arguments")
    return kept


def _noise(network: nn.Module) -> dict[str, Any]:
    """The entry ``noise`` for the network's channels; that of no noise where channels differ."""
    channels = [one for one in network.modules() if isinstance(one, NoiseChannel)]
    kinds = "ib_runner.networks.noise."
    if all(isinstance(one, DropoutNoise) for one in channels) and len({c.p for c in channels}) == 1:
        dropout = channels[0]
        entry = {"p": dropout.p, "feature_maps": dropout.feature_maps}
        return {"_target_": f"{kinds}DropoutNoise", "_partial_": True, **entry}
    level = common_level(network)
    if level:
        return {"_target_": f"{kinds}GaussianNoise", "_partial_": True, "beta": level}
    return {"_target_": f"{kinds}NoNoise", "_partial_": True}
