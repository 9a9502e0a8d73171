"""The CNN's forward and backward pass on a CPU, with compiled kernels between the convolutions.

The convolutions are PyTorch's, channels last. Between them PyTorch makes five passes over memory
forwards and more backwards, with 5 ns for a tanh or a normal number; the kernels make two and two.
"""

from collections.abc import Callable
from functools import partial

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from ib_runner.networks import DropoutNoise, GaussianNoise, NoiseChannel, NoNoise
from ib_runner.networks.cnn import CNN
from ib_runner.training.cnn_kernels import moments, pooled_tanh, pooled_tanh_backward

_NOISES = (NoNoise, GaussianNoise, DropoutNoise)


def forward_of(network: nn.Module) -> Callable[[Tensor], Tensor]:
    """From a batch [n, …] to outputs: ``network`` itself, or the same by kernels if it is a CNN.

    The same up to float32 rounding, the noise's random numbers aside: like PyTorch's these are a
    function of the global generator's state. Gradients, batch statistics and the modes of batch
    norm and noise are as in ``network``; hooks on its modules are not called.
    """
    channels = [module for module in network.modules() if isinstance(module, NoiseChannel)]
    known = (
        type(network) is CNN
        and all(p.dtype == torch.float32 and p.device.type == "cpu" for p in network.parameters())
        and all(type(channel) in _NOISES for channel in channels)
    )
    return partial(_forward, network) if known else network


def _forward(network: CNN, x: Tensor) -> Tensor:
    modules = list(network)
    for start in (0, 5):
        x = _convolution(*modules[start : start + 4], x)
    for module in modules[10:]:
        x = module(x)
    return x


def _convolution(
    convolution: nn.Conv2d, norm: nn.BatchNorm2d, _: nn.Tanh, noise: NoiseChannel, x: Tensor
) -> Tensor:
    y = functional.conv2d(
        _channels_last(x),
        convolution.weight.contiguous(memory_format=torch.channels_last),
        convolution.bias,
        padding=convolution.padding,
    )
    if norm.training:
        mean, variance = map(torch.from_numpy, moments(_last(y)))
        _update_running(norm, mean, variance, y.numel() // len(mean))
        return _PooledTanh.apply(y, norm.weight, norm.bias, mean, variance, norm.eps, noise)
    inverse_sd = (norm.running_var + norm.eps).rsqrt()
    return _pooled_tanh(y, norm.weight, norm.bias, norm.running_mean, inverse_sd, noise)[0]


@torch.no_grad()
def _update_running(norm: nn.BatchNorm2d, mean: Tensor, variance: Tensor, count: int) -> None:
    norm.running_mean.lerp_(mean, norm.momentum)
    norm.running_var.lerp_(variance * (count / (count - 1)), norm.momentum)
    norm.num_batches_tracked += 1


class _PooledTanh(torch.autograd.Function):
    """Batch norm by the statistics of ``y`` itself, tanh, noise, pooling."""

    @staticmethod
    def forward(ctx, y, weight, bias, mean, variance, eps, noise):
        inverse_sd = (variance + eps).rsqrt()
        pooled, slope, which = _pooled_tanh(y, weight, bias, mean, inverse_sd, noise)
        ctx.save_for_backward(y, weight, mean, inverse_sd, slope, which)
        return pooled

    @staticmethod
    def backward(ctx, gradient):
        y, weight, mean, inverse_sd, slope, which = ctx.saved_tensors
        by_y = np.empty(slope.shape, np.float32)
        by_weight, by_bias = pooled_tanh_backward(
            _last(_channels_last(gradient)),
            _last(y),
            slope.numpy(),
            which.numpy(),
            mean.numpy(),
            inverse_sd.numpy(),
            weight.numpy(),
            by_y,
        )
        gradients = torch.from_numpy(by_weight), torch.from_numpy(by_bias)
        return torch.from_numpy(by_y).permute(0, 3, 1, 2), *gradients, None, None, None, None


def _pooled_tanh(
    y: Tensor, weight: Tensor, bias: Tensor, mean: Tensor, inverse_sd: Tensor, noise: NoiseChannel
) -> tuple[Tensor, Tensor, Tensor]:
    """``pooled`` [n, c, h/2, w/2], and ``slope`` and ``which`` for the way back."""
    n, c, h, w = y.shape
    scale = (weight * inverse_sd).detach()
    shift = bias.detach() - mean * scale
    on = noise.training
    pooled = np.empty((n, h // 2, w // 2, c), np.float32)
    slope, which = np.empty((n, h, w, c), np.float32), np.empty(pooled.shape, np.int32)
    pooled_tanh(
        _last(y.detach()),
        scale.numpy(),
        shift.numpy(),
        noise.beta if on else 0.0,
        noise.p if on and isinstance(noise, DropoutNoise) else 0.0,
        np.uint64(torch.randint(2**62, ()).item()),
        pooled,
        slope,
        which,
    )
    out = torch.from_numpy(pooled).permute(0, 3, 1, 2)
    return out, torch.from_numpy(slope), torch.from_numpy(which)


def _channels_last(x: Tensor) -> Tensor:
    """``x`` [n, c, h, w] with the strides of channels last even if c = 1: PyTorch looks at them."""
    n, c, h, w = x.shape
    return x.permute(0, 2, 3, 1).flatten().view(n, h, w, c).permute(0, 3, 1, 2)


def _last(images: Tensor) -> np.ndarray:
    """A view [n, h, w, c] of channels-last ``images`` [n, c, h, w]."""
    return images.detach().permute(0, 2, 3, 1).numpy()
