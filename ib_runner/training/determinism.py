"""Settings of PyTorch under which training is reproducible bit for bit."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn

#: below this many parameters one thread works, and the bytes do not depend on how many there are;
#: a step of the MNIST CNN (216,000) would gain at most a quarter from a second idle core, and takes
#: several times as long where that core is not idle
FEW_PARAMETERS = 300_000


@contextmanager
def reproducible(network: nn.Module, device: torch.device) -> Iterator[None]:
    """Deterministic algorithms, float32 in full, one thread for small networks; afterwards the
    caller's settings.

    The caller's random generators are left as they were.
    """
    before = torch.get_num_threads(), torch.get_deterministic_debug_mode()
    filled = torch.utils.deterministic.fill_uninitialized_memory
    short = torch.backends.cudnn.allow_tf32
    if device.type == "cuda":
        # cuBLAS reads this variable when it is first used
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        try:
            if sum(parameter.numel() for parameter in network.parameters()) < FEW_PARAMETERS:
                torch.set_num_threads(1)
            # use_deterministic_algorithms would do the same, but imports half of torch's compiler
            torch.set_deterministic_debug_mode("error")
            # every tensor is written before it is read: filling it first only takes time
            torch.utils.deterministic.fill_uninitialized_memory = False
            # cuDNN would take convolutions of float32 to 10 bits: gradients were off by 1e-2
            torch.backends.cudnn.allow_tf32 = False
            yield
        finally:
            torch.set_num_threads(before[0])
            torch.set_deterministic_debug_mode(before[1])
            torch.utils.deterministic.fill_uninitialized_memory = filled
            torch.backends.cudnn.allow_tf32 = short
