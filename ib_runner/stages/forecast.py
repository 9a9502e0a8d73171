"""What measuring takes: each method and layer, timed just now on a share of the inputs.

The certified estimator plans its kernel evaluations before it makes them: its plan for all inputs,
and how fast evaluations of a share go, tell the rest. Everything else is timed on more and more of
the inputs, a quarter at most, which tells how the time grows with their number, as they have
neighbours of each other; or on all, where that is a matter of a second. The paper's estimator has
a fixed number of draws, and is timed with fewer. Weights of several epochs stand for those in
between.
"""

import math
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import numba
import numpy as np
import torch
from torch import Tensor

from ib_runner.compiled import kernels_asked_for
from ib_runner.config.builder import Builder, for_runs, resolve_device
from ib_runner.datasets import Split
from ib_runner.errors import UsageError, raise_interruption_behind
from ib_runner.information.forecast import Forecast
from ib_runner.information.interval.sizes import BUDGET
from ib_runner.information.methods.paper import N_X
from ib_runner.measurements.measurement import OfSeveralMethods, Summary
from ib_runner.measurements.mutual_information import MutualInformation
from ib_runner.measurements.snapshot import Snapshot
from ib_runner.stages.measure_epoch import chosen, use_threads
from ib_runner.stages.timing import without_seed

#: inputs of the first call, which may compile, and whose time is that of any number
FEW = 32
#: seconds that all inputs may take if they are to be timed, and that one measurement may be tried
WHOLE_SECONDS, TRIED_SECONDS = 2.0, 3.0
#: how many times more inputs are timed next
STEP = 4
#: the paper's estimator is timed with so many times fewer draws of each input
FEWER_DRAWS = 16
#: the certified one's evaluations are timed with a budget so many times smaller
SMALLER_BUDGET = 8
#: how the time of a share may grow: with a power of the number of inputs
LEAST_POWER, MOST_POWER = 1.0, 2.0
#: nodes of the configuration on which the time of measuring depends, and those of them on which it
#: depends so little that how the time grows with the inputs is the same
NODES = ("dataset", "network", "measure", "measurement")
LITTLE = ("noise", "regularizer", "optimizer", "trainer")
_known: dict[object, list["Timed"]] = {}
_growths: dict[object, tuple[int, float]] = {}
_rates: dict[object, dict[int, float]] = {}


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


@dataclass(frozen=True)
class Spent:
    """``seconds`` of one epoch, and those of each layer where they are known."""

    seconds: float = 0.0
    layers: Mapping[int, float] | None = None

    def times(self, factor: float) -> "Spent":
        """As many times as long."""
        layers = {layer: one * factor for layer, one in (self.layers or {}).items()}
        return Spent(self.seconds * factor, layers)


def forecast(
    builder: Builder,
    epochs: Sequence[int],
    inputs: Split,
    weights: Mapping[int, Mapping[str, Tensor]],
    threads: int = 1,
) -> list[Timed]:
    """The seconds of each method, and of each other measurement, at ``epochs``.

    ``weights`` of some epochs stand for those of all; ``threads``: of the process that will
    measure. Configurations that differ in their seed are timed once.
    """
    key = (*without_seed(builder, (*NODES, *LITTLE)), tuple(epochs), len(inputs))
    if key not in _known:
        with _threads(threads):
            _known[key] = _forecast(builder, epochs, inputs, weights)
    return _known[key]


def _forecast(
    builder: Builder,
    epochs: Sequence[int],
    inputs: Split,
    weights: Mapping[int, Mapping[str, Tensor]],
) -> list[Timed]:
    measurements = {
        name: one
        for name, one in for_runs(builder.measurements()).items()
        if not isinstance(one, Summary)
    }
    made: dict[tuple[str, str | None], list[int]] = defaultdict(list)
    for epoch, asked in chosen(measurements, epochs).items():
        for one in asked:
            for method in one.methods or (None,):
                made[one.name, method].append(epoch)
    snapshots = {epoch: _snapshot(builder, one, inputs) for epoch, one in sorted(weights.items())}
    alike = (*without_seed(builder, NODES), len(inputs))
    found = []
    for (name, method), when in made.items():
        entry: Any = measurements[name]
        if method is not None and isinstance(entry, OfSeveralMethods):
            entry = entry.by((method,))
        intervals: Sequence[Forecast] = ()
        each: Mapping[int, Spent] = {}
        try:
            if method == "coupled" and isinstance(entry, MutualInformation) and not entry.betas:
                each, intervals = _by_plan(entry, snapshots, (*alike, name, method))
            else:
                each = _by_shares(entry, snapshots, method, (*alike, name, method))
        except UsageError:
            raise
        except Exception as error:  # measuring will say what is wrong, for each epoch
            raise_interruption_behind(error)
        found.append(_over_epochs(_named(name, method), when, each, intervals))
    return found


def _over_epochs(
    name: str, epochs: Sequence[int], each: Mapping[int, Spent], intervals: Sequence[Forecast]
) -> Timed:
    """What all ``epochs`` take, those between the timed ones by interpolation in ln(1 + epoch)."""
    if not each:
        return Timed(name, len(epochs), 0.0, {}, intervals)
    known = np.log1p(list(each))

    def total(values: Iterable[float]) -> float:
        return float(np.interp(np.log1p(epochs), known, list(values)).sum())

    layers = {layer: 0.0 for one in each.values() for layer in one.layers or {}}
    for layer in layers:
        layers[layer] = total((one.layers or {}).get(layer, 0.0) for one in each.values())
    seconds = total(one.seconds for one in each.values())
    return Timed(name, len(epochs), seconds, dict(sorted(layers.items())), intervals)


def _named(name: str, method: str | None) -> str:
    return name if method is None else f"{name} by {method}"


def _snapshot(builder: Builder, weights: Mapping[str, Tensor], inputs: Split) -> Snapshot:
    network = builder.network(builder.dataset())
    network.load_state_dict(dict(weights))
    device = resolve_device(builder.config.device)
    return Snapshot(0, network.eval(), inputs, builder.config.seed, device)


@contextmanager
def _threads(threads: int) -> Iterator[None]:
    """Use that many in the block, as the process that measures will."""
    before = torch.get_num_threads(), numba.get_num_threads()
    use_threads(threads)
    try:
        yield
    finally:
        torch.set_num_threads(before[0])
        numba.set_num_threads(before[1])


def _by_plan(
    one: MutualInformation, snapshots: Mapping[int, Snapshot], alike: object
) -> tuple[dict[int, Spent], Sequence[Forecast]]:
    """By the certified estimator's own plans, and the seconds that an evaluation takes.

    Also the plan with the last weights. Other weights are planned with as long as that is short; of
    a configuration that differs little from one that was timed, one more.
    """
    found: dict[int, Spent] = {}
    intervals: Sequence[Forecast] = ()
    spent, before = 0.0, alike in _rates
    for epoch, snapshot in reversed(snapshots.items()):
        if spent > TRIED_SECONDS or (before and len(found) == 2):
            break
        planned, layers = _planned(one, snapshot)
        spent += sum(layers.values())
        if planned and alike not in _rates:
            _rates[alike] = _rates_of_layers(one, snapshot, planned, layers)
        for each in planned:
            layers[each.layer] += _rates[alike].get(each.layer, 0.0) * each.evaluations
        intervals = intervals or planned
        found[epoch] = Spent(sum(layers.values()), layers)
    return dict(sorted(found.items())), intervals


def _planned(
    one: MutualInformation, snapshot: Snapshot
) -> tuple[Sequence[Forecast], dict[int, float]]:
    """The plan, and the seconds of planning, shared out evenly to the layers."""
    found: list[Sequence[Forecast]] = []
    seconds = _seconds(lambda: found.append(one.intervals(snapshot)))
    planned = found[-1]
    return planned, {each.layer: seconds / len(planned) for each in planned}


def _rates_of_layers(
    one: MutualInformation,
    snapshot: Snapshot,
    planned: Sequence[Forecast],
    planning: Mapping[int, float],
) -> dict[int, float]:
    """Seconds of a kernel evaluation in each layer, which depend on what its densities are.

    Those of an eighth of the inputs and a smaller budget; where all inputs take but a moment by
    these rates, those of all.
    """
    less = one.by(one.methods)
    less.sizes = {**one.sizes, "budget": float(one.sizes.get("budget", BUDGET)) / SMALLER_BUDGET}
    few = _some(snapshot, max(len(snapshot.inputs) // 8, 4 * FEW))
    less(_some(snapshot, FEW))  # which loads kernels, or compiles them
    rates = _rates_from(_time(less, few), *_planned(less, few))
    # few inputs' evaluations are the slower ones
    if sum(rates.get(each.layer, 0.0) * each.evaluations for each in planned) > 2 * WHOLE_SECONDS:
        return rates
    return _rates_from(_time(one, snapshot), planned, planning)


def _rates_from(
    whole: Spent, planned: Sequence[Forecast], planning: Mapping[int, float]
) -> dict[int, float]:
    """Of a measurement, its plan, and the seconds of planning for each layer."""
    return {
        each.layer: max((whole.layers or {}).get(each.layer, 0.0) - planning[each.layer], 0.0)
        / max(each.evaluations, 1.0)
        for each in planned
    }


def _by_shares(
    one: Any, snapshots: Mapping[int, Snapshot], method: str | None, alike: object
) -> dict[int, Spent]:
    """All inputs' time, of the last weights and, as long as that is short, of others.

    Where it is not short, that of a share of the inputs and how it grows. Of a configuration that
    differs little from one that was timed, the last weights are timed alone.
    """
    times = 1.0
    if method == "paper" and isinstance(one, MutualInformation):
        one, times = _with_fewer_draws(one)
    found: dict[int, Spent] = {}
    spent, before = 0.0, alike in _growths
    for epoch, snapshot in reversed(snapshots.items()):
        if found and (before or spent > TRIED_SECONDS):
            break
        if alike not in _growths:
            _growths[alike] = _growth_to_all(one, snapshot)
        count, growth = _growths[alike]
        part = _time(one, _some(snapshot, count))
        spent += part.seconds
        found[epoch] = part.times(times * growth)
    return dict(sorted(found.items()))


def _growth_to_all(one: Any, snapshot: Snapshot) -> tuple[int, float]:
    """A number of inputs to time, and how many times as long all of them take.

    All, where they take but a moment; else ``STEP`` times as many each time, up to a quarter, as
    long as that is short.
    """
    n = len(snapshot.inputs)
    if n <= FEW:
        return n, 1.0
    counts: list[int] = [FEW // 2]
    one(_some(snapshot, FEW))  # which loads kernels, or compiles them
    seconds = [_time(one, _some(snapshot, counts[0])).seconds]
    most, following = seconds[0], min(STEP * counts[0], n)
    while counts[-1] < n // STEP and sum(seconds) + most <= 3 * TRIED_SECONDS:
        counts.append(following)
        seconds.append(_time(one, _some(snapshot, following)).seconds)
        grown = max(seconds[-1] - seconds[0], 0.0)
        if seconds[0] + grown * (n / counts[-1]) ** MOST_POWER <= WHOLE_SECONDS:
            return n, 1.0
        most, following = seconds[0] + grown * STEP**MOST_POWER, min(STEP * following, n // STEP)
    return counts[-1], _growth(n, counts, seconds)


def _growth(n: int, counts: Sequence[int], seconds: Sequence[float]) -> float:
    """How many times as long as the last of the ``counts`` all ``n`` take.

    ``seconds`` of the last three are f + g·count^p, whose f is 0 where there are but two; p is
    between 1 and 2.
    """
    if len(counts) < 2:
        return (n / counts[-1]) ** LEAST_POWER
    last, before = counts[-1], counts[-2]
    grown = max(seconds[-1] - seconds[-2], 1e-3 * seconds[-1])
    if len(counts) > 2:
        earlier = max(seconds[-2] - seconds[-3], 1e-3 * grown)
        power = math.log(grown / earlier) / math.log(last / before)
    else:
        power = math.log(seconds[-1] / seconds[-2]) / math.log(last / before)
    power = min(max(power, LEAST_POWER), MOST_POWER)
    fixed = 0.0
    if len(counts) > 2:
        fixed = max(seconds[-1] - grown / (1.0 - (before / last) ** power), 0.0)
    return (fixed + (seconds[-1] - fixed) * (n / last) ** power) / seconds[-1]


def _with_fewer_draws(one: MutualInformation) -> tuple[MutualInformation, float]:
    """The paper's estimator with fewer draws, and by how much longer the whole takes."""
    n_x = int(one.sizes.get("n_x", N_X))
    few = max(2, n_x // FEWER_DRAWS)
    fewer = one.by(one.methods)
    fewer.sizes = {**one.sizes, "n_x": few}
    return fewer, n_x / few


def _time(one: Any, snapshot: Snapshot) -> Spent:
    rows = []
    seconds = _seconds(lambda: rows.append(one(snapshot)))
    if "seconds" not in rows[-1] or not rows[-1]["seconds"].sum():
        return Spent(seconds)
    shares = rows[-1].groupby("layer")["seconds"].sum() / rows[-1]["seconds"].sum()
    return Spent(seconds, {int(layer): seconds * share for layer, share in shares.items()})


def _seconds(action: Callable[[], object]) -> float:
    """Of a call, once more where it loaded or compiled kernels; where other programs share the
    processors, processor time counts.
    """
    asked_for = kernels_asked_for()
    wall, processor = time.perf_counter(), time.process_time()
    action()
    seconds = min(time.perf_counter() - wall, time.process_time() - processor)
    return seconds if kernels_asked_for() == asked_for else _seconds(action)


def _some(snapshot: Snapshot, count: int) -> Snapshot:
    """``count`` of the inputs, from all over."""
    n = len(snapshot.inputs)
    rows = torch.linspace(0, n - 1, min(n, count)).round().long()
    return replace(snapshot, inputs=snapshot.inputs[rows])
