"""Forward and backward passes through a network for training and scoring, by PyTorch."""

from torch import Tensor, nn

from ib_runner.training.targets import mean_loss


class Passes:
    """Passes through ``network``, in its present mode, with a loss of ``targets``."""

    def __init__(self, network: nn.Module, loss: str):
        self.network = network
        self.loss = loss

    def outputs(self, x: Tensor) -> Tensor:
        """The outputs [n, k] for a batch ``x`` [n, …].

        The network gets a copy of ``x``, as it may change its input in place.
        """
        return self.network(x.clone())

    def gradients(self, x: Tensor, targets: Tensor) -> None:
        """Put the gradients of the mean loss on a batch into the parameters' ``grad``."""
        self.network.zero_grad()
        mean_loss(self.loss, self.outputs(x), targets).backward()
