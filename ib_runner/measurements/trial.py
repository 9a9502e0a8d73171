"""A measurement's passes on two inputs, before training: a network that fails in them says so."""

import torch
from torch import nn

from ib_runner.datasets import Dataset, Split
from ib_runner.errors import UsageError
from ib_runner.measurements.snapshot import Snapshot


def try_measuring(network: nn.Module, dataset: Dataset, seed: int) -> None:
    """Raise ``UsageError`` where the layers of ``network`` cannot be taken in float64.

    ``network``, its mode and the caller's random numbers are left as they were.
    """
    few = Split(dataset.all.x[:2].clone(), dataset.all.y[:2].clone())
    training = network.training
    try:
        with torch.random.fork_rng(devices=[]):
            _ = Snapshot(0, network.eval(), few, seed).representations
    except (RuntimeError, TypeError, ValueError, IndexError, AttributeError) as error:
        reason = str(error).strip().partition("\n")[0][:200]
        raise UsageError(
            f"network={type(network).__name__}: it can be trained, but not measured, which is done "
            f"in float64\n(a type that is cast to in its forward pass is in the way):\n{reason}"
        ) from error
    finally:
        network.train(training)
