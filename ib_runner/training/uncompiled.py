"""Making torch's optimizers without loading torch's compiler, which takes a second or more."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from torch.optim import Optimizer

#: where torch keeps, once it is loaded, the variant of a function that its compiler leaves alone
_KEPT = "__dynamo_disable"


@contextmanager
def without_compiler() -> Iterator[None]:
    """Within the block optimizers are made as they are, and torch's compiler stays unloaded.

    torch loads it when an optimizer is given its parameters, to keep the compiler from that call.
    Where it is loaded already, and behind the block, torch does so as ever.
    """
    function = getattr(Optimizer.add_param_group, "__wrapped__", None)
    if function is None or "torch._dynamo" in sys.modules or hasattr(function, _KEPT):
        yield
        return
    setattr(function, _KEPT, function)
    try:
        yield
    finally:
        delattr(function, _KEPT)
