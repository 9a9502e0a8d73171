"""Settings of PyTorch under which training is reproducible bit for bit."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn

#: networks with fewer parameters are trained by one thread, so that results do not depend on the
#: number of cores; the MNIST CNN (216,000) would gain at most a quarter from a second idle core,
#: and take several times as long where that core is busy
FEW_PARAMETERS = 300_000


@contextmanager
def reproducible(network: nn.Module, device: torch.device) -> Iterator[None]:
    """Within the block: deterministic algorithms, full float32, one thread for small networks.

    The caller's settings and random generators are restored afterwards.
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
            # the same as torch.use_deterministic_algorithms, which imports torch's compiler (slow)
            torch.set_deterministic_debug_mode("error")
            # no tensor is read before it is written, so filling new ones would only take time
            torch.utils.deterministic.fill_uninitialized_memory = False
            # TF32 rounds a convolution's inputs to 10 bits: gradients were off by 1e-2
            torch.backends.cudnn.allow_tf32 = False
            yield
        finally:
            torch.set_num_threads(before[0])
            torch.set_deterministic_debug_mode(before[1])
            torch.utils.deterministic.fill_uninitialized_memory = filled
            torch.backends.cudnn.allow_tf32 = short
