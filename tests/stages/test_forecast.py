"""What measuring will take, by a clock that a made-up measurement moves."""

import pandas as pd
import pytest

from ib_runner.config.builder import Builder
from ib_runner.config.compose import compose, open_hydra, settings
from ib_runner.stages import forecast as module
from ib_runner.stages.forecast import forecast

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
        monkeypatch.setattr(module, "_known", {})
        made = Costly(clock, seconds)
        config = settings(compose(open_hydra(), "measure", ["+exp=szt_tanh", "seed=0"]))
        builder = Builder(config)
        monkeypatch.setattr(builder, "measurements", lambda: {"mine": made})
        dataset = builder.dataset()
        weights = builder.network(dataset).state_dict()
        (found,) = forecast(builder, EPOCHS, dataset.all, [weights])
        monkeypatch.undo()
        return found, made.asked

    return of


def test_what_takes_seconds_is_measured_whole(timed):
    found, asked = timed(lambda n: 0.2 + 2.0 * (n / 4096) ** 2)
    assert max(asked) == 4096
    assert found.seconds == pytest.approx(len(EPOCHS) * 2.2)
    assert found.layers == pytest.approx({1: 2.2, 2: 6.6})


@pytest.mark.parametrize("power", [1.0, 1.5, 2.0])
@pytest.mark.parametrize("fixed", [0.0, 1.0])
def test_what_takes_minutes_is_extrapolated(timed, power, fixed):
    def seconds(n):
        return fixed + 100.0 * (n / 4096) ** power

    found, asked = timed(seconds)
    assert max(asked) == 1024
    assert found.seconds == pytest.approx(len(EPOCHS) * seconds(4096), rel=0.1)
    assert sum(found.layers.values()) == pytest.approx(found.seconds)


def test_no_more_than_with_the_square_of_the_inputs_and_no_less_than_with_their_number(timed):
    steep, _ = timed(lambda n: 100.0 * (n / 4096) ** 3)
    assert steep.seconds == pytest.approx(len(EPOCHS) * 16 * 100.0 / 64, rel=0.01)
    flat, _ = timed(lambda n: 30.0)
    assert flat.seconds == pytest.approx(len(EPOCHS) * 30.0, rel=0.1)
