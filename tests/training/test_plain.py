from functools import partial

import pytest
import torch
from small_training import problem, small_data, small_network, small_user_network

from ib_runner.errors import IbRunError
from ib_runner.networks import DropoutNoise, GaussianNoise
from ib_runner.training.plain import PlainTrainer


@pytest.mark.parametrize("noise", [partial(GaussianNoise, 50.0), partial(DropoutNoise, 0.9)])
def test_the_noise_is_off_in_scores(noise):
    trainer = PlainTrainer(problem(small_network(noise=noise), small_data()))
    assert trainer.score(trainer.problem.test) == trainer.score(trainer.problem.test)


def test_the_noise_is_on_in_training():
    data = small_data()
    weights = []
    for beta in (0.0, 0.5):
        network = small_network(noise=partial(GaussianNoise, beta))
        trainer = PlainTrainer(problem(network, data))
        trainer.run_epoch(1)
        weights.append(trainer.weights()["0.weight"])
    assert not torch.allclose(*weights)


@pytest.mark.parametrize(
    "optimizer",
    [
        partial(torch.optim.SGD, lr=0.1, momentum=0.9),
        partial(torch.optim.AdamW, lr=0.01, amsgrad=True),
        partial(torch.optim.RMSprop, lr=0.01),
    ],
)
def test_any_optimizer_is_resumed(optimizer):
    def new():
        return PlainTrainer(problem(small_user_network(), small_data(), optimizer))

    whole, first, second = new(), new(), new()
    for epoch in (1, 2, 3, 4):
        whole.run_epoch(epoch)
    for epoch in (1, 2):
        first.run_epoch(epoch)
    second.load(first.weights(), first.optimizer_state())
    for epoch in (3, 4):
        second.run_epoch(epoch)
    for name, tensor in whole.weights().items():
        assert torch.equal(second.weights()[name], tensor)


def test_an_optimizer_that_cannot_be_resumed_says_so():
    class Counting(torch.optim.SGD):
        def step(self):
            super().step()
            for parameter in self.param_groups[0]["params"]:
                self.state[parameter]["count"] = 1

    trainer = PlainTrainer(problem(small_user_network(), small_data(), partial(Counting, lr=0.1)))
    trainer.run_epoch(1)
    with pytest.raises(IbRunError, match="Counting keeps 'count'"):
        trainer.optimizer_state()
