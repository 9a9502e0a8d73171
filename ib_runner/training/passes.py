"""The passes through a network that training and scoring need: PyTorch's own."""

from torch import Tensor, nn

from ib_runner.training.targets import mean_loss


class Passes:
    """Forward and backward through ``network``, in its present mode, with a loss of ours."""

    def __init__(self, network: nn.Module, loss: str):
        self.network = network
        self.loss = loss

    def outputs(self, x: Tensor) -> Tensor:
        """From a batch [n, …] to outputs [n, k].

        A copy goes in: a network may change its input in place, and the data are the user's.
        """
        return self.network(x.clone())

    def gradients(self, x: Tensor, targets: Tensor) -> None:
        """Put the gradients of the mean loss on a batch into the parameters' ``grad``."""
        self.network.zero_grad()
        mean_loss(self.loss, self.outputs(x), targets).backward()
