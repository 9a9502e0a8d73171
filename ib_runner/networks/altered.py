"""Whether modules compute what their types say, so that compiled kernels may replace them."""

from torch import nn
from torch.nn.modules import module as every_module

from ib_runner.networks.behind import channels_behind

_HOOKS = ("_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")
_HOOKS_OF_ALL = ("_global_forward_hooks", *(f"_global{kind}" for kind in _HOOKS))


def is_altered(network: nn.Module, *, but_noise: bool = False) -> bool:
    """Whether a module of ``network`` has hooks, or a ``forward`` that is not its type's.

    torch's global module hooks count as well. ``but_noise``: hooks of ``with_noise`` do not count.
    """
    if any(getattr(every_module, kind) for kind in _HOOKS_OF_ALL):
        return True
    return any(
        "forward" in module.__dict__
        or any(getattr(module, kind) for kind in _HOOKS)
        or len(module._forward_hooks) != (len(channels_behind(module)) if but_noise else 0)
        for module in network.modules()
    )
