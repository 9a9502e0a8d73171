"""Trial passes of measuring with a few inputs, before training, to refuse a bad network early."""

from copy import deepcopy
from itertools import zip_longest

import torch
from torch import Tensor, nn

from ib_runner.datasets import Dataset
from ib_runner.errors import UsageError
from ib_runner.measurements.snapshot import Snapshot


def try_measuring(network: nn.Module, dataset: Dataset, seed: int) -> None:
    """Raise ``UsageError`` where the layers of ``network`` cannot be measured correctly.

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


def first_difference(network: nn.Module, built: nn.Module, dataset: Dataset) -> int | None:
    """The first layer in which ``built``, with the weights of ``network``, differs, or None.

    Compares kind and level of the noise, and each layer's values for two inputs. Both networks,
    which must be measurable, are copied and left as they were.
    """
    network, built = deepcopy(network).cpu().eval(), deepcopy(built).cpu().eval()
    built.load_state_dict(network.state_dict())
    one, other = (Snapshot(0, net, dataset.all, seed=0) for net in (network, built))
    for k, (noise, its) in enumerate(zip_longest(_noises(one), _noises(other)), start=1):
        if noise != its:
            return k
    for k, (values, its) in enumerate(zip_longest(_values(one), _values(other)), start=1):
        if values is None or its is None or values.shape != its.shape:
            return k
        if not torch.allclose(values, its, rtol=1e-6, atol=1e-9, equal_nan=True):
            return k
    return None


def _noises(snapshot: Snapshot) -> list[tuple[str, float, float]]:
    """Kind and level of each layer's noise."""
    return [(channel.kind, channel.beta, channel.p) for channel in snapshot.channels]


def _values(snapshot: Snapshot) -> list[Tensor]:
    """Each layer's clean values [2, d] for the first two inputs."""
    return snapshot.represent(snapshot.inputs.x[:2], torch.float64)[1:]
