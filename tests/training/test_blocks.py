"""Many epochs in one call of the kernels: the same as one by one."""

from functools import partial

import numpy as np
import pytest
import torch
from small_training import problem, small_data, small_network

from ib_runner.progress import Pace
from ib_runner.training.fused import FusedTrainer


@pytest.mark.parametrize("classes", [2, None])
def test_a_block_of_epochs_is_its_epochs_one_by_one(classes):
    network = partial(small_network, outputs=1 if classes is None else classes)
    together = FusedTrainer(problem(network(), small_data(classes)))
    alone = FusedTrainer(problem(network(), small_data(classes)))
    made = together.run_epochs(1, [1.0, 0.5, 0.25, 0.125])
    assert (made.first, made.scores.shape, len(made.weights)) == (1, (4, 4), 4)
    for epoch, factor in enumerate([1.0, 0.5, 0.25, 0.125], start=1):
        one = alone.run_epochs(epoch, [factor])
        assert np.array_equal(one.scores, made.scores[epoch - 1 : epoch], equal_nan=True)
        assert alone.score(alone.problem.train) == one.last_scores["train"]
        assert alone.score(alone.problem.test) == one.last_scores["test"]
        for name, tensor in alone.weights().items():
            assert torch.equal(tensor, made.weights[epoch - 1][name])
    for name, tensor in alone.optimizer_state().items():
        assert torch.equal(tensor, made.state[name])


def test_a_block_ends_with_the_first_loss_that_is_no_number():
    trainer = FusedTrainer(
        problem(
            small_network("identity", outputs=1),
            small_data(None),
            optimizer=partial(torch.optim.SGD, lr=30.0),
            loss="mse",
        )
    )
    made = trainer.run_epochs(1, [1.0] * 200)
    assert len(made.scores) == len(made.weights) + 1 < 200
    assert np.isfinite(made.scores[:-1, :2]).all()
    assert not np.isfinite(made.scores[-1, :2]).all()


def test_the_pace_counts_all_units_of_a_block():
    pace = Pace(100, 0)
    pace.update(0.0, 20)
    pace.update(10.0, 20)
    assert pace.n == 40
    assert pace.left(10.0) == pytest.approx(30.0)
