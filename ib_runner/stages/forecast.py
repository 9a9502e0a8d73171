"""What measuring takes: each method and layer, timed just now on some inputs of two checkpoints.

All inputs are measured where that takes seconds. Where it takes longer, an eighth and a quarter of
them tell how the time grows with their number, as they have neighbours of each other. The paper's
estimator has a fixed number of draws, and is timed with fewer.
"""

import math
import time
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from ib_runner.config.builder import Builder, for_runs, resolve_device
from ib_runner.datasets import Split
from ib_runner.errors import UsageError, raise_interruption_behind
from ib_runner.information.forecast import Forecast
from ib_runner.information.methods.paper import N_X
from ib_runner.measurements.measurement import OfSeveralMethods, Summary
from ib_runner.measurements.mutual_information import MutualInformation
from ib_runner.measurements.snapshot import Snapshot
from ib_runner.stages.measure_epoch import chosen
from ib_runner.stages.timing import without_seed

#: inputs that are always timed together, and seconds that all of them may take
FEW, WHOLE_SECONDS = 512, 10.0
#: inputs of the first call, which may compile, and of the second, whose time is that of any number
WARMING = 32
#: the paper's estimator is timed with so many times fewer draws of each input
FEWER_DRAWS = 16
#: how the time beyond that may grow: with a power of the number of inputs
LEAST_POWER, MOST_POWER = 1.0, 2.0
#: nodes of the configuration on which the time of measuring depends
NODES = ("dataset", "network", "noise", "measure", "measurement")
_known: dict[object, list["Timed"]] = {}


@dataclass(frozen=True)
class Timed:
    """Something measured at ``epochs`` epochs, ``seconds`` for all of them in one process.

    ``layers``: the seconds of each layer, where they are known; ``intervals``: what the certified
    ones will be like, with the last of the weights.
    """

    name: str
    epochs: int
    seconds: float
    layers: Mapping[int, float]
    intervals: Sequence[Forecast] = ()


def forecast(
    builder: Builder,
    epochs: Sequence[int],
    inputs: Split,
    weights: Iterable[Mapping[str, Tensor]],
) -> list[Timed]:
    """The seconds of each method, and of each other measurement, at ``epochs``.

    ``weights`` are those of networks that stand for what will be measured. Configurations that
    differ in their seed are timed once.
    """
    key = (*without_seed(builder, NODES), tuple(epochs), len(inputs))
    if key not in _known:
        _known[key] = _forecast(builder, epochs, inputs, weights)
    return _known[key]


def _forecast(
    builder: Builder,
    epochs: Sequence[int],
    inputs: Split,
    weights: Iterable[Mapping[str, Tensor]],
) -> list[Timed]:
    measurements = {
        name: one
        for name, one in for_runs(builder.measurements()).items()
        if not isinstance(one, Summary)
    }
    counts: dict[tuple[str, str | None], int] = defaultdict(int)
    for made in chosen(measurements, epochs).values():
        for one in made:
            for method in one.methods or (None,):
                counts[one.name, method] += 1
    samples = [_snapshot(builder, one, inputs) for one in weights]
    found = []
    for (name, method), count in counts.items():
        entry: Any = measurements[name]
        if method is not None and isinstance(entry, OfSeveralMethods):
            entry = entry.by((method,))
        timed = [_of_all(entry, snapshot, method) for snapshot in samples]
        layers = {
            layer: count * _mean(each[1].get(layer, 0.0) for each in timed)
            for layer in sorted({layer for _, of_layers in timed for layer in of_layers})
        }
        seconds = count * _mean(each[0] for each in timed)
        intervals = _intervals(entry, samples[-1]) if method == "coupled" else ()
        found.append(Timed(_named(name, method), count, seconds, layers, intervals))
    return found


def _named(name: str, method: str | None) -> str:
    return name if method is None else f"{name} by {method}"


def _snapshot(builder: Builder, weights: Mapping[str, Tensor], inputs: Split) -> Snapshot:
    network = builder.network(builder.dataset())
    network.load_state_dict(dict(weights))
    device = resolve_device(builder.config.device)
    return Snapshot(0, network.eval(), inputs, builder.config.seed, device)


def _intervals(one: Any, snapshot: Snapshot) -> Sequence[Forecast]:
    """Of the certified estimator; none where it fails."""
    if not isinstance(one, MutualInformation):
        return ()
    try:
        return one.intervals(snapshot)
    except Exception as error:  # as with the time
        raise_interruption_behind(error)
        return ()


def _of_all(one: Any, snapshot: Snapshot, method: str | None) -> tuple[float, dict[int, float]]:
    """Seconds for all inputs of ``snapshot``, and those of each layer; none where it fails."""
    try:
        return _timed(one, snapshot, method)
    except UsageError:
        raise
    except Exception as error:  # measuring will say what is wrong, for each epoch
        raise_interruption_behind(error)
        return 0.0, {}


def _timed(one: Any, snapshot: Snapshot, method: str | None) -> tuple[float, dict[int, float]]:
    times = 1.0
    if method == "paper" and isinstance(one, MutualInformation):
        one, times = _with_fewer_draws(one)
    n = len(snapshot.inputs)
    few = _some(snapshot, min(n, WARMING))
    one(few)  # which loads kernels, or compiles them
    if n <= FEW:
        return _scaled(_time(one, snapshot), times)
    part = _time(one, _some(snapshot, n // 4))
    if part[0] * (n / (n // 4)) ** MOST_POWER <= WHOLE_SECONDS:
        return _scaled(_time(one, snapshot), times)
    fixed, half = _time(one, few)[0], _time(one, _some(snapshot, n // 8))[0]
    return _scaled(part, times * _growth(n, fixed, half, part[0]))


def _growth(n: int, fixed: float, eighth: float, quarter: float) -> float:
    """How many times as long as a ``quarter`` of ``n`` inputs all take, given the seconds of that,
    of an ``eighth``, and of any number, however small (``fixed``).
    """
    fixed = min(fixed, eighth, 0.99 * quarter)
    grown, before = quarter - fixed, max(eighth - fixed, 1e-3 * quarter)
    power = math.log(grown / before) / math.log((n // 4) / (n // 8))
    power = min(max(power, LEAST_POWER), MOST_POWER)
    return (fixed + grown * (n / (n // 4)) ** power) / quarter


def _with_fewer_draws(one: MutualInformation) -> tuple[MutualInformation, float]:
    """The paper's estimator with fewer draws, and by how much longer the whole takes."""
    n_x = int(one.sizes.get("n_x", N_X))
    few = max(2, n_x // FEWER_DRAWS)
    fewer = one.by(one.methods)
    fewer.sizes = {**one.sizes, "n_x": few}
    return fewer, n_x / few


def _time(one: Any, snapshot: Snapshot) -> tuple[float, dict[int, float]]:
    wall, processor = time.perf_counter(), time.process_time()
    rows = one(snapshot)
    # where other programs share the processors, processor time counts
    seconds = min(time.perf_counter() - wall, time.process_time() - processor)
    if "seconds" not in rows or not rows["seconds"].sum():
        return seconds, {}
    shares = rows.groupby("layer")["seconds"].sum() / rows["seconds"].sum()
    return seconds, {int(layer): seconds * share for layer, share in shares.items()}


def _some(snapshot: Snapshot, count: int) -> Snapshot:
    """``count`` of the inputs, from all over."""
    n = len(snapshot.inputs)
    rows = torch.linspace(0, n - 1, count).round().long()
    return replace(snapshot, inputs=snapshot.inputs[rows])


def _scaled(timed: tuple[float, dict[int, float]], times: float) -> tuple[float, dict[int, float]]:
    return timed[0] * times, {layer: seconds * times for layer, seconds in timed[1].items()}


def _mean(values: Iterable[float]) -> float:
    values = list(values)
    return sum(values) / len(values)
