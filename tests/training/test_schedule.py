import pytest

from ib_runner.training.schedule import constant, geometric, schedule


def test_geometric_reaches_the_ratio_in_the_last_epoch_of_the_horizon():
    rate = geometric(0.1, 128)
    assert rate(1) == 1.0
    assert 5e-3 * rate(128) == pytest.approx(5e-4)
    assert rate(2) / rate(1) == pytest.approx(rate(100) / rate(99))


def test_training_longer_does_not_bend_it():
    rate = geometric(0.1, 128)
    assert rate(255) == pytest.approx(0.01)


def test_constant():
    assert {constant(epoch) for epoch in (1, 10, 10_000)} == {1.0}


def test_by_name():
    assert schedule("constant", 0.5, None)(10) == 1.0
    assert schedule("geometric", 0.5, 11)(11) == pytest.approx(0.5)


@pytest.mark.parametrize(("ratio", "horizon"), [(0.0, 10), (-1.0, 10), (0.1, 1), (0.1, None)])
def test_what_makes_no_schedule(ratio, horizon):
    with pytest.raises(ValueError, match="horizon"):
        geometric(ratio, horizon)
