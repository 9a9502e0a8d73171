"""Forecasting how long measuring takes, by timing each method on a share of the inputs.

The certified estimator plans its kernel evaluations beforehand: the forecast is its plan for all
inputs, times the seconds of an evaluation, timed on a share of them. Every other measurement is
timed on more and more inputs, up to a quarter, which shows how its time grows with their number;
or on all inputs, where that takes seconds. The weights of a few epochs stand for those of the
epochs between.
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
from torch import Tensor, nn

from ib_runner.config.builder import Builder, for_runs, resolve_device
from ib_runner.datasets import Split
from ib_runner.errors import UsageError, raise_interruption_behind
from ib_runner.information.forecast import Forecast
from ib_runner.information.interval.coupled import CLOUD_UNITS
from ib_runner.information.interval.sizes import BUDGET
from ib_runner.information.sampling.propagation import plain_network
from ib_runner.measurements.measurement import OfSeveralMethods, Summary
from ib_runner.measurements.mutual_information import MutualInformation
from ib_runner.measurements.snapshot import Snapshot
from ib_runner.stages.measure_epoch import chosen, methods_of, use_threads
from ib_runner.stages.timing import seconds_once_loaded, without_seed

#: inputs of the first, untimed call, which loads or compiles the kernels
FEW = 32
#: seconds: all inputs are timed where they take fewer than the first; the second ends the trials of
#: one measurement
WHOLE_SECONDS, TRIED_SECONDS = 2.0, 3.0
#: factor from one number of timed inputs to the next
STEP = 4
#: the weights between the first and the last are timed unless these two differ by no more
ALIKE = 1.25
#: the certified estimator's evaluations are timed with a budget so many times smaller
SMALLER_BUDGET = 8
#: seconds of one of a cloud's evaluations, many of which are left out
AN_EVALUATION = 5e-10
#: seconds of a plan's draws above which nothing is planned; the time to measure, in such draws
LONGEST_DRAWS, OF_DRAWS = 20.0, 1.5
#: bounds of p, where time grows as (number of inputs)^p
LEAST_POWER, MOST_POWER = 1.0, 2.0
#: nodes of the configuration on which the time of measuring depends (NODES); nodes on which it
#: depends so little that its growth with the number of inputs is the same (LITTLE)
NODES = ("dataset", "network", "measure", "measurement")
LITTLE = ("noise", "regularizer", "optimizer", "trainer")
_known: dict[object, list["Timed"]] = {}
_growths: dict[object, tuple[int, float]] = {}
_rates: dict[object, dict[int, tuple[float, float]]] = {}


@dataclass(frozen=True)
class Timed:
    """The forecast for one measurement or method: ``seconds`` for all ``epochs`` in one process.

    ``layers`` has the seconds of each layer, where known; ``intervals`` the forecast widths of the
    certified intervals, with the last of the weights: None where planning takes too long.
    """

    name: str
    epochs: int
    seconds: float
    layers: Mapping[int, float]
    intervals: Sequence[Forecast] | None = ()


@dataclass(frozen=True)
class Spent:
    """The ``seconds`` to measure one epoch, and those of each layer where known."""

    seconds: float = 0.0
    layers: Mapping[int, float] | None = None

    def times(self, factor: float) -> "Spent":
        """All seconds multiplied by ``factor``."""
        layers = {layer: one * factor for layer, one in (self.layers or {}).items()}
        return Spent(self.seconds * factor, layers)


def forecast(
    builder: Builder,
    epochs: Sequence[int],
    inputs: Split,
    weights: Mapping[int, Mapping[str, Tensor]],
    threads: int = 1,
) -> list[Timed]:
    """The forecast for each method and each other measurement at ``epochs``.

    ``weights`` maps a few epochs to weights that stand for all epochs; ``threads`` is the number of
    threads of the process that will measure. Configurations that differ in the seed only are timed
    once.
    """
    key = (*without_seed(builder, (*NODES, *LITTLE)), tuple(epochs), len(inputs))
    if key not in _known:
        with _threads(threads):
            _known[key] = _forecast(builder, epochs, inputs, weights)
    return _known[key]


def seconds_of_an_epoch(
    builder: Builder,
    network: nn.Module,
    epoch: int,
    epochs: Sequence[int],
    inputs: Split,
    threads: int = 1,
) -> float | None:
    """Seconds to make all that is asked at ``epoch`` of the measured ``epochs``, with ``network``.

    None where one epoch may take long, or where measuring fails: unless the network is a plain one
    of layers with clouds.
    """
    try:
        plain = plain_network(network, inputs.x)
        if plain is None or plain.widths[1:].max() > CLOUD_UNITS:
            return None
        measurements = _of_epochs(builder)
        device = resolve_device(builder.config.device)
        snapshot = Snapshot(epoch, network, inputs, builder.config.seed, device)
        seconds = 0.0
        with _threads(threads):
            for one in chosen(measurements, epochs)[epoch]:
                entry: Any = methods_of(measurements[one.name], one)
                entry(_some(snapshot, FEW))  # the untimed call, which loads the kernels
                seconds += _time(entry, snapshot).seconds
    except Exception as error:  # measuring will say what is wrong, for each epoch
        raise_interruption_behind(error)
        return None
    return seconds


def _of_epochs(builder: Builder) -> dict[str, Any]:
    """The measurements that are made at epochs, by name."""
    made = for_runs(builder.measurements())
    return {name: one for name, one in made.items() if not isinstance(one, Summary)}


def _forecast(
    builder: Builder,
    epochs: Sequence[int],
    inputs: Split,
    weights: Mapping[int, Mapping[str, Tensor]],
) -> list[Timed]:
    measurements = _of_epochs(builder)
    made: dict[tuple[str, str | None], list[int]] = defaultdict(list)
    for epoch, asked in chosen(measurements, epochs).items():
        for one in asked:
            for method in one.methods or (None,):
                made[one.name, method].append(epoch)
    snapshots = {epoch: _snapshot(builder, one, inputs) for epoch, one in sorted(weights.items())}
    alike = (*without_seed(builder, NODES), len(inputs))
    # the seconds of an evaluation depend on how many of the points are within a draw's noise
    of_noise = without_seed(builder, ("noise",))
    found = []
    for (name, method), when in made.items():
        entry: Any = measurements[name]
        if method is not None and isinstance(entry, OfSeveralMethods):
            entry = entry.by((method,))
        intervals: Sequence[Forecast] | None = ()
        each: Mapping[int, Spent] = {}
        try:
            if method == "coupled" and isinstance(entry, MutualInformation) and not entry.betas:
                each, intervals = _by_plan(entry, snapshots, (*alike, *of_noise, name, method))
            else:
                each = _by_shares(entry, snapshots, (*alike, name, method))
        except UsageError:
            raise
        except Exception as error:  # measuring will say what is wrong, for each epoch
            raise_interruption_behind(error)
        found.append(_over_epochs(_named(name, method), when, each, intervals))
    return found


def _over_epochs(
    name: str,
    epochs: Sequence[int],
    each: Mapping[int, Spent],
    intervals: Sequence[Forecast] | None,
) -> Timed:
    """The sum over ``epochs``, interpolated in ln(1 + epoch) between the timed epochs ``each``."""
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
    """Within the block, use as many ``threads`` as the process that will measure."""
    before = torch.get_num_threads(), numba.get_num_threads()
    use_threads(threads)
    try:
        yield
    finally:
        torch.set_num_threads(before[0])
        numba.set_num_threads(before[1])


def _by_plan(
    one: MutualInformation, snapshots: Mapping[int, Snapshot], alike: object
) -> tuple[dict[int, Spent], Sequence[Forecast] | None]:
    """The certified estimator's seconds by epoch: its planned evaluations times seconds for each.

    Also returns the plan with the last weights; None where its draws would take too long, which
    then are most of the time. Earlier weights are planned until
    ``TRIED_SECONDS`` have passed; where a configuration ``alike`` was timed before, for two epochs
    only.
    """
    found: dict[int, Spent] = {}
    intervals: Sequence[Forecast] = ()
    last, snapshot = [*snapshots.items()][-1]
    draws = one.seconds_of_draws(snapshot)
    if sum(draws.values()) > LONGEST_DRAWS:
        return {last: Spent(sum(draws.values()), draws).times(OF_DRAWS)}, None
    if alike not in _rates:
        _less(one)(_some(snapshot, FEW))  # the untimed call, which loads or compiles the kernels
    spent, before = 0.0, alike in _rates
    for epoch, snapshot in reversed([*snapshots.items()]):
        if spent > TRIED_SECONDS or (before and len(found) == 2):
            break
        planned, layers = _planned(one, snapshot)
        spent += sum(layers.values())
        if planned and alike not in _rates:
            _rates[alike] = _rates_of_layers(one, snapshot, planned, layers)
        for each in planned:
            fixed, rate = _rates[alike].get(each.layer, (0.0, 0.0))
            layers[each.layer] += fixed + rate * each.evaluations
        intervals = intervals or planned
        found[epoch] = Spent(sum(layers.values()), layers)
    return dict(sorted(found.items())), intervals


def _planned(
    one: MutualInformation, snapshot: Snapshot
) -> tuple[Sequence[Forecast], dict[int, float]]:
    """The plan of each layer, and the seconds of planning, divided evenly among the layers."""
    found: list[Sequence[Forecast]] = []
    seconds = seconds_once_loaded(lambda: found.append(one.intervals(snapshot)))
    planned = found[-1]
    return planned, {each.layer: seconds / len(planned) for each in planned}


def _rates_of_layers(
    one: MutualInformation,
    snapshot: Snapshot,
    planned: Sequence[Forecast],
    planning: Mapping[int, float],
) -> dict[int, tuple[float, float]]:
    """Seconds that each layer takes beside planning and evaluations, and those of one evaluation.

    Timed with all inputs where these take about ``2 * WHOLE_SECONDS``; otherwise with an eighth of
    them and a smaller budget.
    """
    about = AN_EVALUATION * sum(each.evaluations for each in planned)
    if about <= 2 * WHOLE_SECONDS and all(each.densities != "paths" for each in planned):
        return _rates_from(_time(one, snapshot), planned, planning)
    n, less = len(snapshot.inputs), _less(one)
    few = _some(snapshot, max(n // 8, min(n, 4 * FEW)))
    rates = _rates_from(_time(less, few), *_planned(less, few))
    # an evaluation takes longer where there are few inputs, so these rates are upper bounds
    if sum(rates[each.layer][1] * each.evaluations for each in planned) <= 2 * WHOLE_SECONDS:
        return _rates_from(_time(one, snapshot), planned, planning)
    return {
        layer: (min(fixed * n / len(few.inputs), planning[layer]), rate)
        for layer, (fixed, rate) in rates.items()
    }


def _less(one: MutualInformation) -> MutualInformation:
    """The same measurement with a smaller budget."""
    less = one.by(one.methods)
    less.sizes = {**one.sizes, "budget": float(one.sizes.get("budget", BUDGET)) / SMALLER_BUDGET}
    return less


def _rates_from(
    whole: Spent, planned: Sequence[Forecast], planning: Mapping[int, float]
) -> dict[int, tuple[float, float]]:
    """Seconds beside the evaluations, and of one evaluation, from the time ``whole`` without
    planning and the planned evaluations.

    The draws, which all layers share, count evenly: they take no longer than the cheapest layer,
    nor than planning, which is made of draws.
    """
    rest = {
        each.layer: max((whole.layers or {}).get(each.layer, 0.0) - planning[each.layer], 0.0)
        for each in planned
    }
    fixed = min(*rest.values(), *planning.values()) if len(rest) > 1 else 0.0
    return {
        each.layer: (fixed, (rest[each.layer] - fixed) / max(each.evaluations, 1.0))
        for each in planned
    }


def _by_shares(one: Any, snapshots: Mapping[int, Snapshot], alike: object) -> dict[int, Spent]:
    """The seconds by epoch, timed on a share of the inputs and multiplied by ``_growth_to_all``."""
    before, found = alike in _growths, {}
    if not before:
        last, snapshot = [*snapshots.items()][-1]
        count, growth, part = _growth_to_all(one, snapshot)
        _growths[alike] = count, growth
        if part is not None:
            found[last] = part.times(growth)
    count, growth = _growths[alike]
    return _of_some_epochs(
        lambda snapshot: _time(one, _some(snapshot, count)).times(growth), snapshots, before, found
    )


def _of_some_epochs(
    timed: Callable[[Snapshot], Spent],
    snapshots: Mapping[int, Snapshot],
    last_only: bool,
    known: Mapping[int, Spent],
) -> dict[int, Spent]:
    """The seconds ``timed`` for the last weights and, unless ``last_only``, for earlier ones.

    After the last come the first, then those between, until ``TRIED_SECONDS`` have passed; none of
    these where the first and the last take about as long. Those that are ``known`` are not timed.
    """
    *earlier, last = snapshots
    began = time.process_time()
    found = {last: known[last] if last in known else timed(snapshots[last])}
    for epoch in () if last_only else earlier:
        tried = time.process_time() - began
        if tried > TRIED_SECONDS or (len(found) == 2 and _alike(*found.values())):
            break
        found[epoch] = timed(snapshots[epoch])
    return dict(sorted(found.items()))


def _alike(one: Spent, other: Spent) -> bool:
    """Whether one takes no more than ``ALIKE`` times as long as the other."""
    return max(one.seconds, other.seconds) <= ALIKE * min(one.seconds, other.seconds)


def _growth_to_all(one: Any, snapshot: Snapshot) -> tuple[int, float, Spent | None]:
    """A number of inputs to time, the factor from their time to that of all, and their time.

    ``STEP`` times as many inputs are timed each time, up to a quarter of all, while that is short;
    all inputs are to be timed, and are not yet, where they take less than ``WHOLE_SECONDS``.
    """
    n = len(snapshot.inputs)
    if n <= FEW:
        return n, 1.0, None
    counts: list[int] = [FEW // 2]
    one(_some(snapshot, FEW))  # the untimed call, which loads or compiles the kernels
    part = _time(one, _some(snapshot, counts[0]))
    seconds = [part.seconds]
    most, following = seconds[0], min(STEP * counts[0], n)
    while counts[-1] < n // STEP and sum(seconds) + most <= 3 * TRIED_SECONDS:
        counts.append(following)
        part = _time(one, _some(snapshot, following))
        seconds.append(part.seconds)
        grown = max(seconds[-1] - seconds[0], 0.0)
        if seconds[0] + grown * (n / counts[-1]) ** MOST_POWER <= WHOLE_SECONDS:
            return n, 1.0, None
        most, following = seconds[0] + grown * STEP**MOST_POWER, min(STEP * following, n // STEP)
    return counts[-1], _growth(n, counts, seconds), part


def _growth(n: int, counts: Sequence[int], seconds: Sequence[float]) -> float:
    """The factor from the time of ``counts[-1]`` inputs to that of all ``n``.

    The last three ``seconds`` are fitted by f + g·count^p with p between 1 and 2; f is 0 where
    there are only two.
    """
    if len(counts) < 2:
        return (n / counts[-1]) ** LEAST_POWER
    last, before = counts[-1], counts[-2]
    grown = max(seconds[-1] - seconds[-2], 1e-3 * seconds[-1])
    if len(counts) > 2:
        power = _power(counts[-3:], grown / max(seconds[-2] - seconds[-3], 1e-3 * grown))
    else:
        power = math.log(seconds[-1] / seconds[-2]) / math.log(last / before)
        power = min(max(power, LEAST_POWER), MOST_POWER)
    fixed = 0.0
    if len(counts) > 2:
        fixed = max(seconds[-1] - grown / (1.0 - (before / last) ** power), 0.0)
    return (fixed + (seconds[-1] - fixed) * (n / last) ** power) / seconds[-1]


def _power(counts: Sequence[int], ratio: float) -> float:
    """p with (c₃ᵖ − c₂ᵖ)/(c₂ᵖ − c₁ᵖ) = ``ratio`` for the three ``counts``, between 1 and 2."""

    def too_small(power: float) -> bool:
        first, second, third = (float(one) ** power for one in counts)
        return (third - second) / (second - first) < ratio

    low, high = LEAST_POWER, MOST_POWER
    for _ in range(20):
        middle = (low + high) / 2
        low, high = (middle, high) if too_small(middle) else (low, middle)
    return (low + high) / 2


def _time(one: Any, snapshot: Snapshot) -> Spent:
    rows = []
    seconds = seconds_once_loaded(lambda: rows.append(one(snapshot)))
    if "seconds" not in rows[-1] or not rows[-1]["seconds"].sum():
        return Spent(seconds)
    shares = rows[-1].groupby("layer")["seconds"].sum() / rows[-1]["seconds"].sum()
    return Spent(seconds, {int(layer): seconds * share for layer, share in shares.items()})


def _some(snapshot: Snapshot, count: int) -> Snapshot:
    """``count`` of the inputs, from all over."""
    n = len(snapshot.inputs)
    rows = torch.linspace(0, n - 1, min(n, count)).round().long()
    return replace(snapshot, inputs=snapshot.inputs[rows])
