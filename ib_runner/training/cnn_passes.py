"""The CNN's forward and backward pass on a CPU, with compiled kernels between the convolutions.

The convolutions are PyTorch's, channels last. Between them PyTorch makes five passes over memory
forward and more backward, and takes 5 ns for a tanh or a normal number; the kernels make two passes
forward and two backward. Their backward pass is called explicitly, and their arrays are reused in
every step; behind the second pooling PyTorch differentiates, as little work is left there.
"""

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from ib_runner.networks import DropoutNoise, GaussianNoise, NoiseChannel, NoNoise
from ib_runner.networks.altered import is_altered
from ib_runner.networks.cnn import CNN
from ib_runner.training.cnn_kernels import (
    moments,
    pooled_tanh,
    pooled_tanh_backward,
    pooled_tanh_clean,
)
from ib_runner.training.passes import Passes
from ib_runner.training.targets import mean_loss

_NOISES = (NoNoise, GaussianNoise, DropoutNoise)
#: modules of a convolutional block: convolution, batch norm, tanh, noise, pooling
_BLOCK = 5


def passes_of(network: nn.Module, loss: str) -> Passes:
    """PyTorch's passes through ``network``, or passes by kernels if it is a CNN on a CPU.

    Results of both are the same up to float32 rounding and the noise, whose random numbers are a
    function of the global generator's state in both. Batch statistics and the modes of batch norm
    and noise are as in ``network``.
    """
    known = (
        type(network) is CNN
        and not is_altered(network)
        and _is_as_made(network)
        and all(p.dtype == torch.float32 and p.device.type == "cpu" for p in network.parameters())
        and all(p.requires_grad and not p._backward_hooks for p in network.parameters())
    )
    return CNNPasses(network, loss) if known else Passes(network, loss)


def _is_as_made(network: CNN) -> bool:
    """Whether the two blocks still hold the modules that the kernels stand for."""
    modules = list(network)
    blocks = [modules[start : start + _BLOCK] for start in (0, _BLOCK)]
    return len(modules) > 2 * _BLOCK and all(
        [type(module) for module in block]
        == [nn.Conv2d, nn.BatchNorm2d, nn.Tanh, type(block[3]), nn.MaxPool2d]
        and type(block[3]) in _NOISES
        and repr(block[0])
        == repr(nn.Conv2d(block[0].in_channels, block[0].out_channels, 5, padding=2))
        and (block[1].affine and block[1].track_running_stats and block[1].momentum is not None)
        and repr(block[4]) == repr(nn.MaxPool2d(2))
        for block in blocks
    )


class CNNPasses(Passes):
    """Passes by kernels, for a CNN whose batch norms and channels are all in one mode."""

    def __init__(self, network: CNN, loss: str):
        super().__init__(network, loss)
        modules = list(network)
        self._blocks = [_Block(*modules[start : start + _BLOCK - 1]) for start in (0, _BLOCK)]
        self._tail = modules[2 * _BLOCK :]

    def outputs(self, x: Tensor) -> Tensor:
        with torch.no_grad():
            for block in self._blocks:
                x = block.forward(x) if self.network.training else block.clean(x)
        return self._behind(x)

    def gradients(self, x: Tensor, targets: Tensor) -> None:
        self.network.zero_grad()
        with torch.no_grad():
            for block in self._blocks:
                x = block.forward(x)
        x.requires_grad_()
        mean_loss(self.loss, self._behind(x), targets).backward()
        gradient = x.grad
        with torch.no_grad():
            for block in reversed(self._blocks):
                gradient = block.backward(gradient, wanted=block is not self._blocks[0])

    def _behind(self, x: Tensor) -> Tensor:
        for module in self._tail:
            x = module(x)
        return x


class _Block:
    """Convolution, batch norm, tanh, noise, pooling; keeps the arrays that ``backward`` needs."""

    def __init__(
        self, convolution: nn.Conv2d, norm: nn.BatchNorm2d, _: nn.Tanh, noise: NoiseChannel
    ):
        self.convolution = convolution
        self.norm = norm
        self.noise = noise
        self._arrays: tuple[np.ndarray, ...] = ()

    def clean(self, x: Tensor) -> Tensor:
        """In eval mode: [n, c, h, w] to [n, c', h/2, w/2]."""
        norm = self.norm
        y = self._convolve(_channels_last(x))
        inverse_sd = (norm.running_var + norm.eps).rsqrt()
        pooled = np.empty(_pooled_shape(y), np.float32)
        pooled_tanh_clean(_last(y), *_affine(norm, norm.running_mean, inverse_sd), pooled)
        return _images(pooled)

    def forward(self, x: Tensor) -> Tensor:
        """In training mode: [n, c, h, w] to [n, c', h/2, w/2]."""
        norm, noise = self.norm, self.noise
        self.x = _channels_last(x)
        self.y = y = self._convolve(self.x)
        self.mean, variance = map(torch.from_numpy, moments(_last(y)))
        _update_running(norm, self.mean, variance, y.numel() // len(self.mean))
        self.inverse_sd = (variance + norm.eps).rsqrt()
        if not self._arrays or self._arrays[0].shape != _pooled_shape(y):
            self._arrays = tuple(
                np.empty(_pooled_shape(y), kind)
                for kind in (np.float32, np.float32, np.float32, np.int32)
            )
        pooled_tanh(
            _last(y),
            *_affine(norm, self.mean, self.inverse_sd),
            noise.beta,
            noise.p if isinstance(noise, DropoutNoise) else 0.0,
            isinstance(noise, DropoutNoise) and noise.feature_maps,
            np.uint64(torch.randint(2**62, ()).item()),
            *self._arrays,
        )
        return _images(self._arrays[0])

    def backward(self, gradient: Tensor, wanted: bool) -> Tensor | None:
        """Backward pass of the last ``forward``: from dL/dresult to dL/dx, None unless ``wanted``.

        The gradients with respect to the parameters go into their ``grad``.
        """
        norm, convolution = self.norm, self.convolution
        by_y = np.empty(_last(self.y).shape, np.float32)
        by_weight, by_bias = pooled_tanh_backward(
            _last(_channels_last(gradient)),
            _last(self.y),
            *self._arrays[1:],
            self.mean.numpy(),
            self.inverse_sd.numpy(),
            norm.weight.detach().numpy(),
            by_y,
        )
        norm.weight.grad, norm.bias.grad = torch.from_numpy(by_weight), torch.from_numpy(by_bias)
        by_x, convolution.weight.grad, convolution.bias.grad = torch.ops.aten.convolution_backward(
            _images(by_y),
            self.x,
            self._weight(),
            [len(convolution.bias)],
            [1, 1],
            convolution.padding,
            [1, 1],
            False,
            [0, 0],
            1,
            [wanted, True, True],
        )
        return by_x

    def _convolve(self, x: Tensor) -> Tensor:
        return functional.conv2d(
            x, self._weight(), self.convolution.bias, padding=self.convolution.padding
        )

    def _weight(self) -> Tensor:
        return self.convolution.weight.detach().contiguous(memory_format=torch.channels_last)


def _update_running(norm: nn.BatchNorm2d, mean: Tensor, variance: Tensor, count: int) -> None:
    share = norm.momentum
    norm.running_mean.mul_(1 - share).add_(mean, alpha=share)
    norm.running_var.mul_(1 - share).add_(variance, alpha=share * count / (count - 1))
    norm.num_batches_tracked.add_(1)


def _affine(norm: nn.BatchNorm2d, mean: Tensor, inverse_sd: Tensor) -> tuple[np.ndarray, ...]:
    """Scale and shift, [c] each, of batch norm as an affine map."""
    scale = norm.weight * inverse_sd
    return scale.numpy(), (norm.bias - mean * scale).numpy()


def _pooled_shape(y: Tensor) -> tuple[int, ...]:
    n, c, h, w = y.shape
    return n, h // 2, w // 2, c


def _channels_last(x: Tensor) -> Tensor:
    """``x`` [n, c, h, w] in channels-last memory, with its strides even for c = 1.

    PyTorch chooses the algorithm of a convolution by the strides.
    """
    n, c, h, w = x.shape
    return x.permute(0, 2, 3, 1).flatten().view(n, h, w, c).permute(0, 3, 1, 2)


def _last(images: Tensor) -> np.ndarray:
    """A view [n, h, w, c] of channels-last ``images`` [n, c, h, w]."""
    return images.permute(0, 2, 3, 1).numpy()


def _images(last: np.ndarray) -> Tensor:
    """A view [n, c, h, w] of ``last`` [n, h, w, c]."""
    return torch.from_numpy(last).permute(0, 3, 1, 2)
