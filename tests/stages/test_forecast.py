"""What measuring will take, by a clock that a made-up measurement moves."""

import pandas as pd
import pytest

from ib_runner.config.builder import Builder
from ib_runner.config.compose import compose, open_hydra, settings
from ib_runner.stages import forecast as module
from ib_runner.stages import measure_processes, timing
from ib_runner.stages.forecast import Spent, _growth, _of_some_epochs, _over_epochs, forecast
from ib_runner.stages.stage import stages
from ib_runner.stages.timing import seconds_once_loaded

EPOCHS = (0, 1, 2, 3)


class Costly:
    """Takes ``seconds(n)`` for n inputs, a quarter of it in layer 1 and the rest in layer 2."""

    table = "mutual_information"

    def __init__(self, clock, seconds):
        self.clock, self.seconds, self.asked = clock, seconds, []

    def select(self, epochs):
        return list(epochs)

    def __call__(self, snapshot):
        n = len(snapshot.inputs)
        self.asked.append(n)
        took = self.seconds(n) + (45.0 if len(self.asked) == 1 else 0.0)  # it compiles
        self.clock["now"] += took
        return pd.DataFrame({"layer": [1, 2], "seconds": [took / 4, 3 * took / 4]})


@pytest.fixture
def timed(monkeypatch):
    """What is forecast of a measurement that takes ``seconds(n)``, and the inputs that it had."""

    def of(seconds):
        clock = {"now": 0.0}
        for name in ("perf_counter", "process_time"):
            monkeypatch.setattr(module.time, name, lambda: clock["now"])
        for name in ("_known", "_growths", "_rates"):
            monkeypatch.setattr(module, name, {})
        made = Costly(clock, seconds)
        config = settings(compose(open_hydra(), "measure", ["+exp=szt_tanh", "seed=0"]))
        builder = Builder(config)
        monkeypatch.setattr(builder, "measurements", lambda: {"mine": made})
        dataset = builder.dataset()
        weights = builder.network(dataset).state_dict()
        (found,) = forecast(builder, EPOCHS, dataset.all, {0: weights})
        monkeypatch.undo()
        return found, made.asked

    return of


def test_what_takes_seconds_is_measured_whole(timed):
    found, asked = timed(lambda n: 0.2 + 1.0 * (n / 4096) ** 2)
    assert max(asked) == 4096
    assert found.seconds == pytest.approx(len(EPOCHS) * 1.2)
    assert found.layers == pytest.approx({1: 1.2, 2: 3.6})


@pytest.mark.parametrize("power", [1.0, 1.5, 2.0])
@pytest.mark.parametrize("fixed", [0.0, 1.0])
def test_what_takes_minutes_is_extrapolated(timed, power, fixed):
    def seconds(n):
        return fixed + 20.0 * (n / 4096) ** power

    found, asked = timed(seconds)
    assert max(asked) <= 1024
    assert found.seconds == pytest.approx(len(EPOCHS) * seconds(4096), rel=0.1)
    assert sum(found.layers.values()) == pytest.approx(found.seconds)


@pytest.mark.parametrize("power", [1.0, 1.5, 2.0])
def test_the_numbers_of_inputs_need_not_grow_by_the_same_factor(power):
    counts = [16, 64, 256, 359]
    found = _growth(1437, counts, [0.1 + 3e-5 * n**power for n in counts])
    wanted = (0.1 + 3e-5 * 1437**power) / (0.1 + 3e-5 * 359**power)
    assert found == pytest.approx(wanted, rel=1e-3)


def test_what_takes_as_long_whatever_the_number(timed):
    flat, _ = timed(lambda n: 0.7)
    assert flat.seconds == pytest.approx(len(EPOCHS) * 0.7, rel=0.1)


def test_a_share_of_what_takes_hours_is_enough(timed):
    found, asked = timed(lambda n: 7200.0 * (n / 4096) ** 2)
    assert max(asked) <= 64  # 2 s
    assert found.seconds == pytest.approx(len(EPOCHS) * 7200.0, rel=0.1)


def test_epochs_between_those_of_the_weights_are_interpolated():
    each = {0: Spent(1.0, {1: 1.0}), 99: Spent(3.0, {1: 2.0, 2: 1.0})}
    found = _over_epochs("mine", [0, 9, 99, 1000], each, ())
    assert found.seconds == pytest.approx(1.0 + 2.0 + 3.0 + 3.0)
    assert found.layers == pytest.approx({1: 1.0 + 1.5 + 2.0 + 2.0, 2: 0.0 + 0.5 + 1.0 + 1.0})


def test_what_loaded_kernels_is_timed_again(monkeypatch):
    clock = {"now": 0.0}
    for name in ("perf_counter", "process_time"):
        monkeypatch.setattr(module.time, name, lambda: clock["now"])
    took, kernels = [40.0, 2.0], iter([0, 3, 3, 3])
    monkeypatch.setattr(timing, "kernels_asked_for", lambda: next(kernels))
    assert seconds_once_loaded(lambda: clock.update(now=clock["now"] + took.pop(0))) == 2.0


@pytest.mark.parametrize(
    ("seconds", "last_only", "wanted"),
    [
        ({0: 1.0, 8: 9.0, 99: 1.1}, False, {0: 1.0, 99: 1.1}),  # they take as long
        ({0: 2.0, 8: 9.0, 99: 1.0}, False, {0: 2.0, 8: 9.0, 99: 1.0}),
        ({0: 2.0, 8: 9.0, 99: 1.0}, True, {99: 1.0}),
        ({0: 50.0, 8: 9.0, 99: 1.0}, False, {0: 50.0, 99: 1.0}),  # that was long enough
    ],
)
def test_weights_between_are_timed_where_they_matter(monkeypatch, seconds, last_only, wanted):
    clock = {"now": 0.0}
    monkeypatch.setattr(module.time, "process_time", lambda: clock["now"])

    def timed(epoch):
        clock["now"] += seconds[epoch]
        return Spent(seconds[epoch])

    found = _of_some_epochs(timed, {epoch: epoch for epoch in seconds}, last_only, {})
    assert {epoch: one.seconds for epoch, one in found.items()} == wanted


def test_what_is_known_is_not_timed_again():
    timed = {0: Spent(1.0)}
    found = _of_some_epochs(timed.__getitem__, {0: 0, 9: 9}, False, {9: Spent(4.0)})
    assert found == {0: Spent(1.0), 9: Spent(4.0)}


def long_measuring(*words, times=1):
    """Whether measuring may take over a minute, and the arguments to time one epoch of it."""
    config = settings(compose(open_hydra(), "measure", ["+exp=szt_tanh", *words]))
    builder = Builder(config)
    network = builder.network(builder.dataset()).eval()
    inputs = builder.dataset().all[:64]
    found = stages()["measure"].may_take_long(config, None, lambda: builder, times)
    return found, (builder, network, 30, [1, 30], inputs)


@pytest.mark.parametrize(
    ("seconds", "times", "long"),
    [(0.5, 1, False), (0.5, 4, True), (5.0, 1, True), (None, 1, True)],
)
def test_one_epoch_is_timed_before_more_are(monkeypatch, seconds, times, long):
    monkeypatch.setattr(module, "seconds_of_an_epoch", lambda *of: seconds)
    monkeypatch.setattr(measure_processes, "compiled_before", lambda: True)
    monkeypatch.setattr(measure_processes, "processors", lambda: 2)
    assert long_measuring(times=times)[0] == long  # 85 epochs, by two processes


def test_an_epoch_of_clouds_is_timed_and_one_of_wide_layers_is_not():
    _, asked = long_measuring()
    assert 0.01 < module.seconds_of_an_epoch(*asked) < 60.0
    _, asked = long_measuring("network.widths=[20,3]")
    assert module.seconds_of_an_epoch(*asked) is None


def test_a_measurement_that_fails_may_take_long(monkeypatch):
    def fail(one, snapshot):
        raise RuntimeError("no layers")

    monkeypatch.setattr(module, "_time", fail)
    assert module.seconds_of_an_epoch(*long_measuring()[1]) is None
