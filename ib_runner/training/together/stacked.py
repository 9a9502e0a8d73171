"""Several networks of one shape as one network, with weights stacked to [J, …].

Vectors are [n, J, d] and go through linear layers as batched matrix products; maps are
[n, J·c, h, w] and go through convolutions in J groups, and through batch norm as they are. So job
j's numbers are those of its own network, float32 rounding aside.
"""

from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from ib_runner.networks import DropoutNoise, GaussianNoise, NoiseChannel, NoNoise
from ib_runner.networks.altered import is_altered

_ELEMENTWISE = (nn.Tanh, nn.ReLU, nn.LeakyReLU, nn.Identity)
_PLAIN = (*_ELEMENTWISE, nn.Linear, nn.Conv2d, nn.BatchNorm1d, nn.BatchNorm2d, nn.MaxPool2d)
_CHANNELS = (NoNoise, GaussianNoise, DropoutNoise)

#: a function of a channel's number and one job's shape of S to noise for all jobs, see ``Noise``
Draw = Callable[[int, tuple[int, ...]], tuple[Tensor | None, Tensor | None]]


def can_stack(networks: Sequence[nn.Module]) -> bool:
    """Whether ``networks`` are chains of supported modules, equal but for weights and noise."""
    return all(_is_known(network) for network in networks) and (
        len({_shape_of(network) for network in networks}) == 1
    )


def _is_known(network: nn.Module) -> bool:
    if not isinstance(network, nn.Sequential) or is_altered(network):
        return False
    if type(network).forward is not nn.Sequential.forward:
        return False
    parameters = list(network.parameters())
    return (
        all(type(m) in (*_PLAIN, *_CHANNELS, nn.Flatten) and _is_usual(m) for m in network)
        # no tied weights, and no parameters outside the modules
        and len({p.untyped_storage().data_ptr() for p in parameters}) == len(parameters)
        and len(parameters) == sum(len(list(m.parameters())) for m in network)
        and len(network.state_dict()) == sum(len(m.state_dict()) for m in network)
        and len({id(m) for m in network if m.state_dict()})
        == sum(1 for m in network if m.state_dict())
        and all(p.dtype == torch.float32 or p.dtype == torch.float64 for p in parameters)
        and all(p.requires_grad and not p._backward_hooks for p in parameters)
    )


def _is_usual(module: nn.Module) -> bool:
    if isinstance(module, nn.Conv2d):
        return module.groups == 1 and module.padding_mode == "zeros"
    if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
        return module.affine and module.track_running_stats and module.momentum is not None
    if isinstance(module, nn.Flatten):
        return (module.start_dim, module.end_dim) == (1, -1)
    return not (isinstance(module, nn.MaxPool2d) and module.return_indices)


def _shape_of(network: nn.Module) -> tuple[str, ...]:
    return tuple(
        "channel" if isinstance(module, NoiseChannel) else repr(module) for module in network
    )


class Stacked:
    """The networks' modules, and ``tensors``: their parameters and buffers [J, …] by name.

    The stacked parameters are leaf tensors that require a gradient.
    """

    def __init__(self, networks: Sequence[nn.Module], device: torch.device):
        self.modules = list(networks[0])
        self.channels = [
            [network[at] for network in networks]
            for at, module in enumerate(self.modules)
            if isinstance(module, NoiseChannel)
        ]
        self.count = len(networks)
        self.parameters = [name for name, _ in networks[0].named_parameters()]
        states = [network.state_dict() for network in networks]
        self.tensors = {
            name: torch.stack([state[name].detach().to(device) for state in states])
            for name in states[0]
        }
        for name in self.parameters:
            self.tensors[name].requires_grad_()

    def forward(self, x: Tensor, draw: Draw | None) -> Tensor:
        """From inputs [n, J, …] to outputs [n, J, k]; in training mode where noise is drawn."""
        n = len(x)
        if x.ndim == 5:
            x = x.flatten(1, 2)
        channel = 0
        for at, module in enumerate(self.modules):
            if isinstance(module, NoiseChannel):
                if draw is not None:
                    x = self._noisy(x, draw, channel)
                channel += 1
            elif isinstance(module, nn.Linear):
                x = self._linear(at, x)
            elif isinstance(module, nn.Conv2d):
                x = self._convolution(at, module, x)
            elif isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
                x = self._batch_norm(at, module, x, training=draw is not None)
            elif isinstance(module, nn.Flatten):
                x = x.reshape(n, self.count, -1)
            else:
                x = module(x)
        return x.reshape(n, self.count, -1)

    def _noisy(self, x: Tensor, draw: Draw, channel: int) -> Tensor:
        shape = (len(x), self.count, x.shape[1] // self.count, *x.shape[2:])
        apart = x.reshape(shape) if x.ndim == 4 else x
        factor, addend = draw(channel, (len(x), *apart.shape[2:]))
        if factor is not None:
            apart = apart * factor
        if addend is not None:
            apart = apart + addend
        return apart.reshape(x.shape)

    def _linear(self, at: int, x: Tensor) -> Tensor:
        weight, bias = self.tensors[f"{at}.weight"], self.tensors.get(f"{at}.bias")
        x, weight = x.transpose(0, 1), weight.transpose(1, 2)
        y = x @ weight if bias is None else torch.baddbmm(bias.unsqueeze(1), x, weight)
        return y.transpose(0, 1)

    def _convolution(self, at: int, module: nn.Conv2d, x: Tensor) -> Tensor:
        bias = self.tensors.get(f"{at}.bias")
        return functional.conv2d(
            x,
            self.tensors[f"{at}.weight"].flatten(0, 1),
            None if bias is None else bias.flatten(),
            module.stride,
            module.padding,
            module.dilation,
            groups=self.count,
        )

    def _batch_norm(self, at: int, module: nn.Module, x: Tensor, training: bool) -> Tensor:
        mean, variance, weight, bias = (
            self.tensors[f"{at}.{name}"].flatten()
            for name in ("running_mean", "running_var", "weight", "bias")
        )
        if training:
            self.tensors[f"{at}.num_batches_tracked"].add_(1)
        flat = x if x.ndim == 4 else x.reshape(len(x), -1)
        # batch_norm updates its running statistics in place, so it gets views of the stacked ones
        y = functional.batch_norm(
            flat, mean, variance, weight, bias, training, module.momentum, module.eps
        )
        return y.reshape(x.shape)

    def regularized(self) -> list[str]:
        """The names of the weights of all linear layers but the last, in forward order."""
        linear = [at for at, module in enumerate(self.modules) if isinstance(module, nn.Linear)]
        return [f"{at}.weight" for at in linear[:-1]]

    @torch.no_grad()
    def load(self, job: int, tensors: Mapping[str, Tensor]) -> None:
        """Copy ``tensors``, one network's weights and buffers, into the place of ``job``."""
        for name, stack in self.tensors.items():
            stack[job].copy_(tensors[name])
