"""The convolutional network of section 8.3: two convolutional and two fully connected layers.

Each of the three hidden layers is an affine map, batch norm, tanh and a noise channel; max-pooling
follows the channels of the convolutional layers. Mutual information is that of the k-th channel,
layer k. Figures show the layers of :meth:`CNN.representations`, behind pooling.
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from ib_runner.networks.noise import NoiseChannel

#: images in one pass of :meth:`CNN.representations`; the feature maps of more images would not fit
#: into the processor's cache, and allocating their memory would take as long as the arithmetic
BLOCK = 50


class CNN(nn.Sequential):
    """Images [n, ``n_inputs``, 28, 28] to logits [n, ``n_outputs``].

    ``noise()`` makes a new channel. PyTorch's default initialisation, U(±1/√fan_in) for weights and
    biases, is kept; making channels draws no random numbers, so that one seed gives the same
    weights with any noise.
    """

    #: the number of channels, and the number of layers of :meth:`representations`
    depth = 3, 4

    def __init__(self, n_inputs: int, n_outputs: int, noise: Callable[[], NoiseChannel]):
        super().__init__(
            *_convolution(n_inputs, 16, noise),
            *_convolution(16, 32, noise),
            nn.Flatten(),
            # 32·7·7 = 1568; section 8.3 prints 1586
            nn.Linear(32 * 7 * 7, 128),
            nn.BatchNorm1d(128),
            nn.Tanh(),
            noise(),
            nn.Linear(128, n_outputs),
        )

    @torch.no_grad()
    def representations(self, x: Tensor) -> list[Tensor]:
        """The figures' layers 1 to 4 (end of section 8.3) of ``x`` [n, …], in the network's mode:

        both pooled feature maps [n, 3136] and [n, 1568], the tanh units [n, 128], and the logits.
        """
        found: list[Tensor] = []
        for number, block in enumerate(x.split(BLOCK)):
            layers = self._layers(block)
            # each layer's array is allocated whole: allocated block by block, between feature maps
            # that are freed, its pieces would fragment the memory
            found = found or [layer.new_empty(len(x), layer.shape[1]) for layer in layers]
            for whole, layer in zip(found, layers, strict=True):
                whole[number * BLOCK : (number + 1) * BLOCK] = layer
        return found

    def _layers(self, x: Tensor) -> list[Tensor]:
        layers = []
        for module in self:
            x = module(x)
            if isinstance(module, nn.MaxPool2d) or (isinstance(module, nn.Tanh) and x.ndim == 2):
                layers.append(x.flatten(1))
        return [*layers, x]


def _convolution(
    n_inputs: int, n_outputs: int, noise: Callable[[], NoiseChannel]
) -> list[nn.Module]:
    """The modules from maps [n, n_inputs, h, w] to pooled maps [n, n_outputs, h/2, w/2]."""
    return [
        nn.Conv2d(n_inputs, n_outputs, kernel_size=5, padding=2),
        nn.BatchNorm2d(n_outputs),
        nn.Tanh(),
        noise(),
        nn.MaxPool2d(2),
    ]
