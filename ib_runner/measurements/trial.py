"""A measurement's passes on a few inputs, before training: a network that fails in them says so."""

import torch
from torch import nn

from ib_runner.datasets import Dataset
from ib_runner.errors import UsageError
from ib_runner.measurements.snapshot import Snapshot


def try_measuring(network: nn.Module, dataset: Dataset, seed: int) -> None:
    """Raise ``UsageError`` where the layers of ``network`` cannot be measured, or not rightly.

    ``network``, its mode and the caller's random numbers are left as they were.
    """
    snapshot = Snapshot(0, network, dataset.all, seed)
    training = network.training
    network.eval()
    try:
        with torch.random.fork_rng(devices=[]):
            _ = snapshot.channels
            snapshot.represent(dataset.all.x[:2], torch.float64)
    except UsageError:
        raise
    except (RuntimeError, TypeError, ValueError, IndexError, AttributeError) as error:
        reason = str(error).strip().partition("\n")[0][:200]
        raise UsageError(
            f"network={type(network).__name__}: it can be trained, but not measured:\n{reason}"
        ) from error
    finally:
        network.train(training)
