"""Whether modules do what their types say: only then may kernels stand in for them."""

from torch import nn

_HOOKS = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")


def is_altered(network: nn.Module) -> bool:
    """Whether a module of ``network`` has hooks or a ``forward`` of its own, not its type's."""
    return any(
        "forward" in module.__dict__ or any(getattr(module, kind) for kind in _HOOKS)
        for module in network.modules()
    )
